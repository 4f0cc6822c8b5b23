"""Cameras that misbehave under the real engine of the capture page, without a window."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.capture.addresses import SourceWishes
from mocap.core.errors import CameraError
from mocap.gui.presenters.capture.cameras import Found, remember
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.presenters.capture.links import ThreadLink
from mocap.gui.presenters.capture.sources import Overhear, Overheard
from mocap.gui.presenters.capture.words import CameraEntry
from mocap.pipeline.recording.desk import DeskState
from mocap.session import SessionManifest, read_manifest
from tests.cameras import FakeCamera
from tests.gui.test_gui_capture_known import LEFT, RIGHT, until


class Rig:
    """Fake cameras under the real engine."""

    def __init__(self, root: Path) -> None:
        self.fakes: dict[str, FakeCamera] = {}
        self.missing: set[str] = set()
        self.capturing = Capturing(root, lambda: ThreadLink(make=self.make), remember((LEFT, RIGHT)), Found)
        self.capturing.enter()
        self.capturing.set_plan(replace(self.capturing.plan, session="visit", countdown_s=0.2))

    def make(
        self, entries: Sequence[CameraEntry], wishes: SourceWishes, overhear: Overhear
    ) -> Mapping[str, Overheard]:
        for entry in entries:
            away = time.monotonic() + 3600.0 if entry.name in self.missing else 0.0
            self.fakes[entry.name] = FakeCamera(entry.name, away_until=away)
        return {entry.name: Overheard(entry.name, self.fakes[entry.name], overhear) for entry in entries}

    def waits(self, so: Callable[[], object]) -> None:
        until(lambda: self.capturing.tick() or so())

    @property
    def state(self) -> DeskState:
        return self.capturing.desk.status.state


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)
    monkeypatch.setattr("mocap.capture.recorder.LONGEST_KEY_S", 0.5)
    made = Rig(tmp_path)
    yield made
    made.capturing.leave()


def test_a_take_from_the_cameras_to_the_disk(rig: Rig, tmp_path: Path) -> None:
    capturing = rig.capturing
    rig.waits(lambda: rig.state is DeskState.READY)
    rig.waits(lambda: all(capturing.picture(slot, 0) for slot in (0, 1)))
    capturing.set_plan(replace(capturing.plan, participant="P07", duration_s=0.6))
    capturing.record()
    rig.waits(lambda: capturing.done is not None)
    assert capturing.done is not None
    assert (capturing.done.dropped, capturing.done.missing) == (0, 0)
    assert capturing.done.recorded == pytest.approx(60, abs=8)
    assert capturing.done.trial == tmp_path / "visit" / "trials" / "trial_1"
    assert read_manifest(tmp_path / "visit" / "session.toml", SessionManifest).participant == "P07"
    assert capturing.plan.trial == "trial_2"
    capturing.record()  # while the cameras are opened again: it begins once they are
    rig.waits(lambda: capturing.done is not None and capturing.done.trial.name == "trial_2")


def test_a_take_that_is_called_off_leaves_nothing(rig: Rig, tmp_path: Path) -> None:
    capturing = rig.capturing
    capturing.set_plan(replace(capturing.plan, countdown_s=30.0))
    rig.waits(lambda: rig.state is DeskState.READY)
    capturing.record()
    rig.waits(lambda: rig.state is DeskState.COUNTDOWN)
    capturing.stop()
    rig.waits(lambda: not capturing.taking)
    assert capturing.trouble is None
    assert capturing.done is None
    assert not (tmp_path / "visit" / "trials" / "trial_1").exists()


def test_one_camera_that_is_missing_does_not_hide_the_others(rig: Rig) -> None:
    rig.missing = {"left"}
    rig.capturing.compare_anew()  # opens the cameras anew
    rig.waits(lambda: "left" in rig.capturing.desk.lost and rig.state is DeskState.READY)
    rig.waits(lambda: rig.capturing.picture(1, 0) is not None)
    assert rig.capturing.health(0).level == "poor"
    assert "left" in rig.capturing.objection()
    rig.missing = set()
    rig.fakes["left"].away_until = 0.0  # plugged in
    rig.waits(lambda: not rig.capturing.desk.lost and rig.capturing.picture(0, 0) is not None)
    assert rig.capturing.objection() == ""


def test_another_program_starts_and_stops(rig: Rig) -> None:
    capturing = rig.capturing
    capturing.set_plan(replace(capturing.plan, remote="0", countdown_s=0.0))
    rig.waits(lambda: rig.state is DeskState.READY)
    capturing.record()
    rig.waits(lambda: capturing.desk.waits and capturing.desk.where)
    (url,) = re.findall(r"(http://\S+)/start", capturing.desk.where)

    def post(what: str) -> None:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/{what}", method="POST"), timeout=5) as answer:
            assert answer.status == 200

    post("start")
    rig.waits(lambda: capturing.recording)
    time.sleep(0.3)
    post("stop")
    rig.waits(lambda: capturing.done is not None)


def test_settings_go_to_the_camera_while_it_runs(rig: Rig) -> None:
    rig.waits(lambda: rig.state is DeskState.READY)
    before = rig.fakes["left"]
    entry = replace(rig.capturing.cameras.entry(0), controls=(("exposure", 50.0), ("focus", 3.0)))
    assert rig.capturing.change(entry) is None
    rig.waits(lambda: (now := rig.capturing.now(0)) is not None and now.held.get("exposure") == 50.0)
    now = rig.capturing.now(0)
    assert now is not None
    assert np.isnan(now.held["focus"])  # refused, and said
    assert rig.fakes["left"] is before


def test_a_vanished_folder_is_told(rig: Rig, tmp_path: Path) -> None:
    rig.waits(lambda: rig.state is DeskState.READY)
    (tmp_path / "visit").write_text("a file, not a folder")
    rig.capturing.record()
    rig.waits(lambda: rig.capturing.trouble is not None)
    assert not rig.capturing.taking


def test_a_full_disk_is_told_before_anything_is_recorded(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.waits(lambda: rig.state is DeskState.READY)
    monkeypatch.setattr("mocap.capture.recorder.LEAST_FREE_BYTES", 2**62)
    rig.capturing.record()
    rig.waits(lambda: rig.capturing.trouble is not None)
    assert rig.capturing.trouble is not None
    assert "full" in rig.capturing.trouble.what
    assert rig.capturing.done is None
    assert not (tmp_path / "visit" / "trials" / "trial_1").exists()


def test_a_camera_lost_in_the_middle_is_named_and_what_came_is_kept(rig: Rig) -> None:
    capturing = rig.capturing
    rig.waits(lambda: rig.state is DeskState.READY)
    capturing.record()
    rig.waits(lambda: capturing.recording)

    def unplug(number: int, camera: FakeCamera) -> None:
        raise CameraError("It was lost.", "Check the plug.")

    rig.fakes["left"].act = unplug
    rig.waits(lambda: any("left" in note.text for note in capturing.notes))
    capturing.stop()
    rig.waits(lambda: capturing.done is not None)
    assert capturing.done is not None
    assert capturing.done.recorded > 0
