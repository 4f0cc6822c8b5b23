"""A real window beside real processes: never held while a calibration, a run and playing go on."""

from __future__ import annotations

import gc
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mocap.gui.jobs.calibrate import CalibrateJob
from mocap.gui.jobs.process import ProcessJob
from mocap.pipeline.settings import load_settings
from mocap.studio import sample_dir
from tests.gui.conftest import Wait

# A real calibration or run of the small sample, on a machine that others use too, s.
LONGEST_JOB_S = 240.0
# Of the thread's own time, s: what others do on the machine is not the window's doing.
LONGEST_TURN_S = 0.05


@pytest.fixture
def working(app: Any, library_root: Path, tmp_path: Path, wait: Wait) -> Iterator[Any]:
    """The window as it is started, with real worker processes, on a copy of the data folder."""
    from PySide6.QtCore import QSettings

    from mocap.gui.housekeeping import Housekeeper
    from mocap.gui.views.main import MainWindow
    from mocap.gui.worker import ProcessRunner

    root = tmp_path / "data"
    shutil.copytree(library_root, root)
    keeper = Housekeeper()
    settings = QSettings(str(tmp_path / "app.ini"), QSettings.Format.IniFormat)
    window = MainWindow(ProcessRunner(), root, settings)
    window.show()
    wait(lambda: window.library.read_once)
    yield window
    window.close_quietly()
    window.hide()
    window.deleteLater()
    app.processEvents()
    keeper.leave()


def board_film(folder: Path) -> Path:
    """The shipped board film as a session to calibrate."""
    shutil.copytree(sample_dir() / "calibration" / "videos", folder / "calibration" / "videos")
    shutil.copyfile(sample_dir() / "calibration" / "board.toml", folder / "calibration" / "board.toml")
    return folder


def play_while(window: Any, app: Any, jobs: int, patience_s: float, least: int) -> tuple[Any, list[str], set[int]]:
    """Open a run and play it, from the click on, until so many jobs are over; what a watchdog saw."""
    from mocap.gui.watchdog import Watchdog

    (run,) = (window.library.root / "visit" / "trials" / "walk" / "runs").iterdir()
    said: list[str] = []
    page, end, begun = window.page("review"), time.monotonic() + patience_s, False
    dog, seen = Watchdog(LONGEST_TURN_S, said.append), set()
    window.open_run(run)
    try:
        while sum(not job.active for job in window.jobs.jobs) < jobs or len(seen) < least:
            assert time.monotonic() < end, [(job.state, job.stage) for job in window.jobs.jobs]
            app.processEvents()
            time.sleep(0.001)
            if page.review is not None:
                seen.add(page.head.instant)
                if not begun:
                    begun = True
                    page.act("play")
    finally:
        dog.leave()
    return dog, said, seen


def test_the_window_is_never_held_by_a_calibration_a_run_and_playing(
    working: Any, app: Any, tmp_path: Path, record_property: Any
) -> None:
    visit = board_film(working.library.root / "sample")
    shutil.copytree(sample_dir() / "trials" / "sample" / "raw", tmp_path / "walk")
    rig = visit / "calibration" / "rig.toml"
    working.add_job(CalibrateJob("sample", visit, out=rig))
    output = load_settings("fast").output.model_copy(update={"overlays": False})
    settings = load_settings("fast").model_copy(update={"output": output})
    out = working.library.root / "film"
    working.add_job(
        ProcessJob("film", tmp_path / "walk", "fast", sample_dir() / "calibration" / "rig.toml", out, settings)
    )
    dog, said, seen = play_while(working, app, 2, LONGEST_JOB_S, least=10)
    states = [(job.state, job.trouble) for job in working.jobs.jobs]
    assert [state for state, _ in states] == ["done", "done"], states
    assert rig.is_file()
    record_property("longest turn, own time, ms", round(1000 * dog.longest_own_s))
    record_property("longest turn by the clock, ms", round(1000 * dog.longest_s))
    assert len(seen) > 10
    assert not said, said


def test_the_window_is_not_held_while_a_job_works_and_a_run_is_opened_and_played(
    working: Any, app: Any, tmp_path: Path
) -> None:
    # Stops in plain words soon after its process is up: what is looked at is the window beside it.
    working.add_job(ProcessJob("film", tmp_path / "gone", "fast"))
    dog, said, seen = play_while(working, app, 1, 60.0, least=20)
    assert [job.state for job in working.jobs.jobs] == ["failed"]
    assert dog.beats > 20
    assert not said, said
    assert len(seen) >= 20


def test_garbage_with_widgets_is_collected_by_the_thread_of_the_window_alone(app: Any, wait: Wait) -> None:
    from mocap.gui.housekeeping import Housekeeper

    class Cycle:
        def __init__(self, into: list[int]) -> None:
            self.me, self.into = self, into

        def __del__(self) -> None:
            self.into.append(threading.get_ident())

    def make_much() -> None:
        """As threads that decode do: Python's own search would run here."""
        for _ in range(20_000):
            held: list[Any] = []
            held.append(held)

    where: list[int] = []
    keeper = Housekeeper()
    try:
        Cycle(where)
        maker = threading.Thread(target=make_much)
        maker.start()
        maker.join()
        assert not where
        wait(lambda: where)
        assert where == [threading.get_ident()]
    finally:
        keeper.leave()
    assert gc.isenabled()
