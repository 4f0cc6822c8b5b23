"""Detection over a whole trial, stored in parts so that it can be stopped and taken up again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mocap.capture import FrameReader, VideoInfo, images_at
from mocap.core.ahead import Ahead
from mocap.core.errors import CancelledError, SessionError
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, ImageArray, IntArray, Poses2D, SyncTable
from mocap.detect import Detector, Past, ViewDetector, ViewPoses, ViewState, all_due, fill_between, steady_sides
from mocap.detect.protocol import BoolArray
from mocap.session import RunFolder, Stored, load, save

STAGE = "detect"
# Instants per part: what a pulled plug loses, a few seconds of work.
PART_LENGTH = 64
# Instants by which one view may be ahead of another: evens out that some pictures take longer than others.
VIEWS_AHEAD = 8

Seen = tuple[list[ViewPoses], list[ViewState]]


@dataclass(frozen=True)
class _Part:
    """Detections of instants ``start`` to ``stop``, and what the detector remembers after them.

    ``past`` fields have no slots where the detector remembers no motion.
    """

    start: int
    stop: int
    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    track: IntArray
    looked: BoolArray
    roi: FloatArray
    state_track: IntArray
    next_track: IntArray
    frames_since_search: IntArray
    past_xy: FloatArray
    past_velocity: FloatArray
    past_sigma_px: FloatArray
    past_score: FloatArray
    past_age: IntArray
    past_pace: IntArray

    def states(self) -> list[ViewState]:
        """What the detector remembers of each view."""
        return [
            ViewState(roi, track, int(self.next_track[c]), int(self.frames_since_search[c]), self._past(c))
            for c, (roi, track) in enumerate(zip(self.roi, self.state_track, strict=True))
        ]

    def _past(self, view: int) -> Past | None:
        if self.past_age.size == 0:
            return None
        return Past(**{field.name: getattr(self, f"past_{field.name}")[view] for field in fields(Past)})


def detect_trial(
    videos: tuple[VideoInfo, ...],
    sync: SyncTable,
    detector: Detector,
    run: RunFolder,
    key: str,
    progress: Progress,
    cancel: CancelToken,
) -> Stored[Poses2D]:
    """Find people in every frame of every camera.

    Parts that an earlier, stopped run left behind are taken over. Memory does not depend on the length of
    the videos until the parts are joined.

    Raises
    ------
    CancelledError
        If stopped; what was done is stored.
    """
    target = run.stage("poses2d")
    if (stored := load(target, Poses2D, key)) is not None:
        return stored
    total, start, seconds = sync.t_s.shape[0], 0, 0.0
    states = [detector.initial_state() for _ in videos]
    for done in _finished_parts(run.parts, key):
        start, states, seconds = done.result.stop, done.result.states(), seconds + done.seconds
    with ExitStack() as stack:
        instants = _instants(videos, sync.frame_index[start:], detector, states, stack)
        while start < total:
            clock = time.perf_counter()
            poses: list[list[ViewPoses]] = []
            while start + len(poses) < total and len(poses) < PART_LENGTH and not cancel.cancelled:
                found, states = next(instants)
                poses.append(found)
                progress(STAGE, start + len(poses), total)
            if poses:
                part = _make_part(start, poses, states)
                took = time.perf_counter() - clock
                save(run.parts / f"{start:08d}.npz", part, key, took)
                start, seconds = part.stop, seconds + took
            if cancel.cancelled and start < total:
                raise CancelledError
    joined = _join(run.parts, key, sync, detector)
    save(target, joined, key, seconds)
    shutil.rmtree(run.parts, ignore_errors=True)
    return Stored(joined, seconds, reused=False)


def _instants(
    videos: tuple[VideoInfo, ...],
    wanted: IntArray,
    detector: Detector,
    states: list[ViewState],
    stack: ExitStack,
) -> Iterator[Seen]:
    """Detections of one instant after the other, and the states after each.

    Views that know nothing of each other are worked on side by side, so that no core waits for the slowest view
    of an instant; ``stack`` ends their threads.
    """
    views = [
        images_at(stack.enter_context(_reader(video, wanted[:, c])), wanted[:, c])
        for c, video in enumerate(videos)
    ]
    if not isinstance(detector, ViewDetector):
        return _together(detector, zip(*views, strict=True), wanted.shape[0], states)
    followed = [
        stack.enter_context(
            Ahead(_follow(detector, images, wanted.shape[0], state), VIEWS_AHEAD, f"detect {video.camera}")
        )
        for video, images, state in zip(videos, views, states, strict=True)
    ]
    return (([poses for poses, _ in each], [state for _, state in each]) for each in zip(*followed, strict=True))


def _together(
    detector: Detector, instants: Iterator[tuple[ImageArray | None, ...]], count: int, states: list[ViewState]
) -> Iterator[Seen]:
    """Show all views of an instant to the detector at once; in the last nobody is passed over."""
    for n, images in enumerate(instants):
        if n == count - 1:
            states = [all_due(state) for state in states]
        found, states = detector.detect(images, states)
        yield found, states


def _follow(
    detector: ViewDetector, images: Iterator[ImageArray | None], count: int, state: ViewState
) -> Generator[tuple[ViewPoses, ViewState], None, None]:
    """Show one view to the detector, picture by picture; in the last nobody is passed over."""
    for n, image in enumerate(images):
        found, state = detector.detect_view(image, state if n < count - 1 else all_due(state))
        yield found, state


def _reader(video: VideoInfo, wanted: IntArray) -> FrameReader:
    """Open a video at the first frame that will be asked for."""
    present = wanted[wanted >= 0]
    return FrameReader(video, int(present[0]) if present.size else 0)


def _finished_parts(folder: Path, key: str) -> Iterator[Stored[_Part]]:
    """Parts made from the same input, from the start on without a gap; one is held at a time."""
    reached = 0
    for path in sorted(folder.glob("*.npz")):
        part = load(path, _Part, key)
        if part is None or part.result.start != reached:
            return
        reached = part.result.stop
        yield part


def _make_part(start: int, poses: list[list[ViewPoses]], states: list[ViewState]) -> _Part:
    pasts = [state.past for state in states if state.past is not None]
    remembered: dict[str, Any] = {
        f"past_{field.name}": np.stack([getattr(past, field.name) for past in pasts]) if pasts else np.zeros(0)
        for field in fields(Past)
    }
    return _Part(
        start=start,
        stop=start + len(poses),
        xy=np.stack([[view.xy for view in views] for views in poses]),
        sigma_px=np.stack([[view.sigma_px for view in views] for views in poses]),
        score=np.stack([[view.score for view in views] for views in poses]),
        track=np.stack([[view.track for view in views] for views in poses]),
        looked=np.stack([[_looked(view) for view in views] for views in poses]),
        roi=np.stack([state.roi for state in states]),
        state_track=np.stack([state.track for state in states]),
        next_track=np.array([state.next_track for state in states]),
        frames_since_search=np.array([state.frames_since_search for state in states]),
        **remembered,
    )


def _looked(view: ViewPoses) -> BoolArray:
    return view.track >= 0 if view.looked is None else view.looked


def _join(folder: Path, key: str, sync: SyncTable, detector: Detector) -> Poses2D:
    """Join all parts, without the slots that nobody ever took."""
    taken = [np.flatnonzero((part.result.track >= 0).any(axis=(0, 1))) for part in _finished_parts(folder, key)]
    slots = 1 + max((int(numbers[-1]) for numbers in taken if numbers.size), default=0)
    shape = (*sync.frame_index.shape, slots, len(detector.skeleton.keypoints))
    joined = Poses2D(
        cameras=sync.cameras,
        skeleton=detector.skeleton,
        xy=np.full((*shape, 2), np.nan),
        sigma_px=np.full(shape, np.nan),
        score=np.zeros(shape),
        track=np.full(shape[:-1], -1, dtype=np.int64),
    )
    looked = np.zeros(shape[:-1], dtype=np.bool_)
    reached = 0
    for part in _finished_parts(folder, key):
        looked[part.result.start : part.result.stop] = part.result.looked[:, :, :slots]
        for name in ("xy", "sigma_px", "score", "track"):
            getattr(joined, name)[part.result.start : part.result.stop] = getattr(part.result, name)[:, :, :slots]
        reached = part.result.stop
    if reached != shape[0]:
        raise SessionError(
            f"Detections are missing from frame {reached} on: another program removed them.",
            "Run the same command again, and only once at a time.",
            folder,
        )
    joined = steady_sides(joined, looked)  # under the same name: two copies of all are enough at a time
    return fill_between(joined, looked)
