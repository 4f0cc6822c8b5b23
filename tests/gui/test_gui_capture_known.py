"""What the capture page knows and decides, without a window; cameras are fakes or films."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from mocap.capture.events import CameraState, CameraStatus
from mocap.capture.watch import SENTENCES
from mocap.core.errors import InputError, StorageError
from mocap.core.types import ImageArray
from mocap.gui.presenters.capture.cameras import (
    Found,
    FoundCamera,
    entries_of,
    health,
    no_settings,
    recall,
    remember,
    why_not_open,
)
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.presenters.capture.links import Memory
from mocap.gui.presenters.capture.live import bones_of
from mocap.gui.presenters.capture.plan import hand_to_calibration, next_name, room_for, usual_session
from mocap.gui.presenters.capture.targets import LiveView, Target
from mocap.gui.presenters.capture.words import (
    CameraEntry,
    DeskNow,
    Gone,
    LiveBegins,
    LiveNow,
    LivePose,
    Order,
    Reached,
    Take,
    TakeFailed,
    Tiding,
    Watch,
)
from mocap.gui.presenters.words import Trouble
from mocap.pipeline.live import parse_target
from mocap.pipeline.recording.desk import DeskState, DeskStatus
from tests.cameras import write_film

LEFT = CameraEntry(0, "usb:0", "left", "usb")
RIGHT = CameraEntry(1, "rtsp://10.0.0.7/live", "right", "network")
READY = DeskNow(DeskStatus(DeskState.READY))


def status(name: str = "left", **known: object) -> CameraStatus:
    now = CameraStatus(name, CameraState.READY, (640, 480), 30.0, 0, {}, 0, 0.0, 1.0, 0.5, ())
    return replace(now, **known)  # type: ignore[arg-type]


@dataclass
class FakeLink:
    """Takes orders down and tells what the test writes."""

    orders: list[Order] = field(default_factory=list)
    told: list[Tiding] = field(default_factory=list)
    closed: bool = False

    def order(self, order: Order) -> None:
        self.orders.append(order)

    def poll(self) -> tuple[Tiding, ...]:
        told, self.told = tuple(self.told), []
        return told

    def picture(self, slot: int, after: int) -> tuple[int, ImageArray] | None:
        return None

    def close(self) -> None:
        self.closed = True


def until(so: Callable[[], object], limit_s: float = 45.0) -> None:
    end = time.monotonic() + limit_s
    while not so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def capturing(link: FakeLink, tmp_path: Path) -> Iterator[Capturing]:
    made = Capturing(tmp_path, lambda: link, remember((LEFT, RIGHT)), Found)
    made.enter()
    made.set_plan(replace(made.plan, session="visit"))
    link.told.append(READY)
    made.tick()
    yield made
    made.leave()


def test_the_list_is_found_again_and_nonsense_is_left_out() -> None:
    entry = replace(LEFT, rotation_deg=90, size_wh=(1280, 720), rate_hz=60.0, controls=(("gain", 4.0),))
    assert recall(remember((entry, RIGHT))) == (entry, RIGHT)
    assert recall("") == recall("{") == recall('[{"slot": 1}, 7]') == ()
    assert recall(remember((LEFT, replace(RIGHT, slot=0)))) == (LEFT,)


def test_what_a_user_gives_becomes_cameras(tmp_path: Path) -> None:
    film = write_film(tmp_path / "side.mp4", 5)
    (made,) = entries_of(str(film), (3,))
    assert (made.slot, made.name, made.kind, made.address) == (3, "side", "film", str(film))
    (named,) = entries_of("front=rtsp://anna:secret@10.0.0.7/live?x=1", (0,))
    assert (named.name, named.address) == ("front", "rtsp://anna:secret@10.0.0.7/live?x=1")
    studio = entries_of("studio:sample", tuple(range(4)))
    assert [entry.name for entry in studio] == ["cam_1", "cam_2", "cam_3", "cam_4"]
    with pytest.raises(InputError, match="too many"):
        entries_of("studio:sample", (0, 1))
    with pytest.raises(InputError, match="no camera"):
        entries_of(str(tmp_path / "gone.mp4"), (0,))
    assert no_settings(LEFT) == ""
    assert "app" in no_settings(RIGHT)


@pytest.mark.parametrize(
    ("now", "level", "words"),
    [
        (status(), "good", "Good"),
        (status(state=CameraState.LOST), "poor", "No connection"),
        (status(state=CameraState.STALLED), "poor", "Sends nothing"),
        (status(problems=(SENTENCES["dark"].format(name="left"),)), "care", "Too dark"),
        (status(problems=(SENTENCES["bumped"].format(name="left"),), missing=2), "poor", "Was moved"),
        (status(dropped={"late": 3}, missing=2), "poor", "3 dropped"),
        (status(problems=(SENTENCES["unfocused"].format(name="left"),), dropped={"late": 1}), "poor", "1 dropped"),
        (status(missing=2), "care", "2 missing"),
        (status(rate_hz=20.0), "care", "Slow"),
        (status(jitter_s=0.02), "care", "Uneven times"),
        (None, "waiting", "Opening …"),
    ],
)
def test_health_is_the_worst_that_is_known(now: CameraStatus | None, level: str, words: str) -> None:
    found = health(now, asked_hz=30.0)
    assert (found.level, found.words) == (level, words)
    assert found.symbol == {"good": "✓", "care": "!", "poor": "✕", "waiting": "…"}[level]


def test_a_camera_that_does_not_open_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = Trouble("Camera usb:0 cannot be opened.", "Check.")
    assert why_not_open(RIGHT, said) == said
    monkeypatch.setattr("mocap.gui.presenters.capture.cameras.platform.system", lambda: "Linux")
    monkeypatch.setattr("mocap.gui.presenters.capture.cameras.Path", lambda name: tmp_path / Path(name).name)
    assert "not plugged in" in why_not_open(LEFT, said).what
    (tmp_path / "video0").touch()
    assert "Another program" in why_not_open(LEFT, said).what
    monkeypatch.setattr("mocap.gui.presenters.capture.cameras.os.access", lambda path, mode: False)
    assert "group 'video'" in why_not_open(LEFT, said).remedy


def test_names_count_on() -> None:
    assert next_name("walk", frozenset()) == "walk"
    assert next_name("walk", frozenset({"walk"})) == "walk_2"
    assert next_name("walk_9", frozenset({"walk_9", "walk_10"})) == "walk_11"
    assert next_name("Walk_1", frozenset({"walk_1"})) == "Walk_2"
    assert next_name("7", frozenset({"7"})) == "7_2"


def test_a_recording_is_ordered_told_and_followed_by_the_next(
    capturing: Capturing, link: FakeLink, tmp_path: Path
) -> None:
    capturing.set_plan(replace(capturing.plan, trial="walk_1", participant="P07", duration_s=5.0))
    assert capturing.objection() == ""
    capturing.record()
    capturing.record()
    (order,) = (order for order in link.orders if isinstance(order, Take))
    assert (order.session, order.trial, order.participant) == (tmp_path / "visit", "walk_1", "P07")
    assert (order.duration_s, order.countdown_s) == (5.0, 3.0)
    assert capturing.change(replace(LEFT, name="other")) is not None  # not while it records
    link.told.append(DeskNow(DeskStatus(DeskState.RECORDING, elapsed_s=1.0)))
    capturing.tick()
    assert capturing.recording
    (tmp_path / "visit" / "trials" / "walk_1").mkdir(parents=True)
    link.told.append(TakeFailed(Trouble("The disk is full.", "Free some."), tmp_path / "walk_1"))
    capturing.tick()
    assert not capturing.taking
    assert capturing.trouble is not None
    assert capturing.done is not None
    assert capturing.done.trial == tmp_path / "walk_1"
    assert capturing.plan.trial == "walk_2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"session": ""}, "session"),
        ({"session": "../up"}, "session"),
        ({"trial": "a b"}, "Name the trial"),
        ({"trial": "There"}, "already"),
    ],
)
def test_what_stands_in_the_way_is_said(
    change: dict[str, object], words: str, capturing: Capturing, tmp_path: Path
) -> None:
    (tmp_path / "visit" / "trials" / "there").mkdir(parents=True)
    capturing.look_at_disk()
    capturing.set_plan(replace(capturing.plan, **change))  # type: ignore[arg-type]
    if change.get("trial") == "There":
        capturing.plan = replace(capturing.plan, trial="There")
    assert words in capturing.objection()
    capturing.record()
    assert not capturing.taking


def test_a_lost_camera_is_named_before_anything_is_recorded(capturing: Capturing, link: FakeLink) -> None:
    link.told.append(replace(READY, lost={"right": Trouble("It was lost.", "Check the cable.")}))
    capturing.tick()
    assert "right" in capturing.objection()
    assert capturing.health(1).level == "poor"


def test_cameras_are_let_go_when_nobody_looks_unless_they_are_needed(capturing: Capturing, link: FakeLink) -> None:
    capturing.record()
    capturing.away()
    assert not any(isinstance(order, Watch) and not order.cameras for order in link.orders)
    link.told.append(TakeFailed(None))
    capturing.tick()
    assert link.orders[-1] == Watch((), capturing.root)
    capturing.enter()
    assert isinstance(link.orders[-1], Watch)
    assert len(link.orders[-1].cameras) == 2


def test_a_process_that_died_is_told_of_and_started_again(capturing: Capturing, link: FakeLink) -> None:
    capturing.record()
    link.told.append(Gone())
    capturing.tick()
    assert capturing.trouble == Gone().trouble
    assert not capturing.taking
    assert link.closed
    link.told.append(Gone())  # at once again: no second attempt, which would go on for ever
    asked = len(link.orders)
    capturing.tick()
    assert len(link.orders) == asked


def test_names_of_cameras_are_checked(capturing: Capturing) -> None:
    assert capturing.change(replace(LEFT, name="RIGHT")) is not None
    assert capturing.change(replace(LEFT, name="a/b")) is not None
    assert capturing.change(replace(LEFT, name="front", rotation_deg=90)) is None
    assert capturing.cameras.entry(0).rotation_deg == 90


def test_cameras_that_are_plugged_in_are_offered_once(link: FakeLink, tmp_path: Path) -> None:
    found = Found((FoundCamera("usb:0", "C920", "s1"), FoundCamera("usb:2", "C270", "s2")), ("Two alike.",))
    capturing = Capturing(tmp_path, lambda: link, remember((LEFT,)), lambda: found)
    capturing.enter()
    until(lambda: capturing.tick() or capturing.cameras.found is found)
    assert [camera.name for camera in capturing.cameras.offered] == ["C270"]
    capturing.cameras.add("usb:0")
    until(lambda: capturing.tick() or not capturing.cameras.working)
    assert len(capturing.entries) == 1
    capturing.cameras.add("nonsense:7")
    until(lambda: capturing.tick() or capturing.cameras.trouble is not None)
    capturing.leave()


def test_targets_read_as_live_capture_reads_them() -> None:
    hold, count = Target("left_knee_flexion", 80.0, 100.0), Target("left_knee_flexion", float("nan"), 30.0)
    assert parse_target(hold.text) == parse_target("left_knee_flexion:80:100")
    assert parse_target(count.text) == parse_target("left_knee_flexion:30")
    live = LiveView()
    live.begin(Path("rig.toml"), (hold.text,))
    assert "networks" in live.words
    live.take_in(LiveBegins(((0, 1),), (0,), ("left_knee_flexion",)))
    live.take_in(LivePose(0, np.zeros((2, 2, 3)), (91.0,)))
    live.take_in(LiveNow("running", 14.6, "lite", 2, 56.0, 178.0))
    live.take_in(Reached("left_knee_flexion", "entered", 91.0, 1))
    assert live.angle_deg("left_knee_flexion") == 91.0
    assert np.isnan(live.angle_deg("right_knee_flexion"))
    assert live.progress["left_knee_flexion"].inside
    assert live.beeps == 1
    live.take_in(Reached("left_knee_flexion", "left", 70.0, 1))
    assert not live.progress["left_knee_flexion"].inside
    assert live.beeps == 1
    assert live.bones[0].shape == (2, 2, 3)
    assert "95 % within 178 ms" in live.words


def test_sides_of_bones() -> None:
    from mocap.presets import load_skeleton

    skeleton = load_skeleton("blazepose33")
    bones, sides = bones_of(skeleton)
    knee = skeleton.keypoints.index("left_knee")
    assert {side for bone, side in zip(bones, sides, strict=True) if knee in bone} == {0}


def test_pictures_cross_in_shared_memory() -> None:
    memory = Memory()
    assert memory.get(2, 0) is None
    for number in (1, 2, 3):
        memory.put(2, np.full((40, 60, 3), number, np.uint8))
    taken = memory.get(2, 0)
    assert taken is not None
    assert (taken[0], taken[1].shape, int(taken[1].max())) == (3, (40, 60, 3), 3)
    assert memory.get(2, 3) is None
    assert memory.get(1, 0) is None
    memory.put(2, np.zeros((4000, 4000, 3), np.uint8))  # larger than its place: left out
    assert memory.get(2, 3) is None


def test_a_recording_is_never_offered_to_a_session_of_another_day(tmp_path: Path) -> None:
    from datetime import date, timedelta

    today = date.today()
    assert usual_session(tmp_path, today) == f"{today:%Y-%m-%d}"
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "session.toml").write_text('id = "anna"\n')
    assert usual_session(tmp_path, today) == "anna"
    tomorrow = today + timedelta(days=1)
    assert usual_session(tmp_path, tomorrow) == f"{tomorrow:%Y-%m-%d}"


def test_a_film_of_a_board_is_put_beside_the_calibration(tmp_path: Path) -> None:
    for count in (1, 2):
        raw = tmp_path / "visit" / "trials" / "calibration_1" / "raw"
        raw.mkdir(parents=True)
        (raw / f"take_{count}.mp4").touch()
        assert hand_to_calibration(raw.parent) == tmp_path / "visit"
    place = tmp_path / "visit" / "calibration"
    assert (place / "videos" / "take_2.mp4").is_file()
    assert (place / "videos-1" / "take_1.mp4").is_file()
    with pytest.raises(StorageError):
        hand_to_calibration(tmp_path / "visit" / "trials" / "gone")


def test_room_is_told_of_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    assert room_for(tmp_path / "a" / "b").free_bytes > 0
