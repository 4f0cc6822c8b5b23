"""What the analysis knows and decides, without a window."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mocap.core.measures import Cycles, Event, Findings, Measure, PeopleFindings
from mocap.core.types import JointAngles, MassCentre
from mocap.gui.presenters.analyse.analysing import Analysis, read_person, run_choices
from mocap.gui.presenters.analyse.cycles import STRIDE, cycle_plots, overview
from mocap.gui.presenters.analyse.read import RunReading, measure_rows, read_run
from mocap.gui.presenters.analyse.tables import MISSING, table_of
from mocap.gui.presenters.library.library import read_library
from mocap.gui.presenters.review.review import LEFT, RIGHT

RATE_HZ = 50.0
NAMES = ("left_knee_flexion", "right_knee_flexion", "pelvis_tilt")


def reading(folder: Path = Path("walk"), knee_deg: float = 60.0, walks: bool = True) -> RunReading:
    """A made-up run of somebody who walks, or who stands."""
    t = np.arange(300) / RATE_HZ
    swing = np.radians(0.5 * knee_deg * (1.0 - np.cos(2 * np.pi * t))) if walks else 0.1 * t
    value = np.stack([swing, 0.5 * swing, np.full_like(t, 0.1)], axis=-1)[:, None]
    angles = JointAngles(NAMES, value, np.full_like(value, np.radians(2.0)))
    mass = MassCentre(
        np.stack([t, t, np.ones_like(t)], axis=-1)[:, None], np.tile(np.eye(3) * 1e-4, (300, 1, 1, 1))
    )
    found = Findings()
    if walks:
        events = (Event("foot_strike", "left", 1.0), Event("foot_strike", "left", 2.0))
        measures = (
            Measure("stride_time", "left", "s", np.array([1.0, 1.0, 1.0, 1.0])),
            Measure("stride_length", "left", "m", np.array([1.30, 1.31, 1.29, 1.30])),
            Measure("stride_length", "right", "m", np.array([1.10, 1.11, 1.09, 1.10])),
            Measure("stride_length_symmetry", None, "%", np.array([16.7])),
            Measure("step_width", "left", "m", np.array([0.1])),
            Measure("cadence", "left", "steps/min", np.empty(0)),
        )
        strides = np.stack([value[50:151, 0, 0]] * 3) + np.array([[-0.05], [0.0], [0.05]])
        cycles = (Cycles(NAMES[0], "left", strides), Cycles(NAMES[1], "right", strides * 0.5))
        found = Findings(events, measures, cycles)
    people = PeopleFindings(("subject",), (found,))
    return RunReading(
        folder, "visit", folder.name, "today", ("subject",), t, angles, mass, people, 20.0, (), "2026"
    )


def until(so: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_a_real_run_is_read_as_numbers(run_folder: Path) -> None:
    run = read_run(run_folder)
    rows = measure_rows(run, 0)
    assert run.people == ("subject",)
    assert run.session == "visit"
    knee = next(row for row in rows if row.name == "knee_flexion_range")
    assert knee.left is not None
    assert knee.left.sigma > 0
    assert [row.group for row in rows] == sorted(
        (row.group for row in rows), key=[row.group for row in rows].index
    )


def test_both_sides_stand_beside_each_other_and_are_judged() -> None:
    rows = measure_rows(reading(), 0)
    table = table_of("sides", rows)
    line = next(line for line in table.lines if line.cells[0] == "Stride length, m")
    assert line.cells[3] == "Left is greater"
    assert line.verdict == "differs"
    assert line.cells[-1] == "+17 %"
    # Measured once: no verdict is made up.
    once = next(line for line in table.lines if line.cells[0].startswith("Step width"))
    assert once.cells[2:] == (MISSING, "Only left", MISSING, MISSING, MISSING)
    # Steps that are counted in pictures cannot be known better than these.
    stride = next(row for row in rows if row.name == "stride_time")
    assert stride.left is not None
    assert stride.left.sigma >= 0.9 / RATE_HZ / math.sqrt(6)


def test_a_table_goes_to_a_spreadsheet_as_numbers(tmp_path: Path) -> None:
    table = table_of("measures", measure_rows(reading(), 0))
    rows = list(csv.DictReader(io.StringIO(table.text()), delimiter="\t"))
    length = next(row for row in rows if row["Measure"] == "Stride length")
    assert float(length["Left mean"]) == pytest.approx(1.3)
    assert length["Left n"] == "4"
    assert length["Both mean"] == ""
    table.save(tmp_path / "table.csv")
    assert "Stride length" in (tmp_path / "table.csv").read_text(encoding="utf-8-sig")


def test_another_run_is_compared_line_by_line() -> None:
    ours, theirs = measure_rows(reading(), 0), measure_rows(reading(knee_deg=30.0), 0)
    table = table_of("compare", ours, theirs, "knee")
    words = {(line.cells[0], line.cells[1]): line.cells[4] for line in table.lines if not line.heading}
    assert words["Knee flexion, °", "Left"] == "Greater here"
    same = table_of("compare", ours, ours)
    assert not any(line.verdict == "differs" for line in same.lines)
    # What the other run does not have is a dash.
    bare = table_of("compare", ours, measure_rows(reading(walks=False), 0), "stride")
    assert all(line.cells[3] == MISSING for line in bare.lines if not line.heading)


def test_cycles_are_means_and_bands_and_gaps_are_left_out() -> None:
    cycles = reading().findings.found[0].cycles
    torn = Cycles(cycles[0].name, "left", np.where(np.arange(101) == 3, np.nan, cycles[0].values[:1]))
    (knee,) = cycle_plots(cycles, (torn,))
    assert [(band.side, band.other, band.n) for band in knee.bands] == [(LEFT, False, 3), (RIGHT, False, 3)]
    assert np.degrees(0.05) == pytest.approx(knee.bands[0].sd.max())
    (alone,) = cycle_plots((Cycles("pelvis_tilt", "left", np.zeros((1, 101))),))
    assert np.isnan(alone.bands[0].sd).all()  # one cycle shows no spread
    assert overview((knee, alone), "pelvis_tilt")[0] is alone


def test_a_run_without_steps_says_so_and_what_to_do() -> None:
    person = read_person(reading(walks=False), 0)
    assert "No steps" in person.note
    assert "What was done" in person.note
    assert person.kinds == ()
    analysis = Analysis(lambda folder: reading(folder, walks=False))
    analysis.open(Path("stand"))
    until(lambda: analysis.tick() or analysis.shown)
    assert "two repetitions" in analysis.advice
    assert analysis.drawn == ()
    analysis.close()


def test_the_analysis_opens_compares_and_lets_go() -> None:
    def read(folder: Path) -> RunReading:
        if folder.name == "gone":
            raise OSError("no such disk")
        return reading(folder, 30.0 if folder.name == "before" else 60.0)

    analysis = Analysis(read)
    analysis.open(Path("after"))
    assert analysis.busy
    until(lambda: analysis.tick() or analysis.plots)
    assert analysis.kind is not None
    assert analysis.kind.key == STRIDE
    analysis.compare(Path("before"))
    until(lambda: analysis.tick() or (analysis.other and not analysis.cutting))
    assert analysis.table_kind == "compare"
    assert any(band.other for plot in analysis.plots for band in plot.bands)
    first = analysis.table
    assert analysis.table is first  # not made again for nothing
    analysis.choose_angle("knee_flexion")
    assert [plot.name for plot in analysis.drawn] == ["knee_flexion"]
    analysis.choose_kind("knee_flexion")
    until(lambda: analysis.tick() or not analysis.cutting)
    assert analysis.kind.title == "Repetitions: Knee flexion"
    analysis.compare(None)
    assert analysis.table_kind == "measures"
    analysis.open(Path("gone"))
    until(lambda: analysis.tick() or analysis.trouble)
    assert analysis.shown is None
    analysis.close()


def test_finished_runs_are_offered_newest_first(library_root: Path, run_folder: Path) -> None:
    (choice,) = run_choices(read_library(library_root))
    assert choice.folder == run_folder
    assert choice.label.startswith("visit  ·  walk")
