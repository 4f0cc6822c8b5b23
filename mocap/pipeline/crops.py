"""Crops of people whose keypoints are known, cut as the detector cuts them, with the keypoints as labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mocap.capture import VideoInfo, read_frames
from mocap.core.progress import CancelToken, Progress
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, ImageArray
from mocap.detect import blazepose
from mocap.detect.cards import ModelCard
from mocap.detect.crop import cut, to_crop, upright_region
from mocap.detect.pool import Network
from mocap.detect.tracker import usable_region
from mocap.detect.train.examples import Examples

# The first crop over the distance of the farthest keypoint from the hips: the network's own circle around the body
# lies a little beyond them. It only has to hold the body; the crop that is kept is the one that the network asks
# for.
FIRST_RADIUS = 1.15


@dataclass(frozen=True)
class Labelled:
    """One person in one picture.

    Attributes
    ----------
    frame, instant : int
        Of the video, and common to all views.
    around : (K, 2)
        About where the person is, px.
    xy : (L, 2)
        Labels, px; NaN where there is none.
    weight : (L,)
    """

    frame: int
    instant: int
    around: FloatArray
    xy: FloatArray
    weight: FloatArray


def cut_examples(
    video: VideoInfo,
    view: int,
    people: Sequence[Labelled],
    card: ModelCard,
    network: Network,
    skeleton: Skeleton,
    progress: Progress,
    cancel: CancelToken,
) -> Examples:
    """Cut the crops that the network itself would be shown of people in one video, with their labels.

    Whoever it would not be shown, being too small or out of the picture, is left out.
    """
    size = card.input.size_px
    kept: list[tuple[ImageArray, FloatArray, FloatArray, int]] = []
    by_frame: dict[int, list[Labelled]] = {}
    for one in people:
        by_frame.setdefault(one.frame, []).append(one)
    for done, (frame, image) in enumerate(_pictures(video, sorted(by_frame))):
        cancel.check()
        progress(f"crops of {video.camera}", done, len(by_frame))
        for one in by_frame[frame]:
            region = _region(image, one.around, card, network, skeleton)
            if region is not None:
                kept.append((cut(image, region, size), to_crop(one.xy, region, size), one.weight, one.instant))
    progress(f"crops of {video.camera}", len(by_frame), len(by_frame))
    labels = people[0].xy.shape[0] if people else len(skeleton.keypoints)
    return Examples(
        crops=np.stack([k[0] for k in kept]) if kept else np.zeros((0, size, size, 3), np.uint8),
        xy=np.stack([k[1] for k in kept]) if kept else np.zeros((0, labels, 2)),
        weight=np.stack([np.where(np.isfinite(k[1]).all(axis=1), k[2], 0.0) for k in kept])
        if kept
        else np.zeros((0, labels)),
        instant=np.array([k[3] for k in kept], dtype=np.int64),
        view=np.full(len(kept), view, dtype=np.int64),
    )


def _pictures(video: VideoInfo, frames: list[int]) -> Iterable[tuple[int, ImageArray]]:
    """Give the wanted frames of a video, in order."""
    wanted = set(frames)
    if not wanted:
        return
    for frame in read_frames(video, frames[0], frames[-1] + 1):
        if frame.index in wanted:
            yield frame.index, frame.image


def _region(
    image: ImageArray, xy: FloatArray, card: ModelCard, network: Network, skeleton: Skeleton
) -> FloatArray | None:
    """Crop that the network asks for after a first look at the person; None where it makes no sense."""
    hips = xy[list(skeleton.index("left_hip", "right_hip"))].mean(axis=0)
    shoulders = xy[list(skeleton.index("left_shoulder", "right_shoulder"))].mean(axis=0)
    away = np.linalg.norm(xy - hips, axis=1)
    if not np.isfinite([*hips, *shoulders]).all():
        return None
    wh, size = (image.shape[1], image.shape[0]), card.input.size_px
    first = upright_region(hips, shoulders, FIRST_RADIUS * float(np.nanmax(away)), blazepose.SIDE_PER_RADIUS)
    if not usable_region(first, wh):
        return None
    outputs = network.run(blazepose.prepare(image, first, size, card.input.divide_by))
    found = blazepose.decode(outputs, first, size, wh)
    return found.next_region if usable_region(found.next_region, wh) else None
