"""The calibration page driven by mouse and keyboard: folder, start, what the job says, result, floor, export."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.formats import load_rig, save_rig
from mocap.core.progress import CancelToken
from mocap.gui.jobs.calibrate import CalibrateJob, RefineJob
from mocap.gui.presenters.calibrate.refine import refine_job
from mocap.gui.presenters.jobs import Failed, Finished, Message, Preview
from mocap.gui.presenters.words import Trouble
from tests.gui.conftest import FakeRunner, Wait
from tests.gui.test_gui_calibrating import bumped
from tests.gui.test_gui_presenters import until
from tests.gui.test_gui_windows import click, key


@pytest.fixture
def page(window: Any) -> Any:
    """The calibration page, shown."""
    window.show_page("calibrate")
    return window.shown


def press(widget: Any, x: float, y: float) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))


def type_in(field: Any, text: str) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


@pytest.fixture
def opened(page: Any, calibrated: Path, wait: Wait) -> Any:
    """The page with a calibrated session."""
    page.calibrating.choose(calibrated)
    wait(lambda: page.calibrating.result is not None)
    page.show_mode("result")
    return page


def point_at(page: Any, number: int, point: np.ndarray) -> None:
    """Click a place of the world in one of the two pictures."""
    view = page.world.pictures[number]
    rig = page.world.edit.rig
    xy, valid = rig.cameras[rig.names.index(view.camera)].project(point)
    assert valid
    at = view._at((float(xy[0]), float(xy[1])))
    press(view, at.x(), at.y())


def test_from_a_folder_to_a_floor_and_another_program(
    page: Any,
    window: Any,
    runner: FakeRunner,
    wait: Wait,
    calibrated_once: tuple[Path, tuple[Message, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, said = calibrated_once
    fresh = tmp_path / "visit"
    shutil.copytree(folder / "calibration" / "videos", fresh / "calibration" / "videos")
    shutil.copyfile(folder / "calibration" / "board.toml", fresh / "calibration" / "board.toml")
    assert not page.setup.go.isEnabled()
    assert not page.modes.buttons["result"].isEnabled()
    type_in(page.setup.folder, str(fresh))
    wait(lambda: page.calibrating.found is not None)
    assert "4 cameras" in page.setup.found.text()
    assert list(page.tiles.tiles) == ["cam_1", "cam_2", "cam_3", "cam_4"]
    click(page.setup.go)
    assert len(runner.started) == 1
    assert isinstance(runner.started[0].request, CalibrateJob)
    assert page.setup.halt.isVisible()
    assert not page.setup.go.isVisible()
    # The tiles fill as the job tells.
    early = [m for m in said if isinstance(m, Preview)][:4]
    runner.started[0].said.extend(early)
    wait(lambda: any(tile.coverage.size for tile in page.tiles.tiles.values()))
    first = sum(int(tile.coverage.sum()) for tile in page.tiles.tiles.values())
    runner.started[0].said.extend(said[:-1])
    wait(lambda: all(tile.coverage.sum() > 0 for tile in page.tiles.tiles.values()))
    assert sum(int(tile.coverage.sum()) for tile in page.tiles.tiles.values()) > first
    shutil.copytree(folder / "calibration", fresh / "calibration", dirs_exist_ok=True)
    rig_file = fresh / "calibration" / "rig.toml"
    runner.started[0].said.append(Finished(rig_file, opens="calibrate"))
    wait(lambda: page.calibrating.result is not None)
    assert page.stack.currentWidget() is page.result
    assert page.result.table.rowCount() == 4
    assert page.result.room.content.seen is not None
    # A row that is chosen is marked in the room and among the maps.
    page.result.table.selectRow(2)
    assert page.result.room.content.camera == "cam_3"
    assert page.result.tiles["cam_3"].chosen
    press(page.result.tiles["cam_2"], 20, 20)
    assert page.result.room.content.camera == "cam_2"
    # Three points on the floor, each in both pictures.
    click(page.result.deeds["world"])
    wait(lambda: page.world._stills.pictures)
    before = load_rig(rig_file)
    assert not page.world.buttons["points"].isEnabled()
    for point in np.array([[0.0, 0.0, 0.05], [0.4, 0.0, 0.05], [0.0, 0.4, 0.05]]):
        point_at(page, 0, point)
        point_at(page, 1, point)
    wait(lambda: page.world.buttons["points"].isEnabled())
    click(page.world.buttons["points"])
    assert page.world.buttons["save"].isEnabled()
    key(page.world.slider, "Z", "ControlModifier")
    assert not page.world.buttons["save"].isEnabled()
    click(page.world.buttons["redo"])
    click(page.world.buttons["save"])
    wait(lambda: len(page.calibrating.found.rigs) == 2)
    wait(lambda: page.calibrating.result.rig.notes.get("floor"))
    now = load_rig(rig_file)
    # Clicked to the pixel, the floor is 5 cm higher within a few millimetres.
    heights = [np.mean([camera.centre[2] for camera in rig.cameras]) for rig in (before, now)]
    assert heights[0] - heights[1] == pytest.approx(0.05, abs=0.02)
    # All cameras stand as before.
    click(page.modes.buttons["compare"])
    wait(lambda: page.compare.comparison is not None)
    assert page.compare.comparison.level == "good"
    assert page.compare.table.item(0, 4).text() == "As before"
    # And out for another program.
    from mocap.gui.views.calibrate.dialogs import ExportRigDialog

    monkeypatch.setattr(ExportRigDialog, "exec", lambda self: _export(self, tmp_path / "out.toml"))
    click(page.modes.buttons["result"])
    click(page.result.deeds["export"])
    assert load_rig(tmp_path / "out.toml", "freemocap").names == now.names


def _export(dialog: Any, target: Path) -> int:
    dialog.show()
    dialog.programs.setCurrentRow(2)
    type_in(dialog.path, str(target))
    if not target.exists():
        click(dialog.write)
        until(lambda: dialog._writing.fetch() is None and target.exists())
    dialog.close()
    return 0


def test_trouble_is_shown_with_what_to_do(
    opened: Any, runner: FakeRunner, wait: Wait, calibrated_once: tuple[Path, tuple[Message, ...]]
) -> None:
    opened.show_mode("setup")
    click(opened.setup.go)
    runner.started[0].said.extend(calibrated_once[1][:-1])
    runner.started[0].said.append(
        Failed(Trouble("No two cameras saw the board together.", "Move it between them."))
    )
    wait(lambda: opened.setup.trouble.isVisible())
    assert "No two cameras" in opened.setup.trouble.accessibleName()
    assert opened.setup.go.isVisible()
    assert opened.calibrating.result is not None  # the former stays
    click(opened.setup.go)
    assert not opened.setup.trouble.isVisible()
    click(opened.setup.halt)
    assert runner.started[1].cancelled


def test_a_measured_square_that_cannot_be_is_refused(opened: Any) -> None:
    opened.show_mode("setup")
    type_in(opened.setup.measured, "3")
    assert opened.setup.trouble.isVisible()
    assert opened.calibrating.options.measured_mm is None
    side = 1000 * opened.calibrating.found.board.square_m
    type_in(opened.setup.measured, f"{side - 0.3:.1f}")
    assert opened.calibrating.options.measured_mm == pytest.approx(side - 0.3, abs=0.05)
    assert not opened.setup.trouble.isVisible()


def test_a_board_is_chosen_printed_and_measured(
    opened: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mocap.gui.views.calibrate.board import BoardDialog

    def use(dialog: Any) -> int:
        dialog.show()
        dialog.boards.setCurrentIndex(dialog.boards.count() - 1)
        dialog.boards.activated.emit(dialog.boards.count() - 1)
        dialog.columns.setValue(6)
        dialog.square.setValue(25.0)
        assert dialog.page.page is not None
        dialog.save_to(tmp_path / "mine.pdf")
        assert (tmp_path / "mine.pdf").read_bytes().startswith(b"%PDF")
        type_in(dialog.measured, "50")
        assert not dialog.use.isEnabled()
        type_in(dialog.measured, "24.8")
        return int(dialog.result())  # Enter in the field uses the board

    monkeypatch.setattr(BoardDialog, "exec", use)
    click(opened.setup.board)
    opened.show_mode("setup")
    click(opened.setup.board)
    options = opened.calibrating.options
    assert options.measured_mm == 24.8
    assert options.board is not None
    assert options.board.is_file()
    assert "24.8" in opened.setup.measured.text()


def test_a_dropped_folder_is_looked_into(page: Any, calibrated: Path, wait: Wait) -> None:
    from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
    from PySide6.QtGui import QDropEvent

    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(calibrated))])
    event = QDropEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    page.dropEvent(event)
    wait(lambda: page.calibrating.result is not None)
    assert page.rigs.currentText().startswith("rig.toml")


def test_a_foreign_calibration_is_taken_in_and_the_former_kept(
    opened: Any, calibrated: Path, tmp_path: Path, wait: Wait
) -> None:
    rig_file = calibrated / "calibration" / "rig.toml"
    save_rig(bumped(load_rig(rig_file), 1, 0.1), tmp_path / "Calib.toml", "anipose")
    opened.take_import(tmp_path / "Calib.toml")
    wait(lambda: len(opened.calibrating.found.rigs) == 2 and not opened.calibrating.busy)
    opened.show_mode("compare")
    wait(lambda: opened.compare.comparison is not None)
    assert "cam_2 was moved" in opened.compare.comparison.verdict
    click(opened.compare.back)
    wait(lambda: len(opened.calibrating.found.rigs) == 3 and not opened.calibrating.busy)
    assert load_rig(rig_file).cam_from_world == pytest.approx(
        load_rig(calibrated / "calibration" / "rig-1.toml").cam_from_world
    )
    opened.take_import(calibrated / "calibration" / "board.toml")
    wait(lambda: opened.setup.trouble.isVisible())


def test_a_window_that_may_only_look_writes_no_calibration(
    window: Any, opened: Any, calibrated: Path, tmp_path: Path, runner: FakeRunner, wait: Wait
) -> None:
    rig_file = calibrated / "calibration" / "rig.toml"
    save_rig(bumped(load_rig(rig_file), 1, 0.1), tmp_path / "Calib.toml", "anipose")
    before = sorted((path, path.stat().st_mtime_ns) for path in calibrated.rglob("*"))
    window.library._right.refused = Trouble("Another window has this data folder open.", "Close it.")
    opened.take_import(tmp_path / "Calib.toml")
    wait(lambda: opened.setup.trouble.isVisible())
    opened.compare.take_back.emit(rig_file)
    opened.start()
    assert not opened._writing.busy
    assert not runner.started
    assert sorted((path, path.stat().st_mtime_ns) for path in calibrated.rglob("*")) == before


def test_a_session_that_is_gone_is_told_of_as_such(page: Any, tmp_path: Path, wait: Wait) -> None:
    page.open_result(tmp_path / "P07")
    wait(lambda: page.setup.trouble.isVisible())
    assert "no such folder" in page.calibrating.found.trouble.what


def test_a_refinement_is_shown_before_it_is_taken(
    window: Any,
    page: Any,
    run_folder: Path,
    library_root: Path,
    tmp_path: Path,
    wait: Wait,
    runner: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mocap.gui.views.calibrate.dialogs import RefinedDialog, RunDialog

    rig_file = tmp_path / "visit" / "calibration" / "rig.toml"
    save_rig(bumped(load_rig(library_root.parent / "walk"), 1, 0.15), rig_file, "anipose")
    page.calibrating.choose(tmp_path / "visit")
    wait(lambda: page.calibrating.result is not None)
    page.show_mode("result")

    def choose(dialog: Any) -> int:
        dialog.show()
        click(dialog.go)
        return int(dialog.result())

    monkeypatch.setattr(RunDialog, "exec", choose)
    click(page.result.deeds["refine"])
    request = runner.started[0].request
    assert isinstance(request, RefineJob)
    assert (request.rig, request.source) == (rig_file, run_folder)
    runner.started[0].said.append(refine_job(rig_file, run_folder).run(lambda message: None, CancelToken()))
    wait(lambda: not window.jobs.active)
    before = rig_file.read_bytes()
    monkeypatch.setattr(RefinedDialog, "exec", lambda self: _press(self, self.keep))
    window.open_result(window.jobs.jobs[0])
    assert rig_file.read_bytes() == before
    refine_job(rig_file, run_folder).run(lambda message: None, CancelToken())
    monkeypatch.setattr(RefinedDialog, "exec", lambda self: _press(self, self.take))
    window.open_result(window.jobs.jobs[0])
    wait(lambda: rig_file.with_name("rig-1.toml").is_file() and not page.calibrating.busy)
    assert rig_file.read_bytes() != before
    assert rig_file.with_name("rig-1.toml").read_bytes() == before


def _press(dialog: Any, button: Any) -> int:
    dialog.show()
    click(button)
    return int(dialog.result())


def test_every_control_has_a_name_and_can_be_reached(opened: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QSlider

    inner = ("qt_spinbox_lineedit", "qt_tableview_cornerbutton")
    for kind in (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QSlider):
        for widget in opened.findChildren(kind):
            if widget.objectName() in inner:
                continue
            assert widget.accessibleName(), widget
            assert widget.focusPolicy() != Qt.FocusPolicy.NoFocus, widget.accessibleName()


def test_pointing_works_by_keys(opened: Any, wait: Wait) -> None:
    opened.show_mode("world")
    wait(lambda: opened.world._stills.pictures)
    view = opened.world.pictures[0]
    key(view, "Return")
    assert len(opened.world.edit.marks) == 1
    first = opened.world.edit.marks[0].xy["cam_1"]
    key(view, "Right", "ShiftModifier")
    key(view, "Return")
    second = opened.world.edit.marks[0].xy["cam_1"]
    assert second == pytest.approx((first[0] + 20.0, first[1]))


@pytest.mark.slow
def test_a_real_calibration_runs_beside_the_window(
    app: Any, library_root: Path, calibrated: Path, tmp_path: Path, wait: Wait
) -> None:
    from PySide6.QtCore import QSettings

    from mocap.gui.views.main import MainWindow
    from mocap.gui.worker import ProcessRunner

    shutil.rmtree(calibrated / "calibration" / ".cache")
    for path in (calibrated / "calibration").glob("r*.*"):
        path.unlink()
    settings = QSettings(str(tmp_path / "app.ini"), QSettings.Format.IniFormat)
    window = MainWindow(ProcessRunner(), library_root, settings)
    try:
        window.show()
        window.show_page("calibrate")
        page: Any = window.shown
        page.open_result(calibrated)
        wait(lambda: page.calibrating.found is not None)
        assert page.calibrating.result is None
        click(page.setup.go)
        for _ in range(6):  # patience for a machine that does other things, too
            try:
                wait(lambda: page.calibrating.result is not None)
                break
            except AssertionError:
                assert page.calibrating.trouble is None
        assert page.calibrating.result is not None
        assert page.calibrating.result.seen is not None
        looks = page.calibrating.search.looks
        assert {name: look.looked for name, look in looks.items()} == {f"cam_{n}": 60 for n in range(1, 5)}
        assert all(look.picture for look in looks.values())
        assert page.stack.currentWidget() is page.result
    finally:
        window.close_quietly()
        window.hide()
        window.deleteLater()
