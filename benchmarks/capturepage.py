"""Whether the window goes on turning while its capture page records and follows people.

python -m benchmarks.capturepage            # offscreen, or under xvfb-run
python -m benchmarks.capturepage --threads  # cameras in threads of the window's process, to compare
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 10.0
PATIENCE_S = 60.0
HELD_MS = 50.0


class Idle:
    """Starts no jobs."""

    def start(self, request: object) -> Any:
        """Nothing is added here."""
        raise NotImplementedError


def measure(app: Any, window: Any, live: bool) -> None:
    """Record from the shipped film for a while, with or without live 3D, and time every turn of the window."""

    def wait(so: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not so() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.003)

    page = window.shown
    capturing = page.capturing
    if live:
        page.live_panel.offer()
        page.live_panel.press()
        wait(lambda: capturing.live.pose is not None and len(capturing.live.pose.xyz))
    page.side.countdown.setValue(0)
    page.side.press()
    wait(lambda: capturing.recording)
    wall, own, shown = [], [], set()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        by_clock, by_thread = time.perf_counter(), time.thread_time()
        app.processEvents()
        wall.append(1e3 * (time.perf_counter() - by_clock))
        own.append(1e3 * (time.thread_time() - by_thread))
        shown.add(page.grid.tiles[0].number)
        time.sleep(0.002)
    page.side.press()
    wait(lambda: capturing.done is not None)
    done = capturing.done
    print(
        f"{'live and recording' if live else 'recording'}: turns by the clock 99 % {np.percentile(wall, 99):.1f}, "
        f"99.9 % {np.percentile(wall, 99.9):.1f}, longest {max(wall):.1f} ms, {sum(w > HELD_MS for w in wall)} of "
        f"{len(wall)} over {HELD_MS:.0f} ms; by the thread's processor time longest {max(own):.1f} ms; "
        f"{len(shown) / SECONDS:.1f} previews/s; {done.recorded} pictures, {done.dropped} dropped, "
        f"{done.missing} missing; {capturing.live.words}"
    )


def main() -> None:
    """Measure both."""
    from mocap.gui.app import make_app

    app = make_app()
    from PySide6.QtCore import QSettings

    from mocap.gui.presenters.capture.links import ProcessLink, ThreadLink
    from mocap.gui.views.capture.page import CapturePage
    from mocap.gui.views.main import MainWindow
    from mocap.pipeline.recording.record import STUDIO

    CapturePage.make_link = ThreadLink if "--threads" in sys.argv else ProcessLink
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(str(Path(folder) / "app.ini"), QSettings.Format.IniFormat)
        window = MainWindow(Idle(), Path(folder) / "data", settings)
        window.resize(1280, 800)
        window.show()
        window.show_page("capture")
        try:
            window.shown.capturing.cameras.add(STUDIO)
            tiles = window.shown.grid.tiles
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end and not (tiles and all(tile.number for tile in tiles.values())):
                app.processEvents()
            measure(app, window, live=False)
            measure(app, window, live=True)
        finally:
            window.close_quietly()


if __name__ == "__main__":
    main()
