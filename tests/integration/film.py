"""A small recording made on the spot, and a detector that knows what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from calibration import CameraRig
from calibration.formats import save_rig
from mocap.core.progress import CancelToken, Progress
from mocap.core.skeleton import Skeleton
from mocap.core.types import ImageArray
from mocap.detect import Detector, ViewPoses, ViewState
from mocap.pipeline.settings import DetectSettings
from mocap.presets import load_skeleton
from tests.conftest import ring_rig
from tests.factories import make_motion, points_of

RATE_HZ = 30
SKELETON = load_skeleton("blazepose33")


def write_video(path: Path, frames: int, size_wh: tuple[int, int] = (640, 480), rate_hz: int = RATE_HZ) -> None:
    """A grey film with a moving bar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate_hz, options={"preset": "ultrafast"})
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        for i in range(frames):
            image = np.full((size_wh[1], size_wh[0], 3), 90, dtype=np.uint8)
            image[:, (4 * i) % size_wh[0] :][:, :20] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def make_recording(folder: Path, frames: int = 40, cameras: int = 4) -> CameraRig:
    """Videos of all cameras and their calibration in ``folder``; returns the rig."""
    rig = ring_rig(cameras)
    for camera in rig.cameras:
        write_video(folder / f"{camera.name}.mp4", frames)
    save_rig(rig, folder / "calibration.toml", "anipose")
    return rig


def walking(frames: int) -> np.ndarray:
    """A person of 33 keypoints (T, 33, 3), m, stiff in the middle of a step, who sways."""
    person = points_of(make_motion(1)).xyz[0, 0]
    shape = person - [*person[:, :2].mean(axis=0), 0.0]
    sway = 0.2 * np.sin(2 * np.pi * np.arange(frames) / 40)
    return shape[None] + sway[:, None, None] * np.array([1.0, 0.5, 0.0])


@dataclass(frozen=True)
class KnowingDetector:
    """Projects a known figure instead of looking; counts its frames in the state, as real ones do.

    Attributes
    ----------
    calls : list of int
        The frame of every call, appended to.
    late : tuple of float
        How many frames late each camera takes its pictures; none by default.
    """

    rig: CameraRig
    xyz: np.ndarray
    calls: list[int]
    noise_px: float = 1.0
    identity: str = "knowing 1"
    late: tuple[float, ...] = ()

    @property
    def skeleton(self) -> Skeleton:
        return SKELETON

    @property
    def max_people(self) -> int:
        return 2

    def initial_state(self) -> ViewState:
        return ViewState(np.full((2, 4), np.nan), np.full(2, -1, dtype=np.int64), 0, 0)

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        frame = states[0].frames_since_search
        self.calls.append(frame)
        found = []
        for camera, image in zip(self.rig.cameras, images, strict=True):
            xy = np.full((2, 33, 2), np.nan)
            if image is not None and len(self.xyz):
                noise = np.random.default_rng([frame, len(found)]).normal(size=(33, 2)) * self.noise_px
                xy[0] = camera.project(self._figure(frame, len(found)))[0] + noise
            seen = np.isfinite(xy[..., 0])
            track = np.where(seen.any(axis=1), 0, -1)
            found.append(ViewPoses(xy, np.where(seen, 2.0, np.nan), np.where(seen, 0.9, 0.0), track))
        return found, [replace(state, frames_since_search=frame + 1) for state in states]

    def _figure(self, frame: int, camera: int) -> np.ndarray:
        """The figure (33, 3) when this camera takes its picture."""
        when = min(frame + (self.late[camera] if self.late else 0.0), len(self.xyz) - 1.0)
        before = min(int(when), len(self.xyz) - 2)
        share = when - before
        return np.asarray((1 - share) * self.xyz[before] + share * self.xyz[before + 1])

    def __call__(
        self, settings: DetectSettings, progress: Progress, cancel: CancelToken
    ) -> tuple[Detector, tuple[str, ...]]:
        """Stand in for the function that makes the detector."""
        return self, ()
