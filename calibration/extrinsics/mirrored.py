"""Whether a camera that sees the target mirrored sees its back or flips its pictures.

The back of a print that shows through, or that is printed mirrored so that corners lie on corners, is as good as
the front: its corners are at the same places. A camera that flips its pictures shows a world in which left is
right, and no rig holds it. Each of the two fits the poses of the other cameras only in one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.camera import Intrinsics
from calibration.errors import CalibrationError
from calibration.extrinsics.average import Candidates, agreed, nearness
from calibration.extrinsics.boards import BoardPoses, board_poses, clean
from calibration.sightings import Sightings
from calibration.transforms import FloatArray, invert

# A camera that sees the target mirrored in at least this share of its pictures may flip them; one that sees both
# sides of it does not.
MOSTLY = 0.9

# Flipped pictures must agree with the other cameras at more instants than the pictures as they are, by this
# factor, and at no fewer than this many.
CLEARLY, FEWEST_INSTANTS = 1.5, 4
MOST_INSTANTS = 60


def check_mirrored(
    sightings: Sightings, mirrored: NDArray[np.bool_], intrinsics: Sequence[Intrinsics]
) -> tuple[str, ...]:
    """Refuse cameras that flip their pictures.

    Parameters
    ----------
    mirrored : (T, C) bool
        Where the target was seen mirrored.
    intrinsics : sequence of Intrinsics
        Of the cameras, in order.

    Returns
    -------
    Sentences for the user: that it cannot be told, if all cameras see the target mirrored.

    Raises
    ------
    CalibrationError
        Naming the cameras.
    """
    shown = np.asarray(sightings.seen.any(axis=2))
    share = (mirrored & shown).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)
    suspects = np.flatnonzero(share >= MOSTLY)
    if not len(suspects):
        return ()
    upright = np.flatnonzero(share < MOSTLY)
    if not (shown[:, upright].any()):
        return (
            "Every camera sees the target mirrored. That is right if they look at its back; if they flip their "
            "pictures instead, left and right are exchanged in all that follows.",
        )
    boards = board_poses(sightings, clean(sightings), intrinsics)
    other = _flipped(sightings, intrinsics, suspects)
    flipped = board_poses(other[0], clean(other[0]), other[1])
    culprits = []
    for c in suspects.tolist():
        as_seen, as_flipped = (
            float(np.sum([_agreement(own, boards, c, u) for u in upright.tolist()])) for own in (boards, flipped)
        )
        if as_flipped >= FEWEST_INSTANTS and as_flipped > CLEARLY * as_seen:
            culprits.append(sightings.cameras[c])
    if culprits:
        raise CalibrationError(
            f"The pictures of {', '.join(culprits)} are flipped, as in a mirror: only turned back do they agree "
            "with the other cameras.",
            "Switch the mirror image off in the camera's software, or flip the videos, also those of the session.",
        )
    return ()


def _flipped(
    sightings: Sightings, intrinsics: Sequence[Intrinsics], which: NDArray[np.intp]
) -> tuple[Sightings, tuple[Intrinsics, ...]]:
    """Turn the pictures of some cameras back, and their lenses with them."""
    xy, lenses = sightings.xy.copy(), list(intrinsics)
    for c in which:
        width = int(sightings.sizes_wh[c, 0])
        xy[:, c, :, 0] = width - 1 - xy[:, c, :, 0]
        K, dist = lenses[c].K.copy(), lenses[c].dist.copy()
        K[0, 2] = width - 1 - K[0, 2]
        if lenses[c].model == "pinhole":
            dist[3] = -dist[3]  # p2, the only coefficient that tells left from right
        lenses[c] = replace(lenses[c], K=K, dist=dist)
    return replace(sightings, xy=xy), tuple(lenses)


def _agreement(own: BoardPoses, others: BoardPoses, c: int, u: int) -> float:
    """At how many instants two cameras stand to each other as at most others."""
    both = np.flatnonzero(own.found[:, c] & others.found[:, u])
    if not len(both):
        return 0.0
    both = both[np.argsort(own.turn_sigma[both, c] + others.turn_sigma[both, u], kind="stable")[:MOST_INSTANTS]]
    first, second = own.cam_from_board[both, c], others.cam_from_board[both, u]
    poses: FloatArray = (first[:, :, None] @ invert(second)[:, None]).reshape(len(both), 4, 4, 4)
    trust = (own.trust[both, c][:, :, None] * others.trust[both, u][:, None]).reshape(len(both), 4)
    distance = float(np.median(second[:, 0, 2, 3]))
    pose, _ = agreed(Candidates(poses, trust, np.ones(len(both)), distance))
    return float((nearness(poses, pose, distance) * trust).max(axis=1).sum())
