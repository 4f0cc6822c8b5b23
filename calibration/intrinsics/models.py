"""Lens models that compete, and what is known of a fitted one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calibration.bundle.settings import LensPrior
from calibration.camera import Intrinsics
from calibration.extrinsics.pose import refine_poses
from calibration.intrinsics.fit import Fit, LensModel, Prior, Views, without
from calibration.transforms import FloatArray

# From the plainest to the richest: a richer one must earn its parameters on held-out pictures.
PLAIN_MODELS = (
    LensModel("pinhole k1", "pinhole", 5, ("k1",)),
    LensModel("pinhole k1 k2", "pinhole", 5, ("k1", "k2")),
    LensModel("pinhole k1 k2 p1 p2", "pinhole", 5, ("k1", "k2", "p1", "p2")),
    LensModel("pinhole k1 k2 k3", "pinhole", 5, ("k1", "k2", "k3")),
    LensModel("pinhole k1 k2 p1 p2 k3", "pinhole", 5, ("k1", "k2", "p1", "p2", "k3")),
)
FISHEYE = LensModel("fisheye", "fisheye", 4, ("k1", "k2", "k3", "k4"))
RATIONAL = LensModel("pinhole rational", "pinhole", 8, ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"))

# What is known of any lens, one sigma: the order of magnitude of the focal length; square pixels, up to the
# padding of codecs (1088 rows squeezed into 1080); a principal point within some per cent of the picture's
# width of its middle; a sensor that leans by some tenths of a degree.
LENS_BELIEFS = LensPrior(focal=3.0, aspect=0.003, centre=0.05, tangential=0.005, rational=0.5)
# As long as outliers are sought, stretched pixels may be real.
LOOSE_ASPECT = 0.03

# How far each radial term may move the corner of the picture, relative to its distance from the middle, one
# sigma. Wide webcams have up to 0.5 in terms that cancel each other. Narrow lenses distort less.
PINHOLE_REACH = (0.4, 0.4, 0.3, 0.0)
FISHEYE_REACH = (0.3, 0.3, 0.2, 0.1)

# Pixels this far off square are not square, whatever sensors usually have: the video was stretched.
OBLONG = 0.03

FOLDS = 5
# From poses that moved with the lens.
POSE_STEPS = 2

# A richer model of the same kind is taken if it lowers the mean square error of held-out pictures by this
# many standard errors of the difference, and by this share. Not by a whole one: with the priors above a
# term too many does little harm, and a lens without a term it needs is wrong.
LEAST_SIGMAS, LEAST_IMPROVEMENT = 0.5, 0.001
# Another kind of lens must be certain and worth it: few programs read fisheyes.
LEAST_SIGMAS_OF_KIND, LEAST_IMPROVEMENT_OF_KIND = 2.0, 0.04

# A parameter is held by the prior if the pictures narrow it to no less than this share of the prior's sigma:
# then they weigh less than three times what the prior does.
HELD_SHARE = 0.5


def beliefs_of(lens: Intrinsics, aspect: float = LENS_BELIEFS.aspect) -> LensPrior:
    """Beliefs on a lens of about this focal length, its radial coefficients by their effect in the picture."""
    corner = float(np.hypot(*lens.size_wh)) / 2.0 / lens.focal_px
    reach = FISHEYE_REACH if lens.model == "fisheye" else PINHOLE_REACH
    r1, r2, r3, r4 = (share * min(corner, 1.0) / corner ** (2 * i) for i, share in enumerate(reach, start=1))
    return replace(LENS_BELIEFS, aspect=aspect, radial=(r1, r2, r3, r4))


def believed_aspect(rough: Fit) -> float:
    """Sigma of the pixels' shape: infinite where the pictures contradict square pixels plainly."""
    aspect = rough.intrinsics.K[1, 1] / rough.intrinsics.K[0, 0]
    return np.inf if abs(aspect - 1.0) > OBLONG else LENS_BELIEFS.aspect


def covers_picture(lens: Intrinsics) -> bool:
    """Whether every pixel of the picture's edge has a ray: real lenses do not fold the picture over."""
    w, h = lens.size_wh
    edge = np.array([[x, y] for x in np.linspace(0, w - 1, 9) for y in np.linspace(0, h - 1, 9)])
    return bool(np.isfinite(lens.undistort(edge)).all())


def heldout_errors(views: Views, whole: Fit, prior: Prior, noise_px: float) -> FloatArray:
    """Reprojection error of each picture under a lens fitted without it: cross-validation in folds.

    A held-out picture's own pose is fitted to it; nothing else is. All models have that in common.

    Returns
    -------
    (V, 2) sum of squared lengths, px^2, and number of corners; infinite where no pose fits a picture.
    """
    count = len(views.xy)
    errors = np.zeros((count, 2))
    errors[:, 1] = np.count_nonzero(views.seen, axis=1)
    folds = [np.arange(count) % min(FOLDS, count) == fold for fold in range(min(FOLDS, count))]
    for out, (lens, poses) in zip(folds, without(views, whole, folds, prior, noise_px), strict=True):
        posed = refine_poses(lens, views.points, views.xy[out], views.weight[out], poses[out], POSE_STEPS)
        errors[out, 0] = posed.rms_px**2 * errors[out, 1]
    return errors


def rms(errors: FloatArray) -> float:
    """Root mean square length, px, of ``heldout_errors``."""
    return float(np.sqrt(errors[:, 0].sum() / errors[:, 1].sum()))


def winner(models: tuple[LensModel, ...], heldout: dict[str, FloatArray]) -> LensModel:
    """The plainest of the models that no richer one beats for certain on held-out pictures.

    Views that are alike hold out nothing beyond the region they cover; so models that fold the picture over
    are to be left out before.
    """
    best = models[0]
    for model in models[1:]:
        ours, theirs = heldout[best.name], heldout[model.name]
        gain = (ours[:, 0] - theirs[:, 0]) / ours[:, 1].mean()
        error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
        same = model.kind == best.kind
        sigmas = LEAST_SIGMAS if same else LEAST_SIGMAS_OF_KIND
        share = LEAST_IMPROVEMENT if same else LEAST_IMPROVEMENT_OF_KIND
        if float(gain.mean()) > max(sigmas * error, share * rms(ours) ** 2):
            best = model
    return best


def covariance_of(views: Views, result: Fit, prior: Prior) -> tuple[FloatArray, float]:
    """Covariance (P, P) of the free parameters, and the noise of a coordinate, px.

    The inverse of the information of pictures and prior. Errors of one picture may have a common cause
    (blur, a bent board), so the pictures' information is divided by the design effect: the variance of
    their gradients against what independent corners would have (the sandwich of White, Econometrica 1982,
    by clusters, averaged over the parameters as there are few pictures).
    """
    columns = result.model.columns
    width, count = len(columns), len(views.xy)
    freedom = max(2 * int(np.count_nonzero(views.seen)) - 6 * count - width, 1)
    noise = float(np.sqrt(np.sum(result.residual**2) / freedom))
    information = result.information / noise**2 + prior.of(columns)
    effect = 1.0
    if count > 2 * width:
        gradients = result.scores / noise**2
        spread = gradients.T @ gradients * count / (count - width)
        effect = max(1.0, float(np.trace(np.linalg.solve(information, spread))) / width)
    information = result.information / (noise**2 * effect) + prior.of(columns)
    scale = 1.0 / np.sqrt(np.diag(information))
    inverse = np.linalg.inv(information * np.outer(scale, scale))
    return inverse * np.outer(scale, scale), noise


def held_by_prior(covariance: FloatArray, prior: Prior, model: LensModel) -> tuple[str, ...]:
    """Names of the parameters that the pictures determine less than the prior does."""
    sigma = np.sqrt(np.diag(covariance))
    held = sigma > HELD_SHARE * prior.sigma(model.columns)
    return tuple(name for name, is_held in zip(model.parameters, held, strict=True) if is_held)
