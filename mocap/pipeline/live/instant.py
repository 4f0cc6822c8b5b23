"""Views of slightly different times brought to one instant, and put together for association."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray, Poses2D
from mocap.detect import ViewPoses

# Views nearer to the instant than this stay as they are, s: a hand at 1 m/s moves by 2 mm.
NEAR_S = 0.002
# Pictures farther apart than this say nothing of a speed, s.
LONGEST_STEP_S = 0.25


@dataclass(frozen=True)
class Seen:
    """What the views showed last.

    Attributes
    ----------
    t_s : (C,)
        When, s; NaN where a view has shown nothing yet.
    xy : (C, P, K, 2)
        px.
    track : (C, P) int
    """

    t_s: FloatArray
    xy: FloatArray
    track: IntArray


def nothing_seen(cameras: int, slots: int, keypoints: int) -> Seen:
    """Memory before the first frame."""
    return Seen(
        np.full(cameras, np.nan),
        np.full((cameras, slots, keypoints, 2), np.nan),
        np.full((cameras, slots), -1, dtype=np.int64),
    )


def at_one_instant(
    views: Sequence[ViewPoses], t_s: FloatArray, instant_s: float, before: Seen, cameras: tuple[str, ...],
    skeleton: Skeleton,
) -> tuple[Poses2D, Seen]:  # fmt: skip
    """Move each view's keypoints to the instant as they moved since that view's last picture.

    Moving by a share a of the step from one picture to the next widens the error of a keypoint from 1 to
    sqrt((1 + a)^2 + a^2); that is added to the stated sigma.

    Parameters
    ----------
    views : sequence of ViewPoses
    t_s : (C,)
        When each view's picture was taken, s; NaN where it has none.
    instant_s : float
        The common instant, s.
    before : Seen

    Returns
    -------
    Poses2D
        T = 1.
    Seen
    """
    xy = np.stack([view.xy for view in views])
    sigma = np.stack([view.sigma_px for view in views])
    track = np.stack([view.track for view in views])
    step = t_s - before.t_s
    ahead = instant_s - t_s
    same = (track >= 0) & (track == before.track)
    usable = (np.abs(ahead) > NEAR_S) & (step > 0.0) & (step <= LONGEST_STEP_S)
    share = np.where(usable, ahead / np.where(usable, step, 1.0), 0.0)[:, None, None] * same[..., None]
    moved = xy - before.xy
    share = np.where(np.isfinite(moved).all(axis=-1), share, 0.0)
    placed = xy + share[..., None] * np.where(np.isfinite(moved), moved, 0.0)
    wider = sigma * np.sqrt((1.0 + share) ** 2 + share**2)
    score = np.stack([view.score for view in views])
    poses = Poses2D(cameras, skeleton, placed[None], wider[None], score[None], track[None])
    shown = np.isfinite(t_s)
    seen = Seen(
        np.where(shown, t_s, before.t_s),
        np.where(shown[:, None, None, None], xy, before.xy),
        np.where(shown[:, None], track, before.track),
    )
    return poses, seen
