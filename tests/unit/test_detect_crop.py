"""The crop: maps that invert each other, pixel centres that stay where they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocap.detect import crop

REGION = np.array([310.0, 205.0, 180.0, 0.7])


@given(st.floats(-500, 2500), st.floats(-500, 2500), st.floats(20, 4000), st.floats(-np.pi, np.pi))
def test_to_crop_and_back(x: float, y: float, side: float, angle: float) -> None:
    region = np.array([x, y, side, angle])
    points = np.array([[0.0, 0.0], [255.0, 10.0], [-30.0, 300.0]])
    np.testing.assert_allclose(crop.to_crop(crop.to_picture(points, region, 256), region, 256), points, atol=1e-8)


def test_the_crops_edges_are_half_a_pixel_outside_its_pixel_centres() -> None:
    region = np.array([100.0, 60.0, 50.0, 0.0])
    corners = crop.to_picture(np.array([[-0.5, -0.5], [255.5, 255.5]]), region, 256)
    np.testing.assert_allclose(corners, [[75.0, 35.0], [125.0, 85.0]], atol=1e-12)


def test_a_crop_at_full_size_is_the_picture_itself() -> None:
    image = np.random.default_rng(1).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(crop.cut(image, np.array([19.5, 19.5, 40.0, 0.0]), 40), image)


def test_what_is_cut_lies_where_the_map_says() -> None:
    ys, xs = np.mgrid[0:400, 0:600]
    spot = np.exp(-((xs - 330.25) ** 2 + (ys - 190.75) ** 2) / (2 * 6.0**2))
    image = np.repeat((255 * spot)[..., None], 3, axis=2).astype(np.uint8)
    cut = crop.cut(image, REGION, 256)[..., 0].astype(float)
    cy, cx = np.mgrid[0:256, 0:256]
    centre = np.array([(cut * cx).sum(), (cut * cy).sum()]) / cut.sum()
    np.testing.assert_allclose(crop.to_picture(centre, REGION, 256), [330.25, 190.75], atol=0.05)


@pytest.mark.parametrize("top", [(100.0, 40.0), (160.0, 100.0), (40.0, 130.0), (100.0, 170.0)])
def test_the_trunk_points_up_in_the_crop(top: tuple[float, float]) -> None:
    hip = np.array([100.0, 100.0])
    region = crop.upright_region(hip, np.array(top), 80.0, 2.5)
    assert region[2] == pytest.approx(200.0)
    seen = crop.to_crop(np.array([hip, top]), region, 256)
    np.testing.assert_allclose(seen[0], [127.5, 127.5], atol=1e-9)
    assert seen[1, 0] == pytest.approx(127.5, abs=1e-9)
    assert seen[1, 1] < 127.5


def test_regions_that_differ_by_rounding_become_one_that_is_close() -> None:
    rng = np.random.default_rng(1)
    regions = np.column_stack(
        [rng.uniform(-100, 2000, (500, 2)), np.exp(rng.uniform(4, 8, 500)), rng.uniform(-4, 4, 500)]
    )
    settled = np.array([crop.on_grid(region) for region in regions])
    off = np.abs(settled - regions)
    assert (off[:, :2] <= settled[:, 2:3] / 128 + 1e-9).all()
    assert (off[:, 2] <= regions[:, 2] / 60).all()
    assert (off[:, 3] <= 1 / 64 + 1e-12).all()
    np.testing.assert_allclose([crop.on_grid(region) for region in settled], settled, rtol=1e-12)
    nudged = np.array([crop.on_grid(r) for r in regions * (1 + 1e-6)])
    assert (nudged == settled).all(axis=1).mean() > 0.98
    assert np.isnan(crop.on_grid(np.full(4, np.nan))).all()
