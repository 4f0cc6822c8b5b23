"""How far a keypoint lies from where it should, from the score that the network gives it: the model and its fit.

For a network that gives places and scores s (BlazePose, MediaPipe's hands) the standard deviation of keypoint k in
each direction is

    sigma^2 = seen_k^2 + unseen^2 ((1 - s) / s)^(2 power)        [input px]

times the side of the crop over that of the input: errors scale with the crop down to crops of half the input's
side, where the picture has no more to give. `seen_k` is of a keypoint that the network is sure of; the odds carry
what is hidden or cut off. What is meant is the scatter about the place on the body where this network puts the
keypoint: that place's constant distance from the joint's centre is the skeleton's business (its attachments).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, IntArray
from mocap.detect.specs import Uncertainty

# A score below this says no less: nobody tells 1 % from 1 per mille by it.
LEAST_SCORE = 0.01
# Shares of a normal distribution within one and two standard deviations, percent.
ONE_SIGMA, TWO_SIGMA = 68.27, 95.45
# Degrees of freedom of the errors: heavier tails than normal ones, which hidden limbs and swapped sides make.
TAILS = 4.0
# Fewer errors of a keypoint than these do not say how well it is seen.
ENOUGH = 30
# A weak opinion on what was never seen enough: the strength of this many errors.
OPINION = 5.0
# Where the fit starts, input px of a crop of 256.
START_SEEN, START_UNSEEN, START_POWER = 1.5, 2.0, 0.33


def sigma_of(score: FloatArray, trust: Uncertainty) -> FloatArray:
    """Standard deviation (..., K), input px, of keypoints of these scores (..., K); NaN where there is none."""
    seen = np.array(trust.keypoint_px) if trust.keypoint_px else np.array(trust.floor_px)
    s = np.clip(score, LEAST_SCORE, 1.0)
    return np.asarray(np.hypot(seen, trust.unseen_px * ((1.0 - s) / s) ** trust.unseen_power))


@dataclass(frozen=True)
class Coverage:
    """Shares of errors along x and y within one and within two stated sigmas; 0.68 and 0.95 where honest."""

    one: float
    two: float
    count: int


def coverage(error: FloatArray, sigma: FloatArray) -> Coverage:
    """Compare errors (N, 2) with their sigmas (N,)."""
    known = np.isfinite(error).all(axis=-1) & np.isfinite(sigma)
    if not known.any():
        raise InputError("There is no keypoint to compare.", "Give recordings in which somebody is seen.")
    z = np.abs(error[known]) / sigma[known][:, None]
    return Coverage(float((z <= 1.0).mean()), float((z <= 2.0).mean()), int(known.sum()))


def fit_uncertainty(
    error: FloatArray, score: FloatArray, partner: IntArray, trust: Uncertainty | None = None
) -> Uncertainty:
    """Fit the model to errors that are known.

    Maximum likelihood of Student's t with few degrees of freedom (Lange, Little and Taylor, JASA 1989), which
    hidden limbs do not rule; then one factor for all, so that the shares within one and two sigmas are as near to
    those of a normal distribution as both can be.

    Parameters
    ----------
    error : (N, K, 2)
        Keypoint minus its true place, input px; NaN where the truth or the keypoint is missing.
    score : (N, K)
    partner : (K,) int
        Each keypoint's partner on the other side: both share what they have in common.
    trust : Uncertainty, optional
        What else the card says; it is kept.

    Raises
    ------
    InputError
        If there is too little to fit to.
    """
    known = np.isfinite(error).all(axis=-1) & np.isfinite(score)
    if int(known.sum()) < ENOUGH * 2:
        raise InputError("There are too few keypoints of known truth.", "Give longer films, or more of them.")
    keypoints = score.shape[1]
    first = np.minimum(np.arange(keypoints), partner)
    group = np.broadcast_to(first, score.shape)[known]
    e, s = error[known], np.clip(score[known], LEAST_SCORE, 1.0)
    log_odds = np.log(np.maximum((1.0 - s) / s, 1e-9))

    def sigma(theta: FloatArray) -> FloatArray:
        rise = np.exp(theta[-2] + np.exp(theta[-1]) * log_odds)
        return np.asarray(np.hypot(np.exp(theta[group]), rise))

    usual = np.log(START_SEEN)

    def cost(theta: FloatArray) -> float:
        each = sigma(theta)[:, None]
        likely = np.log(each) + 0.5 * (TAILS + 1.0) * np.log1p((e / each) ** 2 / TAILS)
        return float(likely.sum(axis=1).mean() + OPINION / len(e) * ((theta[:keypoints] - usual) ** 2).sum())

    start = np.concatenate([np.full(keypoints, usual), np.log([START_UNSEEN, START_POWER])])
    theta = np.asarray(minimize(cost, start, method="L-BFGS-B", options={"maxiter": 60}).x)
    z = np.abs(e) / sigma(theta)[:, None]
    factor = float(np.sqrt(np.percentile(z, ONE_SIGMA) * np.percentile(z, TWO_SIGMA) / 2.0))
    seen = factor * np.exp(theta[:keypoints][first])
    enough = np.bincount(group, minlength=keypoints)[first] >= ENOUGH
    seen[~enough] = np.median(seen[enough])
    return (trust or Uncertainty()).model_copy(
        update={
            "keypoint_px": tuple(round(float(value), 2) for value in seen),
            "unseen_px": round(factor * float(np.exp(theta[-2])), 2),
            "unseen_power": round(float(np.exp(theta[-1])), 3),
        }
    )
