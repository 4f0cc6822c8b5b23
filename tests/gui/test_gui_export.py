"""Exports: what is written, what is said of it, and how it is stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mocap.core.progress import CancelToken
from mocap.export import EXPORTERS, exporter_of
from mocap.gui.presenters import exports
from mocap.gui.presenters.exports import HOLDS, PRESETS, Export, Written
from tests.gui.conftest import Wait
from tests.gui.test_gui_windows import click


def until(so: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_every_format_says_what_it_holds() -> None:
    assert {name.partition(":")[0] for name in HOLDS} == set(EXPORTERS)
    for name in HOLDS:
        exporter_of(name)
    assert all(preset.formats for preset in PRESETS)


def test_the_frames_a_second_are_told(run_folder: Path, tmp_path: Path) -> None:
    from mocap.session import RunFolder, RunManifest, read_manifest

    rate = read_manifest(RunFolder(run_folder).manifest, RunManifest).summary.rate_hz
    assert float(exports.pace(run_folder).partition(" ")[0]) == pytest.approx(rate, abs=0.005)
    assert exports.pace(tmp_path) == ""


def test_several_runs_go_to_folders_of_their_own(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "data" / "second" / "trials" / "walk" / "runs" / run_folder.name
    shutil.copytree(run_folder, other)
    export = Export((run_folder, other, tmp_path / "gone" / "trials" / "x" / "runs" / "y"))
    assert export.folder is None
    assert export.folder_of(other) == other.parents[1] / "exports" / run_folder.name
    export.folder = tmp_path / "out"
    export.choose(2)
    export.start()
    until(lambda: export.tick() or not export.busy)
    assert export.written is not None
    assert len({path.parent for path in export.written.files}) == 2
    assert all(path.is_file() for path in export.written.files)
    # One that cannot be read does not hold up the others, and is named.
    assert export.trouble is not None
    assert "gone · x" in export.trouble.what
    # What is lost in all of them is said once.
    (form, sentences), *_ = export.lost
    assert form == "bvh:mixamo"
    assert len(sentences) == len(set(sentences))
    assert not any("walk" in sentence for sentence in sentences)
    export.close()


def test_an_export_is_stopped_between_files(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Path] = []

    def slow(run: Path, preset: Any, folder: Path, progress: Any, cancel: CancelToken) -> Written:
        begun.append(run)
        progress("export", 1, 2)
        while not cancel.cancelled:
            time.sleep(0.002)
        cancel.check()
        return Written((), ())

    monkeypatch.setattr(exports, "write", slow)
    export = Export((run_folder, run_folder))
    export.start()
    until(lambda: begun)
    until(lambda: export.tick() or export.share > 0)
    assert export.share == 0.25
    assert "Writing: visit · walk, 1 of 2" in export.at_work
    export.cancel()
    assert "Stopping" in export.at_work
    until(lambda: export.tick() or not export.busy)
    assert export.stopped
    assert len(begun) == 1
    assert export.written is None
    export.close()


def test_formats_are_ticked_one_by_one(app: Any, run_folder: Path, tmp_path: Path, wait: Wait) -> None:
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QScrollArea

    from mocap.gui.views.export import ExportDialog

    dialog = ExportDialog(None, run_folder)
    dialog.show()
    assert not dialog.files.isVisible()  # nothing is written yet
    assert not dialog.show_files.isVisible()
    dialog.presets.setCurrentRow(len(PRESETS))
    wait(lambda: dialog.export.lacks is not None and set(dialog.boxes) == set(HOLDS))
    from PySide6.QtCore import Qt

    dialog.boxes["csv"].setFocus()
    QTest.keyClick(dialog.boxes["csv"], Qt.Key.Key_Space)
    assert dialog.export.own == ()
    click(dialog.start)
    assert dialog.trouble.isVisible()
    QTest.keyClick(dialog.boxes["npz"], Qt.Key.Key_Space)
    QTest.keyClick(dialog.boxes["trc"], Qt.Key.Key_Space)
    assert dialog.export.own == ("trc", "npz")
    dialog.folder.setText(str(tmp_path))
    dialog.findChild(QScrollArea).verticalScrollBar().setValue(0)
    click(dialog.start)
    wait(lambda: dialog.export.written is not None)
    assert [dialog.files.item(n).text() for n in range(dialog.files.count())] == ["walk.trc", "walk.npz"]
    assert dialog.show_files.isVisible()
    # What was written is in sight, although the list of formats is long.
    viewport = dialog.findChild(QScrollArea).viewport()
    wait(lambda: viewport.rect().contains(dialog.files.mapTo(viewport, dialog.files.rect().center())))
    dialog.reject()


def test_something_else_has_a_place_beside_the_presets(app: Any, run_folder: Path) -> None:
    from PySide6.QtWidgets import QLabel

    from mocap.gui.views.export import ExportDialog

    dialog = ExportDialog(None, run_folder)
    pane = QLabel("turntable")
    dialog.add_pane("Pictures", pane)
    dialog.show()
    dialog.presets.setCurrentRow(dialog.presets.count() - 1)
    assert pane.isVisible()
    assert not dialog.start.isEnabled()
    assert not dialog.browse.isEnabled()
    dialog.presets.setCurrentRow(0)
    assert dialog.start.isEnabled()
    dialog.reject()


def test_a_turntable_film_is_ordered_as_a_job(app: Any, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mocap.gui.presenters import turntable as presenter
    from mocap.gui.views import turntable

    monkeypatch.setattr(turntable, "lacking_open3d", lambda: None)
    ordered: list[Any] = []
    pane = turntable.TurntablePane((run_folder,), ordered.append)
    pane.show()
    assert not pane.at.isEnabled()
    pane.length_box.setCurrentIndex(1)
    pane.size_box.setCurrentIndex(3)
    click(pane.picture)
    assert pane.at.isEnabled()
    pane.at.setValue(0.5)
    click(pane.make)
    (job,) = ordered
    assert (job.seconds, job.size_wh, job.at_s) == (6.0, (1080, 1920), 0.5)
    assert job.film == exports.beside(run_folder) / "walk_turntable.mp4"
    assert job.picture is not None
    assert job.mesh is None
    assert "list of jobs" in pane.said.text()
    # Without open3d nothing can be ordered, and the pane says what to do.
    monkeypatch.setattr(presenter, "find_spec", lambda name: None)
    monkeypatch.setattr(turntable, "lacking_open3d", presenter.lacking_open3d)
    pane = turntable.TurntablePane((run_folder,), ordered.append)
    pane.show()
    assert not pane.make.isEnabled()
    assert pane.trouble.isVisible()


def test_a_turntable_film_is_made(run_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("open3d", reason="open3d is not installed")
    from mocap.gui.jobs.turntable import FILE, TurntableJob

    job = TurntableJob("film", run_folder, tmp_path / "f.mp4", size_wh=(160, 120), seconds=0.2)
    done = job.run(lambda message: None, CancelToken())
    assert (done.result, done.opens) == (tmp_path / "f.mp4", FILE)
    assert (tmp_path / "f.mp4").is_file()
