"""The bundle adjustment of boards against made-up recordings with known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError
from calibration.bundle import LOCKED_LENS, BundleResult, BundleSettings, LensPrior, adjust
from calibration.bundle.lens import lens_vector
from calibration.bundle.synthetic import Recording, Scene, disturb, record
from calibration.errors import CancelledError

SCENE = Scene(cameras=3, instants=60, corners=(5, 4), square_m=0.1, closeups=12)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(SCENE, 1)


@pytest.fixture(scope="module")
def result(recording: Recording) -> BundleResult:
    return adjust(recording.sightings, *disturb(recording, 2))


def scores(result: BundleResult, recording: Recording) -> np.ndarray:
    """Errors of the lenses in stated sigmas."""
    pairs = zip(result.rig.cameras, recording.rig.cameras, result.sigmas, strict=True)
    errors = [
        (lens_vector(found.intrinsics) - lens_vector(true.intrinsics)) / np.array(list(sigma.lens.values()))
        for found, true, sigma in pairs
    ]
    return np.concatenate(errors)


def test_finds_the_truth_as_well_as_it_says(recording: Recording, result: BundleResult) -> None:
    assert result.reason == "converged"
    assert result.noise_px == pytest.approx(SCENE.noise_px, rel=0.03)
    z = scores(result, recording)
    assert np.mean(z**2) == pytest.approx(1.0, abs=0.6)
    assert np.abs(z).max() < 4
    for found, true, sigma in zip(result.rig.cameras, recording.rig.cameras, result.sigmas, strict=True):
        assert (np.abs(found.centre - true.centre) <= 4 * sigma.centre_m + 1e-12).all()
        assert found.intrinsics.focal_px == pytest.approx(true.intrinsics.focal_px, rel=2e-3)
    known = np.isfinite(result.world_from_board[:, 0, 0])
    assert known.sum() > 80
    shift = (result.world_from_board - recording.world_from_board)[known, :3, 3]
    sigma = np.sqrt(np.diagonal(result.board_covariance[known], axis1=1, axis2=2))[:, 3:]
    # The boards share the error of the camera that holds the world, so they are not independent.
    assert np.mean((shift / sigma) ** 2) < 3


def test_reference_stays_and_another_reference_gives_the_same_rig(
    recording: Recording, result: BundleResult
) -> None:
    start = disturb(recording, 2)[0].cameras[0]
    np.testing.assert_allclose(result.rig.cameras[0].cam_from_world, start.cam_from_world, atol=1e-12)
    assert result.sigmas[0].centre_m.max() == 0.0
    other = adjust(recording.sightings, *disturb(recording, 2), BundleSettings(reference="cam_3"))
    assert other.sigmas[2].centre_m.max() == 0.0
    for rig_pair in ((0, 1), (1, 2)):
        one, two = rig_pair
        between = [
            rig.cam_from_world[one] @ np.linalg.inv(rig.cam_from_world[two]) for rig in (result.rig, other.rig)
        ]
        np.testing.assert_allclose(between[0], between[1], atol=1e-5)
        covariances = [r.covariance.relative_pose(r.rig, *rig_pair) for r in (result, other)]
        sigma = np.sqrt(np.diag(covariances[0]))
        np.testing.assert_allclose(
            covariances[0] / np.outer(sigma, sigma), covariances[1] / np.outer(sigma, sigma), atol=0.02
        )
    np.testing.assert_allclose(
        result.covariance.aligned_centre_sigma(result.rig),
        other.covariance.aligned_centre_sigma(other.rig),
        rtol=0.08,
    )


def test_outliers_and_order_leave_the_answer_within_its_sigma(recording: Recording, result: BundleResult) -> None:
    dirty = record(replace(SCENE, outlier_share=0.1), 1)
    guess = disturb(recording, 2)
    found = adjust(dirty.sightings, *guess)
    assert found.kept_share == pytest.approx(0.9, abs=0.02)
    steps = np.abs(scores(found, recording) - scores(result, recording))
    assert steps.max() < 1.5
    order = np.random.default_rng(0).permutation(len(guess[1]))
    shuffled = adjust(recording.sightings.at(order), guess[0], guess[1][order])
    np.testing.assert_allclose(shuffled.world_from_board, result.world_from_board[order], atol=1e-9)
    np.testing.assert_array_equal(shuffled.inlier, result.inlier[order])


def test_the_same_input_gives_the_same_answer(recording: Recording, result: BundleResult) -> None:
    again = adjust(recording.sightings, *disturb(recording, 2))
    np.testing.assert_array_equal(again.rig.cam_from_world, result.rig.cam_from_world)
    assert again.costs == result.costs


def test_locked_parameters_stay_and_priors_are_told(recording: Recording) -> None:
    rig, boards = disturb(recording, 3, amount=0.3)
    settings = BundleSettings(
        lens=LensPrior(radial=(np.inf, np.inf, 1e-4, 0.0)),
        lens_of={"cam_2": LOCKED_LENS},
        fixed_poses=frozenset({"cam_3"}),
    )
    found = adjust(recording.sightings, rig, boards, settings)
    np.testing.assert_array_equal(
        lens_vector(found.rig.cameras[1].intrinsics), lens_vector(rig.cameras[1].intrinsics)
    )
    np.testing.assert_allclose(found.rig.cameras[2].cam_from_world, rig.cameras[2].cam_from_world, atol=1e-12)
    shares = found.sigmas[0].lens_prior_share
    assert shares["k3"] > 0.9  # the prior is far tighter than the views
    assert shares["f"] < 0.1
    assert set(found.sigmas[1].lens_prior_share.values()) == {1.0}


# What each setting of a lens's prior holds, tight enough that no view says more; and how tight "locked" is.
HELD: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "focal": ({"focal": 1e-5}, ("f",)),
    "aspect": ({"aspect": 1e-6}, ("aspect",)),
    "centre": ({"centre": 1e-5}, ("cx", "cy")),
    "k1": ({"radial": (1e-5, np.inf, np.inf, 0.0)}, ("k1",)),
    "k2": ({"radial": (np.inf, 1e-5, np.inf, 0.0)}, ("k2",)),
    "k3": ({"radial": (np.inf, np.inf, 1e-5, 0.0)}, ("k3",)),
    "tangential": ({"tangential": 1e-7}, ("p1", "p2")),
}
FREE = {"focal": np.inf, "aspect": np.inf, "centre": np.inf, "radial": (np.inf,) * 4, "tangential": np.inf}


@pytest.mark.parametrize("name", HELD)
def test_each_parameter_of_a_lens_can_be_locked_or_held(recording: Recording, name: str) -> None:
    tight, names = HELD[name]
    rig, boards = disturb(recording, 14, amount=0.1)
    ((field, value),) = tight.items()
    locked = 0.0 if not isinstance(value, tuple) else tuple(0.0 if np.isfinite(v) else v for v in value)
    starts = [lens_vector(camera.intrinsics) for camera in rig.cameras]
    order = ("f", "aspect", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
    held = np.isin(order, names)
    for sigma, is_locked in ((value, False), (locked, True)):
        prior = LensPrior(**{**FREE, field: sigma})  # type: ignore[arg-type]
        found = adjust(recording.sightings, rig, boards, BundleSettings(lens=prior))
        for camera, start, stated in zip(found.rig.cameras, starts, found.sigmas, strict=True):
            shares = np.array([stated.lens_prior_share[each] for each in order])
            moved = lens_vector(camera.intrinsics) - start
            assert (shares[held] > 0.5).all()
            assert (shares[~held] == 0.0).all()
            assert (moved[~held] != 0).all()
            if is_locked:
                np.testing.assert_array_equal(moved[held], 0.0)
                assert all(stated.lens[each] == 0.0 for each in names)


def test_rational_terms_can_be_held(recording: Recording) -> None:
    rig, boards = disturb(recording, 14, amount=0.1)
    cameras = tuple(
        replace(c, intrinsics=replace(c.intrinsics, dist=np.concatenate([c.intrinsics.dist, np.zeros(3)])))
        for c in rig.cameras
    )
    for sigma, low, high in ((0.0, 1.0, 1.0), (1e-4, 0.9, 1.0), (1.0, 0.0, 0.9)):
        settings = BundleSettings(lens=LensPrior(rational=sigma))
        found = adjust(recording.sightings, replace(rig, cameras=cameras), boards, settings)
        shares = np.array([[s.lens_prior_share[k] for k in ("k4", "k5", "k6")] for s in found.sigmas])
        assert (shares >= low).all()
        assert shares.min() <= high
        if sigma == 0.0:
            assert all((camera.intrinsics.dist[5:] == 0).all() for camera in found.rig.cameras)


def test_fisheye() -> None:
    recording = record(replace(SCENE, fisheye=True), 5)
    found = adjust(recording.sightings, *disturb(recording, 6))
    assert found.noise_px == pytest.approx(SCENE.noise_px, rel=0.03)
    assert np.abs(scores(found, recording)).max() < 4


def test_bent_board_is_straightened() -> None:
    recording = record(SCENE, 7)
    # The print is a cylinder with 2 mm of height; detection only knows the flat drawing.
    flat = recording.sightings.points
    bent = flat.copy()
    bent[:, 2] = 0.002 * (1 - (flat[:, 0] / np.abs(flat[:, 0]).max()) ** 2)
    xy = recording.sightings.xy.copy()
    rng = np.random.default_rng(8)
    for index, camera in enumerate(recording.rig.cameras):
        pose = recording.world_from_board
        world = bent @ np.swapaxes(pose[:, :3, :3], 1, 2) + pose[:, None, :3, 3]
        pixels, _ = camera.project(world)
        xy[:, index] = np.where(np.isfinite(xy[:, index]), pixels + rng.normal(0, 0.2, pixels.shape), np.nan)
    sightings = replace(recording.sightings, xy=xy)
    rig, boards = disturb(recording, 9, amount=0.3)
    as_printed = adjust(sightings, rig, boards)
    found = adjust(sightings, rig, boards, BundleSettings(estimate_board=True, board_sigma_m=0.005))
    assert as_printed.noise_px > 1.15 * found.noise_px
    assert found.noise_px == pytest.approx(0.2, rel=0.03)
    # Up to the board's own motion, found and true shapes agree.
    a, b = found.points - found.points.mean(axis=0), bent - bent.mean(axis=0)
    u, _, vt = np.linalg.svd(a.T @ b)
    error = a @ (u @ vt) - b
    assert np.sqrt(np.mean(error**2)) < 2.0 * np.sqrt(np.mean(found.points_sigma_m**2))
    assert np.abs(error).max() < 0.0005


def test_clocks_are_found() -> None:
    offset, rate = np.array([0.0, 0.1, -0.07]), np.array([0.0, 1e-4, -5e-5])
    scene = replace(SCENE, instants=150, closeups=0, clock_offset_s=tuple(offset), clock_rate=tuple(rate))
    recording = record(scene, 10)
    guess = disturb(recording, 11, amount=0.5)
    found = adjust(recording.sightings, *guess, BundleSettings(clocks="estimated"))
    assert found.noise_px == pytest.approx(0.2, rel=0.03)
    np.testing.assert_allclose(found.clock_offset_s * 30, offset * 30, atol=0.01)
    for index in (1, 2):
        sigma = found.sigmas[index]
        assert abs(found.clock_offset_s[index] - offset[index]) < 4 * sigma.clock_offset_s
        assert abs(found.clock_rate[index] - rate[index]) < 4 * sigma.clock_rate
    # Told the right times, the pictures need no estimate.
    t_s = recording.sightings.t_s
    true = t_s + offset + rate * (t_s - t_s.mean())
    known = adjust(replace(recording.sightings, t_s=true), *guess, BundleSettings(clocks="known"))
    assert known.noise_px == pytest.approx(0.2, rel=0.03)
    # Taken as simultaneous, they do not fit.
    assert adjust(recording.sightings, *guess, BundleSettings(max_iterations=12)).noise_px > 1.0


def test_simultaneous_cameras_have_no_offset(recording: Recording) -> None:
    still = replace(SCENE, instants=120, closeups=0)
    waved = record(still, 12)
    found = adjust(waved.sightings, *disturb(waved, 13), BundleSettings(clocks="estimated"))
    for sigma, offset in zip(found.sigmas[1:], found.clock_offset_s[1:], strict=True):
        assert abs(offset) < 4 * sigma.clock_offset_s
    assert found.noise_px == pytest.approx(0.2, rel=0.04)


def test_clocks_of_far_apart_instants_are_refused(recording: Recording) -> None:
    apart = replace(recording.sightings, t_s=recording.sightings.t_s * 30)
    with pytest.raises(CalibrationError, match="no two instants"):
        adjust(apart, *disturb(recording, 2), BundleSettings(clocks="estimated"))


def test_cameras_without_a_link_are_named(recording: Recording) -> None:
    xy = recording.sightings.xy.copy()
    xy[::2, 2] = np.nan
    xy[1::2, :2] = np.nan
    with pytest.raises(CalibrationError, match="cam_3"):
        adjust(replace(recording.sightings, xy=xy), *disturb(recording, 2))


def test_a_camera_that_saw_the_board_twice_has_a_large_sigma(recording: Recording) -> None:
    xy = recording.sightings.xy.copy()
    both = np.flatnonzero(np.isfinite(xy[:, 1:, :, 0]).all(axis=2).all(axis=1))
    keep = np.isin(np.arange(len(xy)), both[[0, len(both) // 2]])
    xy[~keep, 2] = np.nan
    rig, boards = disturb(recording, 2, amount=0.3)
    found = adjust(replace(recording.sightings, xy=xy), rig, boards)
    sigma = found.sigmas[2]
    error = lens_vector(found.rig.cameras[2].intrinsics) - lens_vector(recording.rig.cameras[2].intrinsics)
    assert sigma.lens["f"] > 5 * found.sigmas[1].lens["f"]
    assert abs(error[0]) < 4 * sigma.lens["f"]
    away = found.rig.cameras[2].centre - recording.rig.cameras[2].centre
    assert (np.abs(away) < 4 * sigma.centre_m).all()


def test_stops_when_asked_and_reports(recording: Recording) -> None:
    seen: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))

    with pytest.raises(CancelledError):
        adjust(recording.sightings, *disturb(recording, 2), progress=progress, cancelled=lambda: len(seen) >= 3)
    assert [done for _, done, _ in seen] == [1, 2, 3]


def test_wrong_cameras_and_reference_are_refused(recording: Recording) -> None:
    rig, boards = disturb(recording, 2)
    with pytest.raises(CalibrationError, match="but the rig has"):
        adjust(recording.sightings, rig.select(("cam_1", "cam_2")), boards)
    with pytest.raises(CalibrationError, match="cam_9"):
        adjust(recording.sightings, rig, boards, BundleSettings(reference="cam_9"))
