"""Parts of the intrinsics: conversion between kinds, choice of pictures, coverage, comparison of models."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.intrinsics.fit import MOST_STEPS, Views, fit, lens_prior, without
from calibration.intrinsics.models import FISHEYE, PLAIN_MODELS, beliefs_of, covers_picture, winner
from calibration.intrinsics.start import converted
from calibration.intrinsics.views import coverage, most_informative, thin
from tests.boards import lens, make_scene


def test_conversion_keeps_the_picture() -> None:
    pinhole = lens(700.0, dist=(-0.25, 0.08, 0.0, 0.0, 0.0))
    grid = np.stack(np.meshgrid(np.linspace(-0.7, 0.7, 9), np.linspace(-0.4, 0.4, 5)), axis=-1)
    fisheye = converted(pinhole, FISHEYE)
    assert np.abs(fisheye.distort(grid) - pinhole.distort(grid)).max() < 1.0
    back = converted(fisheye, PLAIN_MODELS[-1])
    assert np.abs(back.distort(grid) - pinhole.distort(grid)).max() < 1.5


def test_lens_that_folds_the_picture_over_is_recognised() -> None:
    assert covers_picture(lens(900.0))
    assert not covers_picture(lens(600.0, dist=(-0.5, 0.0, 0.0, 0.0, 0.0)))


def test_prior_knows_the_sum_of_radial_terms_better_than_each() -> None:
    intrinsics = lens(640.0)
    prior = lens_prior((1280, 720), 640.0, PLAIN_MODELS[-1], beliefs_of(intrinsics))
    s = (1.1 * np.hypot(1280, 720) / 2 / 640.0) ** 2
    growth = np.array([3 * s, 5 * s**2, 7 * s**3])
    covariance = np.linalg.inv(prior.of([4, 5, 8]))
    assert np.sqrt(growth @ covariance @ growth) < 0.51
    assert np.sqrt(growth**2 @ np.diag(covariance)) > 1.5


def test_chosen_pictures_cover_what_was_rare() -> None:
    rng = np.random.default_rng(0)
    # 200 pictures in the middle, three at corners of the picture.
    middles = np.vstack([rng.normal([640, 360], 20, (200, 2)), [[100, 100], [1200, 80], [90, 650]]])
    board = np.stack(np.meshgrid(np.arange(4) * 20.0, np.arange(3) * 20.0), axis=-1).reshape(-1, 2)
    xy = middles[:, None] + board
    chosen = thin(xy, np.ones(xy.shape[:2], dtype=bool), (1280, 720), 12)
    assert {200, 201, 202} <= set(chosen.tolist())
    assert len(set(chosen.tolist())) == 12


def test_greedy_choice_takes_the_other_direction_first() -> None:
    along = np.diag([1.0, 0.01])
    across = np.diag([0.01, 0.8])
    chosen = most_informative(np.array([along, along, across]), 1e-3 * np.eye(2), 2)
    assert chosen.tolist() == [0, 2]


def test_coverage_names_empty_regions_and_tilt() -> None:
    xy = np.array([[100.0, 100.0], [640.0, 360.0], [1279.0, 719.0]])
    poses = np.broadcast_to(np.eye(4), (10, 4, 4)).copy()
    angle = np.deg2rad(30.0)
    poses[9, 1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    shown = coverage((1280, 720), xy, poses)
    assert shown.counts.sum() == 3
    assert shown.share == pytest.approx(3 / 48)
    assert len(shown.empty_regions) == 6
    assert "top right" in shown.empty_regions
    assert not {"top left", "centre", "bottom right"} & set(shown.empty_regions)
    assert shown.tilt_deg[9] == pytest.approx(30.0)


def test_richer_model_must_win_on_held_out_pictures() -> None:
    rng = np.random.default_rng(1)
    plain = np.stack([rng.uniform(0.9, 1.1, 20), np.full(20, 10.0)], axis=1)
    rich, mixed, worse = plain.copy(), plain.copy(), plain.copy()
    rich[:, 0] *= 0.9
    mixed[:, 0] *= np.where(np.arange(20) % 2, 1.1, 0.89)  # better in as many pictures as worse
    worse[:, 0] *= 1.01
    assert winner((PLAIN_MODELS[0], FISHEYE), {PLAIN_MODELS[0].name: plain, FISHEYE.name: rich}) == FISHEYE
    rich[:, 0] = 0.97 * plain[:, 0]  # better, but not worth a lens that few programs read
    assert winner((PLAIN_MODELS[0], FISHEYE), {PLAIN_MODELS[0].name: plain, FISHEYE.name: rich}) == PLAIN_MODELS[0]
    names = [model.name for model in PLAIN_MODELS]
    assert winner(PLAIN_MODELS, dict(zip(names, (plain, rich, rich, rich, rich), strict=True))) == PLAIN_MODELS[1]
    assert (
        winner(PLAIN_MODELS, dict(zip(names, (plain, mixed, worse, plain, mixed), strict=True))) == PLAIN_MODELS[0]
    )


@pytest.mark.parametrize("count", [6, 30])
def test_one_step_from_the_whole_fit_holds_pictures_out_as_a_fit_does(count: int) -> None:
    scene = make_scene(frames=80, noise_px=0.3)
    seen = scene.sightings.seen[:, 0]
    shown = np.flatnonzero(seen.sum(axis=1) >= 12)[:count]
    xy = np.where(seen[shown, :, None], scene.sightings.xy[shown, 0], 0.0)
    views = Views((1280, 720), scene.sightings.points, xy, seen[shown].astype(np.float64))
    true = scene.rig.cameras[0]
    poses = true.cam_from_world @ scene.world_from_board[shown]
    model = PLAIN_MODELS[1]
    prior = lens_prior((1280, 720), true.intrinsics.focal_px, model, beliefs_of(true.intrinsics))
    whole = fit(views, model, true.intrinsics, poses, prior, 0.3)
    folds = [np.arange(len(shown)) % 3 == fold for fold in range(3)]
    said = whole.information / 0.3**2 + prior.of(model.columns)
    sigma = float(np.sqrt(np.linalg.inv(said)[0, 0]))
    changed = []
    for out, (found, moved) in zip(folds, without(views, whole, folds, prior, 0.3), strict=True):
        exact = fit(views.at(~out), model, whole.intrinsics, whole.poses[~out], prior, 0.3, MOST_STEPS).intrinsics
        changed.append(abs(exact.focal_px - whole.intrinsics.focal_px))
        assert abs(found.focal_px - exact.focal_px) < 0.15 * sigma
        assert moved.shape == whole.poses.shape
    assert max(changed) > 0.5 * sigma  # there was something to be found
