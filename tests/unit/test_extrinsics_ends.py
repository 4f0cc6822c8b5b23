"""A checkerboard whose two ends look alike: cameras must count from the same one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError
from calibration.extrinsics import first_rig, settle_ends
from calibration.sightings import Sightings
from tests.boards import board_points, make_scene
from tests.unit.test_extrinsics_rig import centre_errors_m, lenses

POINTS = board_points(7, 5, 0.06)
TURNED = np.arange(len(POINTS))[::-1]


def confused(sightings: Sightings, seed: int = 3) -> Sightings:
    """Each picture numbered from either end, by chance."""
    xy = sightings.xy.copy()
    other = np.random.default_rng(seed).random(xy.shape[:2]) < 0.5
    xy[other] = xy[other][:, TURNED]
    return replace(sightings, xy=xy)


def test_all_cameras_count_from_one_end() -> None:
    scene = make_scene(points=POINTS, frames=40, outliers=0.02)
    settled, notes = settle_ends(confused(scene.sightings), lenses(scene), TURNED)
    seen = scene.sightings.seen & settled.seen
    assert seen.sum() > 0.9 * scene.sightings.seen.sum()
    same = np.isclose(settled.xy, scene.sightings.xy, equal_nan=True).all(axis=(2, 3))
    turned = np.isclose(settled.xy, scene.sightings.xy[:, :, TURNED], equal_nan=True).all(axis=(2, 3))
    shown = settled.seen.any(axis=2)
    # At each instant all cameras alike, and from instant to instant, too: the board moves slowly.
    assert (same | ~shown).all() or (turned | ~shown).all()
    assert any("look alike" in note for note in notes)
    assert centre_errors_m(first_rig(settled, lenses(scene)), scene.rig).max() < 0.006


def test_without_it_the_rig_is_wrong() -> None:
    scene = make_scene(points=POINTS, frames=40)
    guess = first_rig(confused(scene.sightings), lenses(scene))
    assert guess.warnings or centre_errors_m(guess, scene.rig).max() > 0.05


def test_a_board_that_stays_does_not_tell() -> None:
    scene = make_scene(points=POINTS, frames=12)
    instant = int(scene.sightings.seen.sum(axis=(1, 2)).argmax())
    still = scene.sightings.at(np.full(12, instant))
    with pytest.raises(CalibrationError, match="look alike, and no two cameras") as caught:
        settle_ends(confused(still), lenses(scene), TURNED)
    assert "one even and one odd count" in caught.value.remedy


def test_a_lone_camera_only_follows_the_board() -> None:
    scene = make_scene(points=POINTS, frames=30)
    alone = replace(
        scene.sightings,
        cameras=("cam_0",),
        sizes_wh=scene.sightings.sizes_wh[:1],
        xy=scene.sightings.xy[:, :1],
        t_s=scene.sightings.t_s[:, :1],
        frame_index=scene.sightings.frame_index[:, :1],
    )
    settled, notes = settle_ends(confused(alone), lenses(scene)[:1], TURNED)
    assert not notes
    first = settled.seen.any(axis=(1, 2)).argmax()
    turned = not np.allclose(settled.xy[first], alone.xy[first], equal_nan=True)
    expected = alone.xy[:, :, TURNED] if turned else alone.xy
    assert np.allclose(settled.xy, expected, equal_nan=True)
