"""The size of a rig from things of known size: a person, a wand, a board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.alignment import scale_rig
from mocap.core.errors import InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Tracks2D
from mocap.triangulate import TriangulationSettings, triangulate

# Lengths of segments between joint centres relative to the standing height: Drillis and Contini 1966, as in
# Winter, Biomechanics and Motor Control of Human Movement, figure 4.1.
SEGMENTS_OF_HEIGHT = {
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
}
# One person's share of limbs in the height differs from the mean by about so much.
HEIGHT_SIGMA = 0.03
# Longer than anybody is tall: most likely centimetres.
LONGEST_M = 3.0


@dataclass(frozen=True)
class Scale:
    """Where the size of the rig comes from: by default, from the rig itself.

    Attributes
    ----------
    height_m : float or None
        Standing height of the person, m.
    bone : (str, str) or None
        Two keypoints whose distance is known.
    bone_m : float
        That distance, m.
    wand_m : float or None
        Distance of the only two points of a file of tracked points, m.
    board : Path or None
        A recording of a board or marker of known size by the same cameras, where they stand now.
    """

    height_m: float | None = None
    bone: tuple[str, str] | None = None
    bone_m: float = float("nan")
    wand_m: float | None = None
    board: Path | None = None


KEEP = Scale()
WAYS = "keep, height=1.75, bone=left_hip-left_knee:0.43, wand=0.5 (metres) or board=FOLDER"


def parse_scale(text: str) -> Scale:
    """Read ``keep``, ``height=1.75``, ``bone=left_hip-left_knee:0.43``, ``wand=0.5`` or ``board=FOLDER``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    remedy = f"Write {WAYS}."
    kind, _, value = text.partition("=")
    if text == "keep":
        return KEEP
    try:
        if kind == "height":
            return Scale(height_m=_length(value))
        if kind == "wand":
            return Scale(wand_m=_length(value))
        if kind == "bone":
            names, _, length = value.rpartition(":")
            first, _, second = names.partition("-")
            return Scale(bone=(first, second), bone_m=_length(length))
    except ValueError as error:
        raise InputError(f"The scale '{text}' has no length: {error}.", remedy) from error
    if kind == "board" and value:
        return Scale(board=Path(value))
    raise InputError(f"The scale '{text}' is not understood.", remedy)


def on_points(scale: Scale, skeleton: Skeleton) -> Scale:
    """The scale for these points; a wand's ends are the only two.

    Raises
    ------
    InputError
        If the points it speaks of are not among them.
    """
    if scale.wand_m is not None:
        if len(skeleton.keypoints) != 2:
            raise InputError(
                f"A wand has two ends, the file has {len(skeleton.keypoints)} points.",
                "Name the two: bone=NAME-NAME:LENGTH. A wand is read from a file of tracked points (.csv).",
            )
        return Scale(bone=(skeleton.keypoints[0], skeleton.keypoints[1]), bone_m=scale.wand_m)
    if unknown := [name for name in scale.bone or () if name not in skeleton.keypoints]:
        known = ", ".join(skeleton.core)
        raise InputError(f"The skeleton has no keypoint '{unknown[0]}'.", f"Name two of: {known}.")
    limbs = {f"{side}_{joint}" for pair in SEGMENTS_OF_HEIGHT for joint in pair for side in ("left", "right")}
    if scale.height_m is not None and not limbs <= set(skeleton.keypoints):
        raise InputError("These points are of no person with a height.", "Use wand=LENGTH or bone=A-B:LENGTH.")
    return scale


def _length(text: str) -> float:
    value = float(text)
    if not 0.0 < value < LONGEST_M:
        raise ValueError(f"{text} m is no length of a person, a bone or a wand")
    return value


def sized(rig: CameraRig, tracks: Tracks2D, settings: TriangulationSettings, scale: Scale) -> CameraRig:
    """Give a rig the size by which the points are as far apart as stated; unchanged if nothing was stated."""
    if scale.height_m is None and scale.bone is None:
        return rig
    xyz = triangulate(tracks, rig, settings).xyz
    if scale.bone is not None:
        measured = median_length(xyz, tracks.skeleton, *scale.bone)
        return scale_rig(rig, measured, scale.bone_m, f"The distance {'-'.join(scale.bone)}")[0]
    assert scale.height_m is not None
    scaled, _ = scale_rig(rig, measured_height(xyz, tracks.skeleton), scale.height_m, "The person's height")
    note = f"{scaled.notes['scale']} Taken from the limbs, good to about {100 * HEIGHT_SIGMA:.0f} %."
    return replace(scaled, notes={**scaled.notes, "scale": note})


def measured_height(xyz: FloatArray, skeleton: Skeleton) -> float:
    """Height, m, of people (T, N, K, 3) of mean build with limbs as long as measured; NaN if none was."""
    lengths, shares = [], []
    for (upper, lower), share in SEGMENTS_OF_HEIGHT.items():
        for side in ("left", "right"):
            lengths.append(median_length(xyz, skeleton, f"{side}_{upper}", f"{side}_{lower}"))
            shares.append(share)
    known = np.isfinite(lengths)
    return float(np.sum(np.array(lengths)[known]) / np.sum(np.array(shares)[known])) if known.any() else np.nan


def median_length(xyz: FloatArray, skeleton: Skeleton, first: str, second: str) -> float:
    """Median distance of two keypoints of people (T, N, K, 3), m; NaN if it was never measured."""
    a, b = skeleton.index(first, second)
    length = np.linalg.norm(xyz[:, :, a] - xyz[:, :, b], axis=-1)
    known = length[np.isfinite(length)]
    return float(np.median(known)) if known.size else float("nan")
