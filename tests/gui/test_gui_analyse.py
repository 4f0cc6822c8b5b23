"""The page of the analysis, driven by mouse and keyboard."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mocap.gui.presenters.analyse.analysing import Analysis
from tests.gui.conftest import Wait
from tests.gui.test_gui_analysing import reading
from tests.gui.test_gui_windows import click

# No turn of the window's loop may take more of its thread's time than this, s.
LONGEST_TURN_S = 0.05


@pytest.fixture
def page(window: Any, run_folder: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page in the window, on somebody who walks; another run is one of somebody who bends less."""
    from mocap.gui.views.analyse import page as analyse

    def read(folder: Path) -> Any:
        return replace(reading(folder, 30.0 if folder == run_folder else 60.0, "stand" not in folder.name))

    monkeypatch.setattr(analyse, "Analysis", lambda: Analysis(read))
    window.show_page("analyse")
    made = window.page("analyse")
    made.open_result(Path("walk"))
    wait(lambda: made.analysis.shown is not None and made.analysis.plots and not made.analysis.cutting)
    wait(lambda: made.analysis.choices_read and not made.cycles.drawing)
    return made


def choose(box: Any, row: int) -> None:
    """Choose an entry as a user does, with the keyboard."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    box.setFocus()
    for _ in range(box.count()):
        if box.currentIndex() != row:
            QTest.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < row else Qt.Key.Key_Up)
    assert box.currentIndex() == row


def test_tables_are_searched_and_copied(page: Any, app: Any) -> None:
    from PySide6.QtTest import QTest

    model = page.table.measures
    everything = model.rowCount()
    click(page.tables.button(1))
    assert model.table.kind == "sides"
    assert "Verdict" in model.table.heads
    QTest.keyClicks(page.search, "stride length")
    assert 0 < model.rowCount() < everything
    assert "Left is greater" in [model.data(model.index(1, c)) for c in range(model.columnCount())]
    click(page.copy)
    assert "Stride length" in app.clipboard().text()
    assert "knee" not in app.clipboard().text().casefold()
    assert page.said.text()


def test_runs_are_compared_and_cycles_chosen(page: Any, run_folder: Path, wait: Wait) -> None:
    assert not page.tables.button(2).isEnabled()
    choose(page.other, 1)
    wait(lambda: page.analysis.other is not None and not page.analysis.cutting and not page.cycles.drawing)
    assert page.analysis.other.run.folder == run_folder
    assert page.tables.button(2).isChecked()
    assert any(band.other for view in page.cycles.views if view.isVisible() for band in view._plot.bands)
    shown = [page.angle.itemText(n) for n in range(page.angle.count())]
    choose(page.angle, shown.index("Knee flexion"))
    wait(lambda: not page.cycles.drawing)
    assert [view.isVisible() for view in page.cycles.views].count(True) == 1
    kinds = [page.kind.itemText(n) for n in range(page.kind.count())]
    assert kinds[0] == "Strides"
    choose(page.kind, kinds.index("Repetitions: Knee flexion"))
    wait(lambda: not page.analysis.cutting)
    choose(page.other, 0)
    wait(lambda: page.analysis.other is None and not page.analysis.cutting)
    assert not any(band.other for plot in page.analysis.plots for band in plot.bands)


def test_tables_and_pictures_are_saved_or_it_is_said_why_not(page: Any, tmp_path: Path) -> None:
    page.save_table_as(tmp_path / "table.csv")
    assert "Stride length" in (tmp_path / "table.csv").read_text(encoding="utf-8-sig")
    page.save_picture_as(tmp_path / "cycles.png")
    assert (tmp_path / "cycles.png").stat().st_size > 1000
    assert not page.trouble.isVisible()
    page.save_picture_as(tmp_path / "gone" / "cycles.png")
    assert page.trouble.isVisible()


def test_a_run_without_cycles_says_what_to_do(page: Any, wait: Wait) -> None:
    page.open_result(Path("stand"))
    wait(lambda: page.analysis.shown is not None)
    assert page.advice.isVisible()
    assert "two repetitions" in page.advice.text()
    assert page.note.isVisible()
    assert not page.save_picture.isEnabled()


def test_controls_have_names_and_colours_change(page: Any, window: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QTableView

    from mocap.gui.views.theme import DARK, LIGHT

    kinds = (QAbstractButton, QComboBox, QLineEdit, QTableView)
    made = [w for w in page.findChildren(object) if isinstance(w, kinds) and w.isVisible()]
    nameless = [w for w in made if w.focusPolicy().value and not (w.accessibleName() or w.objectName())]
    assert not nameless
    window.set_theme(LIGHT)
    light = page.cycles.grab().toImage().pixelColor(4, 4).lightness()
    window.set_theme(DARK)
    assert page.cycles.grab().toImage().pixelColor(4, 4).lightness() < light


def test_the_window_is_not_held_by_another_table(page: Any, app: Any) -> None:
    longest = 0.0
    for number in (1, 0, 1, 0):
        before = time.thread_time()
        click(page.tables.button(number))
        app.processEvents()
        longest = max(longest, time.thread_time() - before)
    assert longest < LONGEST_TURN_S, f"{1000 * longest:.0f} ms"
