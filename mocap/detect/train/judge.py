"""Whether a network that was taught is better, on what it was not taught with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, ImageArray, IntArray
from mocap.detect import blazepose
from mocap.detect.pool import open_network
from mocap.detect.train.examples import Examples

# A gain below this share is not worth another file of weights, even where it is sure.
LEAST_FALL = 0.02
# Instants follow each other and share their errors: they are drawn in blocks (Kuensch, Annals of Statistics 1989).
BLOCKS = 20
DRAWS = 2000
# Where a one-sided bound of 95 % lies among the draws.
BOUND = 5.0


@dataclass(frozen=True)
class Gain:
    """How the error changed.

    Attributes
    ----------
    before_px, after_px : float
        Mean distance from the labels, crop px.
    fall : float
        Share by which it fell.
    surely : float
        It fell by at least this share, with 95 % confidence.
    labels : int
    """

    before_px: float
    after_px: float
    fall: float
    surely: float
    labels: int

    @property
    def worthwhile(self) -> bool:
        """Whether to use the new network."""
        return self.surely > 0.0 and self.fall >= LEAST_FALL


def found_in(path: Path, crops: ImageArray, divide_by: float) -> tuple[FloatArray, FloatArray]:
    """Landmarks (N, 33, 2), crop px, and scores (N, 33), as the detector itself would read them from N crops."""
    network = open_network(path, blazepose.OUTPUT_SHAPES)
    size = crops.shape[1]
    # The whole crop as a picture: what is found is then in crop pixels.
    region = np.array([(size - 1) / 2.0, (size - 1) / 2.0, float(size), 0.0])
    answers = [
        blazepose.decode(network.run(blazepose.prepare(crop, region, size, divide_by)), region, size, (size, size))
        for crop in crops
    ]
    return np.stack([one.xy for one in answers]), np.stack([one.score for one in answers])


def errors(path: Path, examples: Examples, divide_by: float) -> FloatArray:
    """Distance of each keypoint from its label (N, K), crop px; NaN where there is none."""
    xy, _ = found_in(path, examples.crops, divide_by)
    off = np.linalg.norm(xy - examples.xy, axis=-1)
    return np.asarray(np.where(examples.weight > 0, off, np.nan))


def judge(before: FloatArray, after: FloatArray, instant: IntArray, seed: int = 0) -> Gain:
    """Compare the errors (N, K) of the same keypoints before and after; ``instant`` (N,) of each crop.

    Raises
    ------
    InputError
        If they share no keypoint.
    """
    both = np.isfinite(before) & np.isfinite(after)
    if not both.any():
        raise InputError("Nothing is left to prove the gain with.", "Give longer recordings, or more corrections.")
    order = np.searchsorted(np.unique(instant), instant)
    block = order * BLOCKS // (int(order.max()) + 1)
    sums = np.stack(
        [
            np.bincount(block, np.where(both, e, 0.0).sum(axis=1), BLOCKS)
            for e in (before, after, both.astype(np.float64))
        ]
    )
    sums = sums[:, sums[2] > 0]
    rng = np.random.default_rng(seed)
    drawn = sums[:, rng.integers(0, sums.shape[1], (DRAWS, sums.shape[1]))].sum(axis=2)
    total = sums.sum(axis=1)
    return Gain(
        before_px=float(total[0] / total[2]),
        after_px=float(total[1] / total[2]),
        fall=float(1.0 - total[1] / total[0]),
        # Few blocks say nothing of chance.
        surely=float(np.percentile(1.0 - drawn[1] / drawn[0], BOUND)) if sums.shape[1] > 2 else -np.inf,
        labels=int(total[2]),
    )
