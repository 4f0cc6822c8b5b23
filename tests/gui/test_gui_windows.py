"""Real widgets, driven by mouse and keyboard, without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.jobs import Failed, Finished, Step
from mocap.gui.presenters.words import Trouble
from tests.gui.conftest import FakeRunner, Wait

# No turn of the window's loop may take more of its thread's time than this, s.
LONGEST_TURN_S = 0.05
# In two seconds, at least.
FRAMES_SHOWN = 5
ASK = ProcessJob("walk", Path("walk"), "balanced")


def key(widget: Any, name: str, modifier: str = "NoModifier") -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    widget.setFocus()
    QTest.keyClick(widget, getattr(Qt.Key, f"Key_{name}"), getattr(Qt.KeyboardModifier, modifier))


def click(widget: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.fixture
def reviewing(window: Any, run_folder: Path, wait: Wait) -> Any:
    """The window with the run open and its first pictures there."""
    click(window.page("library").inspector.review)
    page = window.page("review")
    wait(lambda: page.review is not None)
    wait(lambda: all(view.drawn_instant == 0 for view in page.videos.views))
    window.activateWindow()
    page.timeline.ruler.setFocus()
    return page


@pytest.mark.parametrize("order", ["import cv2, mocap.gui.app as a", "import mocap.gui.app as a, cv2"])
def test_opencv_does_not_lead_qt_astray(order: str, app: object) -> None:
    program = (
        f"{order}\nimport os\nos.environ['QT_QPA_PLATFORM_PLUGIN_PATH'] = cv2.__path__[0] + '/qt/plugins'\n"
        "a.make_app()\nassert 'QT_QPA_PLATFORM_PLUGIN_PATH' not in os.environ\nprint('window')"
    )
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert "window" in done.stdout, done.stderr


def test_what_a_user_set_for_qt_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from mocap.gui.qtenv import settle

    monkeypatch.setenv("QT_QPA_FONTDIR", "/home/me/fonts")
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/somewhere/cv2/qt/plugins")
    assert settle() == ("QT_QPA_PLATFORM_PLUGIN_PATH",)
    assert os.environ["QT_QPA_FONTDIR"] == "/home/me/fonts"


def test_the_library_is_searched_by_typing(window: Any) -> None:
    from PySide6.QtTest import QTest

    page = window.page("library")
    assert page.model.rowCount() == 1
    QTest.keyClicks(page.search, "nobody")
    assert page.model.rowCount() == 0
    page.search.clear()
    QTest.keyClicks(page.search, "visit")
    assert page.model.rowCount() == 1
    assert page.inspector.review.isEnabled()


def test_every_control_has_a_name(reviewing: Any, window: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QProgressBar, QTableView

    kinds = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QProgressBar, QTableView)
    window.jobs.add(ASK)
    nameless = [
        widget
        for widget in window.findChildren(object)
        if isinstance(widget, kinds)
        and not (widget.accessibleName() or getattr(widget, "text", lambda: "")())
        and not widget.objectName().startswith("qt_")
        and type(widget).__module__.startswith("mocap")
    ]
    own = [w for w in window.findChildren(QAbstractButton) if w.isVisible() and w.focusPolicy().value]
    assert not nameless
    assert all(w.accessibleName() or w.text() or w.objectName().startswith("qt_") for w in own)


def test_a_folder_becomes_a_job_and_a_run_to_open(
    window: Any, runner: FakeRunner, library_root: Path, run_folder: Path, wait: Wait
) -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from mocap.gui.views.process.dialog import NewRunDialog

    def accept() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, NewRunDialog) or not dialog.start.isEnabled():
            QTimer.singleShot(20, accept)
            return
        dialog.presets.button(2).click()
        click(dialog.start)

    QTimer.singleShot(20, accept)
    window.new_run(library_root.parent / "walk")
    wait(lambda: runner.started)
    asked = runner.started[0].request
    assert asked.path == library_root.parent / "walk"
    assert asked.preset == "fast"
    runner.started[0].said += [Step("detect", 1, 2)]
    wait(lambda: window.jobs.jobs[0].stage == "detect")
    (card,) = window.jobs_panel._cards.values()
    assert card.bar.value() > 0
    runner.started[0].said += [Finished(run_folder, False)]
    wait(lambda: card.open.isVisible())
    click(card.open)
    wait(lambda: window.page("review").review is not None)


def test_a_job_is_stopped_and_its_trouble_told(window: Any, runner: FakeRunner, wait: Wait) -> None:
    number = window.jobs.add(ASK)
    window.jobs_dock.show()
    card = window.jobs_panel._cards[number]
    click(card.stop)
    assert runner.started[0].cancelled
    runner.started[0].said.append(Failed(Trouble("The disk is full.", "Free some space.")))
    wait(lambda: card.trouble.isVisible())
    words = " ".join(part.text() for part in card.trouble.findChildren(type(card._title)))
    assert "The disk is full." in words
    assert "What to do: Free some space." in words


def test_keys_move_the_one_playhead(reviewing: Any, wait: Wait) -> None:
    page, ruler = reviewing, reviewing.timeline.ruler
    key(ruler, "Right")
    key(ruler, "Right")
    key(ruler, "Right", "ShiftModifier")
    assert page.head.instant == 12
    key(ruler, "A")
    key(ruler, "Right", "ShiftModifier")
    key(ruler, "B")
    assert (page.head.a, page.head.b) == (12, 22)
    key(ruler, "Escape")
    assert page.head.a is None
    wait(lambda: all(view.drawn_instant == 22 for view in page.videos.views))
    assert page.scene._instant == 22
    assert page.plots.plots[0].cursor_s() == pytest.approx(22 / page.head.rate_hz, abs=1e-6)
    assert "23 / 40" in page.timeline.time.text()
    key(ruler, "1")
    assert [view.isVisible() for view in page.videos.views] == [True, False, False, False]
    key(ruler, "1")
    assert all(view.isVisible() for view in page.videos.views)


def test_the_ruler_is_scrubbed_with_the_mouse(reviewing: Any) -> None:
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    ruler = reviewing.timeline.ruler
    x = round(ruler._x(30))
    QTest.mouseClick(ruler, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(x, 28))
    assert reviewing.head.instant == 30


def test_layers_and_themes_change_what_is_drawn(reviewing: Any, window: Any) -> None:
    from mocap.gui.views.theme import LIGHT

    view = reviewing.videos.views[0]
    with_marks = view.grab().toImage()
    key(reviewing.layers["Skeleton as seen"], "Space")
    assert not reviewing.head.playing  # on a box, the space bar ticks it
    key(reviewing.layers["Body in 3D, seen back"], "Space")
    assert view.grab().toImage() != with_marks
    room = reviewing.scene.grab().toImage()
    key(reviewing.layers["Cameras"], "Space")
    assert reviewing.scene.grab().toImage() != room
    window.set_theme(LIGHT)
    assert reviewing.scene.grab().toImage().pixelColor(2, 2).lightness() > 200


def test_playing_goes_on_by_the_clock_and_never_holds_the_window(reviewing: Any, app: Any) -> None:
    page = reviewing
    key(page.timeline.ruler, "Space")
    assert page.head.playing
    seen, turns, begun = set(), [], time.monotonic()
    while time.monotonic() - begun < 2.0:
        # Time of this thread only: what others do on a busy machine is not the window's doing.
        before = time.thread_time()
        app.processEvents()
        turns.append(time.thread_time() - before)
        seen.add(page.head.instant)
        time.sleep(0.001)
    # However busy the machine is, the play goes on; how smoothly is measured elsewhere (docs/benchmarks.md).
    assert len(seen) > FRAMES_SHOWN
    assert max(turns) < LONGEST_TURN_S, f"{1000 * max(turns):.0f} ms"


def test_the_watchdog_notices_a_window_that_is_held(reviewing: Any, app: Any) -> None:
    page = reviewing
    page.plots.seek.connect(lambda _: sum(i * i for i in range(3_000_000)))
    before = time.thread_time()
    page.plots.seek.emit(0.1)
    app.processEvents()
    assert time.thread_time() - before > LONGEST_TURN_S


def test_panes_are_found_as_they_were_left(
    reviewing: Any, window: Any, run_folder: Path, app: Any, wait: Wait
) -> None:
    from mocap.gui.views.main import MainWindow

    reviewing.docks[1].hide()
    window.page("review").keep_layout()
    again = MainWindow(FakeRunner(), window.library.root, window._settings)
    again.show()
    again.open_run(run_folder)
    wait(lambda: again.page("review").review is not None)
    app.processEvents()
    assert [dock.isVisible() for dock in again.page("review").docks] == [True, False, True]
    again.act("layout")
    assert all(dock.isVisible() for dock in again.page("review").docks)
    again.close_quietly()
    again.deleteLater()


def test_a_run_without_its_videos_is_shown_all_the_same(
    window: Any, run_folder: Path, wait: Wait, tmp_path: Path
) -> None:
    import shutil

    trial = tmp_path / "visit" / "trials" / "walk"
    shutil.copytree(run_folder.parents[1], trial)
    videos = "\n".join(f'cam_{n} = "gone_{n}.mp4"' for n in range(1, 5))
    (trial / "trial.toml").write_text(f"schema_version = 1\n[videos]\n{videos}\n")
    window.open_run(trial / "runs" / run_folder.name)
    page = window.page("review")
    wait(lambda: page.review is not None)
    wait(lambda: all("gone" in view._words for view in page.videos.views))
    window.open_run(tmp_path / "no run")
    wait(lambda: page.trouble.isVisible())


def test_the_export_dialog_says_what_is_held(app: object, run_folder: Path, tmp_path: Path, wait: Wait) -> None:
    from mocap.gui.views.export import ExportDialog

    dialog = ExportDialog(None, run_folder)
    dialog.show()
    dialog.presets.setCurrentRow(3)
    dialog.folder.setText(str(tmp_path / "out"))
    click(dialog.start)
    wait(lambda: dialog.export.written is not None)
    assert dialog.files.item(0).text() == "walk.unreal.bvh"
    assert (tmp_path / "out" / "walk.unreal.bvh").is_file()
    dialog.folder.setText(str(tmp_path / "out" / "walk.unreal.bvh" / "below a file"))
    click(dialog.start)
    wait(lambda: dialog.trouble.isVisible())
    dialog.reject()


def test_a_job_runs_in_a_process_of_its_own(tmp_path: Path, wait: Wait) -> None:
    from mocap.gui.worker import ProcessRunner

    handle, heard = ProcessRunner().start(ProcessJob("none", tmp_path / "gone", "balanced")), []
    wait(lambda: heard.extend(handle.poll()) or heard)
    (last,) = heard
    assert isinstance(last, Failed)
    assert last.trouble.what == "There is no such folder."
