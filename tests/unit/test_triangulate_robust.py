"""Triangulation against known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig, Intrinsics
from mocap.core.types import Tracks2D
from mocap.presets import load_skeleton
from mocap.triangulate import Noise, TriangulationSettings, Triangulator, triangulate
from mocap.triangulate.lens import lenses_of, undistort
from mocap.triangulate.removal import plain
from mocap.triangulate.robust import _views
from tests.conftest import ring_rig

SKELETON = load_skeleton("blazepose33")
RNG = np.random.default_rng(5)


def tracks_of(rig: CameraRig, xyz: np.ndarray, noise_px: float = 0.0) -> Tracks2D:
    pixels, valid = rig.project(xyz)
    assert valid.all()
    xy = np.moveaxis(pixels, 0, 1)
    xy = xy + RNG.normal(size=xy.shape) * noise_px
    ones = np.ones(xy.shape[:-1])
    return Tracks2D(rig.names, SKELETON, xy, ones * max(noise_px, 1.0), ones * 0.9, np.arange(xyz.shape[1]))


def cloud(frames: int = 30, people: int = 2) -> np.ndarray:
    return RNG.uniform([-0.7, -0.7, 0.1], [0.7, 0.7, 1.9], size=(frames, people, 33, 3))


@pytest.mark.parametrize("cameras", [2, 4, 9])
def test_exact_points_come_back_exactly(cameras: int) -> None:
    rig = ring_rig(cameras) if cameras > 2 else CameraRig(ring_rig(5).cameras[:2])
    xyz = cloud()
    points = triangulate(tracks_of(rig, xyz), rig)
    np.testing.assert_allclose(points.xyz, xyz, atol=1e-8)
    assert (points.n_views == cameras).all()
    np.testing.assert_allclose(points.reproj_px, 0.0, atol=1e-5)


def test_one_bad_view_is_left_out(rig: CameraRig) -> None:
    xyz = cloud()
    tracks = tracks_of(rig, xyz, noise_px=1.0)
    clean = triangulate(tracks, rig)
    bad = RNG.integers(0, 4, size=xyz.shape[:3])
    hit = RNG.random(xyz.shape[:3]) < 0.2
    shift = RNG.choice([-1, 1], size=(*xyz.shape[:3], 2)) * RNG.uniform(40, 150, size=(*xyz.shape[:3], 2))
    xy = tracks.xy.copy()
    for camera in range(4):
        xy[:, camera] += np.where((hit & (bad == camera))[..., None], shift, 0.0)
    points = triangulate(replace(tracks, xy=xy), rig)
    error = np.linalg.norm(points.xyz - xyz, axis=-1)
    assert np.isfinite(error).mean() > 0.995
    assert np.nanpercentile(error[hit], 95) < 3 * np.percentile(np.linalg.norm(clean.xyz - xyz, axis=-1), 95)
    rejected = ~np.take_along_axis(points.used, bad[:, None], axis=1)[:, 0]
    assert rejected[hit].mean() > 0.99
    assert rejected[~hit].mean() < 0.05


@pytest.mark.parametrize("noise_px", [1.0, 4.0, 10.0])
def test_stated_covariance_is_honest(rig: CameraRig, noise_px: float) -> None:
    xyz = cloud(frames=100)
    points = triangulate(tracks_of(rig, xyz, noise_px), rig)
    error = points.xyz - xyz
    normalised = np.einsum("...i,...ij,...j->...", error, np.linalg.inv(points.cov), error) / 3
    assert 0.9 < np.nanmean(normalised) < 1.15


def test_noise_beyond_the_stated_sigma_widens_the_covariance(rig: CameraRig) -> None:
    xyz = cloud(frames=60)
    tracks = replace(tracks_of(rig, xyz, 8.0), sigma_px=np.full((60, 4, 2, 33), 2.0))
    points = triangulate(tracks, rig)
    assert np.isfinite(points.xyz).all(axis=-1).mean() > 0.97
    error = points.xyz - xyz
    normalised = np.einsum("...i,...ij,...j->...", error, np.linalg.inv(points.cov), error) / 3
    assert 0.8 < np.nanmedian(normalised) / 0.789 < 1.3  # the median of chi-squared with 3 freedoms, over 3


def test_one_view_is_not_a_point(rig: CameraRig) -> None:
    tracks = tracks_of(rig, cloud(frames=3))
    score = tracks.score.copy()
    score[:, 1:] = 0.0
    points = triangulate(replace(tracks, score=score), rig)
    assert np.isnan(points.xyz).all()
    assert np.isnan(points.cov).all()
    assert (points.n_views == 0).all()


def test_missing_detections_do_not_spread(rig: CameraRig) -> None:
    xyz = cloud(frames=5)
    tracks = tracks_of(rig, xyz)
    xy = tracks.xy.copy()
    xy[2, 0] = np.nan
    xy[3, :3, 0, 4] = np.nan
    points = triangulate(replace(tracks, xy=xy), rig)
    assert np.isnan(points.xyz[3, 0, 4]).all()
    finite = np.isfinite(points.xyz).all(axis=-1)
    assert finite.sum() == finite.size - 1
    assert (points.n_views[2] == 3).all()
    np.testing.assert_allclose(points.xyz[finite], xyz[finite], atol=1e-8)


def test_two_views_that_disagree_are_missing() -> None:
    pair = CameraRig(ring_rig(5).cameras[:2])
    tracks = tracks_of(pair, cloud(frames=20), 1.0)
    xy = tracks.xy.copy()
    xy[5, 0, 0, 7] += [0.0, 120.0]
    points = triangulate(replace(tracks, xy=xy), pair)
    assert np.isnan(points.xyz[5, 0, 7]).all()
    assert np.isfinite(points.xyz[6, 0, 7]).all()


def test_nearly_parallel_rays_are_missing() -> None:
    rig = ring_rig(4)
    first = rig.cameras[0]
    moved = first.cam_from_world.copy()
    moved[0, 3] += 0.05
    twin = CameraRig((first, replace(first, name="twin", cam_from_world=moved)))
    tracks = tracks_of(twin, cloud(frames=3))
    assert np.isnan(triangulate(tracks, twin).xyz).all()
    loose = TriangulationSettings(min_angle_rad=0.0, max_sigma_m=10.0)
    assert np.isfinite(triangulate(tracks, twin, loose).xyz).all()


def test_cameras_in_another_order_are_refused(rig: CameraRig) -> None:
    tracks = tracks_of(rig, cloud(frames=2))
    with pytest.raises(ValueError, match="cameras"):
        triangulate(tracks, rig.select(rig.names[::-1]))


@pytest.mark.parametrize("claimed_px", [1.0, np.nan])
@pytest.mark.parametrize("noise_px", [1.0, 3.0, 10.0])
def test_sigma_is_honest_where_the_detector_claims_too_much_or_nothing(
    rig: CameraRig, noise_px: float, claimed_px: float
) -> None:
    xyz = cloud(frames=100)
    tracks = tracks_of(rig, xyz, noise_px)
    points = triangulate(replace(tracks, sigma_px=np.full_like(tracks.score, claimed_px)), rig)
    error = points.xyz - xyz
    normalised = np.einsum("...i,...ij,...j->...", error, np.linalg.inv(points.cov), error) / 3
    assert 0.9 < np.nanmean(normalised) < 1.12


def test_a_stated_sigma_is_never_narrowed(rig: CameraRig) -> None:
    # What the views agree on may still be wrong in all of them.
    tracks = replace(tracks_of(rig, cloud(frames=40), 1.0), sigma_px=np.full((40, 4, 2, 33), 5.0))
    np.testing.assert_allclose(triangulate(tracks, rig).cov, triangulate(tracks, rig, noise=Noise()).cov)


def test_few_views_do_not_make_sigma_smaller(rig: CameraRig) -> None:
    tracks = tracks_of(rig, cloud(frames=1, people=1))
    score = tracks.score.copy()
    score[..., 20:] = 0.0
    unstated = replace(tracks, score=score, sigma_px=np.full_like(score, np.nan))
    np.testing.assert_allclose(triangulate(unstated, rig).cov, triangulate(unstated, rig, noise=Noise()).cov)


@pytest.mark.parametrize("cameras", [5, 16])
def test_many_bad_views_are_left_out(cameras: int) -> None:
    rig = ring_rig(cameras)
    xyz = cloud(frames=100)
    tracks = tracks_of(rig, xyz, noise_px=1.0)
    # Up to two of five, up to six of sixteen, each off its own way.
    worst = np.argsort(RNG.random((100, cameras, 2, 33)), axis=1) < RNG.integers(
        0, (cameras - 1) // 2, size=(100, 1, 2, 33)
    )
    way = RNG.uniform(0, 2 * np.pi, worst.shape)
    shift = RNG.uniform(30, 200, worst.shape)[..., None] * np.stack([np.cos(way), np.sin(way)], axis=-1)
    points = triangulate(replace(tracks, xy=tracks.xy + worst[..., None] * shift), rig)
    error = np.linalg.norm(points.xyz - xyz, axis=-1)
    assert np.isfinite(error).mean() > 0.99
    assert (error > 0.03).mean() < 0.01
    assert (points.used & worst).sum() < 0.01 * worst.sum()
    assert (points.used | worst).mean() > 0.97


def test_torch_gives_what_numpy_gives(rig: CameraRig) -> None:
    pytest.importorskip("torch")
    xyz = cloud(frames=40)
    tracks = tracks_of(rig, xyz, noise_px=2.0)
    xy = tracks.xy.copy()
    xy[RNG.random(xy.shape[:-1]) < 0.1] += 90.0
    xy[3, 0] = np.nan
    for some in (rig, ring_rig(9)):
        if some is not rig:
            tracks = tracks_of(some, xyz, noise_px=2.0)
            xy = tracks.xy + 90.0 * (RNG.random(tracks.score.shape) < 0.2)[..., None]
        bad = replace(tracks, xy=xy)
        host, card = triangulate(bad, some), triangulate(bad, some, device="cpu")
        np.testing.assert_allclose(card.xyz, host.xyz, atol=1e-9)
        np.testing.assert_allclose(card.cov, host.cov, atol=1e-12)
        np.testing.assert_allclose(card.reproj_px, host.reproj_px, atol=1e-6)
        np.testing.assert_array_equal(card.used, host.used)


def test_the_reprojection_error_is_in_the_picture_as_taken(rig: CameraRig) -> None:
    xyz = cloud(frames=10)
    tracks = tracks_of(rig, xyz, noise_px=2.0)
    points = triangulate(tracks, rig)
    pixels, _ = rig.project(points.xyz)
    expected = np.linalg.norm(np.moveaxis(pixels, 0, 1) - tracks.xy, axis=-1)
    np.testing.assert_allclose(points.reproj_px, expected, atol=1e-6)


def test_lenses_of_all_kinds_together() -> None:
    rig = wide_rig()
    xyz = cloud(frames=20)
    tracks = tracks_of(rig, xyz)
    points = triangulate(tracks, rig)
    np.testing.assert_allclose(points.xyz, xyz, atol=1e-7)
    noisy = triangulate(tracks_of(rig, cloud(frames=200), 2.0), rig)
    assert np.isfinite(noisy.xyz).all(axis=-1).mean() > 0.99


def test_sigma_is_honest_at_the_edge_of_a_wide_lens() -> None:
    # There a pixel is another angle than in the middle, and another one outwards than around.
    rig = wide_rig()
    xyz = RNG.uniform([-1.8, -1.8, -0.5], [1.8, 1.8, 2.5], size=(150, 2, 33, 3))
    pixels, valid = rig.project(xyz)
    xy = np.moveaxis(pixels, 0, 1) + RNG.normal(size=(150, 4, 2, 33, 2)) * 2.0
    score = np.moveaxis(valid, 0, 1) * 0.9
    tracks = Tracks2D(rig.names, SKELETON, xy, np.full(score.shape, 2.0), score, np.arange(2))
    points = triangulate(tracks, rig)
    error = points.xyz - xyz
    normalised = np.einsum("...i,...ij,...j->...", error, np.linalg.inv(points.cov), error) / 3
    assert 0.9 < np.nanmean(normalised) < 1.12


@pytest.mark.parametrize("axis_off", [0.0, 0.3])
def test_the_quick_lens_agrees_with_the_careful_one(axis_off: float) -> None:
    rig = wide_rig(skew=axis_off)
    pixels = RNG.uniform([-200, -200], [840, 680], size=(500, 4, 2))
    expected = rig.undistort(pixels)
    with np.errstate(all="ignore"):
        rays, jacobian, found = undistort(np, lenses_of(rig), np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    rays, found = rays.transpose(2, 0, 1), found.T
    assert found[np.isfinite(expected[..., 0])].mean() > 0.95
    # What it finds is right, and it finds nothing where there is nothing.
    np.testing.assert_allclose(rays[found], expected[found], rtol=1e-5, atol=1e-8)
    slope = np.stack([c.intrinsics.distort_jacobian(expected[:, i]) for i, c in enumerate(rig.cameras)], axis=1)
    got = jacobian.transpose(2, 0, 1).reshape(slope.shape)
    np.testing.assert_allclose(got[found], slope[found], rtol=1e-3, atol=1e-2)


def test_nobody_is_no_point(rig: CameraRig) -> None:
    tracks = tracks_of(rig, cloud(frames=3))
    nobody = Tracks2D(
        rig.names, SKELETON, tracks.xy[:, :, :0], tracks.sigma_px[:, :, :0], tracks.score[:, :, :0], np.arange(0)
    )
    assert triangulate(nobody, rig).xyz.shape == (3, 0, 33, 3)
    unseen = replace(tracks, score=0.0 * tracks.score)
    assert np.isnan(triangulate(unseen, rig).xyz).all()


def wide_rig(skew: float = 0.0) -> CameraRig:
    """A strong pinhole, a rational one, a fisheye and a lens without distortion."""
    K = np.array([[300.0, skew, 319.5], [0, 305.0, 239.5], [0, 0, 1.0]])
    lenses = (
        Intrinsics((640, 480), K, np.array([-0.25, 0.08, 0.001, -0.002, -0.01])),
        Intrinsics((640, 480), K, np.array([0.5, -0.2, 0.001, -0.001, 0.02, 0.6, -0.1, 0.01])),
        Intrinsics((640, 480), K, np.array([0.02, -0.01, 0.003, -0.001]), "fisheye"),
        Intrinsics((640, 480), K, np.zeros(5)),
    )
    cameras = ring_rig(4, radius_m=3.0).cameras
    return CameraRig(tuple(replace(c, intrinsics=lens) for c, lens in zip(cameras, lenses, strict=True)))


def turned_rig(*angles_deg: float) -> CameraRig:
    """Cameras on an arc of 4 m about the middle, at given angles."""
    first = ring_rig(4).cameras[0]
    made = []
    for number, degrees in enumerate(angles_deg):
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        pose = first.cam_from_world.copy()
        pose[:3, :3] = pose[:3, :3] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        made.append(replace(first, name=f"at_{number}", cam_from_world=pose))
    return CameraRig(tuple(made))


def test_the_widest_of_all_pairs_decides() -> None:
    loose = TriangulationSettings(max_sigma_m=10.0)  # least angle 3 degrees
    middle = np.zeros((2, 1, 33, 3)) + np.array([0.0, 0.0, 1.0])
    for angles, believed in (((0.0, 2.0), False), ((0.0, 2.0, -2.0), True), ((0.0, 1.0, -1.0), False)):
        rig = turned_rig(*angles)
        points = triangulate(tracks_of(rig, middle), rig, loose)
        assert np.isfinite(points.xyz).all() == believed


def test_rays_that_meet_behind_the_cameras_are_no_point() -> None:
    rig = turned_rig(0.0, 20.0)
    tracks = tracks_of(rig, np.zeros((2, 1, 33, 3)) + np.array([0.0, 0.0, 1.0]))
    apart = tracks.xy.copy()
    apart[:, 0, ..., 0] += 400.0
    apart[:, 1, ..., 0] -= 400.0
    crossed = tracks.xy.copy()
    crossed[:, 0, ..., 0] -= 400.0
    crossed[:, 1, ..., 0] += 400.0
    loose = TriangulationSettings(max_sigma_m=100.0, min_angle_rad=0.0, gate=50.0)
    finite = [np.isfinite(triangulate(replace(tracks, xy=xy), rig, loose).xyz).all() for xy in (apart, crossed)]
    assert sorted(finite) == [False, True]


def test_leverage_foretells_the_fit_without_a_view(rig: CameraRig) -> None:
    tracks = tracks_of(rig, cloud(frames=50), 2.0)
    solver = Triangulator.of(rig)
    views, _ = _views(solver, tracks, slice(0, 50))
    _, fit, _, _ = plain(np, solver.geometry, views, np.inf)
    assert 1.9 < fit.without.mean() < 2.1
    for camera in range(4):
        kept = np.ones_like(views.counted)
        kept[camera] = False
        _, less, _, _ = plain(np, solver.geometry, views.masked(kept), np.inf)
        fall = fit.chi_sq.sum(axis=0) - less.chi_sq.sum(axis=0)
        np.testing.assert_allclose(fit.without[camera], fall, rtol=0.1, atol=0.05)
