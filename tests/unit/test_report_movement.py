"""Steps, tasks and strides as the page shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mocap.core.measures import Cycles, Event, Findings, Measure
from mocap.core.types import JointAngles
from mocap.report import movement
from mocap.report.page import render
from tests.unit.test_report_page import make_run, read

EVENTS = (
    Event("foot_strike", "left", 7.0),
    Event("foot_off", "left", 7.25),
    Event("foot_strike", "right", 7.3, doubtful=True),
    Event("foot_strike", "left", 7.5),
)
MEASURES = (
    Measure("stride_length", "left", "m", np.array([1.2, 1.3])),
    Measure("stride_length", "right", "m", np.array([1.1])),
    Measure("stride_length_symmetry", None, "%", np.array([12.8])),
    Measure("jump_count", None, "times", np.array([2.0])),
    Measure("knee_flexion_range", "left", "deg", np.array([61.0])),
)


def strides(name: str, side: Any) -> Cycles:
    wave = np.radians(30.0 * (1 - np.cos(np.linspace(0, 2 * np.pi, 101))))
    gap = np.where(np.arange(101) == 50, np.nan, wave)
    return Cycles(name, side, np.stack([wave - 0.02, wave + 0.02, gap]))


def test_stances_lie_between_strike_and_off() -> None:
    shown = movement.strip(EVENTS, "left", np.array([7.0, 8.0]))
    (stance,) = shown["stances"]  # the second has no end yet
    assert (stance["at"], stance["width"]) == (pytest.approx(0.0), pytest.approx(25.0))
    assert [mark["at"] for mark in shown["marks"]] == pytest.approx([0.0, 25.0, 50.0])


def test_both_sides_stand_in_one_row_with_their_asymmetry() -> None:
    length, jumps = movement.measure_rows(MEASURES)
    assert length["name"] == "stride_length"
    assert length["left"].startswith("1.250 ± 0.071")
    assert length["left"].endswith("n = 2")
    assert length["right"].endswith("n = 1")
    assert "±" not in length["right"]
    assert length["difference"].startswith("12.8")
    assert (jumps["both"], jumps["left"]) == ("2", "")


def test_a_band_of_one_standard_deviation_around_the_mean_stride() -> None:
    plot = movement.cycle_plot("knee_flexion", (strides("left_knee_flexion", "left"),))
    assert plot is not None
    (curve,) = plot["curves"]
    assert curve["n"] == 2  # a stride with a gap does not count
    height = {tick["text"]: tick["y"] for tick in plot["ticks"]}
    per_degree = (height["0°"] - height["60°"]) / 60.0
    line = np.array([[float(v) for v in point.split()] for point in curve["line"][1:].split("L")])
    band = np.array([[float(v) for v in point.split()] for point in curve["band"][1:].split("L")])
    assert line[50, 1] == pytest.approx(height["60°"], abs=0.1)
    upper, lower = band[:101], band[101:][::-1]
    sd = np.degrees(np.std([-0.02, 0.02], ddof=1))
    np.testing.assert_allclose((lower - upper)[:, 1], 2 * sd * per_degree, atol=0.11)
    assert movement.cycle_plot("hip_flexion", (strides("left_knee_flexion", "left"),)) is None


def test_the_page_shows_them_and_is_silent_where_nobody_looked() -> None:
    run = make_run()
    assert "Steps and tasks" not in read(render(**run)).text
    found = Findings(EVENTS, MEASURES, (strides("left_knee_flexion", "left"),))
    text = read(render(**{**run, "take": replace(run["take"], findings=(found,))})).text
    for words in ("Steps and tasks", "Stride length", "Foot strike: 2 left, 1 right", "1 of them is doubtful"):
        assert words in text
    assert "Knee flexion range" not in text  # stands in the table of the angles


def test_angles_that_are_not_known_are_named_and_not_drawn() -> None:
    run = make_run()
    value = run["take"].angles.value
    names = ("left_knee_flexion", "right_knee_flexion", "left_hip_rotation", "neck_bend")
    unknown = np.full_like(value, np.nan)
    angles = JointAngles(names, np.concatenate([value, unknown], -1), np.concatenate([value, unknown], -1))
    page = read(render(**{**run, "take": replace(run["take"], angles=angles)}))
    assert "Not known here: hip rotation." in page.text
    assert "Not known here: neck bend." in page.text
    assert "Hip rotation" not in page.text
    assert "positive on both sides" in page.text  # angles that are not of three points are explained
