"""The capture page as it is used: real widgets, mouse and keys; films stand in for cameras."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.gui.presenters.capture.links import ProcessLink, ThreadLink
from mocap.gui.presenters.capture.targets import Target
from mocap.gui.presenters.capture.words import DeskNow, LivePose
from mocap.pipeline.recording.desk import DeskState
from tests.gui.conftest import FakeRunner, Wait
from tests.gui.doorkeeper import Doorkeeper
from tests.integration.film import KnowingDetector, make_recording, walking

# No turn of the window's loop may take longer than this, s.
LONGEST_TURN_S = 0.05
FRAMES = 60


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films of four cameras, and their calibration."""
    folder = tmp_path_factory.mktemp("films")
    make_recording(folder, FRAMES)
    return folder


@pytest.fixture
def detector(films: Path) -> KnowingDetector:
    from calibration.formats import load_rig

    return KnowingDetector(load_rig(films / "calibration.toml"), walking(4000), [])


@pytest.fixture
def desk(
    app: Any, runner: FakeRunner, detector: KnowingDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The window on an empty library, at the capture page; the cameras in threads of this process."""
    from PySide6.QtCore import QSettings

    from mocap.gui.views.capture.page import CapturePage
    from mocap.gui.views.main import MainWindow

    monkeypatch.setattr(CapturePage, "make_link", lambda: ThreadLink(make_detector=detector))
    made = MainWindow(runner, tmp_path / "data", QSettings(str(tmp_path / "app.ini"), QSettings.Format.IniFormat))
    made.resize(1280, 800)
    made.show()
    made.show_page("capture")
    yield made
    made.close_quietly()
    made.hide()
    made.deleteLater()
    app.processEvents()


def click(widget: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def key(widget: Any, name: str) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    widget.setFocus()
    QTest.keyClick(widget, getattr(Qt.Key, f"Key_{name}"))


def filmed(window: Any, films: Path, wait: Wait) -> Any:
    """The page with the four films playing."""
    page = window.shown
    page.capturing.cameras.add(str(films))
    wait(lambda: len(page.grid.tiles) == 4)
    wait(lambda: all(tile.number for tile in page.grid.tiles.values()))
    wait(lambda: page.capturing.desk.status.state is DeskState.READY)
    return page


def test_from_finding_cameras_to_a_job(
    desk: Any, films: Path, runner: FakeRunner, wait: Wait, tmp_path: Path
) -> None:
    from PySide6.QtTest import QTest

    page = desk.shown
    assert page.stack.currentWidget() is page.begin
    desk.open_on("capture", tmp_path / "data" / "monday" / "trials" / "walk")
    assert page.capturing.plan.session == "monday"
    filmed(desk, films, wait)
    assert page.stack.currentWidget() is page.views
    wait(lambda: all("fps" in tile.accessibleName() for tile in page.grid.tiles.values()))
    page.side.session.lineEdit().selectAll()
    QTest.keyClicks(page.side.session.lineEdit(), "visit")
    page.side.trial.selectAll()
    QTest.keyClicks(page.side.trial, "walk_1")
    page.side.countdown.setValue(1)
    page.side.duration.setValue(2)
    assert page.side.record.isEnabled()
    key(page.side.record, "R")
    wait(lambda: page.count.isVisible())
    assert page.count.seconds == 1
    wait(lambda: page.capturing.recording)
    wait(lambda: "pictures" in page.side._counts.text())
    wait(lambda: page.side.outcome.isVisible())
    done = page.capturing.done
    assert done.seconds == pytest.approx(2.0, abs=0.3)
    assert (done.dropped, done.missing) == (0, 0)
    assert page.side.trial.text() == "walk_2"
    wait(lambda: desk.library.count == 1)
    # Without a calibration one is asked for; with one the job begins at once.
    rig = tmp_path / "data" / "visit" / "calibration" / "rig.toml"
    rig.parent.mkdir(parents=True)
    rig.write_bytes((films / "calibration.toml").read_bytes())
    click(page.side.outcome.to_process)
    wait(lambda: runner.started)
    assert runner.started[0].request.path == tmp_path / "data" / "visit" / "trials" / "walk_1"


@pytest.mark.slow
def test_the_next_recording_follows_at_a_click(desk: Any, films: Path, wait: Wait) -> None:
    page = filmed(desk, films, wait)
    page.side.countdown.setValue(0)
    page.side.duration.setValue(1)
    click(page.side.record)
    wait(lambda: page.side.outcome.isVisible())
    click(page.side.outcome.to_next)
    wait(lambda: page.capturing.done is not None and page.capturing.done.trial.name == "trial_2")


def test_a_take_for_calibration_goes_to_its_page(desk: Any, films: Path, wait: Wait, tmp_path: Path) -> None:
    page = filmed(desk, films, wait)
    click(page.side.calibrates)
    assert page.side.trial.text() == "calibration_1"
    page.side.countdown.setValue(0)
    page.side.duration.setValue(1)
    click(page.side.record)
    wait(lambda: page.side.outcome.isVisible())
    assert not page.side.outcome.to_process.isVisible()
    click(page.side.outcome.to_calibrate)
    assert desk.shown is desk.page("calibrate")
    session = tmp_path / "data" / page.capturing.plan.session
    assert len(list((session / "calibration" / "videos").glob("*.mp4"))) == 4
    assert (session / "calibration" / "videos" / "timestamps.csv").is_file()
    assert not (session / "trials" / "calibration_1").exists()
    # A person is filmed next; the calibration page leads back to a take of the board in this session.
    assert not page.side.calibrates.isChecked()
    assert page.side.trial.text() == "trial_1"
    calibrate = desk.page("calibrate")
    wait(lambda: calibrate.calibrating.found is not None)
    page.side.session.setEditText("another")
    click(calibrate.setup.live)
    assert desk.shown is page
    assert page.side.session.currentText() == session.name
    assert page.capturing.plan.calibrates
    assert page.capturing.plan.session == session.name


def test_a_tile_is_enlarged_and_its_camera_set(desk: Any, films: Path, wait: Wait) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QPushButton

    from mocap.gui.views.capture.cameras import CameraDialog

    page = filmed(desk, films, wait)
    tile = page.grid.tiles[1]
    QTest.mouseDClick(tile, Qt.MouseButton.LeftButton)
    assert [one.isVisible() for one in page.grid.tiles.values()] == [False, True, False, False]
    key(tile, "Escape")
    assert all(one.isVisible() for one in page.grid.tiles.values())
    key(tile, "2")
    assert page.grid.solo == 1
    key(tile, "2")
    dialog = CameraDialog(page, page.capturing, 1)
    dialog.show()
    assert not dialog.size.isEnabled()  # a film is as it was taken
    assert dialog.controls["exposure"][0].toolTip()
    dialog.name.clear()
    QTest.keyClicks(dialog.name, "cam_1")
    click(dialog.ok)
    assert dialog.trouble.isVisible()
    dialog.name.clear()
    QTest.keyClicks(dialog.name, "side")
    dialog.turn.setCurrentIndex(1)
    click(dialog.ok)
    assert not dialog.isVisible()
    assert page.capturing.cameras.entry(1).name == "side"
    wait(lambda: tile.shape < 1.0)  # upright now
    away = CameraDialog(page, page.capturing, 3)
    away.show()
    click(next(b for b in away.findChildren(QPushButton) if b.text() == "Remove camera"))
    assert len(page.grid.tiles) == 3
    assert "side" in tile.accessibleName()


def test_cameras_are_remembered(desk: Any, films: Path, wait: Wait, app: Any) -> None:
    from mocap.gui.views.main import MainWindow

    filmed(desk, films, wait)
    desk.show_page("library")
    again = MainWindow(FakeRunner(), desk.library.root, desk.context.settings)
    again.show()
    again.show_page("capture")
    wait(lambda: len(again.shown.grid.tiles) == 4)
    again.close_quietly()
    again.deleteLater()


def test_live_shows_a_body_numbers_and_targets(desk: Any, films: Path, wait: Wait) -> None:
    page = filmed(desk, films, wait)
    page.live_panel._own.append(films / "calibration.toml")
    page.live_panel.offer()
    page.live_panel.add_target(Target("left_knee_flexion", -20.0, 170.0))
    key(page.side.record, "L")
    wait(lambda: page.capturing.live.pose is not None and len(page.capturing.live.pose.xyz))
    assert page.live.isVisible()
    assert len(page.live.scene._bones)
    (card,) = page.live.cards
    wait(lambda: card.text(page.capturing.live.angle_deg("left_knee_flexion")) != "–")
    wait(lambda: "in range" in card.accessibleName())
    assert "poses/s" in page.live.words.text()
    # Recording goes on beside it, and it goes on beside the recording.
    page.side.countdown.setValue(0)
    page.side.duration.setValue(1)
    click(page.side.record)
    wait(lambda: page.side.outcome.isVisible())
    assert page.capturing.live.running
    number = page.capturing.live.pose.number
    wait(lambda: page.capturing.live.pose.number > number)
    click(page.live_panel.toggle)
    wait(lambda: not page.capturing.live.running)
    assert not page.live.isVisible()


def test_a_recording_begins_when_somebody_enters_and_ends_when_they_left(
    desk: Any, films: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mocap.gui.views.capture.page import CapturePage

    monkeypatch.setattr("mocap.pipeline.recording.presence.LOOK_HZ", 20.0)
    door = Doorkeeper()
    monkeypatch.setattr(CapturePage, "make_link", lambda: ThreadLink(make_detector=door))
    page = filmed(desk, films, wait)
    page.side.more.click()
    click(page.side.on_entry)
    wait(lambda: page.capturing.desk.status.state is DeskState.READY)
    click(page.side.on_exit)
    click(page.side.record)
    wait(lambda: page.capturing.desk.waits)
    wait(lambda: "Waiting for somebody" in page.side._counts.text())
    time.sleep(0.4)
    assert not page.capturing.recording
    door.somebody = True
    wait(lambda: page.capturing.recording)
    door.somebody = False
    wait(lambda: page.side.outcome.isVisible())
    assert page.capturing.done.seconds > 1.0


def test_closing_while_it_records_asks_and_keeps(desk: Any, films: Path, wait: Wait, tmp_path: Path) -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QMessageBox

    page = filmed(desk, films, wait)
    page.side.countdown.setValue(0)
    click(page.side.record)
    wait(lambda: page.capturing.recording)

    def answer(place: int) -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, lambda: answer(place))
            return
        click(next(b for b in box.buttons() if (box.buttonRole(b) == QMessageBox.ButtonRole.RejectRole) == place))

    QTimer.singleShot(20, lambda: answer(True))
    assert not desk.close()
    assert page.capturing.recording
    wait(lambda: page.capturing.desk.status.elapsed_s > 0.5)
    QTimer.singleShot(20, lambda: answer(False))
    assert desk.close()
    raw = tmp_path / "data" / page.capturing.plan.session / "trials" / "trial_1" / "raw"
    assert len(list(raw.glob("*.mp4"))) == 4
    assert "finished = true" in (raw / "recording.toml").read_text()


def test_every_control_has_a_name(desk: Any, films: Path, wait: Wait) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSpinBox

    page = filmed(desk, films, wait)
    page.side.more.click()
    page.live_panel.add_target(Target("left_knee_flexion"))
    kinds = (QAbstractButton, QComboBox, QLineEdit, QSpinBox)
    nameless = [
        widget
        for widget in page.findChildren(object)
        if isinstance(widget, kinds)
        and not (widget.accessibleName() or getattr(widget, "text", lambda: "")())
        and not widget.objectName().startswith("qt_")
        and not isinstance(widget.parent(), QComboBox | QSpinBox)
    ]
    assert not nameless


def test_letters_that_are_typed_are_no_keys(desk: Any, films: Path, wait: Wait) -> None:
    from PySide6.QtTest import QTest

    page = filmed(desk, films, wait)
    page.side.trial.setFocus()
    page.side.trial.selectAll()
    QTest.keyClicks(page.side.trial, "rl1")
    assert page.side.trial.text() == "rl1"
    key(page.live_panel.calibration, "R")
    assert not page.capturing.taking
    assert page.grid.solo is None


def test_a_camera_that_was_moved_is_named(desk: Any, films: Path, wait: Wait) -> None:
    from dataclasses import replace

    from mocap.capture.watch import SENTENCES

    page = filmed(desk, films, wait)
    page._timer.stop()
    status = page.capturing.desk.status
    name = status.cameras[2].name
    moved = replace(status.cameras[2], problems=(SENTENCES["bumped"].format(name=name),))
    page.capturing._take_in(DeskNow(replace(status, cameras=(*status.cameras[:2], moved, status.cameras[3]))))
    page.capturing.changed.emit()
    assert page.moved.isVisible()
    assert name in page.moved.accessibleName()
    assert "Was moved" in page.grid.tiles[2].accessibleName()
    page._timer.start()


def test_the_window_is_never_held_while_cameras_run_in_their_own_process(
    desk: Any, films: Path, wait: Wait, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mocap.gui.views.capture.page import CapturePage

    monkeypatch.setattr(CapturePage, "make_link", ProcessLink)
    page = filmed(desk, films, wait)
    turns, seen, begun = [], set(), time.monotonic()
    while time.monotonic() - begun < 2.0:
        # Time of this thread only: what others do on a busy machine is not the window's doing.
        before = time.thread_time()
        app.processEvents()
        turns.append(time.thread_time() - before)
        seen.add(page.grid.tiles[0].number)
        time.sleep(0.001)
    assert len(seen) > 5
    assert max(turns) < LONGEST_TURN_S, f"{1000 * max(turns):.0f} ms"


@pytest.mark.slow
def test_a_killed_process_is_told_and_started_again(
    desk: Any, films: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mocap.gui.views.capture.page import CapturePage

    monkeypatch.setattr(CapturePage, "make_link", ProcessLink)
    page = filmed(desk, films, wait)
    first = page.capturing.link
    os.kill(first._process.pid, 9)
    wait(lambda: page.trouble.isVisible())
    wait(lambda: page.capturing.link is not first)
    wait(lambda: page.capturing.desk.status.state is DeskState.READY)
    click(page._dismiss)
    assert not page.trouble.isVisible()


def test_poses_that_pile_up_are_shown_once() -> None:
    class Pipe:
        said = [LivePose(n, np.zeros((0, 3, 3)), ()) for n in range(5)]  # noqa: RUF012

        def poll(self) -> bool:
            return bool(self.said)

        def recv(self) -> LivePose:
            return self.said.pop(0)

    link = object.__new__(ProcessLink)
    link._pipe, link._over = Pipe(), False  # type: ignore[assignment]
    (heard,) = link.poll()
    assert isinstance(heard, LivePose)
    assert heard.number == 4


def test_the_capture_page_loads_nothing_of_the_review() -> None:
    """The review's solvers take two seconds to load, which a click on Capture would wait for."""
    script = (
        "import sys, mocap.gui.views.capture.page; print(*(n for n in sys.modules if 'review' in n or 'fit' in n))"
    )
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not [name for name in asked.stdout.split() if name.startswith(("mocap.gui.views.review", "mocap.fit"))]
