"""All measures of one recording against its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mocap.core.errors import InputError
from mocap.core.mapping import KeypointMap, KeypointRules, build_map, map_points
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray
from mocap.evaluate.people import (
    Identities,
    Parts,
    chosen,
    correct_parts,
    identities,
    match_people,
    person_distances,
)
from mocap.evaluate.positions import (
    Distances,
    acceleration_error,
    align,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck,
    per_axis_rms,
)
from mocap.evaluate.recordings import Recording, at_instants
from mocap.presets import presets_dir, read_toml

Alignment = Literal["none", "rigid", "similarity"]

# Percentage of correct keypoints is given at these distances, m.
PCK_M = (0.05, 0.1, 0.15)
# The parts of the body that are counted, each end the mean of the joints named: those of the Campus and Shelf
# benchmarks.
PARTS = {
    "head": (("left_ear", "right_ear"), ("left_shoulder", "right_shoulder")),
    "torso": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    "left_upper_arm": (("left_shoulder",), ("left_elbow",)),
    "right_upper_arm": (("right_shoulder",), ("right_elbow",)),
    "left_lower_arm": (("left_elbow",), ("left_wrist",)),
    "right_lower_arm": (("right_elbow",), ("right_wrist",)),
    "left_upper_leg": (("left_hip",), ("left_knee",)),
    "right_upper_leg": (("right_hip",), ("right_knee",)),
    "left_lower_leg": (("left_knee",), ("left_ankle",)),
    "right_lower_leg": (("right_knee",), ("right_ankle",)),
}


@dataclass(frozen=True)
class Score:
    """All measures; see the functions of this package for their definitions.

    Attributes
    ----------
    joints : tuple of str
        The K joints that were compared.
    unmapped : tuple of str
        Joints of the truth that the recording's kind of skeleton does not have; these are not compared.
    instants, people : int
    mpjpe, pa_mpjpe, n_mpjpe : Distances
    axis_rms_m : (K, 3)
    pck : dict
        Share of correct keypoints by distance, m.
    parts : Parts or None
        None where the joints make no part of the body.
    part_names : tuple of str
    acceleration_m_s2, acceleration_missing : float
    identities : Identities
    """

    joints: tuple[str, ...]
    unmapped: tuple[str, ...]
    instants: int
    people: int
    mpjpe: Distances
    pa_mpjpe: Distances
    n_mpjpe: Distances
    axis_rms_m: FloatArray
    pck: dict[float, float]
    parts: Parts | None
    part_names: tuple[str, ...]
    acceleration_m_s2: float
    acceleration_missing: float
    identities: Identities


def evaluate(
    found: Recording,
    truth: Recording,
    joints: tuple[str, ...] | None = None,
    alignment: Alignment = "none",
    offset_s: float = 0.0,
) -> Score:
    """Compare a recording with the truth.

    Compared is at the instants of whichever is slower, over the whole time of the truth: where the recording
    has ended, everybody is missed. People are matched anew at each instant; identities are judged apart.

    Parameters
    ----------
    found, truth : Recording
    joints : tuple of str, optional
        Joints of the truth to compare; all that the recording can have if not given.
    alignment : {"none", "rigid", "similarity"}
        Whether one motion of the whole recording onto the truth is taken out first, for worlds that differ.
    offset_s : float
        The recording's clock minus that of the truth, s.

    Raises
    ------
    InputError
        If no joint can be compared.
    """
    how = _joint_map(found.names, joints or truth.names)
    unknown = [name for name in how.target.keypoints if name not in truth.names]
    usable = [name for name in how.target.keypoints if name not in how.unmapped]
    if unknown or not usable:
        raise InputError(
            f"The truth has no joint '{unknown[0]}'." if unknown else "The two have no joint in common.",
            f"The recording has {', '.join(found.names[:40])}; the truth has {', '.join(truth.names[:40])}.",
        )
    rows = [how.target.keypoints.index(name) for name in usable]
    t_s = _instants(found, truth, offset_s)
    positions = map_points(at_instants(found, t_s + offset_s), how)[:, :, rows]
    true = at_instants(truth, t_s)[:, :, [truth.names.index(name) for name in usable]]
    if alignment != "none":
        positions = _aligned(positions, true, alignment == "similarity")
    matched = chosen(positions, match_people(person_distances(positions, true)))
    part_names, parts = _parts(tuple(usable))
    period = float(np.median(np.diff(t_s))) if t_s.shape[0] > 1 else float("nan")
    acceleration, unaccelerated = acceleration_error(matched, true, 1.0 / period)
    return Score(
        joints=tuple(usable),
        unmapped=how.unmapped,
        instants=t_s.shape[0],
        people=true.shape[1],
        mpjpe=mpjpe(matched, true),
        pa_mpjpe=pa_mpjpe(matched, true),
        n_mpjpe=n_mpjpe(matched, true),
        axis_rms_m=per_axis_rms(matched, true),
        pck={distance: pck(matched, true, distance) for distance in PCK_M},
        parts=correct_parts(matched, true, parts) if parts else None,
        part_names=part_names,
        acceleration_m_s2=acceleration,
        acceleration_missing=unaccelerated,
        identities=identities(positions, true),
    )


def _joint_map(names: tuple[str, ...], wanted: tuple[str, ...]) -> KeypointMap:
    """How the wanted joints are had from those that are there."""
    table = read_toml(presets_dir() / "keypoint_rules.toml")
    # Only what is the same or so by definition: what is merely near would count as an error of the recording.
    rules = KeypointRules(derived=table["derived"], near={})
    return build_map(_bare("found", names), _bare("truth", wanted), rules)


def _bare(name: str, keypoints: tuple[str, ...]) -> Skeleton:
    return Skeleton(name, keypoints, bones=(), mirror=(), core=(), angles=(), joints=())


def _instants(found: Recording, truth: Recording, offset_s: float) -> FloatArray:
    """Instants at which both are compared, on the truth's clock."""
    if not found.rate_hz < 0.99 * truth.rate_hz:
        return truth.t_s
    # The recording's own instants, and its rate continued where it has none, over the time of the truth.
    own, period = found.t_s - offset_s, 1.0 / found.rate_hz
    before = np.arange(own[0] - period, truth.t_s[0] - 1e-9, -period)[::-1]
    after = np.arange(own[-1] + period, truth.t_s[-1] + 1e-9, period)
    every = np.concatenate([before, own, after])
    return np.asarray(every[(every >= truth.t_s[0] - 1e-9) & (every <= truth.t_s[-1] + 1e-9)])


def _aligned(found: FloatArray, truth: FloatArray, scale: bool) -> FloatArray:
    """Move all people at all instants onto the truth by one motion.

    Who is who is not known before the worlds agree, so this needs the same people in the same order.
    """
    if found.shape[1] != truth.shape[1]:
        raise InputError(
            f"The recording has {found.shape[1]} people and the truth {truth.shape[1]}: their worlds cannot be "
            "brought together.",
            "Compare without alignment, or give the same people in the same order.",
        )
    moved = align(found.reshape(1, -1, 3), truth.reshape(1, -1, 3), scale)
    return np.asarray(moved.reshape(found.shape))


def _parts(joints: tuple[str, ...]) -> tuple[tuple[str, ...], list[tuple[FloatArray, FloatArray]]]:
    """The parts of the body that these joints make, as weights of their ends."""

    def end(names: tuple[str, ...]) -> FloatArray:
        return np.isin(joints, names) / len(names)

    kept = {name: ends for name, ends in PARTS.items() if all(joint in joints for one in ends for joint in one)}
    return tuple(kept), [(end(start), end(stop)) for start, stop in kept.values()]
