"""Garbage is collected by the thread of the window alone.

Python looks for garbage in whichever thread happens to make an object: a thread that decodes pictures may then be
the one that deletes a widget of a page closed long ago, or a timer, and Qt ends the program, as its objects belong
to the thread that made them. So the automatic search is off while a window is there, and a timer searches instead:
in small steps, and all of it only while nobody would notice.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

# As often as garbage is looked after, ms.
LOOK_MS = 200
# All objects are searched once in so many searches of the middle-aged ones, as Python itself does at most.
FULL_AFTER = 10


class Housekeeper(QObject):
    """Searches for garbage from the window's loop until it leaves; made and left by the window's thread."""

    def __init__(self) -> None:
        super().__init__()
        self._was_on = gc.isenabled()
        self._limits = gc.get_threshold()
        gc.disable()
        # What was imported stays for ever: no search need go through it.
        gc.freeze()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(LOOK_MS)

    def look(self) -> None:
        """Search where enough was made since the last time."""
        for generation in (2, 1, 0):
            least = self._limits[generation] if generation < 2 else FULL_AFTER
            if gc.get_count()[generation] > least:
                gc.collect(generation)
                return

    def leave(self) -> None:
        """Search all, and let Python do as before."""
        self._timer.stop()
        gc.collect()
        gc.unfreeze()
        if self._was_on:
            gc.enable()
