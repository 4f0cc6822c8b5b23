"""What the library's presenters know and decide, without a window."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from calibration.formats import load_rig, save_rig
from mocap.core.errors import InputError
from mocap.gui.presenters.library.deeds import Deeds, split_tags, tagging
from mocap.gui.presenters.library.entries import read_sessions
from mocap.gui.presenters.library.importing import given, matched, size_in_words
from mocap.gui.presenters.library.library import Library
from mocap.gui.presenters.library.rigs import calibrating_with, others_calibrated
from mocap.gui.presenters.library.thumbs import Thumbnails
from mocap.gui.presenters.library.wizard import NewSession, PersonText, privacy_hint, text_of, told_of
from mocap.gui.presenters.words import Trouble
from mocap.pipeline.edits.kinds import SwapSides
from mocap.session import (
    SessionFolder,
    SessionManifest,
    TrialFolder,
    TrialManifest,
    trial_manifest,
    write_manifest,
)
from tests.conftest import ring_rig
from tests.gui.test_gui_presenters import until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two sessions of three trials; one has a calibration and a film that is gone."""
    for name, who, trials in (("a", "P01", ("walk", "run")), ("b", "P02", ("jump",))):
        session = SessionFolder(tmp_path / "data" / name)
        write_manifest(session.manifest, SessionManifest(id=name, participant=who, recorded_on=date(2026, 1, 2)))
        for trial in trials:
            videos = {"cam_1": str(tmp_path / "gone.mp4"), "cam_2": str(tmp_path / "gone_2.mp4")}
            told = TrialManifest(
                videos=videos if trial == "jump" else {}, tags=("fast",) if trial == "run" else ()
            )
            write_manifest(session.trial(trial).manifest, told)
    save_rig(ring_rig(2), SessionFolder(tmp_path / "data" / "b").rig, "anipose")
    return tmp_path / "data"


def test_states_and_steps_are_read_from_the_files(home: Path) -> None:
    a, b = read_sessions(home)
    assert {trial.name: trial.state for trial in a.trials} == {"run": "Not calibrated", "walk": "Not calibrated"}
    (jump,) = b.trials
    assert jump.state == "Videos gone"
    assert [step.state for step in jump.steps] == ["trouble", "done", "open", "open", "open"]
    assert "gone_2.mp4" in jump.steps[0].words
    edits = home / "b" / "trials" / "jump" / "edits" / "1.json"
    edits.parent.mkdir()
    chosen = SwapSides(first=0, last=3, person=0).model_dump(mode="json")
    seen = {}
    for name, text in (("none", []), ("one", [chosen])):
        edits.write_text(json.dumps({"schema_version": 1, "instants": 10, "edits": text}))
        seen[name] = read_sessions(home)[1].trials[0].steps[-1].words
    edits.write_text("{")
    broken = read_sessions(home)[1].trials[0].steps[-1]
    assert "none" in seen["none"]
    assert "not applied" in seen["one"]
    assert broken.state == "trouble"


def test_a_search_finds_trials_by_tag_and_sessions_by_participant(home: Path) -> None:
    library = Library(home)
    library.refresh()
    until(lambda: library.tick() or library.read_once)
    try:
        found = {}
        for words in ("fast", "p02", "P01 walk", "nobody"):
            library.search(words)
            found[words] = [trial.name for trial in library.rows]
        assert found == {"fast": ["run"], "p02": ["jump"], "P01 walk": ["walk"], "nobody": []}
        library.search("")
        library.sort(0, True)
        assert [session.name for session in library.sessions] == ["b", "a"]
        assert library.known_tags == ("fast",)
    finally:
        library.close()


def test_a_second_library_may_only_look_until_the_first_is_closed(home: Path) -> None:
    first, second = Library(home), Library(home)
    for library in (first, second):
        library.refresh()
        until(lambda one=library: one.tick() or one.read_once)
    try:
        assert first.writable
        assert not second.writable
        assert second.count == 3
        first.close()
        second.refresh()
        until(lambda: second.tick() or second.writable)
    finally:
        second.close()


def test_deeds_are_done_in_turn_and_refused_where_nothing_may_change(home: Path) -> None:
    trial = TrialFolder(home / "a" / "trials" / "walk")
    refused: list[Trouble] = []
    deeds = Deeds(lambda: refused[0] if refused else None, lambda folder: False)
    for tags in (("one",), ("two",), ("three",)):
        deeds.do(tagging(trial.root, tags))
    until(lambda: deeds.tick() and not deeds.at_work)
    deeds.undo()
    deeds.undo()
    until(lambda: (deeds.tick() or True) and not deeds.at_work)
    assert trial_manifest(trial).tags == ("one",)
    deeds.do(tagging(trial.root, ("other",)))
    until(lambda: (deeds.tick() or True) and not deeds.at_work)
    deeds.redo()  # there is nothing to do again after something new
    assert not deeds.at_work
    refused.append(Trouble("Only for looking.", "Close the other window."))
    deeds.undo()
    assert deeds.trouble is refused[0]
    assert trial_manifest(trial).tags == ("other",)
    deeds.close()


def test_the_form_of_a_person() -> None:
    before = SessionManifest(id="s")
    told = told_of(PersonText(" P 01 ", "2026-02-28", "a, b,a", "female", "172 cm", "64,5 kg", " good "), before)
    assert (told.participant, told.tags, told.sex) == ("P 01", ("a", "b"), "female")
    assert (told.height_m, told.mass_kg, told.notes) == (pytest.approx(1.72), 64.5, "good")
    assert told_of(text_of(told), before) == told
    assert told_of(PersonText("P", height="1.72"), before).height_m == 1.72
    for wrong in ({"day": "28.2.2026"}, {"height": "tall"}, {"height": "17"}, {"mass": "6400"}, {"mass": "inf"}):
        with pytest.raises(InputError):
            told_of(PersonText("P", **wrong), before)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "real"), [("Anna Berg", True), ("Müller, Jörg", True), ("P01", False), ("knee patient 3", False)]
)
def test_real_names_are_noticed(name: str, real: bool) -> None:
    assert privacy_hint(name)[1] is real


def test_films_go_to_cameras_and_change_places() -> None:
    a, b = Path("a.mp4"), Path("b.mp4")
    assert matched({"GOPRO_01": a, "GOPRO_02": b}, ("cam_1", "cam_2")) == {"cam_1": a, "cam_2": b}
    assert matched({"left": a, "right": b}, ("cam_1", "cam_2")) == {"cam_1": a, "cam_2": b}
    assert matched({"left": a, "right": b}, ("one", "two", "three")) == {"left": a, "right": b}
    swapped = given({"cam_1": a, "cam_2": b}, a, "cam_2")
    assert swapped == {"cam_1": b, "cam_2": a}
    assert given(swapped, a, "cam_3") == {"cam_1": b, "cam_3": a}
    assert split_tags(" a,, b ,a") == ("a", "b")
    assert (size_in_words(3_400_000_000), size_in_words(4_000_000)) == ("3.4 GB", "4 MB")


def test_the_wizard_begins_with_the_newest_calibration_and_says_what_is_missing(home: Path) -> None:
    state = NewSession(home, read_sessions(home), date(2026, 3, 4))
    try:
        assert state.draft.rig == SessionFolder(home / "b").rig
        until(lambda: state.tick() or state.cameras == ("cam_1", "cam_2"))
        assert not state.go_on()
        assert "participant" in state.trouble.what  # type: ignore[union-attr]
        state.set(person=PersonText("P03", "2026-03-04"))
        assert state.suggested == "P03_2026-03-04"
        assert not state.go_on()
        state.set(lens="file", rig_file=home / "no such file.toml")
        assert not state.go_on()
        assert state.step == 1
        state.set(lens="new")
        state.go_on()
        assert state.next_page == "calibrate"
        state.set(source="films")
        assert not state.go_on()
        assert "two videos" in state.trouble.what  # type: ignore[union-attr]
        state.set(source="later")
        assert state.go_on()
        folder, job = state.make()
        assert (folder.name, job) == ("P03_2026-03-04", None)
    finally:
        state.close()


def test_a_thumbnail_is_made_once_and_kept(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path, folder: Path) -> np.ndarray:
        made.append(path)
        if path.name == "bad.mp4":
            raise InputError("This video cannot be read.", "Copy it again.", path)
        return np.zeros((100, 160, 3), np.uint8)

    pictures = Thumbnails(tmp_path, make)
    good, bad = tmp_path / "good.mp4", tmp_path / "bad.mp4"
    assert pictures.get(good) is None
    pictures.get(bad)
    until(lambda: pictures.tick() or pictures.get(good) is not None)
    until(lambda: pictures.tick() or bad in pictures.troubles)
    assert pictures.get(bad) is None
    assert made == [good, bad]
    pictures.close()


def test_a_session_takes_the_calibration_of_another_and_gives_it_back(home: Path, tmp_path: Path) -> None:
    session, two, three = SessionFolder(home / "a"), SessionFolder(home / "b").rig, tmp_path / "three.toml"
    save_rig(ring_rig(3), three, "anipose")
    deeds = Deeds(lambda: None, lambda folder: False)

    def done() -> None:
        until(lambda: (deeds.tick() or True) and not deeds.at_work)

    assert [other.name for other in others_calibrated(read_sessions(home), session.root)] == ["b"]
    deeds.do(calibrating_with(session.root, two))
    done()
    assert load_rig(session.rig).names == load_rig(two).names
    assert deeds.show == session.root
    deeds.undo()
    done()
    assert not session.rig.exists()  # it had none before
    deeds.redo()
    done()
    first = session.rig.read_bytes()
    deeds.do(calibrating_with(session.root, three))
    done()
    assert len(load_rig(session.rig).names) == 3
    deeds.undo()
    done()
    assert session.rig.read_bytes() == first
    assert deeds.trouble is None
    deeds.do(calibrating_with(session.root, session.rig))
    done()
    assert deeds.trouble is not None
    assert session.rig.read_bytes() == first
