"""Intrinsics of each camera from its own pictures of the target.

A bounded number of informative pictures is chosen; wrong corners and pictures are found with a robust fit;
then lens models compete for the least error on pictures held out of the fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.bundle.settings import LensPrior
from calibration.camera import CameraModel, Intrinsics
from calibration.errors import CalibrationError, CancelledError
from calibration.extrinsics.clean import gross_errors
from calibration.extrinsics.pose import REFINE_STEPS, BoolArray, well_spread
from calibration.intrinsics.fit import Fit, LensModel, Prior, Views, fit, lens_prior, view_information
from calibration.intrinsics.models import (
    FISHEYE,
    LOOSE_ASPECT,
    PLAIN_MODELS,
    beliefs_of,
    believed_aspect,
    covariance_of,
    covers_picture,
    held_by_prior,
    heldout_errors,
    rms,
    winner,
)
from calibration.intrinsics.start import Start, best_poses, converted, robust_fit, start_of
from calibration.intrinsics.views import Coverage, coverage, most_informative, thin
from calibration.intrinsics.words import refusal, undetermined, warnings_of
from calibration.sightings import Sightings
from calibration.transforms import FloatArray

Progress = Callable[[str, int, int], None]
Cancelled = Callable[[], bool]

# Corners a picture must show to take part: six pose unknowns take three; the rest says something of the lens.
FEWEST_CORNERS = 6

# Fewer pictures than this cannot tell a wrong one from a right one.
FEWEST_PICTURES = 4

# A corner beyond this many sigmas (of a coordinate) is wrong: by chance alone exp(-12.5) of them are.
GATE = 5.0
# A picture is wrong if it lost more than this share of its corners, or its error exceeds the median
# picture's by this factor (motion blur, a board that bent).
MOST_LOST = 0.34
WORST_PICTURE = 3.0
# The same under the lens without distortion that the search starts from.
SANE_PICTURE = 5.0

# Corners off by more than this share of the picture's longer side are not those of the board.
LARGEST_NOISE = 0.005

# A kind of lens whose noise is larger than another's by this factor may have got stuck on the way.
STUCK = 1.2


@dataclass(frozen=True)
class IntrinsicsSettings:
    """Settings of ``calibrate_intrinsics``.

    Attributes
    ----------
    models : tuple of LensModel
        Candidates, plainest first; ``RATIONAL`` may be added.
    most_pictures : int
        Pictures the fit uses; more gain little once these are informative.
    most_candidates : int
        Pictures they are chosen from.
    """

    models: tuple[LensModel, ...] = (*PLAIN_MODELS, FISHEYE)
    most_pictures: int = 60
    most_candidates: int = 200


@dataclass(frozen=True)
class CameraIntrinsics:
    """A calibrated lens, and how well it is known.

    Attributes
    ----------
    name : str
    intrinsics : Intrinsics
    model : LensModel
        The model chosen.
    covariance : (P, P)
        Of ``model.parameters`` (f px, aspect fy / fx, cx px, cy px, coefficients), with the prior.
    noise_px : float
        Standard deviation of a corner's coordinate.
    rms_px, heldout_px : float
        Root mean square reprojection error (length) in pictures of the fit, and held out of it.
    heldout_by_model : dict of str to float
        The same for every model tried.
    coverage : Coverage
    pictures : (V,) int
        Instants the fit used.
    rejected : (R,) int
        Instants whose picture did not fit.
    pictures_seen : int
        Pictures with corners enough to take part.
    held_by_prior : tuple of str
        Parameters of which the pictures say less than the prior does.
    warnings : tuple of str
        Sentences for the user.
    """

    name: str
    intrinsics: Intrinsics
    model: LensModel
    covariance: FloatArray
    noise_px: float
    rms_px: float
    heldout_px: float
    heldout_by_model: dict[str, float]
    coverage: Coverage
    pictures: NDArray[np.intp]
    rejected: NDArray[np.intp]
    pictures_seen: int
    held_by_prior: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def sigma(self) -> dict[str, float]:
        """Standard deviation of each free parameter."""
        return dict(zip(self.model.parameters, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def measured_prior(self) -> LensPrior:
        """Beliefs for a bundle adjustment that shall keep to this lens within its sigmas.

        Where cameras are not genlocked, what they saw together misleads their lenses more than it tells
        of them, and their own pictures are better witnesses.
        """
        sigma = self.sigma
        k1, k2, k3, k4 = (sigma.get(name, 0.0) for name in ("k1", "k2", "k3", "k4"))
        rational = "k6" in sigma
        return LensPrior(
            focal=sigma["f"] / self.intrinsics.focal_px,
            aspect=sigma["aspect"],
            centre=max(sigma["cx"], sigma["cy"]) / self.intrinsics.size_wh[0],
            radial=(k1, k2, k3, 0.0 if rational else k4),
            tangential=max(sigma.get("p1", 0.0), sigma.get("p2", 0.0)),
            rational=max(sigma["k4"], sigma["k5"], sigma["k6"]) if rational else 0.0,
        )

    @property
    def bundle_prior(self) -> LensPrior:
        """Beliefs for the bundle adjustment: the chosen model's free parameters, the others locked."""
        free = set(self.model.free)
        beliefs = beliefs_of(self.intrinsics)
        k1, k2, k3, k4 = (
            sigma if name in free else 0.0
            for sigma, name in zip(beliefs.radial, ("k1", "k2", "k3", "k4"), strict=True)
        )
        return replace(
            beliefs,
            focal=np.inf,
            radial=(k1, k2, k3, k4),
            tangential=beliefs.tangential if "p1" in free else 0.0,
            rational=beliefs.rational if "k6" in free else 0.0,
        )


def calibrate_intrinsics(
    sightings: Sightings,
    settings: IntrinsicsSettings | None = None,
    progress: Progress = lambda stage, done, total: None,
    cancelled: Cancelled = lambda: False,
) -> tuple[CameraIntrinsics, ...]:
    """Calibrate every camera on its own.

    Raises
    ------
    CalibrationError
        Naming every camera whose pictures do not determine its lens, and what to show it.
    """
    settings = settings or IntrinsicsSettings()
    found: list[CameraIntrinsics] = []
    refused: list[CalibrationError] = []
    for index in range(len(sightings.cameras)):
        if cancelled():
            raise CancelledError
        progress("intrinsics", index, len(sightings.cameras))
        try:
            found.append(calibrate_camera(sightings, index, settings))
        except CalibrationError as error:
            refused.append(error)
    progress("intrinsics", len(sightings.cameras), len(sightings.cameras))
    if refused:
        remedies = dict.fromkeys(error.remedy for error in refused)
        raise CalibrationError(" ".join(error.what for error in refused), " ".join(remedies))
    return tuple(found)


def calibrate_camera(
    sightings: Sightings, index: int, settings: IntrinsicsSettings | None = None
) -> CameraIntrinsics:
    """Calibrate one camera, by its index.

    Raises
    ------
    CalibrationError
        If its pictures do not determine its lens.
    """
    settings = settings or IntrinsicsSettings()
    name = sightings.cameras[index]
    instants, every = _pictures(sightings, index)
    if len(instants) < FEWEST_PICTURES:
        raise refusal(name, f"showed the board well in only {len(instants)} pictures; it takes {FEWEST_PICTURES}")
    order = thin(every.xy, every.seen, every.size_wh, settings.most_candidates)
    instants, views = instants[order], every.at(order)

    kinds = dict.fromkeys(model.kind for model in settings.models)
    starts = {kind: start_of(views, _richest(settings.models, kind)) for kind in kinds}
    chosen = _informative(views, starts, settings.most_pictures)
    instants, views = instants[chosen], views.at(chosen)
    rough = {
        kind: _rough(views, _richest(settings.models, kind), start.at(chosen)) for kind, start in starts.items()
    }
    best, noise = min(rough.values(), key=lambda pair: pair[1])
    if noise > LARGEST_NOISE * max(views.size_wh):
        raise refusal(name, f"showed corners that fit no lens ({noise:.0f} px off), as of another board")
    for kind in kinds:
        if rough[kind][1] > STUCK * noise:
            rich = _richest(settings.models, kind)
            helped = best_poses(views, converted(best.intrinsics, rich), REFINE_STEPS)
            rough[kind] = min(rough[kind], _rough(views, rich, helped), key=lambda pair: pair[1])
    views, good = _gated(views, best, noise)
    if np.count_nonzero(good) < FEWEST_PICTURES:
        raise refusal(name, f"showed the board in {len(good)} pictures of which only {good.sum()} agree")
    rejected, instants, views = instants[~good], instants[good], views.at(good)

    aspect = believed_aspect(best)
    fits: dict[str, Fit] = {}
    heldout: dict[str, FloatArray] = {}
    for model in settings.models:
        near = rough[model.kind][0]
        prior = _prior(near.intrinsics, model, aspect)
        fits[model.name] = fit(views, model, near.intrinsics, near.poses[good], prior, noise)
        heldout[model.name] = heldout_errors(views, fits[model.name], prior, noise)
    sane = tuple(model for model in settings.models if np.isfinite(heldout[model.name]).all())
    if not sane:
        raise refusal(name, "showed pictures of which each contradicts the others")
    whole = tuple(model for model in sane if covers_picture(fits[model.name].intrinsics))
    model = winner(whole or sane, heldout)
    result = fits[model.name]
    prior = _prior(rough[model.kind][0].intrinsics, model, aspect)
    covariance, noise = covariance_of(views, result, prior)
    camera = CameraIntrinsics(
        name=name,
        intrinsics=result.intrinsics,
        model=model,
        covariance=covariance,
        noise_px=noise,
        rms_px=float(np.sqrt(np.sum(result.residual**2) / np.count_nonzero(views.seen))),
        heldout_px=rms(heldout[model.name]),
        heldout_by_model={tried: rms(errors) for tried, errors in heldout.items()},
        coverage=coverage(views.size_wh, every.xy[every.seen], result.poses),
        pictures=np.sort(instants),
        rejected=np.sort(rejected),
        pictures_seen=len(every.xy),
        held_by_prior=held_by_prior(covariance, prior, model),
        warnings=(),
    )
    if reason := undetermined(camera):
        raise refusal(name, reason)
    return replace(camera, warnings=warnings_of(camera))


def _prior(lens: Intrinsics, model: LensModel, aspect: float) -> Prior:
    """What is known before the pictures of a lens of about this focal length."""
    return lens_prior(lens.size_wh, lens.focal_px, model, beliefs_of(lens, aspect))


def _pictures(sightings: Sightings, index: int) -> tuple[NDArray[np.intp], Views]:
    """Instants at which a camera saw enough of the target, and what it saw, without gross mistakes."""
    if np.abs(sightings.points[:, 2]).max() > 0:
        raise CalibrationError("The calibration target is not flat.", "Calibrate with a flat board.")
    xy = sightings.xy[:, index]
    seen = sightings.seen[:, index]
    seen = seen & ~gross_errors(sightings.points, xy, seen)
    enough = np.count_nonzero(seen, axis=1) >= FEWEST_CORNERS
    enough[enough] = well_spread(sightings.points, seen[enough])
    width, height = sightings.sizes_wh[index]
    views = Views(
        (int(width), int(height)), sightings.points, np.where(seen[..., None], xy, 0.0), seen.astype(np.float64)
    )
    return np.flatnonzero(enough), views.at(enough)


def _richest(models: tuple[LensModel, ...], kind: CameraModel) -> LensModel:
    """The richest polynomial model of a kind: it takes up any distortion while wrong corners are sought."""
    of_kind = [model for model in models if model.kind == kind]
    plain = [model for model in of_kind if "k6" not in model.free]
    return max(plain or of_kind, key=lambda model: len(model.free))


def _informative(views: Views, starts: dict[CameraModel, Start], most: int) -> NDArray[np.intp]:
    """Choose the pictures that say most on the lens, under the better of the starts."""
    if len(views.xy) <= most:
        return np.arange(len(views.xy))
    start = min(starts.values(), key=lambda start: float(np.median(start.rms_px)))
    # A picture far worse than most under the crude lens would say much, and wrongly.
    sane = np.flatnonzero(start.rms_px <= SANE_PICTURE * np.median(start.rms_px))
    model = PLAIN_MODELS[-1] if start.lens.model == "pinhole" else FISHEYE
    information = view_information(views.at(sane), start.lens, start.poses[sane], model.columns)
    before = _prior(start.lens, model, LOOSE_ASPECT).of(model.columns)
    return np.asarray(sane[most_informative(information, before, most)])


def _rough(views: Views, model: LensModel, start: Start) -> tuple[Fit, float]:
    """Fit a model robustly; also the noise, px."""
    prior = _prior(start.lens, model, LOOSE_ASPECT)
    return robust_fit(views, model, start, prior)


def _gated(views: Views, rough: Fit, noise_px: float) -> tuple[Views, BoolArray]:
    """Take away wrong corners, and tell which pictures (V,) are good."""
    length = np.linalg.norm(rough.residual, axis=-1)
    kept = views.seen & (length < GATE * noise_px)
    count = np.count_nonzero(kept, axis=1)
    lost = 1.0 - count / np.count_nonzero(views.seen, axis=1)
    error = np.sqrt(np.sum(np.where(kept, length**2, 0.0), axis=1) / np.maximum(count, 1))
    good = (count >= FEWEST_CORNERS) & (lost <= MOST_LOST)
    good[good] = well_spread(views.points, kept[good])
    if good.any():
        good &= error <= WORST_PICTURE * np.median(error[good])
    return replace(views, weight=views.weight * kept), good
