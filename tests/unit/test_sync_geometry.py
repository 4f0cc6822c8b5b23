"""Clocks by what moves in known cameras, and by speeds without a calibration."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import CameraRig
from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.clocks import Link
from mocap.sync.geometry import solve_geometry
from mocap.sync.motion import compare_motion
from mocap.sync.seen import Seen, at_times

SECONDS = 10.0
FPS = 30.0


def body(t: FloatArray, seed: int = 0, still: bool = False, cycle_s: float = 0.0) -> FloatArray:
    """Fourteen points (T, 14, 3), m, of somebody who wanders about and moves all limbs; or stands; or repeats."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform([-0.3, -0.2, 0.1], [0.3, 0.2, 1.8], (14, 3))
    if still:
        return np.broadcast_to(shape, (t.size, 14, 3)).copy()
    periods = cycle_s / np.array([1.0, 2.0, 3.0, 4.0]) if cycle_s else np.array([0.8, 1.3, 2.9, 7.1])
    phase = 2 * np.pi * t[:, None] / periods
    limbs = rng.normal(0, 0.05, (4, 14, 3))
    walk = rng.normal(0, 0.3, (4, 1, 3)) * [1.0, 1.0, 0.05] * (periods / periods.max())[:, None, None]
    turn = rng.uniform(0, 6.3, (4, 1))
    swing = np.sin(phase.T + turn)
    return np.asarray(shape + np.einsum("pt,pkx->tkx", swing, limbs + walk))


def film(
    rig: CameraRig,
    offset: tuple[float, ...],
    rate: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0),
    fps: tuple[float, ...] = (FPS, FPS, FPS, FPS),
    noise_px: float = 1.0,
    jitter: float = 0.0,
    lost: float = 0.0,
    seed: int = 0,
    **kwargs: object,
) -> list[Seen]:
    """What each camera sees, at stamps of its own clock; times may jitter, and frames be lost."""
    made = []
    for c, camera in enumerate(rig.cameras[: len(offset)]):
        rng = np.random.default_rng([seed, c])
        stamps = np.arange(round(SECONDS * fps[c])) / fps[c]
        stamps = stamps + rng.uniform(-jitter, jitter, stamps.size) / fps[c]
        stamps = stamps[rng.uniform(size=stamps.size) >= lost]
        xy = camera.project(body((stamps - offset[c]) / rate[c], seed, **kwargs))[0]  # type: ignore[arg-type]
        xy = xy + rng.normal(0, noise_px, xy.shape)
        made.append(Seen(camera.name, stamps, xy[:, None], np.zeros((stamps.size, 1), dtype=np.int64)))
    return made


def error(link: Link, offset: tuple[float, ...], rate: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)) -> float:
    i, j = int(link.first[-1]) - 1, int(link.second[-1]) - 1
    common = (link.at_s - offset[i]) / rate[i]
    return link.offset_s - (offset[j] + rate[j] * common - link.at_s)


OFFSETS = (0.0, 0.21, -0.333, 1.72)
# Where the search is not what is tested.
NEAR = {"cam_1": 0.0, "cam_2": 0.2, "cam_3": -0.35, "cam_4": 1.73}


def test_points_are_followed_between_uneven_frames() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(120) / 30 + rng.uniform(-0.012, 0.012, 120)
    xy = np.stack([100 * np.sin(3 * t), 50 * t], axis=-1)[:, None, None]
    seen = Seen("a", t, xy, np.zeros((t.size, 1), dtype=np.int64))
    wanted = np.linspace(0.4, 3.6, 77)
    place, speed = at_times(seen, wanted)
    np.testing.assert_allclose(place[:, 0, 0, 0], 100 * np.sin(3 * wanted), atol=1.0)
    np.testing.assert_allclose(speed[:, 0, 0, 0], 300 * np.cos(3 * wanted), atol=25.0)
    np.testing.assert_allclose(speed[:, 0, 0, 1], 50.0, atol=1e-6)


def test_a_slot_that_passes_to_somebody_else_is_not_joined() -> None:
    t = np.arange(60) / 30
    track = np.where(t < 1.0, 0, 1)[:, None].astype(np.int64)
    xy = np.where(t < 1.0, 0.0, 500.0)[:, None, None, None] * np.ones(2)
    place, _ = at_times(Seen("a", t, xy, track), np.linspace(0.2, 1.8, 200))
    known = place[np.isfinite(place)]
    assert np.isin(known.round(6), (0.0, 500.0)).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_offsets_are_found_to_a_small_part_of_a_frame(rig: CameraRig, seed: int) -> None:
    found = solve_geometry(film(rig, OFFSETS, seed=seed), rig)
    assert len(found.links) == 3
    for link in found.links:
        assert abs(error(link, OFFSETS)) * FPS < 0.05
        assert link.sigma_s * FPS < 0.05


def test_the_stated_error_is_honest(rig: CameraRig) -> None:
    scores = []
    for seed in range(5):
        for link in solve_geometry(film(rig, OFFSETS, seed=seed), rig, start_s=NEAR).links:
            scores.append(error(link, OFFSETS) / link.sigma_s)
    assert 0.3 < np.sqrt(np.mean(np.square(scores))) < 1.5


def test_a_camera_that_says_30_for_2997_is_found_out(rig: CameraRig) -> None:
    rate = (1.0, 1.0, 1.0, 1000 / 1001)
    for link in solve_geometry(film(rig, OFFSETS, rate), rig, start_s=NEAR).links:
        assert abs(error(link, OFFSETS, rate)) * FPS < 0.05
        expected = -1e-3 * (link.second == "cam_4") + 1e-3 * (link.first == "cam_4")
        assert link.drift == pytest.approx(expected, abs=4 * link.drift_sigma)
        assert link.drift_sigma < 3e-4


def test_different_rates_uneven_times_and_lost_frames(rig: CameraRig) -> None:
    fps = (30.0, 25.0, 60.0, 29.97)
    for link in solve_geometry(film(rig, OFFSETS, fps=fps, jitter=0.3, lost=0.1), rig).links:
        assert abs(error(link, OFFSETS)) * FPS < 0.1


def test_people_who_stand_still_cannot_tell(rig: CameraRig) -> None:
    with pytest.raises(InputError, match="hardly move, or repeat themselves"):
        solve_geometry(film(rig, OFFSETS, still=True), rig)


def test_people_who_repeat_themselves_exactly_cannot_tell(rig: CameraRig) -> None:
    with pytest.raises(InputError, match="hardly move, or repeat themselves"):
        solve_geometry(film(rig, OFFSETS, cycle_s=1.5), rig)


@pytest.mark.parametrize("frames", [3, 20])
def test_a_clock_that_jumps_is_named(rig: CameraRig, frames: int) -> None:
    seen = film(rig, OFFSETS)
    t = seen[1].t_s
    rows = np.r_[0:150, 150 + frames : t.size]
    seen[1] = replace(seen[1], t_s=t[: rows.size], xy=seen[1].xy[rows], track=seen[1].track[rows])
    with pytest.raises(InputError, match=r"clock of 'cam_2' jumps by about 0\.\d+ s, some [456] s"):
        solve_geometry(seen, rig)


def test_a_camera_that_never_overlaps_is_left_out(rig: CameraRig) -> None:
    seen = film(rig, OFFSETS)
    seen[2] = replace(seen[2], xy=film(rig, (0.0, 0.0, 50.0), seed=9)[2].xy)
    found = solve_geometry(seen, rig)
    assert {link.second for link in found.links} | {link.first for link in found.links} == {
        "cam_1",
        "cam_2",
        "cam_4",
    }


def test_two_people_in_other_slots(rig: CameraRig) -> None:
    one, two = film(rig, OFFSETS, seed=1), film(rig, OFFSETS, seed=2)
    both = []
    for c, (a, b) in enumerate(zip(one[:2], two[:2], strict=True)):
        order = (a, b) if c % 2 else (b, a)
        xy = np.concatenate([order[0].xy, order[1].xy], axis=1)
        both.append(Seen(a.camera, a.t_s, xy, np.tile([0, 1], (a.t_s.size, 1)).astype(np.int64)))
    for link in solve_geometry(both[:2], rig).links:
        assert abs(error(link, OFFSETS)) * FPS < 0.05


def starts_and_stops(t: FloatArray) -> FloatArray:
    """Speed (T,) of somebody who walks now and then."""
    return sum(
        (np.exp(-0.5 * ((t - at) / 0.3) ** 2) for at in (1.5, 3.1, 4.0, 6.7, 8.9, 11.2, 12.0)), np.zeros(t.size)
    )


def strolling(camera: str, offset: float, angle: float, seed: int) -> Seen:
    """Ten points that move together; each view sees another part of the motion."""
    t = np.arange(round(14 * FPS)) / FPS
    fine = np.arange(-20.0, 40.0, 0.001)
    way = np.interp(t - offset, fine, np.cumsum(starts_and_stops(fine)) * 0.001)
    spot = np.random.default_rng(3).uniform([280, 100], [360, 400], (10, 2))
    xy = spot + 120 * way[:, None, None] * np.array([np.cos(angle), 0.3 * np.sin(angle)])
    xy = xy + np.random.default_rng(seed).normal(0, 0.5, xy.shape)
    return Seen(camera, t, xy[:, None], np.zeros((t.size, 1), dtype=np.int64))


def test_speeds_tell_without_a_calibration() -> None:
    link = compare_motion(strolling("a", 0.0, 0.2, 1), strolling("b", 0.63, 0.9, 2)).link
    assert link.offset_s == pytest.approx(0.63, abs=0.03)
    assert link.sigma_s >= 1 / FPS


def test_speeds_of_somebody_who_stands_cannot_tell(rig: CameraRig) -> None:
    one, two, *_ = film(rig, OFFSETS, still=True)
    with pytest.raises(InputError, match="hardly move"):
        compare_motion(one, two)


def test_speeds_of_somebody_who_repeats_cannot_tell(rig: CameraRig) -> None:
    one, two, *_ = film(rig, OFFSETS, cycle_s=1.5)
    with pytest.raises(InputError, match="several shifts"):
        compare_motion(one, two)
