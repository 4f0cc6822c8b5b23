"""Tags, names and the trash: every change is whole, and can be taken back."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mocap.core.errors import ExplainedError, SessionError
from mocap.pipeline.inputs import video_paths
from mocap.session import (
    FolderLock,
    SessionFolder,
    SessionManifest,
    Taken,
    TrialManifest,
    bring_back,
    check_name,
    in_trash,
    lock_folder,
    put_away,
    read_manifest,
    rename_trial,
    set_details,
    set_tags,
    write_manifest,
)


@pytest.fixture
def session(tmp_path: Path) -> SessionFolder:
    made = SessionFolder(tmp_path / "visit")
    write_manifest(made.manifest, SessionManifest(id="visit"))
    for camera in ("cam_1", "cam_2"):
        path = made.trial("walk").raw / f"{camera}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")
    return made


def test_tags_of_a_recorded_trial_do_not_hide_its_videos(session: SessionFolder) -> None:
    trial = session.trial("walk")
    assert set_tags(trial.root, ("barefoot", "fast")) == ()
    assert read_manifest(trial.manifest, TrialManifest).tags == ("barefoot", "fast")
    assert list(video_paths(trial.root)) == ["cam_1", "cam_2"]
    assert set_tags(session.root, ("pilot",)) == ()
    assert read_manifest(session.manifest, SessionManifest).tags == ("pilot",)
    assert set_tags(session.root, ()) == ("pilot",)


def test_a_trial_is_renamed_with_all_it_has(session: SessionFolder) -> None:
    renamed = rename_trial(session.trial("walk"), " walk barefoot ")
    assert [trial.name for trial in session.trials] == ["walk barefoot"]
    assert sorted(path.name for path in renamed.raw.iterdir()) == ["cam_1.mp4", "cam_2.mp4"]
    session.trial("run").root.mkdir()
    with pytest.raises(SessionError, match="already"):
        rename_trial(renamed, "run")


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", ".hidden", "con", "LPT1.txt", "what?", "x" * 81, "end."])
def test_names_that_some_computer_refuses(name: str) -> None:
    with pytest.raises(SessionError):
        check_name(name)


def test_the_trash_gives_everything_back(session: SessionFolder) -> None:
    root = session.root.parent
    before = sorted(path.relative_to(root) for path in root.rglob("*"))
    away = put_away(root, session.trial("walk").root)
    assert session.trials == ()
    ((path, told),) = in_trash(root)
    assert (path, told.origin) == (away, "visit/trials/walk")
    assert bring_back(root, away) == session.trial("walk").root
    after = sorted(path.relative_to(root) for path in root.rglob("*") if ".trash" not in path.parts)
    assert after == before
    assert in_trash(root) == ()


def test_what_comes_back_does_not_replace_what_is_there_by_now(session: SessionFolder) -> None:
    root = session.root.parent
    away = put_away(root, session.trial("walk").root)
    session.trial("walk").raw.mkdir(parents=True)
    assert bring_back(root, away).name == "walk-2"
    assert [trial.name for trial in session.trials] == ["walk", "walk-2"]


def test_a_folder_that_is_gone_is_told(session: SessionFolder) -> None:
    with pytest.raises(ExplainedError, match="gone"):
        put_away(session.root.parent, session.root / "trials" / "nothing")


def test_the_second_is_told_who_has_the_folder(tmp_path: Path) -> None:
    first = lock_folder(tmp_path)
    assert isinstance(first, FolderLock)
    second = lock_folder(tmp_path)
    assert isinstance(second, Taken)
    assert "process" in second.holder
    first.release()
    third = lock_folder(tmp_path)
    assert isinstance(third, FolderLock)
    third.release()


def test_the_lock_of_a_process_that_was_killed_is_recovered(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom mocap.session import lock_folder\n"
        "held = lock_folder(Path(sys.argv[1]))\nprint('held', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        taken = lock_folder(tmp_path)
        assert isinstance(taken, Taken)
        assert str(holder.pid) in taken.holder
        holder.kill()
        holder.wait()
        end = time.monotonic() + 10
        while isinstance(again := lock_folder(tmp_path), Taken):
            assert time.monotonic() < end
        again.release()


def test_what_vanished_is_not_made_anew(session: SessionFolder, tmp_path: Path) -> None:
    """As with a disk that was taken out: what is written then must not look like the data folder."""
    (tmp_path / "visit").rename(tmp_path / "elsewhere")
    for change in (
        lambda: set_tags(session.root, ("a",)),
        lambda: set_tags(session.trial("walk").root, ("a",)),
        lambda: set_details(session, SessionManifest(id="visit")),
        lambda: put_away(tmp_path, session.root),
    ):
        with pytest.raises(SessionError, match="gone"):
            change()
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
