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
from mocap.presets import preset_path, read_toml
from mocap.triangulate import TriangulationSettings

DEFAULT_PRESET = "balanced"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectSettings(_Settings):
    """Which networks run, on how many people, and how often; see ``assemble_detector``."""

    landmarks: tuple[str, ...] = Field(min_length=1)
    finder: str = FINDER
    parts: tuple[PartName, ...] = ()
    max_people: int = Field(ge=1, le=6)
    search_interval: int = Field(ge=1)
    longest_pace: int = Field(default=1, ge=1, le=30)
    tolerance_sigma: float = Field(default=0.5, gt=0, le=5)
    flip: bool = False
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
    output: OutputSettings


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
