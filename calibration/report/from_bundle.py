"""The report of our own bundle adjustment: its figures in the report's terms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from calibration.bundle import BundleResult, rotations
from calibration.bundle.lens import ASPECT, FOCAL
from calibration.bundle.parameters import LENS, POSE
from calibration.camera import Camera, CameraRig
from calibration.report.build import build_report, pan_tilt_roll, parameters_of
from calibration.report.model import CalibrationReport, Clock, CrossCheck, Parameter
from calibration.report.quality import at_common_times
from calibration.sightings import Sightings
from calibration.transforms import FloatArray

# Where more of what is known of a parameter comes from its prior than from the views, the prior held it.
HELD_PRIOR_SHARE = 0.5
# Step of the numerical derivative of pan, tilt and roll, rad: their curvature and rounding both vanish.
TURN_STEP_RAD = 1e-5


def report_from_bundle(
    result: BundleResult,
    sightings: Sightings,
    heldout: NDArray[np.bool_],
    *,
    rig: CameraRig | None = None,
    world_from_solve: FloatArray | None = None,
    seconds: Mapping[str, float] | None = None,
    warnings: tuple[str, ...] = (),
    crosscheck: CrossCheck | None = None,
) -> CalibrationReport:
    """Compute the report of a bundle adjustment.

    Parameters
    ----------
    result : BundleResult
        Of ``sightings.at(~heldout)``.
    sightings : Sightings
        All that was seen.
    heldout : (T,) bool
        What the solve was not given; all False if nothing was held out.
    rig : CameraRig, optional
        The result in the world it will be used in (see ``alignment``); as solved if not given.
    world_from_solve : (4, 4), optional
        That world from the solve's; a similarity.
    """
    move = np.eye(4) if world_from_solve is None else world_from_solve
    final = result.rig if rig is None else rig.select(result.rig.names)
    scale = float(np.cbrt(np.linalg.det(move[:3, :3])))
    poses = move @ result.world_from_board
    poses[:, :3, :3] /= scale
    common = sightings
    if result.clock_offset_s.any() or result.clock_rate.any():
        common = at_common_times(sightings, true_times(result, sightings.t_s))
    return build_report(
        final,
        sightings.at(~heldout),
        heldout=common.at(heldout) if heldout.any() else None,
        world_from_board=poses,
        # The solver's residuals are predicted minus seen.
        residuals=-result.residual_px,
        kept=result.inlier,
        parameters={
            camera.name: _parameters(result, i, camera, move[:3, :3] / scale, scale)
            for i, camera in enumerate(final.cameras)
        },
        clocks=clocks_of(result, sightings.t_s),
        seconds=seconds,
        warnings=(*warnings, *(() if result.converged else ("The solve ran out of iterations.",))),
        crosscheck=crosscheck,
        common=common.at(~heldout),
    )


def true_times(result: BundleResult, t_s: FloatArray) -> FloatArray:
    """When each picture (T, C) was taken by the reference camera's clock, s."""
    return np.asarray(t_s + result.clock_offset_s + result.clock_rate * (t_s - result.clock_origin_s))


def clocks_of(result: BundleResult, t_s: FloatArray) -> tuple[Clock, ...]:
    """Clocks as the report has them; none where they were not estimated."""
    if not any(sigma.clock_offset_s for sigma in result.sigmas):
        return ()
    clocks = []
    for c, sigma in enumerate(result.sigmas):
        taken = t_s[np.isfinite(t_s[:, c]), c]
        clocks.append(
            Clock(
                sigma.name,
                float(result.clock_offset_s[c]),
                sigma.clock_offset_s,
                1e6 * float(result.clock_rate[c]),
                1e6 * sigma.clock_rate,
                float(np.median(np.diff(taken))) if taken.size > 1 else float("nan"),
                reference=sigma.clock_offset_s == 0.0,
                jitter_s=_rms(result.jitter_s[:, c]),
            )
        )
    return tuple(clocks)


def _rms(values: FloatArray) -> float:
    """Root mean square of what is known; 0 if nothing is."""
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else 0.0


def _parameters(
    result: BundleResult, index: int, camera: Camera, turn: FloatArray, scale: float
) -> tuple[Parameter, ...]:
    """Parameters of one camera in the final world, with their standard deviations."""
    lens, shares = result.sigmas[index].lens, result.sigmas[index].lens_prior_share
    solved = result.rig.cameras[index]
    covariance = result.covariance.of_camera(index)
    K = solved.intrinsics.K
    by_fy = np.zeros(covariance.shape[0])
    by_fy[LENS + FOCAL], by_fy[LENS + ASPECT] = K[1, 1] / K[0, 0], K[0, 0]
    sigma = {name: value for name, value in lens.items() if name not in ("f", "aspect")}
    sigma |= {"fx": lens["f"], "fy": float(np.sqrt(by_fy @ covariance @ by_fy))}
    # A step (w, t) moves the centre by -R^T t in the solve's world.
    by_step = scale * turn @ solved.cam_from_world[:3, :3].T
    place = np.sqrt(np.diag(by_step @ covariance[3:POSE, 3:POSE] @ by_step.T))
    sigma |= dict(zip(("x", "y", "z"), place.tolist(), strict=True))
    rotation = camera.cam_from_world[:3, :3]
    ahead = np.stack([pan_tilt_roll(rotations.exp(step) @ rotation) for step in TURN_STEP_RAD * np.eye(3)], axis=1)
    by_turn = (ahead - pan_tilt_roll(rotation)[:, None] + 180.0) % 360.0 - 180.0
    by_turn = by_turn / TURN_STEP_RAD
    turned = np.sqrt(np.diag(by_turn @ covariance[:3, :3] @ by_turn.T))
    sigma |= dict(zip(("pan", "tilt", "roll"), turned.tolist(), strict=True))
    held = {name for name, share in shares.items() if share > HELD_PRIOR_SHARE}
    held = (held - {"f", "aspect"}) | ({"fx", "fy"} if "f" in held else set())
    return parameters_of(camera, sigma, held)
