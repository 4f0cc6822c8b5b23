"""How quick the review page is: seeking and scrubbing through all videos, playing, memory, turns of the window.

python -m benchmarks.review RUN    # folder of a finished run; a window under Xvfb or on a screen, else offscreen
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE = (1280, 800)
SECONDS = 6.0
SEEKS = 30


def make_page(run: Path):  # type: ignore[no-untyped-def]  # its type is as heavy as itself
    """The page without the window around it."""
    from PySide6.QtCore import QSettings

    from mocap.gui.presenters.jobs import Jobs
    from mocap.gui.presenters.library.library import Library
    from mocap.gui.views.context import Context
    from mocap.gui.views.review.page import ReviewPage
    from mocap.gui.views.theme import DARK
    from mocap.gui.worker import ProcessRunner

    settings = QSettings(str(Path(tempfile.mkdtemp()) / "app.ini"), QSettings.Format.IniFormat)
    no = lambda *_: None  # noqa: E731
    library = Library(run.parents[4])
    return ReviewPage(Context(library, Jobs(ProcessRunner()), settings, lambda: DARK, no, no, no, no, no, no))


def main(run: Path) -> None:
    """Measure."""
    from mocap.gui.app import make_app

    app = make_app()
    page = make_page(run)
    page.resize(*SIZE)
    page.show()
    begun = time.perf_counter()
    page.open_result(run)
    while page.review is None or any(view.drawn_instant != 0 for view in page.videos.views):
        app.processEvents()
        if page.trouble.isVisible():
            sys.exit(f"The run cannot be opened: {page.trouble.accessibleName()}")
    print(
        f"from the click to the first pictures {time.perf_counter() - begun:.2f} s, {app.platformName()}, ", end=""
    )
    print(type(page.scene).__name__, f"load {os.getloadavg()[0]:.1f}")
    count, views = page.head.count, len(page.videos.views)

    def turn(slices: list[tuple[float, float]]) -> None:
        wall, own = time.perf_counter(), time.thread_time()
        app.processEvents()
        slices.append((time.perf_counter() - wall, time.thread_time() - own))
        time.sleep(0.001)

    slices: list[tuple[float, float]] = []

    def seek(name: str, settle: bool) -> None:
        begun_s, shown, sharp = [], [], []
        for instant in np.random.default_rng(1).permutation(count)[:SEEKS]:
            begun = time.perf_counter()
            page.set_head(page.head.seek(int(instant)))
            while any(view.begun_instant != instant for view in page.videos.views):
                turn(slices)
            begun_s.append(time.perf_counter() - begun)
            while any(view.drawn_instant != instant for view in page.videos.views):
                turn(slices)
            shown.append(time.perf_counter() - begun)
            while settle and not all(page.store.settled(c, int(instant)) for c in range(views)):
                turn(slices)
            sharp.append(time.perf_counter() - begun)
        measures = (("median", np.median), ("90 %", lambda v: np.percentile(v, 90)), ("worst", max))

        def said(seconds: list[float]) -> str:
            return ", ".join(f"{what} {1000 * value(seconds):.0f}" for what, value in measures)

        print(f"seek, {name}: all views show one, marked where it is coarse, after {said(begun_s)} ms; ", end="")
        print(f"the instant's own, or one at most 0.1 s away, after {said(shown)} ms; ", end="")
        print(f"the sharpest after {1000 * np.median(sharp):.0f}, worst {1000 * max(sharp):.0f} ms")

    seek("nothing decoded before", settle=True)
    begun = time.perf_counter()
    while not page.store.filled:
        turn(slices)
    print(f"previews of {page.store.previews.side} px, every {page.store.previews.stride}, ", end="")
    print(f"{page.store.previews.nbytes / 2**20:.0f} MiB, made within further {time.perf_counter() - begun:.1f} s")
    seek("once previews are made", settle=True)

    slices, begun, drawn, place = [], time.perf_counter(), 0, 0.0
    while time.perf_counter() - begun < SECONDS:  # the mouse goes to and fro over the timeline
        place = abs((time.perf_counter() - begun) / 1.5 % 2 - 1)
        page.set_head(page.head.seek(round(place * (count - 1))))
        turn(slices)
        drawn += sum(view.drawn_instant == page.head.instant for view in page.videos.views)
    print(f"scrubbing: {drawn / SECONDS:.0f} views/s drawn with the picture of their instant")

    for name, speed in (("playing at 1x", 1.0), ("playing at 0.25x", 0.25)):
        slices = []
        page.set_head(page.head.seek(0))
        page.head = page.head.__class__(count, page.head.rate_hz, speed=speed)
        page.act("play")
        fresh, instants, before = 0, set(), None
        drawn = [-1] * views
        begun, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - begun < SECONDS:
            turn(slices)
            for n, view in enumerate(page.videos.views):
                if view.drawn_instant != drawn[n]:
                    drawn[n], fresh = view.drawn_instant, fresh + 1
            if page.head.instant != before:
                before = page.head.instant
                instants.add((before, round(time.perf_counter(), 3)))
        page.act("play")
        wall, own = (np.array(column) for column in zip(*slices, strict=True))
        print(
            f"{name}: {fresh / SECONDS:.0f} views/s with their picture, {len(instants) / SECONDS:.0f} instants/s; "
            f"longest turn of the window {1000 * own.max():.0f} ms of its own, {1000 * wall.max():.0f} ms wall, "
            f"99 % below {1000 * np.percentile(wall, 99):.0f} ms wall; "
            f"{(time.process_time() - cpu) / SECONDS:.1f} processors"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"memory: pictures {page.store.nbytes / 2**20:.0f} MiB, peak of the process {peak:.0f} MiB")
    page.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
