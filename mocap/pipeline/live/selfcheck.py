"""Keeps an eye on the cameras while live capture runs, beside the poses: moved, covered, out of focus."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future

import numpy as np

from calibration import CameraRig
from mocap.capture.observer import Observer
from mocap.capture.source import Picture
from mocap.core.types import FloatArray, Frame, Poses2D, Tracks2D
from mocap.pipeline.live.drift import GLANCE_HZ, LEAST_KEYPOINTS, Drift, glance_at
from mocap.pipeline.live.events import LiveNote

# Between two looks at the views themselves, s.
LOOK_S = 1.0

MOVED = (
    "Camera '{name}' was moved: what it sees of people no longer fits what the others see. The calibration no "
    "longer holds for it."
)


class SelfCheck:
    """Looks at views and at keypoints a few times a second, in a thread beside the poses.

    Parameters
    ----------
    rig : CameraRig
    tell : callable
        Takes notes.
    observe : bool
        Whether to look at the pictures, too; a recorder of the same cameras does so itself.
    """

    def __init__(self, rig: CameraRig, tell: Callable[[LiveNote], None], observe: bool) -> None:
        self._tell, self._observe = tell, observe
        self._observers = {name: Observer(name) for name in rig.names}
        self.set_rig(rig)
        self._due_s = self._look_due_s = 0.0
        self._working: Future[None] | None = None

    def set_rig(self, rig: CameraRig) -> None:
        """Begin anew with other lenses of the same cameras."""
        self._rig = rig
        self._drift = Drift([camera.intrinsics.size_wh[0] for camera in rig.cameras])

    def problems(self, camera: str) -> tuple[str, ...]:
        """What is wrong with a camera at this moment, in sentences."""
        moved = self._drift.moved
        told = (MOVED.format(name=camera),) if moved is not None and self._rig.names[moved] == camera else ()
        return (*told, *self._observers[camera].problems)

    def look(
        self, frames: Sequence[Frame | None], seen: Poses2D | None, tracks: Tracks2D | None, worker: Executor
    ) -> None:
        """Look at an instant, if it is time and the last look is done; returns at once.

        Parameters
        ----------
        frames : sequence of Frame or None
            Pictures, in the order of the rig.
        seen : Poses2D or None
            Everybody in them, T = 1.
        tracks : Tracks2D or None
            The subject, T = N = 1.
        """
        now = time.monotonic()
        if now < self._due_s or (self._working is not None and not self._working.done()):
            return
        if self._working is not None:
            self._working.result()  # a defect shall not pass unseen
        self._due_s = now + 1.0 / GLANCE_HZ
        images: Sequence[Frame | None] = ()
        if self._observe and now >= self._look_due_s:
            self._look_due_s, images = now + LOOK_S, tuple(frames)
        self._working = worker.submit(self._work, images, self._rig, self._drift, _person(seen, tracks))

    def _work(
        self,
        frames: Sequence[Frame | None],
        rig: CameraRig,
        drift: Drift,
        person: tuple[FloatArray, FloatArray] | None,
    ) -> None:
        for frame in frames:
            if frame is not None:
                size = (frame.image.shape[1], frame.image.shape[0])
                for sentence in self._observers[frame.camera].look(Picture(0, None, size, frame.image)):
                    self._say(frame.camera, sentence)
        if person is None:
            return
        before = drift.moved
        moved = drift.look(glance_at(*person, rig))
        if before is not None and moved != before:
            self._say(rig.names[before], f"No longer: {MOVED.format(name=rig.names[before])}")
        if moved is not None and moved != before:
            self._say(rig.names[moved], MOVED.format(name=rig.names[moved]))

    def _say(self, camera: str, text: str) -> None:
        self._tell(LiveNote(time.monotonic(), camera, "look", text))


def _person(seen: Poses2D | None, tracks: Tracks2D | None) -> tuple[FloatArray, FloatArray] | None:
    """Keypoints (C, K, 2) of one person and their errors (C, K), px.

    A camera that was moved far is given nobody by association: where its view shows one person only, it is them.
    """
    if seen is None or tracks is None or tracks.xy.shape[2] != 1:
        return None
    xy, sigma = tracks.xy[0, :, 0].copy(), tracks.sigma_px[0, :, 0].copy()
    few = np.isfinite(xy).all(axis=-1).sum(axis=-1) < LEAST_KEYPOINTS
    people = np.isfinite(seen.xy[0]).all(axis=-1).any(axis=-1)
    for camera in np.flatnonzero(few & (people.sum(axis=1) == 1)):
        slot = int(np.argmax(people[camera]))
        xy[camera], sigma[camera] = seen.xy[0, camera, slot], seen.sigma_px[0, camera, slot]
    return xy, sigma
