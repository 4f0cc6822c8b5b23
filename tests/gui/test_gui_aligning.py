"""The dialog that aligns cameras, driven by mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.gui.presenters.jobs import Failed, Finished, Step
from mocap.gui.presenters.words import Trouble
from mocap.sync import SYNC_FILE, Clocks, read_clocks, write_clocks
from tests.gui.conftest import FakeRunner, Wait
from tests.unit.test_gui_aligning import OFFSETS_S, film


@pytest.fixture
def dialog(app: object, runner: FakeRunner, tmp_path: Path, wait: Wait) -> Iterator[Any]:
    from mocap.gui.views.align.dialog import AlignDialog

    for n, offset in enumerate(OFFSETS_S):
        film(tmp_path / f"cam_{n + 1}.mp4", offset)
    made = AlignDialog(None, tmp_path, runner=runner)
    made.resize(1100, 720)
    made.show()
    wait(lambda: made.aligning is not None and made.pictures.complete and len(made._curves) == 2)
    yield made
    made.done(0)
    made.deleteLater()


def test_keys_shift_the_chosen_camera_and_the_picture_follows(dialog: Any, wait: Wait) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    dialog.aligning.seek(1.0)
    wait(lambda: dialog.pictures.views[1].frame == 20)
    dialog.strips.setFocus()
    for _ in range(7):
        QTest.keyClick(dialog.strips, Qt.Key.Key_BracketLeft)
    assert dialog.aligning.clocks.offset_s[1] == pytest.approx(0.35)
    wait(lambda: dialog.pictures.views[1].frame == 27)
    assert dialog.panel.cards[1].frames.value() == pytest.approx(7.0)
    assert dialog.panel.cards[1].ms.value() == pytest.approx(350.0)
    QTest.keyClick(dialog.strips, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dialog.aligning.clocks.offset_s[1] == pytest.approx(0.30)


def test_a_strip_is_dragged_until_clap_lies_under_clap(dialog: Any, tmp_path: Path) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    strips = dialog.strips
    y = int(strips.strip(1).center().y())
    start = QPoint(round(strips.x_of(1.35)), y)
    end = QPoint(round(strips.x_of(1.0)), y)
    QTest.mousePress(strips, Qt.MouseButton.LeftButton, pos=start)
    for part in (0.3, 0.7, 1.0):
        between = start + (end - start) * part
        from PySide6.QtCore import QEvent, QPointF
        from PySide6.QtGui import QMouseEvent
        from PySide6.QtWidgets import QApplication

        left = Qt.MouseButton.LeftButton
        moved = QMouseEvent(
            QEvent.Type.MouseMove, QPointF(between), strips.mapToGlobal(QPointF(between)), left, left,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(strips, moved)
    QTest.mouseRelease(strips, Qt.MouseButton.LeftButton, pos=end)
    per_px = (strips.seen_s[1] - strips.seen_s[0]) / strips.width()
    assert dialog.aligning.clocks.offset_s[1] == pytest.approx(0.35, abs=2 * per_px)
    dialog.act("undo")
    assert dialog.aligning.clocks.offset_s[1] == 0.0


def test_match_here_finds_the_clap_and_save_writes_the_file(dialog: Any, tmp_path: Path) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    dialog.aligning.seek(1.0)
    QTest.mouseClick(dialog.panel.cards[1].fit, Qt.MouseButton.LeftButton)
    QTest.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    found = read_clocks(tmp_path / SYNC_FILE, ("cam_1", "cam_2"), (40, 40))
    assert found.offset_s[1] == pytest.approx(0.35, abs=2e-3)
    assert dialog.saved == tmp_path / SYNC_FILE


def test_a_spin_box_sets_the_offset_and_typing_is_one_step(dialog: Any) -> None:
    card = dialog.panel.cards[1]
    card.ms.setValue(100.0)
    card.ms.setValue(120.0)
    assert dialog.aligning.clocks.offset_s[1] == pytest.approx(0.12)
    assert card.frames.value() == pytest.approx(2.4)
    dialog.act("undo")
    assert dialog.aligning.clocks.offset_s[1] == 0.0
    assert card.ms.value() == 0.0


def test_methods_run_in_a_job_and_what_they_find_is_shown(dialog: Any, runner: FakeRunner, wait: Wait) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(dialog.panel.start, Qt.MouseButton.LeftButton)
    handle = runner.started[-1]
    assert handle.request.methods == ("sound", "light", "timecode")
    handle.said.append(Step("listen", 1, 2))
    wait(lambda: dialog.panel.stage.text() == "Listening")
    one = np.ones(2)
    clocks = Clocks(("cam_1", "cam_2"), 0.35 * np.arange(2), one, 0 * one, 1e-4 * one, 1e-5 * one)
    write_clocks(handle.request.out, clocks, (40, 40), {"sound: cam_1 to cam_2": "+0.35"})
    handle.said.append(Finished(handle.request.out, opens=""))
    wait(lambda: dialog.aligning.clocks.offset_s[1] == 0.35)
    assert "Found by sound" in dialog.panel.cards[1].trust.text()
    assert dialog.panel.start.isVisible()


def test_a_method_that_cannot_tell_says_why(dialog: Any, runner: FakeRunner, wait: Wait) -> None:
    dialog.panel.start.click()
    runner.started[-1].said.append(Failed(Trouble("The microphones do not hear the same.", "Clap.")))
    wait(lambda: dialog.panel.trouble.isVisible())
    assert "microphones" in dialog.panel.trouble.accessibleName()


def test_a_folder_without_videos_is_explained(app: object, tmp_path: Path, wait: Wait, runner: FakeRunner) -> None:
    from mocap.gui.views.align.dialog import AlignDialog

    made = AlignDialog(None, tmp_path / "nothing", runner=runner)
    made.show()
    wait(lambda: made.trouble.isVisible())
    assert not made.save.isEnabled()
    made.done(0)


def test_every_control_has_a_name(dialog: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox

    for kind in (QAbstractButton, QAbstractSpinBox, QComboBox):
        for control in dialog.findChildren(kind):
            assert control.accessibleName(), control
