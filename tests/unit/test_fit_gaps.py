from dataclasses import replace

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.fit.gaps import UNSEEN_ACCELERATION_M_S2, fill_gaps
from tests.factories import SIGMA_M, make_motion, points_of, with_gap

RATE = 50.0


def test_short_gaps_are_filled_near_the_truth_and_stay_recognisable() -> None:
    truth = points_of(make_motion(100, RATE))
    wrist = truth.skeleton.index("left_wrist")[0]
    gap = slice(40, 45)
    holed = with_gap(truth, "left_wrist", gap)
    filled = fill_gaps(holed, RATE, 0.1)
    error = np.linalg.norm(filled.xyz - truth.xyz, axis=-1)[gap, 0, wrist]
    assert 0.0 < error.max() < 0.02
    assert (error < 3 * filled.sigma[gap, 0, wrist]).all()
    assert (filled.n_views[gap, 0, wrist] == 0).all()
    assert not filled.used[gap, :, 0, wrist].any()
    kept = np.ones(100, dtype=bool)
    kept[gap] = False
    assert np.array_equal(filled.xyz[kept], truth.xyz[kept])
    assert np.array_equal(np.delete(filled.n_views, wrist, axis=2), np.delete(truth.n_views, wrist, axis=2))
    assert np.isnan(holed.xyz[gap, 0, wrist]).all()  # the input is as it was


@pytest.mark.parametrize(("frames", "filled"), [(5, True), (6, False)])
def test_the_longest_gap_is_exact(frames: int, filled: bool) -> None:
    points = with_gap(points_of(make_motion(60, RATE)), "nose", slice(20, 20 + frames))
    xyz = fill_gaps(points, RATE, 5 / RATE).xyz
    assert np.isfinite(xyz[20 : 20 + frames, 0, 0]).all() == filled


def test_nothing_is_invented_beyond_the_ends() -> None:
    points = points_of(make_motion(60, RATE))
    for ends in (slice(0, 2), slice(58, 60)):
        points = with_gap(points, "nose", ends)
    points = with_gap(points, "left_ear", slice(1, None))  # one sample only
    points = with_gap(points, "right_ear", slice(None))
    filled = fill_gaps(points, RATE, 10.0)
    assert np.array_equal(np.isnan(filled.xyz), np.isnan(points.xyz))


def test_a_bridge_never_overshoots_its_neighbours() -> None:
    points = points_of(make_motion(30, RATE))
    xyz = np.zeros_like(points.xyz)
    xyz[15:, ..., 0] = 1.0
    xyz[9, ..., 0], xyz[16, ..., 0] = -0.05, 1.05  # slopes that would swing a smooth spline out
    points = with_gap(replace(points, xyz=xyz), "nose", slice(10, 15))
    bridge = fill_gaps(points, RATE, 1.0).xyz[9:16, 0, 0, 0]
    assert (np.diff(bridge) > 0.0).all()
    assert bridge.min() >= -0.05
    assert bridge.max() <= 1.0


def test_the_covariance_grows_to_the_middle_of_the_gap() -> None:
    points = points_of(make_motion(60, RATE))
    cov = points.cov.copy()
    cov[29] *= 4.0  # the neighbour after the gap is the less certain one
    points = with_gap(replace(points, cov=cov), "nose", slice(20, 29))
    sigma = fill_gaps(points, RATE, 1.0).sigma[20:29, 0, 0]
    assert np.allclose(sigma, sigma[::-1])
    assert (np.diff(sigma[:5]) > 0.0).all()
    middle = UNSEEN_ACCELERATION_M_S2 * 0.1**2 / 2
    assert sigma[4] == pytest.approx(np.hypot(2 * SIGMA_M, middle), rel=1e-9)
    assert sigma[0] > 2 * SIGMA_M


def test_zero_fills_nothing_and_nonsense_is_refused() -> None:
    points = with_gap(points_of(make_motion(20, RATE)), "nose", slice(5, 6))
    assert np.isnan(fill_gaps(points, RATE, 0.0).xyz[5, 0, 0]).all()
    with pytest.raises(InputError):
        fill_gaps(points, RATE, -1.0)
    with pytest.raises(InputError):
        fill_gaps(points, 0.0, 1.0)
