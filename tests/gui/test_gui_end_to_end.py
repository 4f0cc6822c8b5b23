"""From an empty data folder to a file for another program, as somebody does it who only has the app.

Everything is real: the widgets, the worker processes, the networks, the shipped films.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import ModelError
from mocap.core.progress import CancelToken, silent
from mocap.pipeline.run import default_detector
from mocap.pipeline.settings import load_settings
from mocap.session import SessionFolder, TrialFolder
from mocap.studio import sample_dir
from tests.gui.test_gui_correcting import drag
from tests.gui.test_gui_library import when_modal
from tests.gui.test_gui_windows import click

WaitLong = Callable[[Callable[[], object]], None]

# A calibration, a run and a corrected run in processes of their own, on a busy machine.
PATIENCE_S = 240.0
INSTANT = 30
# How far the wrist is dragged, of the picture's height.
AMISS = 0.03


@pytest.fixture
def wait_long(app: Any) -> WaitLong:
    """Let the window live until a real job is done."""

    def until(so: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not so():
            assert time.monotonic() < end, "it did not come about"
            app.processEvents()
            time.sleep(0.005)

    return until


@pytest.fixture
def window(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The app as it starts on an empty data folder."""
    from PySide6.QtCore import QSettings

    from mocap.gui.presenters.library import thumbs as library_thumbs
    from mocap.gui.views.main import MainWindow
    from mocap.gui.worker import ProcessRunner

    monkeypatch.setattr(library_thumbs, "cache_dir", lambda: tmp_path / "thumbnails")
    settings = QSettings(str(tmp_path / "app.ini"), QSettings.Format.IniFormat)
    made = MainWindow(ProcessRunner(), tmp_path / "data", settings)
    made.resize(1280, 800)
    made.show()
    yield made
    made.close_quietly()
    made.hide()
    made.deleteLater()
    app.processEvents()


def job_done(window: Any, wait: WaitLong) -> Any:
    """Wait for the newest job and return it."""
    wait(lambda: window.jobs.jobs and not window.jobs.active)
    job = window.jobs.jobs[0]
    assert job.state == "done", (job.trouble, job.log)
    return job


def need_networks() -> None:
    try:
        default_detector(load_settings("balanced").detect, silent, CancelToken())
    except ModelError as error:
        pytest.skip(f"the networks cannot be had: {error}")


def start_when_ready(dialog: Any) -> bool:
    if not dialog.start.isEnabled():
        return False
    click(dialog.start)
    return True


def processed(window: Any, trial: Path, wait: WaitLong) -> Any:
    """Process a trial by the dialog, open it from the list of jobs, and return the review page and the job."""
    when_modal("NewRunDialog", start_when_ready)
    window.show_page("library")
    window.context.new_run(trial)
    job = job_done(window, wait)
    window.jobs_panel._cards[job.id].open.click()
    review = window.shown
    wait(lambda: review.review is not None)
    assert review.review.folder == job.result
    value = np.degrees(review.review.take.angles.value[:, 0])
    assert np.isfinite(value).mean() > 0.5
    return review, job


def corrected(window: Any, review: Any, wait: WaitLong) -> Any:
    """Put a wrist right by the mouse, apply it, and return the job of the new run."""
    before = review.review.folder
    review.set_head(review.head.seek(INSTANT))
    review.act("tool move")
    now, view = review.correct.correcting, review.videos.views[0]
    wait(lambda: now.ready and view.drawn_instant == INSTANT)
    wrist = review.review.take.points.skeleton.keypoints.index("left_wrist")
    seen = review.review.tracks.xy[INSTANT, 0, 0, wrist]
    point = review.review.take.points.xyz[INSTANT, 0, wrist].copy()
    shift = AMISS * review.review.rig.cameras[0].intrinsics.size_wh[1]
    drag(view, seen, seen + np.array([shift, shift / 3]))
    wait(lambda: len(now.edits) == 1 and not now.busy)
    assert np.linalg.norm(review.review.take.points.xyz[INSTANT, 0, wrist] - point) > 0.002
    wait(lambda: review.correct.pane.apply.isEnabled())
    click(review.correct.pane.apply)
    job = job_done(window, wait)
    assert job.result != before
    return job


def exported(window: Any, run: Path, out: Path) -> set[str]:
    """Export a run for OpenSim by the dialog; returns the kinds of files."""
    asked = []

    def export(dialog: Any) -> bool:
        if dialog.export.written is None:
            if dialog.start.isEnabled() and not asked:
                asked.append(True)
                dialog.folder.setText(str(out))
                click(dialog.start)
            return False
        dialog.reject()
        return True

    when_modal("ExportDialog", export)
    window.export_run(run)
    return {path.suffix for path in out.rglob("*") if path.is_file()}


def test_from_an_empty_folder_to_opensim(window: Any, tmp_path: Path, wait_long: WaitLong) -> None:
    from PySide6.QtTest import QTest

    need_networks()
    wait = wait_long
    films = tuple(sorted(TrialFolder(sample_dir() / "trials" / "sample").raw.glob("*.mp4")))
    wait(lambda: window.library.read_once)
    begun = []

    def fill(wizard: Any) -> bool:
        if not begun:
            begun.append(True)
            QTest.keyClicks(wizard.form.participant, "P01")
            click(wizard.next)
            wizard.lenses.button(2).click()
            click(wizard.next)
            wizard.choose_films(films)
        if wizard.state.looking or len(wizard.films.choices) < len(films):
            return False
        click(wizard.next)
        return True

    when_modal("SessionWizard", fill)
    window.page("library").act("session")
    session = SessionFolder(next((tmp_path / "data").glob("P01_*")))
    job_done(window, wait)
    # The film of the board lies where the capture page would have put it.
    shutil.copytree(sample_dir() / "calibration" / "videos", session.root / "calibration" / "videos")
    shutil.copyfile(sample_dir() / "calibration" / "board.toml", session.root / "calibration" / "board.toml")
    window.context.open_on("calibrate", session.root)
    page = window.shown
    wait(lambda: page.setup.go.isEnabled())
    click(page.setup.go)
    job_done(window, wait)
    wait(lambda: page.calibrating.result is not None)
    assert session.rig.is_file()
    (trial,) = session.trials
    review, _ = processed(window, trial.root, wait)
    job = corrected(window, review, wait)
    assert {".trc", ".mot"} <= exported(window, job.result, tmp_path / "out")


@pytest.mark.slow
def test_real_recordings_from_the_folder_of_another_program(
    window: Any, tmp_path: Path, wait_long: WaitLong, shared_data: Path
) -> None:
    from PySide6.QtTest import QTest

    need_networks()
    wait, library = wait_long, window.page("library")
    wait(lambda: window.library.read_once)

    def take_in(dialog: Any) -> bool:
        if not dialog.participant.text():
            QTest.keyClicks(dialog.participant, "P02")
        return start_when_ready(dialog)

    when_modal("ImportDialog", take_in)
    library.import_paths((shared_data / "pose2sim" / "Demo_SinglePerson",))
    job = job_done(window, wait)
    session = SessionFolder(job.result.parents[1] if job.result.parent.name == "trials" else job.result)
    (trial,) = session.trials
    review, _ = processed(window, trial.root, wait)
    job = corrected(window, review, wait)
    assert {".trc", ".mot"} <= exported(window, job.result, tmp_path / "out")
