"""Cameras that send numbered pictures at their own pace, and a detector that knows what each must show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from calibration import CameraRig
from mocap.core.errors import CameraError
from mocap.core.progress import CancelToken, Progress
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Frame, ImageArray, Motion
from mocap.detect import Detector, ViewPoses, ViewState
from mocap.pipeline.settings import DetectSettings
from tests.factories import points_of

SIGMA_PX = 1.0


def numbered(index: int, size_wh: tuple[int, int]) -> ImageArray:
    """A picture that says which one it is."""
    image = np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    image[0, 0] = index // 256, index % 256, 1
    return image


@dataclass
class FakeCamera:
    """A camera; what goes wrong with it is said by number of the picture.

    Attributes
    ----------
    start_ns : list of int
        When the film began; shared by the cameras of a rig, set by the first that is opened.
    missing : int
        So many attempts to open it fail.
    stalls_at, ends_at : int or None
        From this picture on it hangs, or has no more.
    size_wh : callable
        Size of each picture, px.
    """

    name: str
    rate_hz: float
    count: int
    start_ns: list[int]
    missing: int = 0
    stalls_at: int | None = None
    ends_at: int | None = None
    size_wh: Callable[[int], tuple[int, int]] = lambda index: (640, 480)
    hang: threading.Event = field(default_factory=threading.Event)
    _next: int = 0

    def open(self) -> None:
        if self.missing > 0:
            self.missing -= 1
            raise CameraError(f"'{self.name}' is not plugged in.", "Plug it in.")
        if not self.start_ns:
            self.start_ns.append(time.monotonic_ns())
        now = time.monotonic_ns() - self.start_ns[0]
        self._next = max(self._next, int(now * self.rate_hz / 1e9))

    def read(self) -> Frame | None:
        index = self._next
        if index >= (self.count if self.ends_at is None else self.ends_at):
            return None
        if self.stalls_at is not None and index >= self.stalls_at:
            self.hang.wait(20.0)
            return None
        t_ns = self.start_ns[0] + round(index * 1e9 / self.rate_hz)
        if (left := t_ns - time.monotonic_ns()) > 0:
            time.sleep(left / 1e9)
        self._next += 1
        return Frame(self.name, index, t_ns, numbered(index, self.size_wh(index)))

    def close(self) -> None:
        self.hang.set()


class KnowingDetector:
    """Finds one person where the truth projects to in the picture of that number.

    Parameters
    ----------
    delay_s : float
        What each instant takes.
    spoil : callable
        Changes what is found: index of the picture and keypoints (K, 2) to keypoints.
    """

    max_people, identity = 1, "knowing"

    def __init__(
        self,
        motion: Motion,
        rig: CameraRig,
        delay_s: float = 0.0,
        spoil: Callable[[int, FloatArray], FloatArray | None] = lambda index, xy: xy,
    ) -> None:
        points = points_of(motion)
        self.skeleton: Skeleton = points.skeleton
        self.delay_s, self._spoil = delay_s, spoil
        shape = (points.xyz.shape[0], len(self.skeleton.keypoints), 2)
        flat = points.xyz[:, 0].reshape(-1, 3)
        self.xy = [camera.project(flat)[0].reshape(shape) for camera in rig.cameras]
        self._sizes = [camera.intrinsics.size_wh for camera in rig.cameras]

    def initial_state(self) -> ViewState:
        return ViewState(np.full((1, 4), np.nan), np.full(1, -1), 0, 0)

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        time.sleep(self.delay_s)
        return [self._view(c, image) for c, image in enumerate(images)], list(states)

    def _view(self, camera: int, image: ImageArray | None) -> ViewPoses:
        k = len(self.skeleton.keypoints)
        found = None
        if image is not None:
            index = int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])
            scale = image.shape[1] / self._sizes[camera][0]
            found = self._spoil(index, (self.xy[camera][index] + 0.5) * scale - 0.5)
        if found is None:
            nothing = np.full((1, k), np.nan)
            return ViewPoses(np.full((1, k, 2), np.nan), nothing, nothing, np.full(1, -1))
        sure = np.full((1, k), 0.95)
        return ViewPoses(found[None], np.full((1, k), SIGMA_PX), sure, np.zeros(1, dtype=np.int64))


def maker(*detectors: Detector) -> Callable[..., tuple[Detector, tuple[str, ...]]]:
    """Make the detector for the settings: the last ones for fewer networks to choose from."""

    def make(
        settings: DetectSettings, progress: Progress, cancel: CancelToken
    ) -> tuple[Detector, tuple[str, ...]]:
        return detectors[max(0, len(detectors) - len(settings.landmarks))], ()

    return make
