"""Triangulation against known truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from mocap.core.types import Tracks2D
from mocap.presets import load_skeleton
from mocap.triangulate import TriangulationSettings, triangulate
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
