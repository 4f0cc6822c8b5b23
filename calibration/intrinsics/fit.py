"""Least-squares fit of one camera's intrinsics to pictures of a flat target.

The unknowns are the lens (f, aspect, cx, cy, distortion) and a pose for each picture. The poses are eliminated
by the Schur complement picture by picture, so a step costs one small solve. Priors keep what the pictures cannot
determine where lenses are likely to have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.bundle.lens import lens_names, lens_vector, project_rays, with_lens
from calibration.bundle.settings import LensPrior
from calibration.camera import CameraModel, Intrinsics
from calibration.extrinsics.pose import FIRST_DAMPING, BoolArray, moved, pose_jacobian
from calibration.transforms import FloatArray

CORE_NAMES = ("f", "aspect", "cx", "cy")

MOST_STEPS = 40
# Steps of a fit to nearly the same pictures from where these led.
FOLD_STEPS = 15
# With fewer pictures than this the optimum moves so far that one step from the whole fit misses it.
FEWEST_FOR_A_STEP = 16
# A step that lowers the cost by less than this share ends the fit: parameters then move by far less than
# their sigmas.
LEAST_GAIN = 1e-7

# Added to information that may be zero, so that it has an inverse: a sigma of a million.
NOTHING = 1e-12

# At the corner of the picture the radius on the sensor grows as fast as that of the ray, within this sigma:
# no real lens folds the picture over. Wide webcams reach a growth of 1.5, barrels one of 0.5.
GROWTH_SIGMA = 0.5
# The ray of the picture's corner may be farther out than without distortion.
CORNER_MARGIN = 1.1


@dataclass(frozen=True)
class LensModel:
    """Which parameters of which camera model are free.

    Attributes
    ----------
    name : str
        As told to the user.
    kind : CameraModel
    length : int
        Number of distortion coefficients the camera stores.
    free : tuple of str
        Distortion coefficients that are estimated; the others are 0.
    """

    name: str
    kind: CameraModel
    length: int
    free: tuple[str, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return CORE_NAMES + self.free

    @property
    def columns(self) -> list[int]:
        """Their places in the vector of all parameters."""
        names = lens_names(self.start((2, 2), 1.0))
        return [names.index(name) for name in self.parameters]

    def start(self, size_wh: tuple[int, int], focal_px: float) -> Intrinsics:
        """A lens without distortion that looks at the middle of the picture."""
        cx, cy = (size_wh[0] - 1) / 2, (size_wh[1] - 1) / 2
        K = np.array([[focal_px, 0.0, cx], [0.0, focal_px, cy], [0.0, 0.0, 1.0]])
        return Intrinsics(size_wh, K, np.zeros(self.length), self.kind)


@dataclass(frozen=True)
class Views:
    """Pictures of the target by one camera: points (K, 3) m, xy (V, K, 2) px, weight (V, K), 0 where unseen."""

    size_wh: tuple[int, int]
    points: FloatArray
    xy: FloatArray
    weight: FloatArray

    def at(self, which: BoolArray | np.ndarray) -> Views:
        """Only these pictures, by index or mask."""
        return replace(self, xy=self.xy[which], weight=self.weight[which])

    @property
    def seen(self) -> BoolArray:
        """Corners that count (V, K)."""
        return np.asarray(self.weight > 0)


@dataclass(frozen=True)
class Prior:
    """A normal distribution of all parameters: mean (P,) and information (P, P), the inverse covariance."""

    mean: FloatArray
    information: FloatArray

    def of(self, columns: list[int]) -> FloatArray:
        """Information (F, F) on some parameters while the others stay at their means."""
        return self.information[np.ix_(columns, columns)]

    def sigma(self, columns: list[int]) -> FloatArray:
        """Standard deviation (F,) of some parameters while the others stay; huge where nothing is known."""
        return np.asarray(np.sqrt(np.diag(np.linalg.inv(self.of(columns) + NOTHING * np.eye(len(columns))))))


@dataclass(frozen=True)
class Fit:
    """A fitted camera.

    Attributes
    ----------
    model : LensModel
    intrinsics : Intrinsics
    poses : (V, 4, 4)
        cam_from_board, m.
    residual : (V, K, 2)
        Reprojection errors, px; 0 where a corner has no weight.
    information : (P, P)
        What the pictures say on the free parameters, poses eliminated, for a noise of 1 px.
    scores : (V, P)
        Gradient of each picture, poses eliminated, px.
    cost : float
        Sum of weighted squares and of the prior's, px^2.
    """

    model: LensModel
    intrinsics: Intrinsics
    poses: FloatArray
    residual: FloatArray
    information: FloatArray
    scores: FloatArray
    cost: float


def lens_prior(size_wh: tuple[int, int], focal_px: float, model: LensModel, beliefs: LensPrior) -> Prior:
    """What is known of any lens: little distortion, square pixels, the principal point in the middle.

    The radial coefficients of a lens may be large and cancel each other; what they do together at the
    corner of the picture is known better (``GROWTH_SIGMA``).
    """
    middle = model.start(size_wh, focal_px)
    if model.kind == "pinhole":
        k1, k2, k3, _ = beliefs.radial
        distortion = [k1, k2, beliefs.tangential, beliefs.tangential, k3, *[beliefs.rational] * 3][: model.length]
    else:
        distortion = list(beliefs.radial)
    centre = beliefs.centre * size_wh[0]
    sigma = np.array([beliefs.focal * focal_px, beliefs.aspect, centre, centre, *distortion])
    information = np.diag(sigma**-2.0)
    if model.kind == "pinhole":
        s = (CORNER_MARGIN * np.hypot(*size_wh) / 2.0 / focal_px) ** 2
        growth = np.zeros(len(sigma))
        growth[[4, 5, 8]] = 3 * s, 5 * s**2, 7 * s**3
        if model.length == 8:
            growth[[9, 10, 11]] = -3 * s, -5 * s**2, -7 * s**3
        information += np.outer(growth, growth) / GROWTH_SIGMA**2
    return Prior(lens_vector(middle), information)


def fit(
    views: Views,
    model: LensModel,
    start: Intrinsics,
    poses: FloatArray,
    prior: Prior,
    noise_px: float,
    most_steps: int = MOST_STEPS,
) -> Fit:
    """Fit the free parameters of a model and the poses: Levenberg and Marquardt.

    Parameters
    ----------
    start : Intrinsics
        Of the model's kind and length; coefficients that are not free are set to 0.
    poses : (V, 4, 4)
        Start, m.
    noise_px : float
        Standard deviation of a coordinate, px: the weight of the pictures against the prior.
    """
    columns = model.columns
    values = lens_vector(model.start(views.size_wh, 1.0))
    values[columns] = lens_vector(start)[columns]
    lens = with_lens(start, values)
    information = prior.of(columns) * noise_px**2
    mean = prior.mean[columns]
    state = _linearise(views, lens, columns, poses)
    cost = state.cost + _quadratic(values[columns] - mean, information)
    damping = FIRST_DAMPING
    for _ in range(most_steps):
        step, pose_step = _solve(state, information, information @ (values[columns] - mean), damping)
        trial_values = values.copy()
        trial_values[columns] += step
        trial = None
        if trial_values[0] > 0 and trial_values[1] > 0:
            trial = _linearise(views, with_lens(lens, trial_values), columns, moved(poses, pose_step))
            trial_cost = trial.cost + _quadratic(trial_values[columns] - mean, information)
        if trial is None or not trial_cost < cost:
            damping *= 10.0
            if damping > 1e6:
                break
            continue
        gain = (cost - trial_cost) / max(cost, 1e-12)
        values, state, cost, poses = trial_values, trial, trial_cost, trial.poses
        damping = max(damping * 0.1, 1e-9)
        if gain < LEAST_GAIN:
            break
    reduced, scores, _, _ = _reduce(state, 0.0)
    return Fit(model, with_lens(lens, values), poses, state.residual, reduced, scores, cost)


def without(
    views: Views, whole: Fit, folds: Sequence[BoolArray], prior: Prior, noise_px: float
) -> Iterator[tuple[Intrinsics, FloatArray]]:
    """Yield the lens that each fold's other pictures give, and the poses (V, 4, 4) of all under it.

    A part of many pictures moves the optimum so little that one Newton step from the whole fit reaches it. The
    step is computed from the normal equations of that fit, which are made once for all folds. Few pictures, and
    those whose cost it does not lower, are fitted anew.

    Parameters
    ----------
    folds : sequence of (V,) bool
        The pictures left out.
    """
    columns = whole.model.columns
    values = lens_vector(whole.intrinsics)
    information = prior.of(columns) * noise_px**2
    offset = values[columns] - prior.mean[columns]
    state = _linearise(views, whole.intrinsics, columns, whole.poses)
    _, scores, solved, own = _reduce(state, 0.0)
    said = state.inner - state.across @ solved
    squares = np.einsum("vk,vki->v", views.weight, state.residual**2)
    for out in folds:
        matrix = said[~out].sum(axis=0) + information
        scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-30))
        gradient = scores[~out].sum(axis=0) + information @ offset
        step = -scale * np.linalg.solve(
            matrix * np.outer(scale, scale) + 1e-13 * np.eye(len(scale)), scale * gradient
        )
        poses = moved(whole.poses, -own - np.einsum("vip,p->vi", solved, step))
        after = values.copy()
        after[columns] += step
        before_cost = float(squares[~out].sum()) + _quadratic(offset, information)
        if np.count_nonzero(~out) >= FEWEST_FOR_A_STEP and after[0] > 0 and after[1] > 0:
            lens = with_lens(whole.intrinsics, after)
            pixels, _, _, depth = pose_jacobian(lens, views.points, poses[~out])
            left = np.where(views.seen[~out][..., None], pixels - views.xy[~out], 0.0)
            cost = float(np.einsum("vk,vki->", views.weight[~out], left**2)) + _quadratic(
                offset + step, information
            )
            if cost <= before_cost and not ((depth <= 0) & views.seen[~out]).any():
                yield lens, poses
                continue
        again = fit(views.at(~out), whole.model, whole.intrinsics, whole.poses[~out], prior, noise_px, FOLD_STEPS)
        yield again.intrinsics, whole.poses


@dataclass(frozen=True)
class _State:
    """Normal equations at one place: of the parameters, of each pose, and between them."""

    poses: FloatArray
    residual: FloatArray
    cost: float
    inner: FloatArray  # (V, P, P)
    across: FloatArray  # (V, P, 6)
    outer: FloatArray  # (V, 6, 6)
    gradient: FloatArray  # (V, P)
    pose_gradient: FloatArray  # (V, 6)


def _linearise(views: Views, lens: Intrinsics, columns: list[int], poses: FloatArray) -> _State:
    """Residuals and normal equations; infinite cost where a target would be behind the camera."""
    pixels, by_pose, rays, depth = pose_jacobian(lens, views.points, poses)
    root = np.sqrt(views.weight)[..., None]
    residual = np.where(root > 0, pixels - views.xy, 0.0)
    by_lens = np.moveaxis(project_rays(lens, rays[..., 0], rays[..., 1]).by_lens[columns], (0, 1), (3, 2))
    count, width = len(poses), len(columns)
    rows = np.concatenate([by_lens, by_pose], axis=-1)
    rows = (rows * root[..., None]).reshape(count, -1, width + 6)
    weighted = (residual * root).reshape(count, -1, 1)
    normal = np.swapaxes(rows, 1, 2) @ rows
    gradient = (np.swapaxes(rows, 1, 2) @ weighted)[..., 0]
    cost = float(np.sum(weighted**2))
    if ((depth <= 0) & views.seen).any() or not np.isfinite(cost):
        cost = np.inf
    return _State(
        poses,
        residual,
        cost,
        normal[:, :width, :width],
        normal[:, :width, width:],
        normal[:, width:, width:],
        gradient[:, :width],
        gradient[:, width:],
    )


def _reduce(state: _State, damping: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Eliminate the poses: reduced matrix (P, P), gradients (V, P), and what gives the poses' steps back."""
    outer = state.outer + np.eye(6) * (damping * np.einsum("vii->vi", state.outer) + 1e-12)[:, None, :]
    solved = np.linalg.solve(outer, np.swapaxes(state.across, 1, 2))  # (V, 6, P)
    inner = state.inner.sum(axis=0)
    inner = inner + np.diag(damping * np.diag(inner))
    reduced = inner - np.einsum("vpi,viq->pq", state.across, solved)
    scores = state.gradient - np.einsum("vip,vi->vp", solved, state.pose_gradient)
    own = np.linalg.solve(outer, state.pose_gradient[..., None])[..., 0]
    return reduced, scores, solved, own


def _solve(
    state: _State, information: FloatArray, prior_gradient: FloatArray, damping: float
) -> tuple[FloatArray, FloatArray]:
    """A damped step of the parameters (P,) and of the poses (V, 6)."""
    reduced, scores, solved, own = _reduce(state, damping)
    matrix = reduced + information
    # Pixels and distortion coefficients differ by orders of magnitude.
    scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-30))
    step = -scale * np.linalg.solve(
        matrix * np.outer(scale, scale) + 1e-13 * np.eye(len(scale)), scale * (scores.sum(axis=0) + prior_gradient)
    )
    return step, -own - np.einsum("vip,p->vi", solved, step)


def _quadratic(offset: FloatArray, information: FloatArray) -> float:
    return float(offset @ information @ offset)


def view_information(views: Views, intrinsics: Intrinsics, poses: FloatArray, columns: list[int]) -> FloatArray:
    """What each picture says on the parameters, its pose eliminated, for a noise of 1 px: (V, P, P)."""
    state = _linearise(views, intrinsics, columns, poses)
    outer = state.outer + np.eye(6) * (1e-9 * np.einsum("vii->vi", state.outer) + 1e-12)[:, None, :]
    return np.asarray(state.inner - state.across @ np.linalg.solve(outer, np.swapaxes(state.across, 1, 2)))
