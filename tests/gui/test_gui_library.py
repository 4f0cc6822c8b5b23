"""The library in the window: wizard, import by drop, tags with undo, a second window that may only look."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mocap.gui.jobs.importing import ImportJob
from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.jobs import Finished
from mocap.pipeline.taking import take_in
from mocap.session import (
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    read_manifest,
    trial_manifest,
    write_manifest,
)
from tests.gui.conftest import FakeRunner, Wait
from tests.gui.test_gui_windows import LONGEST_TURN_S, click, key


@pytest.fixture
def home(library_root: Path, tmp_path: Path) -> Path:
    """A data folder of the test's own."""
    return Path(shutil.copytree(library_root, tmp_path / "data"))


MakeWindow = Callable[[], Any]


@pytest.fixture
def make_window(
    app: Any, runner: FakeRunner, home: Path, tmp_path: Path, wait: Wait, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWindow]:
    from PySide6.QtCore import QSettings

    from mocap.gui.presenters.library import thumbs as library_thumbs
    from mocap.gui.views.main import MainWindow

    monkeypatch.setattr(library_thumbs, "cache_dir", lambda: tmp_path / "thumbnails")
    monkeypatch.setenv("MOCAP_SESSIONS", str(home))
    made = []

    def make() -> Any:
        settings = QSettings(str(tmp_path / "app.ini"), QSettings.Format.IniFormat)
        made.append(MainWindow(runner, home, settings))
        made[-1].show()
        wait(lambda: made[-1].library.read_once)
        return made[-1]

    yield make
    for window in made:
        window.close_quietly()
        window.hide()
        window.deleteLater()
    app.processEvents()


@pytest.fixture
def shown(make_window: MakeWindow) -> Any:
    return make_window()


@pytest.fixture
def page(shown: Any, home: Path) -> Any:
    page = shown.page("library")
    page.choose(home / "visit" / "trials" / "walk")
    return page


def when_modal(kind: str, work: Callable[[Any], bool]) -> None:
    """Work on the dialog of that class once it is there, until ``work`` says it is done."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if type(dialog).__name__ != kind or not work(dialog):
            QTimer.singleShot(15, look)

    QTimer.singleShot(15, look)


def do_the_job(runner: FakeRunner, wait: Wait, window: Any) -> None:
    """Do what the window ordered, as the worker would."""
    wait(lambda: runner.started)
    handle = runner.started.pop()
    assert isinstance(handle.request, ImportJob)
    made = take_in(handle.request.request)
    handle.said.append(Finished(made.trials[0], False, made.warnings, "library"))
    wait(lambda: not window.jobs.active)


def test_tags_are_written_and_taken_back(page: Any, home: Path, wait: Wait) -> None:
    from PySide6.QtTest import QTest

    trial = TrialFolder(home / "visit" / "trials" / "walk")
    QTest.keyClicks(page.inspector.tags, "slow, barefoot,  slow ")
    key(page.inspector.tags, "Return")
    wait(lambda: trial_manifest(trial).tags == ("slow", "barefoot"))
    wait(lambda: page.chosen is not None and page.chosen.tags == ("slow", "barefoot"))
    assert "Ctrl+Z" in page.said.text()
    QTest.keyClicks(page.search, "barefoot")
    assert len(page.model.sessions) == 1
    page.search.clear()
    page.act("undo")
    wait(lambda: trial_manifest(trial).tags == () and not page.deeds.at_work)
    page.act("redo")
    wait(lambda: trial_manifest(trial).tags == ("slow", "barefoot"))


def test_a_trial_is_renamed_and_goes_to_the_trash_and_back(page: Any, home: Path, wait: Wait) -> None:
    def rename(dialog: Any) -> bool:
        dialog.name.setText("bad/name")
        click(dialog.start)
        assert dialog.trouble.isVisible()
        dialog.name.setText("walk slowly")
        click(dialog.start)
        return True

    when_modal("NameDialog", rename)
    page.act("rename")
    trials = home / "visit" / "trials"
    wait(lambda: page.chosen is not None and page.chosen.name == "walk slowly")
    assert page.chosen.best is not None
    page.act("trash")
    wait(lambda: page._library.count == 0)
    assert list(trials.iterdir()) == []
    page.act("undo")
    wait(lambda: page.chosen is not None and page.chosen.name == "walk slowly")
    page.act("undo")
    wait(lambda: (trials / "walk").is_dir())


def test_what_a_job_works_on_is_left_alone(page: Any, shown: Any, home: Path) -> None:
    shown.jobs.add(ProcessJob(title="walk", path=home / "visit" / "trials" / "walk", preset="fast"))
    page.act("trash")
    assert page.trouble.isVisible()
    assert (home / "visit" / "trials" / "walk").is_dir()


def test_a_dropped_folder_is_imported(
    page: Any, shown: Any, runner: FakeRunner, home: Path, library_root: Path, wait: Wait
) -> None:
    from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
    from PySide6.QtGui import QDropEvent

    seen = []

    def accept(dialog: Any) -> bool:
        if not dialog.start.isEnabled() or not dialog._films:
            return False
        films = dialog._films[0]
        first, second = list(films.choices)[:2]
        seen.append(films.choices[first].currentText())
        films.choices[first].setCurrentText(films.choices[second].currentText())
        films.choices[first].activated.emit(films.choices[first].currentIndex())
        seen.append(dialog._films[0].choices[second].currentText())
        dialog.participant.setText("P09")
        click(dialog.start)
        return True

    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(library_root.parent / "walk"))])
    none = Qt.KeyboardModifier.NoModifier
    when_modal("ImportDialog", accept)
    shown.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none))
    do_the_job(runner, wait, shown)
    wait(lambda: page.chosen is not None and page.chosen.session_folder == home / "walk")
    assert page.chosen.participant == "P09"
    assert page.chosen.state == "Not processed"
    # The first film was given to the second camera, and the second film to the first.
    assert seen[0] == seen[1]
    first, second, *_ = page.chosen.videos
    assert (first[1].stem, second[1].stem) == (second[0], first[0])


def test_the_wizard_makes_a_session_with_films(
    page: Any, shown: Any, runner: FakeRunner, home: Path, library_root: Path, wait: Wait
) -> None:
    from PySide6.QtTest import QTest

    films = tuple(sorted((library_root.parent / "walk").rglob("*.mp4")))
    step = {"at": 0}

    def fill(wizard: Any) -> bool:
        if step["at"] == 0:
            click(wizard.next)
            assert "participant" in wizard.state.trouble.what
            QTest.keyClicks(wizard.form.participant, "Anna Berg")
            assert "real name" in wizard.form._hint.text()
            wizard.form.participant.clear()
            QTest.keyClicks(wizard.form.participant, "P01")
            QTest.keyClicks(wizard.form.height_, "172")
            wizard.form.day.setText("2026-02-30")
            click(wizard.next)
            assert "no date" in wizard.state.trouble.what
            wizard.form.day.setText("2026-02-28")
            click(wizard.next)
            assert wizard.state.step == 1
            assert wizard.state.draft.lens == "earlier"
            click(wizard.next)
            wizard.choose_films(films)
            step["at"] = 1
        if wizard.state.looking or len(wizard.films.choices) < len(films):
            return False
        click(wizard.next)
        return True

    when_modal("SessionWizard", fill)
    page.act("session")
    made = home / "P01_2026-02-28"
    told = read_manifest(made / "session.toml", SessionManifest)
    assert (told.participant, told.height_m) == ("P01", pytest.approx(1.72))
    assert SessionFolder(made).rig.is_file()
    do_the_job(runner, wait, shown)
    wait(lambda: page.chosen is not None and page.chosen.folder.parent.parent == made)
    assert len(page.chosen.videos) == len(films)


def test_a_second_window_may_only_look(
    make_window: MakeWindow, shown: Any, page: Any, home: Path, wait: Wait
) -> None:
    second = make_window()
    other = second.page("library")
    wait(lambda: other.notice.isVisible())
    assert "Another window" in other.notice.accessibleName()
    assert not other.new.isEnabled()
    assert not other.inspector.actions_of_trial["process"].isEnabled()
    assert other.inspector.review.isEnabled()
    assert other.inspector.tags.isReadOnly()
    second.add_job(ProcessJob(title="walk", path=home / "visit" / "trials" / "walk", preset="fast"))
    assert not second.jobs.active
    review = second.page("review")
    second.show_page("review")
    assert not review._correct.isEnabled()
    capture = second.page("capture")
    second.show_page("capture")
    assert "Another window" in capture.capturing.objection()
    second.show_page("library")
    other.choose(home / "visit" / "trials" / "walk")
    other.act("trash")
    other.act("session")
    assert (home / "visit" / "trials" / "walk").is_dir()
    assert other.trouble.isVisible()
    # The first is closed: the second may go on.
    shown.library.close()
    second.library.refresh()
    wait(lambda: other.new.isEnabled())
    assert not other.notice.isVisible()


def test_a_data_folder_that_vanished_is_told(page: Any, shown: Any, home: Path, wait: Wait) -> None:
    home.rename(home.with_name("elsewhere"))
    shown.library.refresh()
    wait(lambda: page.trouble.isVisible())
    assert "gone" in page.trouble.accessibleName()
    home.with_name("elsewhere").rename(home)
    shown.library.refresh()
    wait(lambda: not page.trouble.isVisible())


def test_an_empty_library_tells_how_to_begin(
    make_window: MakeWindow, home: Path, runner: FakeRunner, wait: Wait
) -> None:
    shutil.rmtree(home / "visit")
    window = make_window()
    page = window.page("library")
    assert page.stack.currentWidget() is page.begin
    assert str(home) in page.begin._place.text()
    click(page.begin.buttons["demo"])
    wait(lambda: runner.started)
    assert runner.started[0].request.out == home / "demo"


def test_a_film_that_cannot_be_read_is_told(page: Any, home: Path, wait: Wait) -> None:
    trial = home / "visit" / "trials" / "hop"
    for name in ("cam_1", "cam_2"):
        film = trial / "raw" / f"{name}.mp4"
        film.parent.mkdir(parents=True, exist_ok=True)
        film.write_bytes(b"no film at all")
    page._library.refresh()
    wait(lambda: page.model.find(trial).isValid())
    page.choose(trial)
    page.show()
    wait(
        lambda: (
            trial / "raw" / "cam_1.mp4" in page.thumbnails.troubles
            or page.thumbnails.get(page.chosen.videos[0][1])
        )
    )
    page._select()
    assert "cannot be read" in page.inspector._trouble.accessibleName()


def test_menus_offer_what_can_be_done(page: Any, shown: Any) -> None:
    from mocap.gui.views.library.menus import entry_menu, more_menu

    words = [
        action.text().split("\t")[0] for action in entry_menu(page, page.commands, page.chosen, True).actions()
    ]
    assert {"Open review", "Process …", "Rename …", "Move to the trash"} <= set(words)
    locked = {
        a.text().split("\t")[0]: a.isEnabled()
        for a in entry_menu(page, page.commands, page.chosen, False).actions()
    }
    assert locked["Open review"]
    assert not locked["Move to the trash"]
    more = more_menu(page, page.commands, "tags of walk", ("/nowhere",), True)
    assert any(action.text().startswith("Undo tags of walk") for action in more.actions())


def test_several_trials_are_processed_together(page: Any, shown: Any, home: Path, wait: Wait) -> None:
    trials = home / "visit" / "trials"
    shutil.copytree(trials / "walk", trials / "hop")
    page._library.refresh()
    wait(lambda: page.model.find(trials / "hop").isValid())
    asked: list[Any] = []
    page.commands._context = type(shown.context)(**{**vars(shown.context), "new_run": asked.append})
    page.choose(trials / "hop")
    page.tree.selectAll()
    page.act("process")
    assert set(asked.pop()) == {trials / "hop", trials / "walk"}
    page.choose(home / "visit")
    page.act("process")
    assert len(asked.pop()) == 2
    page.choose(trials / "hop")
    page.act("process")
    assert asked == [trials / "hop"]


def test_four_hundred_trials_do_not_hold_the_window(
    make_window: MakeWindow, home: Path, app: Any, wait: Wait
) -> None:
    for number in range(80):
        session = SessionFolder(home / f"P{number:02d}")
        write_manifest(session.manifest, SessionManifest(id=session.root.name, participant=session.root.name))
        for trial in range(5):
            write_manifest(session.trial(f"t{trial}").manifest, TrialManifest(tags=("pilot",)))
    window = make_window()
    page = window.page("library")
    assert window.library.count == 401
    turns = []
    for words in ("P1", "P1 t3", "pilot", ""):
        before = time.thread_time()
        page.search.setText(words)
        app.processEvents()
        turns.append(time.thread_time() - before)
    window.library.refresh()
    wait(lambda: not window.library._reading.busy)
    before = time.thread_time()
    page._reload()
    app.processEvents()
    turns.append(time.thread_time() - before)
    assert max(turns) < LONGEST_TURN_S, f"{1000 * max(turns):.0f} ms"


@pytest.mark.parametrize("name", ["dark", "light"])
def test_an_empty_box_is_seen_and_a_ticked_one_told_from_it(app: Any, name: str) -> None:
    from PySide6.QtGui import QColor
    from PySide6.QtWidgets import QCheckBox

    from mocap.gui.views.theme import DARK, THEMES, apply_theme

    theme = THEMES[name]
    apply_theme(app, theme)
    try:
        box = QCheckBox("Beep")
        box.resize(box.sizeHint())

        def colours() -> list[QColor]:
            """Along the middle of the box."""
            picture = box.grab().toImage()
            return [picture.pixelColor(x, picture.height() // 2) for x in range(16)]

        ground = QColor(theme.window).lightness()
        assert max(abs(colour.lightness() - ground) for colour in colours()) > 60
        box.setChecked(True)
        ticked = colours()
        assert QColor(theme.accent) in ticked
        assert any(
            abs(colour.lightness() - QColor(theme.accent).lightness()) > 60 for colour in ticked
        )  # the tick
    finally:
        apply_theme(app, DARK)
