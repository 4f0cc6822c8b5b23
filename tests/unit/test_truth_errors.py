"""Errors against the truth of a film: in its own world as they are, in another one laid over it, and told so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import CameraRig
from calibration.alignment import move_rig
from calibration.bundle.rotations import exp
from calibration.transforms import apply, from_rotation
from mocap.core.summary import TruthErrors
from mocap.core.types import SyncTable
from mocap.kinematics import joint_angles
from mocap.pipeline.figures import truth_errors
from mocap.studio import Truth
from mocap.studio.truth import save_truth
from tests.conftest import ring_rig
from tests.factories import make_motion, points_of

RATE_HZ = 30.0
FRAMES = 45
RIG = ring_rig(4)
# A world of its own, as a calibration without a floor has one.
OTHER_WORLD = from_rotation(exp(np.array([0.3, -0.4, 2.0])), np.array([1.5, -0.7, 0.4]))
NOISE_M = 0.008
# Of a normal error of this much along each axis, the mean length.
MEAN_MM = 1000 * NOISE_M * np.sqrt(8 / np.pi)


def compared(
    folder: Path, move: np.ndarray, rig: CameraRig, says_where: bool = True, scale: float = 1.0
) -> TruthErrors:
    """Errors of two people with noise whose world was moved, in the opposite order to that of the truth."""
    points = points_of(make_motion(FRAMES, RATE_HZ, people=2))
    t_s = np.arange(FRAMES) / RATE_HZ
    angles = joint_angles(points)
    poses = RIG.cam_from_world if says_where else None
    save_truth(
        folder / "truth.npz",
        Truth(points.skeleton, t_s, points.xyz, angles.names, angles.value, 0.0, RIG.names, np.zeros(4), poses),
    )
    noise = np.random.default_rng(3).normal(0, NOISE_M, points.xyz.shape)
    found = replace(points, xyz=apply(move, scale * (points.xyz + noise)[:, ::-1]))
    sync = SyncTable.of_one_clock(RIG.names, t_s, np.zeros((FRAMES, 4), np.int64))
    return truth_errors(folder / "truth.npz", found, joint_angles(found), sync, rig)


def test_with_the_cameras_of_the_film_positions_are_compared_as_they_are(tmp_path: Path) -> None:
    found = compared(tmp_path, np.eye(4), RIG)
    assert not found.laid_over
    assert found.mpjpe_mm == pytest.approx(MEAN_MM, rel=0.05)
    off = compared(tmp_path, from_rotation(np.eye(3), np.array([0.1, 0.0, 0.0])), RIG)
    assert not off.laid_over  # with these cameras, 100 mm off are 100 mm off
    assert off.mpjpe_mm == pytest.approx(100, abs=5)


@pytest.mark.parametrize("says_where", [True, False])
def test_with_cameras_calibrated_anew_all_is_laid_over_the_truth_first(tmp_path: Path, says_where: bool) -> None:
    here, there = (
        compared(tmp_path, np.eye(4), RIG, says_where),
        compared(tmp_path, OTHER_WORLD, move_rig(RIG, OTHER_WORLD, {}), says_where),
    )
    assert there.laid_over
    assert not here.laid_over
    assert there.mpjpe_mm == pytest.approx(here.mpjpe_mm, rel=0.03)
    assert there.angle_rms_deg == pytest.approx(here.angle_rms_deg)  # of the same people, too


def test_an_error_of_scale_is_not_laid_away(tmp_path: Path) -> None:
    found = compared(tmp_path, OTHER_WORLD, move_rig(RIG, OTHER_WORLD, {}), scale=1.1)
    assert found.laid_over
    assert found.mpjpe_mm > 40
