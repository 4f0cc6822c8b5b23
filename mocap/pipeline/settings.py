"""What a user may set, validated once; presets lie in ``configs/pipelines``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mocap.associate import SubjectChoice
from mocap.core.errors import InputError
from mocap.detect.assemble import PartName
from mocap.detect.load import FINDER
from mocap.detect.runtimes import Kind
from mocap.export import exporter_of
from mocap.presets import preset_path, read_toml
from mocap.triangulate import TriangulationSettings

DEFAULT_PRESET = "balanced"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectSettings(_Settings):
    """Which networks run, on how many people, and how often; see ``assemble_detector``.

    ``look_again``: whether to look again where a view lost somebody or contradicts the others.
    """

    landmarks: tuple[str, ...] = Field(min_length=1)
    finder: str = FINDER
    parts: tuple[PartName, ...] = ()
    max_people: int = Field(ge=1, le=6)
    search_interval: int = Field(ge=1)
    longest_pace: int = Field(default=1, ge=1, le=30)
    tolerance_sigma: float = Field(default=0.5, gt=0, le=5)
    flip: bool = False
    look_again: bool = False
    runtime: Kind | Literal["auto"] = "auto"


class AssociateSettings(_Settings):
    """Whom the results are of: the subject, chosen as ``SubjectChoice`` says, or all people.

    ``click`` is camera, row of the common instants, and place in that camera's picture, px; empty
    unless the subject is clicked.
    """

    people: Literal["subject", "all"] = "subject"
    subject: Literal["longest", "biggest", "clicked"] = "longest"
    click: tuple[str, int, float, float] | tuple[()] = ()

    @model_validator(mode="after")
    def _has_click(self) -> AssociateSettings:
        if (self.subject == "clicked") != bool(self.click):
            raise ValueError("a subject who is clicked needs a click, and only they do")
        return self

    def as_choice(self) -> SubjectChoice:
        """Return the same in the stage's terms."""
        if not self.click:
            return SubjectChoice(self.subject)
        camera, instant, x, y = self.click
        return SubjectChoice(self.subject, camera, instant, (x, y))


class TriangulateSettings(_Settings):
    """When a view and when a point counts; see ``TriangulationSettings``."""

    min_score: float = Field(ge=0, le=1)
    gate: float = Field(gt=0)
    min_angle_deg: float = Field(ge=0, lt=90)
    max_sigma_m: float = Field(gt=0)

    def as_stage(self) -> TriangulationSettings:
        """Return the same in the stage's units."""
        return TriangulationSettings(self.min_score, self.gate, math.radians(self.min_angle_deg), self.max_sigma_m)


class FitSettings(_Settings):
    """How points become a clean signal and a body.

    Attributes
    ----------
    max_gap_s : float
        Longest gap that is filled, s.
    cutoff_hz : float or "auto"
        Of the filter of the points; "auto" finds it by residual analysis.
    order : int
        Of the Butterworth filter.
    filter : str
        A name of ``mocap.fit.FILTERS``. The body smooths by itself and takes the points as measured.
    spikes_s : float
        How far the neighbours reach that a spike is told by, s; 0 leaves spikes in.
    contact : bool
        Whether feet that stand are held to the ground.
    """

    max_gap_s: float = Field(ge=0)
    cutoff_hz: Annotated[float, Field(gt=0)] | Literal["auto"]
    order: int = Field(ge=2, le=8, multiple_of=2)
    filter: Literal["none", "butterworth", "kalman", "one_euro", "savitzky_golay", "gcv_spline"] = "butterworth"
    spikes_s: float = Field(default=0.0, ge=0)
    contact: bool = True


class KinematicsSettings(_Settings):
    """What is read out of the motion.

    Attributes
    ----------
    sex : {"female", "male", "unknown"}
        Whose segments weigh for the centre of mass; the mean of both where it is not known.
    mass_table : {"de_leva", "dempster"}
    tasks : tuple of str
        What was performed, for tests that cannot be told from other movements; gait is always looked for.
    repetitions : tuple of str
        Joint angles whose repetitions are counted.
    prominence_deg : float
        A bend counts as a repetition from this size on, degrees; the default is several times the error of an
        angle, and less than any exercise.
    """

    sex: Literal["female", "male", "unknown"] = "unknown"
    mass_table: Literal["de_leva", "dempster"] = "de_leva"
    tasks: tuple[Literal["squat", "sit_to_stand", "jump"], ...] = ()
    repetitions: tuple[str, ...] = ()
    prominence_deg: float = Field(default=20.0, gt=0)


class OutputSettings(_Settings):
    """Which files are written."""

    formats: tuple[str, ...]
    overlays: bool


class PipelineSettings(_Settings):
    """All settings of a run."""

    description: str
    detect: DetectSettings
    associate: AssociateSettings = AssociateSettings()
    triangulate: TriangulateSettings
    fit: FitSettings
    kinematics: KinematicsSettings = KinematicsSettings()
    output: OutputSettings


# Who is looked for where all people count: networks find more than a subject and passers-by.
CROWD = 6


def with_people(
    settings: PipelineSettings,
    people: str | None = None,
    subject: str | None = None,
    click: tuple[str, int, float, float] | None = None,
) -> PipelineSettings:
    """Return settings for other people than the preset has.

    Parameters
    ----------
    people : {"subject", "all"}, optional
    subject : {"longest", "biggest"}, optional
    click : (camera, instant, x, y), optional
        Where the subject is: px in the picture of a camera.

    Raises
    ------
    InputError
        If there is no such choice.
    """
    chosen: dict[str, object] = settings.associate.model_dump()
    if people is not None:
        chosen["people"] = people
    if subject is not None:
        chosen |= {"subject": subject, "click": ()}
    if click is not None:
        chosen |= {"subject": "clicked", "click": click}
    try:
        associate = AssociateSettings.model_validate(chosen)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"Of people, '{first['input']}' is no choice: {first['msg']}.",
            "Choose subject or all, and of subjects the longest or the biggest.",
        ) from error
    detect = settings.detect
    if associate.people == "all" and people is not None:
        detect = detect.model_copy(update={"max_people": max(CROWD, detect.max_people)})
    return settings.model_copy(update={"associate": associate, "detect": detect})


def with_formats(settings: PipelineSettings, formats: tuple[str, ...]) -> PipelineSettings:
    """Return settings that write other files; a format that there is not is refused before any work.

    Raises
    ------
    ExportError
        If there is no such format.
    """
    for name in formats:
        exporter_of(name)
    return settings.model_copy(update={"output": settings.output.model_copy(update={"formats": formats})})


def parse_click(text: str) -> tuple[str, int, float, float]:
    """Read ``camera,instant,x,y``.

    Raises
    ------
    InputError
        If it is not that.
    """
    try:
        camera, instant, x, y = text.rsplit(",", 3)
        return camera.strip(), int(instant), float(x), float(y)
    except ValueError as error:
        raise InputError(
            f"'{text}' is no click.", "Write camera,instant,x,y, such as cam_2,120,640,360."
        ) from error


def load_settings(preset: str = DEFAULT_PRESET) -> PipelineSettings:
    """Read a preset by name, or a file of one's own (.toml) by its path.

    Raises
    ------
    InputError
        If there is no such preset or it is wrong, naming the entry.
    """
    path = Path(preset) if preset.endswith(".toml") else preset_path("pipelines", preset)
    try:
        return PipelineSettings.model_validate(read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The setting '{where}' is wrong: {first['msg']}.", "Mend the preset.", path) from error
