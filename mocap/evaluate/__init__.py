"""How good a result is, against known truth; no missing joint is ever left out of a figure unsaid."""

from mocap.evaluate.keypoints2d import Precision, average_precision, oks
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
    MISS_M,
    Distances,
    acceleration_error,
    align,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck,
    per_axis_rms,
)
from mocap.evaluate.recordings import Recording, read_recording
from mocap.evaluate.score import Score, evaluate

__all__ = [
    "MISS_M",
    "Distances",
    "Identities",
    "Parts",
    "Precision",
    "Recording",
    "Score",
    "acceleration_error",
    "align",
    "average_precision",
    "chosen",
    "correct_parts",
    "evaluate",
    "identities",
    "match_people",
    "mpjpe",
    "n_mpjpe",
    "oks",
    "pa_mpjpe",
    "pck",
    "per_axis_rms",
    "person_distances",
    "read_recording",
]
