"""New runs: recordings, calibrations, presets, settings, and what is there already."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.process.newrun import surveys
from mocap.gui.presenters.process.queue import NewRuns
from mocap.gui.presenters.process.settings import ESSENTIAL, WORDS, Draft, fields_of, save_preset
from mocap.pipeline.settings import CROWD, PipelineSettings, load_settings
from mocap.session import SessionManifest, read_manifest, write_manifest
from tests.gui.conftest import FakeRunner, Wait
from tests.gui.test_gui_windows import click
from tests.integration.film import make_recording

PEOPLE, FORMATS = ("associate", "people"), ("output", "formats")


def until(so: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Two recordings side by side."""
    for name in ("first", "second"):
        make_recording(tmp_path / "day" / name, 4, cameras=2)
    return tmp_path / "day"


def test_every_setting_has_a_field_with_words() -> None:
    fields = fields_of(PipelineSettings)
    paths = {field.path for field in fields}
    known = {
        (group, name)
        for group, info in PipelineSettings.model_fields.items()
        if hasattr(info.annotation, "model_fields")
        for name in info.annotation.model_fields  # type: ignore[union-attr]
    }
    assert known - paths == {("associate", "click")}
    assert paths <= set(WORDS)
    assert set(ESSENTIAL) <= paths
    cutoff = next(field for field in fields if field.path == ("fit", "cutoff_hz"))
    assert (cutoff.kind, cutoff.auto, cutoff.least, cutoff.open_least) == ("number", True, 0.0, True)
    order = next(field for field in fields if field.path == ("fit", "order"))
    assert (order.kind, order.least, order.most, order.step) == ("whole", 2.0, 8.0, 2)


def test_a_draft_marks_what_differs_and_takes_it_back() -> None:
    draft = Draft(load_settings("balanced"), {})
    assert draft.settings() == load_settings("balanced")
    changed = draft.put(FORMATS, ("csv",)).put(("kinematics", "tasks"), ("squat",))
    assert changed.changed(FORMATS)
    assert changed.settings().kinematics.tasks == ("squat",)
    assert not changed.put(FORMATS, load_settings("balanced").output.formats).changed(FORMATS)
    assert changed.reset(FORMATS).changes.keys() == {("kinematics", "tasks")}
    assert not changed.reset().changes
    # Everybody: more people are looked for, and no more once it is one again.
    crowd = draft.put(PEOPLE, "all")
    assert crowd.settings().detect.max_people == CROWD
    assert not crowd.put(PEOPLE, "subject").changes
    wrong = draft.put(("fit", "order"), 3).trouble
    assert wrong is not None
    assert "Order of the filter" in wrong.what
    assert draft.put(FORMATS, ("docx",)).trouble is not None


def test_a_preset_of_ones_own_is_kept(tmp_path: Path) -> None:
    runs = NewRuns((), tmp_path / "own")
    until(lambda: runs.tick() or runs.draft)
    runs.put(("kinematics", "tasks"), ["jump"])
    assert runs.customised
    runs.save("Our jumps")
    until(lambda: runs.tick() or not runs.looking)
    assert runs.preset.title == "Our jumps"
    assert not runs.customised
    again = NewRuns((), tmp_path / "own")
    assert again.presets[-1].title == "Our jumps"
    assert load_settings(again.presets[-1].name).kinematics.tasks == ("jump",)
    runs.put(("kinematics", "tasks"), [])
    runs.save("../elsewhere")
    assert runs.trouble is not None
    assert not (tmp_path / "elsewhere.toml").exists()
    for one in (runs, again):
        one.close()


def test_a_preset_that_is_wrong_does_not_hide_the_others(tmp_path: Path) -> None:
    save_preset("good", load_settings("fast"), tmp_path)
    (tmp_path / "bad.toml").write_text("description = 3\n")
    runs = NewRuns((), tmp_path)
    until(lambda: runs.tick() or runs.machine)
    bad = next(n for n, preset in enumerate(runs.presets) if preset.title == "bad")
    runs.choose_preset(bad)
    assert runs.obstacle is not None
    assert not runs.ready
    runs.choose_preset(0)
    assert runs.obstacle is None
    runs.close()


def test_a_folder_of_folders_is_several_recordings(two: Path, library_root: Path, tmp_path: Path) -> None:
    assert [one.folder.name for one in surveys(two)] == ["first", "second"]
    visit = tmp_path / "visit"
    shutil.copytree(library_root / "visit", visit)
    shutil.copytree(visit / "trials" / "walk", visit / "trials" / "run")
    assert [one.folder.name for one in surveys(visit)] == ["run", "walk"]
    assert surveys(tmp_path / "gone")[0].trouble is not None


def test_several_recordings_become_one_job_each(two: Path, tmp_path: Path) -> None:
    runs = NewRuns((two,), tmp_path / "own")
    until(lambda: runs.tick() or (runs.recordings and not runs.looking))
    until(lambda: runs.tick() or all(one.foresight for one in runs.recordings))
    assert [one.foresight.need for one in runs.recordings if one.foresight] == ["everything"] * 2
    assert runs.summary == "2 recordings: 2 anew"
    runs.put(FORMATS, ["csv"])
    (two / "second" / "calibration.toml").rename(two / "elsewhere.toml")
    runs.add((two / "second",))
    until(lambda: runs.tick() or (not runs.looking and any(one.trouble for one in runs.recordings)))
    assert runs.obstacle is not None
    assert runs.obstacle.what.startswith("second: ")
    runs.want(two / "second", False)
    assert runs.obstacle is None
    runs.want(two / "second", True)
    runs.calibrate_by(two / "second", two / "elsewhere.toml")
    assert runs.ready
    jobs = runs.jobs()
    assert [job.title for job in jobs] == ["first · Balanced, changed", "second · Balanced, changed"]
    assert [job.calibration for job in jobs] == [None, two / "elsewhere.toml"]
    assert all(job.settings is not None and job.settings.output.formats == ("csv",) for job in jobs)
    runs.close()


def test_networks_that_do_not_go_with_the_settings_are_told_before(two: Path, tmp_path: Path) -> None:
    runs = NewRuns((two / "first",), tmp_path / "own")
    until(lambda: runs.tick() or (runs.machine and runs.recordings))
    runs.choose_preset(1)  # accurate: mirror images
    runs.put(("detect", "landmarks"), ["rtmpose_m_body17"])
    assert runs.obstacle is not None
    assert "mirror images" in runs.obstacle.what
    runs.put(("detect", "flip"), False)
    assert runs.obstacle is None
    runs.close()


def test_a_run_that_was_there_is_told(library_root: Path, run_folder: Path, tmp_path: Path) -> None:
    trial = tmp_path / "visit" / "trials" / "walk"
    shutil.copytree(library_root / "visit", tmp_path / "visit")
    runs = NewRuns((trial,), tmp_path / "own")
    until(lambda: runs.tick() or (runs.recordings and runs.draft))
    runs.choose_preset(next(n for n, preset in enumerate(runs.presets) if preset.name == "fast"))
    runs.put(FORMATS, ["csv"])
    until(lambda: runs.tick() or runs.recordings[0].foresight)
    assert runs.recordings[0].to_do.startswith("Was done before")
    runs.put(FORMATS, ["trc"])
    until(lambda: runs.tick() or runs.recordings[0].to_do.startswith("People are found already"))
    runs.choose_preset(0)
    until(lambda: runs.tick() or runs.recordings[0].to_do == "Everything is done anew")
    runs.close()


def test_settings_are_changed_by_hand_in_the_dialog(app: Any, two: Path, tmp_path: Path, wait: Wait) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox

    from mocap.gui.views.process.dialog import NewRunDialog

    dialog = NewRunDialog(None, None, tmp_path / "own")
    dialog.show()
    assert not dialog.start.isEnabled()
    QTest.keyClicks(dialog.folder, str(two))
    QTest.keyClick(dialog.folder, Qt.Key.Key_Return)
    wait(lambda: dialog.start.isEnabled())
    assert dialog.isVisible()  # Enter took the folder, and did not start
    assert dialog.start.text() == "Start 2"
    click(dialog.cards[two / "second"].away)
    assert dialog.start.text() == "Start"
    squat = dialog.lines["kinematics", "tasks"].controls[0]
    wait(squat.isVisible)
    squat.setFocus()
    QTest.keyClick(squat, Qt.Key.Key_Space)
    assert dialog.lines["kinematics", "tasks"].mark.isVisible()
    click(dialog.more)
    gap = dialog.lines["fit", "max_gap_s"].controls[0]
    assert gap.isVisible()
    gap.setFocus()
    gap.selectAll()
    QTest.keyClicks(gap, gap.locale().toString(0.5))
    QTest.keyClick(gap, Qt.Key.Key_Tab)
    dialog.lines["output", "formats"].actions_by_name["npz"].trigger()
    assert dialog.runs.draft is not None
    assert set(dialog.runs.draft.changes) == {("kinematics", "tasks"), ("fit", "max_gap_s"), FORMATS}
    click(dialog.lines["fit", "max_gap_s"].mark)
    assert gap.value() == pytest.approx(0.2)
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox)
    nameless = [w for w in dialog.findChildren(object) if isinstance(w, kinds) and not w.accessibleName()]
    assert all(w.objectName().startswith("qt_") for w in nameless)
    click(dialog.start)
    (job,) = dialog.wanted
    assert isinstance(job, ProcessJob)
    assert job.settings is not None
    assert job.settings.kinematics.tasks == ("squat",)
    assert "npz" in job.settings.output.formats


def test_the_window_takes_several_recordings_at_once(
    window: Any, runner: FakeRunner, two: Path, wait: Wait
) -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from mocap.gui.views.process.dialog import NewRunDialog

    def accept() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, NewRunDialog) or not dialog.start.isEnabled():
            QTimer.singleShot(20, accept)
            return
        click(dialog.start)

    QTimer.singleShot(20, accept)
    window.new_run((two / "first", two / "second"))
    assert [job.request.title for job in reversed(window.jobs.jobs)] == ["first · Balanced", "second · Balanced"]
    assert len(runner.started) == 1


def test_the_sex_is_the_sessions_unless_it_is_set(library_root: Path, tmp_path: Path) -> None:
    shutil.copytree(library_root / "visit", tmp_path / "visit")
    manifest = tmp_path / "visit" / "session.toml"
    told = read_manifest(manifest, SessionManifest)
    write_manifest(manifest, told.model_copy(update={"sex": "female"}))
    runs = NewRuns((tmp_path / "visit",), tmp_path / "own")
    until(lambda: runs.tick() or (runs.recordings and runs.draft))
    assert runs.recordings[0].about.startswith("Female")
    (job,) = runs.jobs()
    assert job.settings is not None
    assert job.settings.kinematics.sex == "female"
    assert job.title == "visit · Balanced"
    runs.put(("kinematics", "sex"), "male")
    (job,) = runs.jobs()
    assert job.settings is not None
    assert job.settings.kinematics.sex == "male"
    runs.close()


def test_angles_that_can_be_counted_are_there(run_folder: Path) -> None:
    from mocap.gui.presenters.analyse.read import read_run
    from mocap.gui.presenters.process.settings import COUNTED

    # An angle that does not exist would be told only after all the work.
    assert set(COUNTED) <= set(read_run(run_folder).angles.names)
