"""What is known of the motion of a finished run, as the numbers of each person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mocap.core.errors import SessionError
from mocap.core.measures import Measure, PeopleFindings, Side
from mocap.core.types import FloatArray, JointAngles, MassCentre, SyncTable
from mocap.gui.presenters.words import title

if TYPE_CHECKING:
    from mocap.kinematics.compare import Estimate

ResultT = TypeVar("ResultT")

# Groups of measures in the order of the table. Where zero means nothing at all, shares of a number have a sense.
GAIT, TASKS, RANGES, PEAKS, MASS = (
    "Walking",
    "Tasks",
    "Range of motion",
    "Greatest and least angles",
    "Centre of mass",
)
GROUPS = (GAIT, TASKS, RANGES, PEAKS, MASS)
FROM_ZERO = (GAIT, TASKS, RANGES)
ANGLES_FROM = ("hip", "knee", "ankle", "foot", "pelvis", "trunk", "neck", "shoulder", "elbow", "forearm", "wrist")
# Used where a run does not say how large a repetition is; as in the settings.
PROMINENCE_DEG = 20.0


@dataclass(frozen=True)
class RunReading:
    """A finished run as it is analysed.

    Attributes
    ----------
    prominence_deg : float
        A bend counts as a repetition from this size on.
    tasks : tuple of str
        What was asked for besides gait.
    """

    folder: Path
    session: str
    trial: str
    made: str
    people: tuple[str, ...]
    t_s: FloatArray
    angles: JointAngles
    mass: MassCentre
    findings: PeopleFindings
    prominence_deg: float
    tasks: tuple[str, ...]
    dated: str

    @property
    def label(self) -> str:
        """How the run is called in a list."""
        return f"{self.session}  ·  {self.trial}  ·  {self.made}"

    @property
    def report(self) -> Path | None:
        """The report, where it is there."""
        path = self.folder / "report.html"
        return path if path.is_file() else None


@dataclass(frozen=True)
class MeasureRow:
    """A measure with both sides beside each other; None where there is none.

    Attributes
    ----------
    note : str
        What the number is, for a hint.
    """

    group: str
    name: str
    title: str
    unit: str
    left: Estimate | None = None
    right: Estimate | None = None
    both: Estimate | None = None
    note: str = ""

    def side(self, side: Side | None) -> Estimate | None:
        """The number of a side, or the one that has none."""
        return self.both if side is None else self.left if side == "left" else self.right


def read_run(folder: Path) -> RunReading:
    """Read what a run found out.

    Raises
    ------
    SessionError
        If it is not finished, or a result is gone.
    """
    from datetime import datetime

    from mocap.session import RunFolder, RunManifest, load, read_manifest

    run = RunFolder(folder)
    if not run.manifest.is_file():
        raise SessionError("This is not a finished run.", "Process the recording, then open it here.", folder)

    def result(stage: str, kind: type[ResultT]) -> ResultT:
        stored = load(run.stage(stage), kind)
        if stored is None:
            raise SessionError(
                "A result of this run is not there: it is gone, or the run is of an older version.",
                "Process the recording again; the people in the videos need not be found again.",
                run.stage(stage),
            )
        return stored.result

    told = read_manifest(run.manifest, RunManifest)
    reading = dict(told.settings.get("kinematics", {}))
    found, sync = result("findings", PeopleFindings), result("sync", SyncTable)
    session = folder.parents[3].name if len(folder.parents) > 3 else ""
    made = datetime.fromtimestamp(run.manifest.stat().st_mtime)
    return RunReading(
        folder, session, told.summary.trial, f"{made:%d %b %Y, %H:%M}", found.people, sync.t_s,
        result("angles", JointAngles), result("mass_centre", MassCentre), found,
        float(reading.get("prominence_deg", PROMINENCE_DEG)), tuple(reading.get("tasks", ())), made.isoformat(),
    )  # fmt: skip


def measure_rows(run: RunReading, person: int) -> tuple[MeasureRow, ...]:
    """All measures of a person, by group."""
    from mocap.kinematics.compare import estimate_of
    from mocap.kinematics.extremes import angle_extremes, mass_centre_estimates
    from mocap.kinematics.gait import UNITS

    table: dict[tuple[str, str], dict[Side | None, Estimate]] = {}
    for measure in run.findings.found[person].measures:
        # Ranges are taken with their uncertainty below; symmetry is a column of the comparison.
        if measure.values.size and not measure.name.endswith(("_range", "_symmetry")):
            group = GAIT if measure.name in UNITS else TASKS
            known = timing_sigma(measure, run)
            table.setdefault((group, measure.name), {})[measure.side] = estimate_of(measure, known)
    for one in angle_extremes(run.angles, person):
        for group, name, number in (
            (RANGES, f"{one.name}_range", one.extent),
            (PEAKS, f"{one.name}_greatest", one.greatest),
            (PEAKS, f"{one.name}_least", one.least),
        ):
            table.setdefault((group, name), {})[one.side] = number
    for name, number in mass_centre_estimates(run.mass, person):
        table.setdefault((MASS, name), {})[None] = number
    rows = [
        MeasureRow(
            group,
            name,
            _title(group, name),
            next(iter(sides.values())).unit,
            sides.get("left"),
            sides.get("right"),
            sides.get(None),
            NOTES.get(name, NOTES.get(group, "")),
        )
        for (group, name), sides in table.items()
    ]
    return tuple(sorted(rows, key=lambda row: (GROUPS.index(row.group), _place(row))))


def _place(row: MeasureRow) -> int:
    """Angles from the hips down, then up: most questions are about legs."""
    if row.group not in (RANGES, PEAKS):
        return 0
    return next((n for n, start in enumerate(ANGLES_FROM) if row.name.startswith(start)), len(ANGLES_FROM))


def timing_sigma(measure: Measure, run: RunReading) -> float:
    """Error of a single value from that instants are a picture apart; NaN where that is no part of it.

    Both ends of a span fall anywhere between two pictures: each has the spread of an even distribution, the time
    between pictures over the root of 12.
    """
    apart = float(np.median(np.diff(run.t_s))) if run.t_s.shape[0] > 1 else float("nan")
    span = apart * math.sqrt(2.0 / 12.0)
    if measure.unit == "s":
        return span
    value = abs(measure.mean)
    if measure.name == "cadence":  # steps a minute: its share is that of the step's time
        return value * span * value / 60.0
    strides = next((m for m in _own(measure, run) if m.name == "stride_time"), None)
    if strides is None:
        return float("nan")
    if measure.name.endswith("_share"):
        return 100.0 * span / strides.mean
    return value * span / strides.mean if measure.name == "walking_speed" else float("nan")


def _own(measure: Measure, run: RunReading) -> list[Measure]:
    """Measures of the same person and side."""
    person = next((one for one in run.findings.found if any(m is measure for m in one.measures)), None)
    return [m for m in person.measures if m.side == measure.side] if person is not None else []


def _title(group: str, name: str) -> str:
    """What a measure is called."""
    if group == RANGES:
        return title(name.removesuffix("_range"))
    if group == PEAKS:
        base, _, end = name.rpartition("_")
        return f"{title(base)}, {end}"
    if group == MASS:
        return title(name.removeprefix("mass_centre_"))
    return title(name)


NOTES = {
    RANGES: "Greatest minus least value of the whole recording.",
    PEAKS: "Of the whole recording.",
    "stride_length": "Way of a heel from one strike to its next.",
    "step_length": "How far one heel lands before the other.",
    "step_width": "How far apart the heels land, across the way.",
    "stance_share": "Share of the stride on the ground.",
    "swing_share": "Share of the stride in the air.",
    "double_support_share": "Share of the stride on both feet.",
    "cadence": "Steps a minute.",
    "mass_centre_horizontal_range": "Along the line on the floor on which it goes farthest.",
}


def no_measure_of(run: RunReading, person: int) -> str:
    """What to do where nothing was timed or counted; empty where something was."""
    found = run.findings.found[person]
    if any(measure.values.size and not measure.name.endswith("_range") for measure in found.measures):
        return ""
    if found.events:
        return (
            "Single steps were found, but no whole stride: a foot has to strike the ground twice. Record a few "
            "steps more. Angles and ranges are below all the same."
        )
    return (
        "No steps were found here, so there is nothing about walking. If somebody walks, see in the review "
        "whether the feet are in view. If it is an exercise, process it again and say under “What was done” what "
        "it is. Angles and ranges are below all the same."
    )
