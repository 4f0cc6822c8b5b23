"""A camera that is bumped, covered or out of focus while it records is named, and no other; nobody is in view."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.capture.events import Note, Status
from mocap.capture.feed import CameraPlan
from mocap.capture.recorder import Recorder
from mocap.capture.source import Picture
from mocap.core.types import ImageArray
from tests.cameras import FakeCamera

SIZE_WH = (640, 360)
MISHAP_AT = 25  # looks come 20 a second here, and seven show how it was
ROOM = cv2.normalize(
    cv2.GaussianBlur(np.random.default_rng(8).integers(0, 256, (400, 700, 3), dtype=np.uint8), (0, 0), 2),
    None, 40, 210, cv2.NORM_MINMAX,
)  # fmt: skip

Mishap = Callable[[ImageArray], ImageArray]


def seen(shift_px: int = 0) -> ImageArray:
    """What a camera sees of the empty room, shifted as by a turn of the camera."""
    return np.ascontiguousarray(ROOM[20:380, 30 + shift_px : 670 + shift_px])


class RoomCamera(FakeCamera):
    """Sees the room, with noise; after some pictures as its mishap makes it."""

    mishap: Mishap | None = None

    def read(self) -> Picture | None:
        shot = super().read()
        if shot is None:
            return None
        image = seen()
        if self.mishap is not None and len(self.truth) > MISHAP_AT:
            image = self.mishap(image)
        noise = np.random.default_rng(len(self.truth)).integers(-4, 5, (45, 80, 3)).repeat(8, 0).repeat(8, 1)
        noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
        return Picture(shot.arrival_ns, shot.camera_ns, SIZE_WH, noisy)


@pytest.mark.parametrize(
    ("mishap", "word"),
    [
        (lambda image: seen(3), "was moved"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 7), "out of focus"),
        (lambda image: np.full_like(image, 5), "covered"),
        (None, None),
    ],
)
def test_what_happens_to_a_camera_is_told_of_that_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mishap: Mishap | None, word: str | None
) -> None:
    monkeypatch.setattr("mocap.capture.recorder.WARM_UP_S", 0.1)
    monkeypatch.setattr("mocap.capture.recorder.LOOK_S", 0.05)
    monkeypatch.setattr("mocap.capture.recorder.STATUS_S", 0.05)
    cameras = [RoomCamera(name, rate_hz=15.0, size_wh=SIZE_WH) for name in ("left", "middle", "right")]
    cameras[1].mishap = mishap
    notes: list[Note] = []
    states: list[Status] = []
    with Recorder([CameraPlan(camera.name, camera) for camera in cameras], tmp_path) as recorder:
        recorder.events.subscribe(lambda item: notes.append(item) if isinstance(item, Note) else None)
        recorder.events.subscribe(lambda item: states.append(item) if isinstance(item, Status) else None)
        recorder.start(4.0 if word else 2.5)
        while not recorder.done and not (word and any(note.kind == "look" for note in notes)):
            time.sleep(0.01)
        recorder.stop()
    told = [note for note in notes if note.kind == "look"]
    assert [note.camera for note in told] == (["middle"] if word else [])
    if word:
        assert word in told[0].text
        assert {camera.name for camera in states[-1].cameras if camera.problems} == {"middle"}
