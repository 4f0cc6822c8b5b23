"""Panes that can be moved, split, floated and hidden, and the menu that keeps their places under names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDockWidget, QInputDialog, QMainWindow, QMenu, QToolButton, QWidget

from mocap.gui.presenters.review.layouts import LONGEST, Layouts
from mocap.gui.views.parts import named

# Where the places of the panes are kept from one start to the next; the number rises when there are other panes.
LAST = "review/panes 2"
# Usual shares of the window: the videos matter most.
RIGHT_SHARE, BOTTOM_SHARE, ROOM_SHARE = 0.36, 0.34, 0.58


class Panes(QMainWindow):
    """The views of a run: videos in the middle, the room and the inspector right, the plots below."""

    def __init__(self, videos: QWidget, room: QWidget, plots: QWidget, inspector: QWidget) -> None:
        super().__init__()
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.AnimatedDocks
        )
        self.setCentralWidget(videos)
        self.parts = (videos, room, inspector)
        self.docks = (_dock("Room in 3D", room), _dock("Joint angles", plots), _dock("This instant", inspector))
        areas = Qt.DockWidgetArea
        self.setCorner(Qt.Corner.BottomRightCorner, areas.RightDockWidgetArea)
        self.addDockWidget(areas.RightDockWidgetArea, self.docks[0])
        self.addDockWidget(areas.RightDockWidgetArea, self.docks[2])
        self.addDockWidget(areas.BottomDockWidgetArea, self.docks[1])
        self._homes = (areas.RightDockWidgetArea, areas.BottomDockWidgetArea, areas.RightDockWidgetArea)

    def reset(self) -> None:
        """Give the panes their usual places and sizes for this window."""
        for dock, home in zip(self.docks, self._homes, strict=True):
            dock.setFloating(False)
            self.removeDockWidget(dock)
            self.addDockWidget(home, dock)
            dock.show()
        room, plots, inspector = self.docks
        self.splitDockWidget(room, inspector, Qt.Orientation.Vertical)
        width, height = self.width(), self.height()
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self.resizeDocks([room, inspector], [round(RIGHT_SHARE * width)] * 2, across)
        self.resizeDocks([plots], [round(BOTTOM_SHARE * height)], down)
        share = round(ROOM_SHARE * height)
        self.resizeDocks([room, inspector], [share, height - share], down)

    def keep(self, settings: QSettings) -> None:
        """Keep the panes for the next time."""
        settings.setValue(LAST, self.saveState())

    def find(self, settings: QSettings) -> None:
        """Put the panes where they were."""
        if isinstance(kept := settings.value(LAST), QByteArray):
            self.restoreState(kept)


class LayoutMenu(QToolButton):
    """Chooses, keeps and forgets layouts, and shows panes that were closed."""

    def __init__(self, panes: Panes, settings: QSettings) -> None:
        super().__init__()
        self._panes, self.layouts = panes, Layouts(settings)
        self.setText("Layout …")
        self.setObjectName("menu")
        named(self, "Layout of the panes", "Choose, keep or delete layouts of the panes")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_shown = QMenu(self)
        self.menu_shown.aboutToShow.connect(self.fill)
        self.setMenu(self.menu_shown)
        self.fill()

    def fill(self) -> None:
        """Write the menu anew."""
        menu = self.menu_shown
        menu.clear()
        self._entry(menu, "Usual layout\tCtrl+0", self._panes.reset)
        for name in self.layouts.names:
            self._entry(menu, name, partial(self.choose, name))
        menu.addSeparator()
        self._entry(menu, "Save layout as …", self.ask_name)
        gone = menu.addMenu("Delete layout")
        gone.setEnabled(bool(self.layouts.names))
        for name in self.layouts.names:
            self._entry(gone, name, partial(self.layouts.delete, name))
        menu.addSeparator()
        for dock in self._panes.docks:
            menu.addAction(dock.toggleViewAction())

    @staticmethod
    def _entry(menu: QMenu, words: str, do: Callable[[], object]) -> QAction:
        action = QAction(words, menu)
        menu.addAction(action)
        action.triggered.connect(lambda _=False: do())
        return action

    def choose(self, name: str) -> None:
        """Put the panes where they were under a name."""
        if isinstance(state := self.layouts.state(name), QByteArray):
            self._panes.restoreState(state)

    def ask_name(self) -> None:
        """Ask for a name and keep the layout under it."""
        words, good = QInputDialog.getText(self, "Save layout", "Name of the layout, for instance “Gait”:")
        if good and words.strip():
            self.save(words[:LONGEST])

    def save(self, name: str) -> None:
        """Keep the layout under a name."""
        self.layouts.save(name, self._panes.saveState())


def _dock(title: str, inner: QWidget) -> QDockWidget:
    dock = QDockWidget(title)
    dock.setObjectName(title)
    dock.setAccessibleName(title)
    dock.setWidget(inner)
    return dock
