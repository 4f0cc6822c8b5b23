"""Angles, and the events and figures that are read out of a motion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from mocap.core.body import forward
from mocap.core.errors import InputError
from mocap.core.measures import Cycles, Event, Findings, Measure, PeopleFindings
from mocap.core.summary import MeasureFigure
from mocap.core.types import JointAngles, MassCentre, Motion, Points3D, SyncTable
from mocap.fit import body_points
from mocap.kinematics import joint_angles
from mocap.kinematics.clinical import clinical_angles, has_clinical_angles
from mocap.kinematics.feet import feet_of
from mocap.kinematics.gait import cycles, gait_events, gait_measures, symmetry
from mocap.kinematics.mass import mass_centre
from mocap.kinematics.rates import with_rates
from mocap.kinematics.tasks import jumps, range_of_motion, repetition_measures, sit_to_stand, squats
from mocap.pipeline.settings import KinematicsSettings, PipelineSettings
from mocap.session import SessionManifest, TrialFolder, read_manifest

KNEES = ("left_knee_flexion", "right_knee_flexion")


@dataclass(frozen=True)
class Moved:
    """A motion and what is known of it before findings are read."""

    people: tuple[str, ...]
    sync: SyncTable
    points: Points3D
    motion: Motion
    angles: JointAngles
    mass_centre: MassCentre


def angles_of(points: Points3D, motion: Motion, rate_hz: float) -> JointAngles:
    """Clinical angles where the body has the joints for them, else angles between three keypoints; their rates."""
    if has_clinical_angles(motion.skeleton):
        return with_rates(clinical_angles(motion, rate_hz), rate_hz)
    return with_rates(joint_angles(body_points(points, motion)), rate_hz)


def mass_centre_of(motion: Motion, wanted: KinematicsSettings) -> MassCentre:
    """Centre of mass by the table that the settings name."""
    return mass_centre(motion, wanted.sex, wanted.mass_table)


def as_found(n: int, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events that nobody put right."""
    return events


def findings_of(
    moved: Moved,
    wanted: KinematicsSettings,
    put_right: Callable[[int, tuple[Event, ...]], tuple[Event, ...]] = as_found,
) -> PeopleFindings:
    """Events and figures of everybody: gait wherever somebody walks, other tasks where they are asked for.

    Parameters
    ----------
    put_right : callable
        Gives the events of the n-th person as a user wants them; figures are read out of these.

    Raises
    ------
    InputError
        If an angle whose repetitions are wanted does not exist.
    """
    if unknown := [name for name in wanted.repetitions if name not in moved.angles.names]:
        raise InputError(
            f"There is no joint angle '{unknown[0]}' whose repetitions could be counted.",
            f"Choose among: {', '.join(moved.angles.names)}.",
        )
    return PeopleFindings(
        moved.people, tuple(_of_person(moved, n, wanted, put_right) for n in range(len(moved.people)))
    )


def _of_person(
    moved: Moved,
    n: int,
    wanted: KinematicsSettings,
    put_right: Callable[[int, tuple[Event, ...]], tuple[Event, ...]],
) -> Findings:
    t_s, angles = moved.sync.t_s, moved.angles
    measures: list[Measure] = []
    strides: tuple[Cycles, ...] = ()
    feet = feet_of(moved.points, moved.motion, n)
    events = put_right(n, () if feet is None else gait_events(feet, t_s, moved.sync.rate_hz))
    if feet is not None:
        walked = gait_measures(events, feet, t_s)
        measures += [*walked, *symmetry(walked)]
        strides = cycles(angles, n, events, t_s)
    for name in wanted.repetitions:
        measures += repetition_measures(angles, n, name, t_s, wanted.prominence_deg)
    measures += _tasks(moved, n, wanted)
    measures += range_of_motion(angles, n)
    return Findings(events, tuple(measures), strides)


def _tasks(moved: Moved, n: int, wanted: KinematicsSettings) -> list[Measure]:
    """What a task that was asked for comes to; nothing where the skeleton lacks what it needs."""
    names = [joint.name for joint in moved.motion.skeleton.joints]
    t_s, motion = moved.sync.t_s, moved.motion
    hips, knees, ankles = (
        [names.index(f"{side}_{joint}") for side in ("left", "right") if f"{side}_{joint}" in names]
        for joint in ("hip", "knee", "ankle")
    )
    if not hips or not knees:
        return []
    centres = forward(motion)[:, n]
    hip_height = centres[:, hips, 2].mean(axis=1)
    measures: list[Measure] = []
    if "sit_to_stand" in wanted.tasks:
        measures += sit_to_stand(hip_height, t_s, float(motion.bone_length[n, knees].mean()))
    knee_angles = [moved.angles.names.index(k) for k in KNEES if k in moved.angles.names]
    if "squat" in wanted.tasks and len(knee_angles) == len(KNEES) and ankles:
        bend = moved.angles.value[:, n, knee_angles]
        over = hip_height - centres[:, ankles, 2].min(axis=1)
        leg = float(motion.bone_length[n, [*knees, *ankles]].sum()) / len(KNEES)
        measures += squats(bend, over, leg, t_s, wanted.prominence_deg)
    feet = feet_of(moved.points, motion, n)
    if "jump" in wanted.tasks and feet is not None:
        lowest = np.min([*feet.heel.values(), *feet.toe.values()], axis=0)[:, 2]
        measures += jumps(lowest, moved.mass_centre.xyz[:, n, 2], t_s)
    return measures


def as_known(settings: PipelineSettings, trial: TrialFolder) -> PipelineSettings:
    """Return settings with the sex that the session tells, where they name none."""
    session = trial.root.resolve().parent.parent / "session.toml"
    if settings.kinematics.sex != "unknown" or not session.is_file():
        return settings
    told = read_manifest(session, SessionManifest)
    return settings if told.sex == "unknown" else with_reading(settings, told.sex)


def with_reading(
    settings: PipelineSettings,
    sex: str | None = None,
    tasks: tuple[str, ...] = (),
    repetitions: tuple[str, ...] = (),
) -> PipelineSettings:
    """Return settings that read more out of the motion than the preset does.

    Parameters
    ----------
    sex : {"female", "male", "unknown"}, optional
    tasks : tuple of {"squat", "sit_to_stand", "jump"}
    repetitions : tuple of str
        Names of joint angles.

    Raises
    ------
    InputError
        If there is no such choice.
    """
    chosen: dict[str, object] = settings.kinematics.model_dump()
    chosen |= {name: value for name, value in (("tasks", tasks), ("repetitions", repetitions)) if value}
    if sex is not None:
        chosen["sex"] = sex
    try:
        return settings.model_copy(update={"kinematics": KinematicsSettings.model_validate(chosen)})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"'{first['input']}' is no choice for '{first['loc'][0]}'.", f"{first['msg']}."
        ) from error


def event_times(found: PeopleFindings) -> dict[str, dict[str, list[float]]]:
    """Times of all events by person and kind, s, to a millisecond."""
    table: dict[str, dict[str, list[float]]] = {}
    for person, one in zip(found.people, found.found, strict=True):
        kinds = table.setdefault(person, {})
        for event in one.events:
            kinds.setdefault(labelled(event), []).append(round(event.t_s, 3))
    return table


def measure_figures(found: PeopleFindings) -> dict[str, dict[str, MeasureFigure]]:
    """Mean, SD and count of all measures by person and name, as far as they have values."""
    return {
        person: {labelled(m): _figure(m) for m in one.measures if m.values.size}
        for person, one in zip(found.people, found.found, strict=True)
    }


def _figure(measure: Measure) -> MeasureFigure:
    n = int(measure.values.size)
    return MeasureFigure(measure.mean, n, measure.unit, measure.sd if n > 1 else None)


def labelled(thing: Event | Measure) -> str:
    """Name with its side: ``left_foot_strike``."""
    name = thing.kind if isinstance(thing, Event) else thing.name
    return name if thing.side is None else f"{thing.side}_{name}"
