"""Left and right: which parts of a body a view has swapped, and which way a body faces.

A detector that sees a person from behind, or legs that cross, takes left for right: the whole body, or the legs
or the arms alone. Each view's parts are labelled by how well they fit the body that all views and the frames
before agree on; the labellings of a view are few enough to try them all.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mocap.associate.plan import BodyPlan, BoolArray
from mocap.core.types import FloatArray

ScalarT = TypeVar("ScalarT", bound=np.generic)

# A keypoint's part in the comparison: errors count in units of this, m, and no more than this many of them
# squared, so that a keypoint found somewhere else altogether decides nothing.
SIDE_SIGMA_M = 0.06
SIDE_LIMIT = 9.0


def swapped_parts(straight: FloatArray, mirrored: FloatArray, plan: BodyPlan) -> tuple[BoolArray, FloatArray]:
    """Decide which parts a view has swapped.

    Parameters
    ----------
    straight, mirrored : (..., Q)
        Misses of the core keypoints as they are named, and with left and right exchanged, m.

    Returns
    -------
    swapped : (..., F) bool
    evidence : (..., F)
        Cost of "swapped" minus cost of "right" from the part's own keypoints: negative speaks for a swap.
    """
    difference = _cost(mirrored) - _cost(straight)
    difference = np.where(np.isfinite(straight) & np.isfinite(mirrored), difference, 0.0)
    evidence = difference @ plan.core_of_part[:, :-1]
    energy = evidence @ plan.labelling.T + plan.labelling_cost
    return plan.labelling[np.argmin(energy, axis=-1)], evidence


def _cost(miss: FloatArray) -> FloatArray:
    """Half the squared error in standard deviations, bounded."""
    return np.asarray(0.5 * np.minimum(np.square(miss / SIDE_SIGMA_M), SIDE_LIMIT))


def swap(values: NDArray[ScalarT], swapped: BoolArray, plan: BodyPlan) -> NDArray[ScalarT]:
    """Exchange left and right of ``values`` (..., K, D) in the parts that are ``swapped`` (..., F)."""
    return np.where(keypoints_swapped(swapped, plan)[..., None], values[..., plan.mirror, :], values)


def keypoints_swapped(swapped: BoolArray, plan: BodyPlan) -> BoolArray:
    """Whether each keypoint (..., K) is of a part that is swapped (..., F)."""
    return np.asarray(swapped[..., np.maximum(plan.part, 0)] & (plan.part >= 0))


def facing(points: FloatArray, plan: BodyPlan) -> float:
    """Whether a body (K, 3) is put together the right way round.

    Noses are before ears and shoulders, toes before heels and ankles, and knees bend forwards; to the left of that
    is the left side. Returns the mean of the cosines that speak for it (positive) or for exchanging left and
    right (negative); 0 where nothing can be said.
    """
    at = {name: points[k] for k, name in enumerate(plan.keypoints)}
    missing = np.full(3, np.nan)

    def middle(*names: str) -> FloatArray:
        return np.asarray(np.mean([at.get(name, missing) for name in names], axis=0))

    shoulders, hips = middle("left_shoulder", "right_shoulder"), middle("left_hip", "right_hip")
    up = _unit(shoulders - hips)
    left = _unit(
        at.get("left_shoulder", missing) - at.get("right_shoulder", missing)
        if np.isfinite(shoulders).all()
        else at.get("left_hip", missing) - at.get("right_hip", missing)
    )
    forward = np.cross(left, up)
    clues = [middle("nose") - middle("left_ear", "right_ear")]
    for side in ("left", "right"):
        ankle, knee, hip = (at.get(f"{side}_{joint}", missing) for joint in ("ankle", "knee", "hip"))
        heel = at.get(f"{side}_heel", ankle)
        clues += [at.get(f"{side}_foot_index", at.get(f"{side}_big_toe", missing)) - heel]
        clues += [knee - 0.5 * (ankle + hip)]
    strong = [clue for clue in clues if np.linalg.norm(clue) > SIDE_SIGMA_M]
    cosines = [float(_unit(clue) @ forward) for clue in strong]
    known = [value for value in cosines if np.isfinite(value)]
    return float(np.mean(known)) if known else 0.0


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))
