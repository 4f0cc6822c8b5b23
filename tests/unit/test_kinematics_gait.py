"""Gait events and figures: on a walk with known steps, and against force plates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest

from mocap.core.measures import Event
from mocap.core.types import FloatArray, JointAngles
from mocap.kinematics.gait import Feet, cycles, gait_events, gait_measures, symmetry

STRIDE_S, STANCE, SPEED, WIDTH = 1.1, 0.62, 1.3, 0.1
RATE = 60.0


def walk(seconds: float = 8.0, direction_deg: float = 30.0, noise_m: float = 0.0) -> tuple[Feet, FloatArray]:
    """Somebody who walks with even steps; the left foot strikes at 0, the right half a stride later."""
    t = np.arange(int(seconds * RATE)) / RATE
    turn = np.deg2rad(direction_deg)
    ahead, left = np.array([np.cos(turn), np.sin(turn), 0.0]), np.array([-np.sin(turn), np.cos(turn), 0.0])
    rng = np.random.default_rng(2)

    def foot(delay: float, side: float) -> tuple[FloatArray, FloatArray]:
        phase = (t - delay) / STRIDE_S
        count, share = np.floor(phase), phase % 1.0
        swing = np.clip((share - STANCE) / (1 - STANCE), 0.0, 1.0)
        # A foot swings with no speed at both ends, and lands from above.
        forward = (count + swing - np.sin(2 * np.pi * swing) / (2 * np.pi)) * STRIDE_S * SPEED + delay * SPEED
        heel_up = 0.12 * np.sin(np.pi * swing) ** 2 + 0.1 * np.clip((share - 0.4) / 0.22, 0, 1) * (1 - swing)
        toe_up = (
            0.05
            + 0.08 * swing * np.sin(np.pi * np.minimum(swing, 1))
            + 0.1 * np.exp(-((((share + 0.5) % 1.0 - 0.47) / 0.03) ** 2))
        )
        base = forward[:, None] * ahead + side * 0.5 * WIDTH * left
        heel = base + heel_up[:, None] * [0, 0, 1]
        return heel, base + 0.2 * ahead + toe_up[:, None] * [0, 0, 1]

    hips = (t * SPEED)[:, None] * ahead + 0.25 * ahead + [0, 0, 0.95]
    left_heel, left_toe = foot(0.0, 1.0)
    right_heel, right_toe = foot(STRIDE_S / 2, -1.0)
    points = [p + rng.normal(0, noise_m, p.shape) for p in (hips, left_heel, right_heel, left_toe, right_toe)]
    return Feet(points[0], {"left": points[1], "right": points[2]}, {"left": points[3], "right": points[4]}), t


def times(events: tuple[Event, ...], kind: str, side: str) -> FloatArray:
    return np.array([e.t_s for e in events if e.kind == kind and e.side == side])


@pytest.mark.parametrize("noise_m", [0.0, 0.005])
def test_every_step_is_found_and_none_is_invented(noise_m: float) -> None:
    feet, t = walk(noise_m=noise_m)
    events = gait_events(feet, t, RATE)
    for side, delay in (("left", 0.0), ("right", STRIDE_S / 2)):
        # The foot of this model leaves the ground from rest, slower than a real one: its reach turns later.
        for kind, first, tolerance in (
            ("foot_strike", delay, 0.04),
            ("foot_off", delay + STANCE * STRIDE_S, 0.07),
        ):
            true = np.arange(first - STRIDE_S, t[-1] + STRIDE_S, STRIDE_S)
            found = times(events, kind, side)
            apart = np.abs(found[:, None] - true[None])
            assert apart.min(axis=1).max() < tolerance, (kind, side)
            inner = (true > 0.3) & (true < t[-1] - 0.3)
            assert apart[:, inner].min(axis=0).max() < tolerance, (kind, side)


def test_steps_in_figures() -> None:
    feet, t = walk(12.0)
    measures = {(m.name, m.side): m for m in gait_measures(gait_events(feet, t, RATE), feet, t)}
    for side in ("left", "right"):
        expected = {
            "stride_time": (STRIDE_S, 0.01), "stride_length": (STRIDE_S * SPEED, 0.02),
            "walking_speed": (SPEED, 0.03), "step_time": (STRIDE_S / 2, 0.02),
            "stance_share": (100 * STANCE, 7.0), "swing_share": (100 - 100 * STANCE, 7.0),
            "double_support_share": (200 * (STANCE - 0.5), 13.0),
            "step_length": (STRIDE_S * SPEED / 2, 0.03), "step_width": (WIDTH, 0.01),
            "cadence": (120 / STRIDE_S, 3.0),
        }  # fmt: skip
        for name, (value, tolerance) in expected.items():
            measure = measures[(name, side)]
            assert measure.mean == pytest.approx(value, abs=tolerance), name
            assert measure.values.size >= 5
            assert measure.sd < 0.1 * abs(measure.mean)
    for measure in symmetry(tuple(measures.values())):
        assert abs(measure.mean) < 12.0, measure.name


def test_nobody_who_stands_or_sways_walks() -> None:
    feet, t = walk()
    rng = np.random.default_rng(1)
    standing = Feet(
        np.tile(feet.mid_hip[:1], (t.size, 1)) + 0.03 * np.sin(2 * np.pi * t)[:, None],
        {s: np.tile(p[:1], (t.size, 1)) + rng.normal(0, 0.01, p.shape) for s, p in feet.heel.items()},
        {s: np.tile(p[:1], (t.size, 1)) + rng.normal(0, 0.01, p.shape) for s, p in feet.toe.items()},
    )
    assert gait_events(standing, t, RATE) == ()


def test_gaps_make_no_events() -> None:
    feet, t = walk()
    heel = {side: path.copy() for side, path in feet.heel.items()}
    heel["left"][120:300] = np.nan
    events = gait_events(replace(feet, heel=heel), t, RATE)
    strikes = times(events, "foot_strike", "left")
    assert not ((strikes > 2.0) & (strikes < 5.0)).any()
    assert times(events, "foot_strike", "right").size >= 6


def test_cycles_have_101_points_and_keep_gaps() -> None:
    feet, t = walk()
    events = gait_events(feet, t, RATE)
    value = np.sin(2 * np.pi * t / STRIDE_S)[:, None, None] * [1.0, 1.0]
    value[100:110, 0, 0] = np.nan
    angles = JointAngles(("left_knee_flexion", "trunk_lean"), value, 0 * value)
    left, trunk = cycles(angles, 0, events, t)
    assert left.values.shape[1] == 101
    assert np.isnan(left.values).any(axis=1).sum() == 1
    assert trunk.side == "left"
    assert np.nanstd(trunk.values, axis=0).max() < 0.2


@pytest.mark.parametrize(
    ("name", "strike_s", "off_s"),
    [
        # Where a heel came down on a plate; in both trials the left one landed beside it.
        ("walking2", {"right": 2.676}, {"left": 2.76, "right": 3.248}),
        ("walking5", {"right": 2.38}, {"left": 2.48, "right": 2.976}),
    ],
)
def test_against_force_plates(
    shared_data: Path, name: str, strike_s: dict[str, float], off_s: dict[str, float]
) -> None:
    file = ezc3d.c3d(str(shared_data / f"opensim/{name}.c3d"), extract_forceplat_data=True)
    labels = file["parameters"]["POINT"]["LABELS"]["value"]
    points = np.moveaxis(file["data"]["points"][:3], (1, 2, 0), (0, 1, 2)) / 1000.0
    at = dict(zip(labels, points, strict=True))
    rate = float(file["parameters"]["POINT"]["RATE"]["value"][0])
    feet = Feet(
        0.5 * (at["LHJC"] + at["RHJC"]),
        {"left": at["LCAL"], "right": at["RCAL"]},
        {"left": at["LMT1"], "right": at["RMT1"]},
    )
    # The times above are those at which the plates' force passes 25 N.
    loaded = []
    for plate in file["data"]["platform"]:
        force = np.abs(plate["force"][2] - np.median(plate["force"][2]))
        loaded.append(force[:: force.size // points.shape[1]] > 25.0)
    for when in (*strike_s.values(), *off_s.values()):
        assert any(len(set(on[int(when * rate) - 2 : int(when * rate) + 3])) == 2 for on in loaded)
    events = gait_events(feet, np.arange(points.shape[1]) / rate, rate)
    for side, when in strike_s.items():
        assert np.min(np.abs(times(events, "foot_strike", side) - when)) < 0.02
    for side, when in off_s.items():
        assert np.min(np.abs(times(events, "foot_off", side) - when)) < 0.012
    order = [(e.kind, e.side) for e in events]
    turns = [("foot_strike", "left"), ("foot_off", "right"), ("foot_strike", "right"), ("foot_off", "left")]
    start = turns.index(order[0])
    assert order == [turns[(start + i) % 4] for i in range(len(order))]
