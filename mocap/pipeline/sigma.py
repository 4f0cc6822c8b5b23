"""How far a network's keypoints scatter, learned from films of known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocap.core.body import body_size, rotate, segments
from mocap.core.errors import InputError, ModelError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Points3D
from mocap.detect import blazepose
from mocap.detect.cards import ModelCard, card_skeleton
from mocap.detect.looks import mirror_index
from mocap.detect.pool import open_network
from mocap.detect.specs import Uncertainty
from mocap.detect.train.examples import Examples, joined
from mocap.detect.train.judge import found_in
from mocap.detect.uncertainty import Coverage, coverage, fit_uncertainty, sigma_of
from mocap.detect.weights import ensure
from mocap.fit.body import BodySettings, fit_body
from mocap.fit.offsets import TRUTH_SIGMA_M, at_joints
from mocap.pipeline.crops import Labelled, cut_examples
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.studio import load_truth

# Pictures of one camera of a film that are looked at, at most: those that follow each other say little new.
MOST_PICTURES = 60


@dataclass(frozen=True)
class Calibrated:
    """Outcome.

    Attributes
    ----------
    uncertainty : Uncertainty
        For the model's card.
    median_px : dict of str to float
        Median distance of each keypoint from the true joint on the films that it was fitted to, crop px.
    fitted, before : Coverage
        Of what was fitted to, by the new sigmas and by the card's.
    tested : Coverage or None
        Of films that were held out, by the new sigmas.
    """

    model: str
    uncertainty: Uncertainty
    median_px: dict[str, float]
    fitted: Coverage
    before: Coverage
    tested: Coverage | None


def calibrate_sigma(
    model: str,
    films: Sequence[Path],
    held_out: Sequence[Path] = (),
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Calibrated:
    """Fit a model's sigmas to films of known truth, and test them on others.

    Parameters
    ----------
    model : str
        One of BlazePose's landmark networks.
    films, held_out : sequences of Path
        Sessions that ``mocap studio render`` made.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    card, path = ensure(model, progress, cancel)
    if card.decoder is not None or card.task != "landmarks":
        raise ModelError(f"The sigmas of '{card.name}' cannot be fitted.", "Choose one of the BlazePose models.")
    skeleton = card_skeleton(card)
    partner = mirror_index(skeleton)
    seen, true = _looked_at(films, card, path, progress, cancel)
    xy, score = found_in(path, seen.crops, card.input.divide_by)
    error = xy - seen.xy
    fitted = fit_uncertainty(error, score, partner, card.uncertainty)
    off = np.linalg.norm(xy - true, axis=-1)
    median = {
        name: float(np.nanmedian(off[:, k]))
        for k, name in enumerate(skeleton.keypoints)
        if np.isfinite(off[:, k]).any()
    }
    tested = None
    if held_out:
        others, _ = _looked_at(held_out, card, path, progress, cancel)
        xy, other_score = found_in(path, others.crops, card.input.divide_by)
        tested = coverage(xy - others.xy, sigma_of(other_score, fitted))
    return Calibrated(
        card.name,
        fitted,
        median,
        coverage(error, sigma_of(score, fitted)),
        coverage(error, sigma_of(score, card.uncertainty)),
        tested,
    )


def on_body(skeleton: Skeleton, truth: FloatArray, rate_hz: float) -> FloatArray:
    """Where a detector puts its keypoints on bodies whose joints are known.

    Parameters
    ----------
    truth : (T, N, K, 3)
        True joints and marks, m.

    Returns
    -------
    (T, N, K, 3)
        True joint plus the skeleton's offset (`Attachment`) in the axes of its segment; NaN where it has none.
    """
    t, n, k, _ = truth.shape
    points = Points3D(
        at_joints(skeleton),
        truth,
        np.broadcast_to(TRUTH_SIGMA_M**2 * np.eye(3), (t, n, k, 3, 3)),
        np.full((t, n, k), 2, dtype=np.int64),
        np.zeros((t, 1, n, k)),
        np.ones((t, 1, n, k), dtype=np.bool_),
    )
    motion = fit_body(points, rate_hz, BodySettings(contact=False))
    size = body_size(motion)[None, :, None]
    centres, world = segments(motion)
    joint = {one.name: i for i, one in enumerate(skeleton.joints)}
    placed = np.full(truth.shape, np.nan)
    for one in skeleton.attachments:
        (at,) = skeleton.index(one.keypoint)
        own = skeleton.joints[joint[one.joint]].keypoints == (one.keypoint,)
        start = truth[:, :, at] if own else centres[:, :, joint[one.joint]]
        offset = np.broadcast_to(np.array(one.offset) * size, start.shape)
        placed[:, :, at] = start + rotate(world[:, :, joint[one.segment]], offset)
    return placed


def _looked_at(
    films: Sequence[Path], card: ModelCard, path: Path, progress: Progress, cancel: CancelToken
) -> tuple[Examples, FloatArray]:
    """Crops, labelled with where the network should put its keypoints; and the true joints in them (N, K, 2)."""
    if not films:
        raise InputError("There is no film.", "Make some with: mocap studio render")
    both = joined([_film(open_trial(film), film, card, path, progress, cancel) for film in films])
    return replace(both, xy=both.xy[:, card.keypoints :], weight=both.weight[:, card.keypoints :]), both.xy[
        :, : card.keypoints
    ]


def _film(
    trial: TrialInput, film: Path, card: ModelCard, path: Path, progress: Progress, cancel: CancelToken
) -> Examples:
    if trial.truth is None:
        raise InputError("The truth of this film is not known.", "Give films of: mocap studio render", film)
    truth, skeleton = load_truth(trial.truth), card_skeleton(card)
    if truth.skeleton.keypoints != skeleton.keypoints:
        raise InputError(
            f"The truth is of {truth.skeleton.name}, the network of {skeleton.name}.", "Give films of it.", film
        )
    placed = on_body(skeleton, truth.xyz, float(1.0 / np.median(np.diff(truth.t_s))))
    network = open_network(path, blazepose.OUTPUT_SHAPES)
    parts = []
    for c, (video, camera) in enumerate(zip(trial.videos, trial.rig.cameras, strict=True)):
        # A frame that its file stamps s shows the world at s - offset.
        when = trial.t_s[c] - truth.offset_s[truth.cameras.index(video.camera)]
        frames = np.unique(np.linspace(0, len(when) - 1, min(len(when), MOST_PICTURES)).round().astype(int))
        nearest = np.abs(truth.t_s[None] - when[frames, None]).argmin(axis=1)
        fits = np.abs(truth.t_s[nearest] - when[frames]) < 1e-3
        both = [camera.project(points)[0] for points in (truth.xyz, placed)]
        weight = np.ones(2 * len(skeleton.keypoints))
        true, label = both
        people = [
            # Both labels travel through the same crop: the joints in the first half, the keypoints in the second.
            Labelled(int(f), int(t), true[t, n], np.concatenate([true[t, n], label[t, n]]), weight)
            for f, t in zip(frames[fits], nearest[fits], strict=True)
            for n in range(true.shape[1])
        ]
        parts.append(cut_examples(video, c, people, card, network, skeleton, progress, cancel))
    return joined(parts)
