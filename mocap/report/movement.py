"""What the page says of walking and of tasks: events, figures of both sides, strides laid over each other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from calibration.report.numbers import number
from mocap.core.measures import Cycles, Event, Measure, Side
from mocap.core.types import FloatArray, Take

# Angles that clinics draw over the stride, in their order (Baker, Measuring Walking, 2013).
DRAWN = (
    "pelvis_tilt", "pelvis_obliquity", "pelvis_rotation", "hip_flexion", "hip_adduction", "hip_rotation",
    "knee_flexion", "ankle_dorsiflexion", "foot_progression",
)  # fmt: skip
# Decimals by unit: what is measured to a millimetre or a hundredth of a second needs no more.
DECIMALS = {"s": 2, "m": 3, "m/s": 2, "%": 1, "steps/min": 0, "deg": 1, "times": 0}
# In the drawing's own units; the page scales it.
WIDTH, HEIGHT, LEFT_EDGE, BOTTOM = 320.0, 190.0, 34.0, 22.0
# At most so many lines across, degrees apart as people count.
MOST_TICKS = 5
STEPS_DEG = (2, 5, 10, 20, 30, 45, 60, 90)
SIDES: tuple[Side, ...] = ("left", "right")
# What users marked besides does not end a stance.
FOOT_EVENTS = ("foot_strike", "foot_off")


def movements(take: Take) -> list[dict[str, Any]]:
    """Events, figures and strides of each person who has any."""
    shown = []
    for who, found in zip(take.people, take.findings, strict=True):
        rows = measure_rows(found.measures)
        if found.events or rows:
            shown.append(
                {
                    "person": who,
                    "strips": [strip(found.events, side, take.t_s) for side in SIDES] if found.events else [],
                    "counts": event_counts(found.events),
                    "doubtful": sum(event.doubtful for event in found.events),
                    "rows": rows,
                    "whole": any(row["both"] for row in rows),
                    "cycles": [plot for name in DRAWN if (plot := cycle_plot(name, found.cycles)) is not None],
                }
            )
    return shown


def event_counts(events: Sequence[Event]) -> list[dict[str, Any]]:
    """How often each kind of event was found on each side."""
    kinds = dict.fromkeys(event.kind for event in events)
    return [
        {"kind": kind, **{side: sum(e.kind == kind and e.side == side for e in events) for side in SIDES}}
        for kind in kinds
    ]


def strip(events: Sequence[Event], side: Side, t_s: FloatArray) -> dict[str, Any]:
    """Stances of one foot along the recording, percent of its length; a stance without an end fades out."""
    start, length = float(t_s[0]), max(float(t_s[-1] - t_s[0]), 1e-9)
    own = [event for event in events if event.side == side]
    stances = []
    for event, after in pairwise([event for event in own if event.kind in FOOT_EVENTS]):
        if event.kind == "foot_strike" and after.kind == "foot_off":
            at = 100.0 * (event.t_s - start) / length
            stances.append({"at": at, "width": 100.0 * (after.t_s - event.t_s) / length})
    marks = [
        {"at": 100.0 * (e.t_s - start) / length, "kind": e.kind, "t": e.t_s - start, "doubtful": e.doubtful}
        for e in own
    ]
    return {"side": side, "stances": stances, "marks": marks}


def measure_rows(measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """One row a measure: both sides beside each other, and how much they differ.

    Ranges of angles stand in the table of the angles.
    """
    by_name: dict[str, dict[str, Measure]] = {}
    for measure in measures:
        if measure.values.size and not measure.name.endswith("_range"):
            by_name.setdefault(measure.name, {})[measure.side or "both"] = measure
    rows = []
    for name, found in by_name.items():
        if name.endswith("_symmetry"):
            continue
        differs = by_name.get(f"{name}_symmetry", {}).get("both")
        rows.append(
            {
                "name": name,
                **{side: _cell(found.get(side)) for side in ("left", "right", "both")},
                "difference": "" if differs is None else number(differs.mean, 1, "%"),
            }
        )
    return rows


def _cell(measure: Measure | None) -> str:
    """``1.23 ± 0.04 m, n = 5``."""
    if measure is None or not measure.values.size:
        return ""
    digits = DECIMALS.get(measure.unit, 2)
    unit = {"deg": "°", "times": ""}.get(measure.unit, measure.unit)
    mean = number(measure.mean, digits) if measure.values.size > 1 else number(measure.mean, digits, unit)
    if measure.values.size == 1:
        return mean if measure.unit == "times" else f"{mean}, n = 1"
    return f"{mean} ± {number(measure.sd, digits, unit)}, n = {measure.values.size}"


def cycle_plot(joint: str, cycles: Sequence[Cycles]) -> dict[str, Any] | None:
    """Mean and band of ± 1 SD of an angle over the stride, as outlines; None where there are no strides."""
    curves = []
    for one in cycles:
        name = one.name.removeprefix(f"{one.side}_")
        whole = np.degrees(one.values[np.isfinite(one.values).all(axis=1)])
        if name == joint and whole.size:
            sd = whole.std(axis=0, ddof=1) if whole.shape[0] > 1 else np.zeros(whole.shape[1])
            side = one.side if one.name != joint else "middle"
            curves.append((side, whole.shape[0], whole.mean(axis=0), sd))
    if not curves:
        return None
    low = min(float((mean - sd).min()) for _, _, mean, sd in curves)
    high = max(float((mean + sd).max()) for _, _, mean, sd in curves)
    step = next((s for s in STEPS_DEG if (high - low) / s <= MOST_TICKS - 1), STEPS_DEG[-1])
    low, high = step * np.floor(low / step), step * np.ceil(max(high, low + step) / step)

    def y(value: FloatArray) -> FloatArray:
        return np.asarray((HEIGHT - BOTTOM) * (high - value) / (high - low) + 4.0)

    x = LEFT_EDGE + (WIDTH - LEFT_EDGE - 4.0) * np.linspace(0.0, 1.0, curves[0][2].shape[0])
    ticks = np.arange(low, high + 0.5 * step, step)
    return {
        "joint": joint,
        "ticks": [{"y": float(y(tick)), "text": f"{tick:g}°"} for tick in ticks],
        "shares": [{"x": float(x[share]), "text": f"{share} %"} for share in (0, 50, 100)],
        "curves": [
            {
                "side": side,
                "n": n,
                "line": _path(x, y(mean)),
                "band": _path(np.concatenate([x, x[::-1]]), np.concatenate([y(mean + sd), y(mean - sd)[::-1]])),
            }
            for side, n, mean, sd in curves
        ],
    }


def _path(x: FloatArray, y: FloatArray) -> str:
    """Outline as SVG says it."""
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
