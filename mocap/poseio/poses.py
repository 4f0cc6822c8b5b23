"""From detections of elsewhere to ``Poses2D`` and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from mocap.core.errors import InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray, Poses2D
from mocap.poseio.view import View
from mocap.presets import load_skeleton, preset_names

# Files from elsewhere state no uncertainty. Keypoint networks err by about this share of the diagonal of the
# person's box (COCO's annotators by 0.5 to 2 %: cocodataset.org, "keypoint evaluation"); triangulation scales it
# to what the views show.
SIGMA_SHARE = 0.01
MIN_SIGMA_PX = 1.0
# A keypoint that the network half believes in counts as twice as uncertain, and no more than five times.
MIN_TRUST = 0.2
# Of skeletons with the same number of keypoints, the one that most programs write.
USUAL = ("coco17", "body25", "halpe26")
# How names say left, and what they would say for right.
SIDES = (
    ("left", "right"),
    ("Left", "Right"),
    (r"^l(?=[_ .-])", "r"),
    (r"^L(?=[A-Z_ .-])", "R"),
    (r"(?<=[_ .-])l$", "r"),
    (r"(?<=[_ .-])L$", "R"),
)


def to_poses(
    views: Sequence[View], skeleton: Skeleton, cameras: tuple[str, ...], frame_index: IntArray
) -> Poses2D:
    """Lay detections out at common instants.

    Parameters
    ----------
    views : sequence of View
        In the order of ``cameras``; the keypoints are those of ``skeleton``.
    skeleton : Skeleton
    cameras : tuple of str
    frame_index : (T, C) int
        Frame of each camera at each instant; -1 where there is none. Frames beyond a file's end show nobody.
    """
    slots = max((view.xy.shape[1] for view in views), default=0)
    shape = (*frame_index.shape, max(1, slots), len(skeleton.keypoints))
    xy, score = np.full((*shape, 2), np.nan), np.zeros(shape)
    track = np.full(shape[:3], -1, dtype=np.int64)
    for c, view in enumerate(views):
        rows = np.flatnonzero((frame_index[:, c] >= 0) & (frame_index[:, c] < view.xy.shape[0]))
        frames, people = frame_index[rows, c], view.xy.shape[1]
        xy[rows, c, :people] = view.xy[frames]
        score[rows, c, :people] = view.score[frames]
        track[rows, c, :people] = view.track[frames]
    return Poses2D(cameras, skeleton, xy, sigma_of(xy, score), score, track)


def sigma_of(xy: FloatArray, score: FloatArray) -> FloatArray:
    """Uncertainty (..., K), px, that keypoints (..., K, 2) with scores (..., K) are taken to have."""
    low = np.min(np.where(np.isnan(xy), np.inf, xy), axis=-2)
    high = np.max(np.where(np.isnan(xy), -np.inf, xy), axis=-2)
    size = np.linalg.norm(np.where(np.isfinite(high - low), high - low, 0.0), axis=-1, keepdims=True)
    sigma = np.maximum(SIGMA_SHARE * size, MIN_SIGMA_PX) / np.maximum(score, MIN_TRUST)
    return np.asarray(np.where(np.isnan(xy[..., 0]), np.nan, sigma))


def from_poses(poses: Poses2D) -> tuple[View, ...]:
    """Detections of each camera, ready to be written."""
    return tuple(
        View(camera, poses.skeleton.keypoints, poses.xy[:, c], poses.score[:, c], poses.track[:, c])
        for c, camera in enumerate(poses.cameras)
    )


def skeleton_of(views: Sequence[View], name: str | None = None) -> Skeleton:
    """Find the skeleton that detections are of.

    Parameters
    ----------
    views : sequence of View
    name : str, optional
        A skeleton of ``configs/skeletons``. By default the one with the same names, or the same number of
        keypoints; keypoints that have names, but no such skeleton, make one of their own without bones.

    Raises
    ------
    InputError
        If views differ, or no skeleton fits.
    """
    kinds = {view.keypoints for view in views}
    if len(kinds) != 1:
        raise InputError(
            f"Cameras were searched for different keypoints: {', '.join(str(_count(k)) for k in kinds)}.",
            "Use one model for all cameras.",
        )
    keypoints = kinds.pop()
    known = [load_skeleton(preset) for preset in sorted(preset_names("skeletons"), key=_usual_first)]
    if name is not None:
        wanted = load_skeleton(name)
        if len(wanted.keypoints) != _count(keypoints):
            raise InputError(
                f"The skeleton '{name}' has {len(wanted.keypoints)} keypoints, "
                f"the detections have {_count(keypoints)}.",
                "Name another with --skeleton.",
            )
        return wanted
    if isinstance(keypoints, tuple):
        same = [s for s in known if tuple(map(_plain, s.keypoints)) == tuple(map(_plain, keypoints))]
        return same[0] if same else own_skeleton(keypoints)
    fitting = [s for s in known if len(s.keypoints) == keypoints]
    if not fitting:
        sizes = sorted({len(s.keypoints) for s in known})
        raise InputError(
            f"No skeleton has {keypoints} keypoints (there are skeletons of {', '.join(map(str, sizes))}).",
            "Give a file with the names of the keypoints, or add a skeleton to configs/skeletons.",
        )
    return fitting[0]


def own_skeleton(keypoints: tuple[str, ...]) -> Skeleton:
    """Make a skeleton of named keypoints that nothing else is known of: no bones, no joints, no angles."""
    partners = {
        name: other
        for name in keypoints
        for left, right in SIDES
        if (other := re.sub(left, right, name)) != name and other in keypoints
    }
    return Skeleton("custom", keypoints, (), tuple(partners.items()), keypoints, (), ())


def _count(keypoints: tuple[str, ...] | int) -> int:
    return keypoints if isinstance(keypoints, int) else len(keypoints)


def _usual_first(name: str) -> tuple[int, str]:
    return (USUAL.index(name) if name in USUAL else len(USUAL), name)


def _plain(name: str) -> str:
    """Name without case and separators."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
