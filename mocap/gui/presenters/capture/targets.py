"""Live 3D as the page shows it: the body, the numbers asked for, targets, and notes in words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mocap.core.types import FloatArray
from mocap.gui.presenters.capture.words import LiveBegins, LiveNow, LiveOver, LivePose, Reached
from mocap.gui.presenters.words import title

# Angles that most exercises are about: offered first.
USUAL = ("knee_flexion", "hip_flexion", "ankle_dorsiflexion", "shoulder_flexion", "elbow_flexion")
SIDES = ("left", "right")


@dataclass(frozen=True)
class Target:
    """What somebody who moves is told: hold an angle within a range, or count how often it goes up and down.

    Attributes
    ----------
    angle : str
        As ``left_knee_flexion``.
    low_deg, high_deg : float
        The range; for repetitions ``high_deg`` is their size and ``low_deg`` NaN.
    """

    angle: str
    low_deg: float = math.nan
    high_deg: float = 20.0

    @property
    def counts(self) -> bool:
        """Whether repetitions are counted."""
        return math.isnan(self.low_deg)

    @property
    def text(self) -> str:
        """As ``pipeline.live.parse_target`` reads it."""
        if self.counts:
            return f"{self.angle}:{self.high_deg:g}"
        return f"{self.angle}:{self.low_deg:g}:{self.high_deg:g}"

    @property
    def words(self) -> str:
        """For people."""
        if self.counts:
            return f"count {self.high_deg:g}° and back"
        return f"{self.low_deg:g}° to {self.high_deg:g}°"


@dataclass(frozen=True)
class Progress:
    """How far somebody is with a target."""

    inside: bool = False
    count: int = 0


@dataclass
class LiveView:
    """What is known of live 3D.

    Attributes
    ----------
    state : LiveNow or None
        None before the first.
    beeps : int
        Grows by one whenever there is reason to beep.
    """

    calibration: Path | None = None
    running: bool = False
    ending: bool = False
    begins: LiveBegins | None = None
    pose: LivePose | None = None
    state: LiveNow | None = None
    progress: dict[str, Progress] = field(default_factory=dict)
    beeps: int = 0

    def begin(self, calibration: Path, targets: tuple[str, ...]) -> None:
        """Live 3D was asked for."""
        self.calibration, self.running, self.ending = calibration, True, False
        self.begins = self.pose = self.state = None
        self.progress = {text.split(":")[0]: Progress() for text in targets}

    def take_in(self, tiding: LiveBegins | LivePose | LiveNow | Reached | LiveOver) -> None:
        """Take in what was told."""
        if isinstance(tiding, LiveBegins):
            self.begins = tiding
        elif isinstance(tiding, LivePose):
            self.pose = tiding
        elif isinstance(tiding, LiveNow):
            self.state = tiding
        elif isinstance(tiding, Reached):
            before = self.progress.get(tiding.angle, Progress())
            inside = tiding.kind == "entered" if tiding.kind in ("entered", "left") else before.inside
            self.progress[tiding.angle] = replace(before, inside=inside, count=tiding.count)
            self.beeps += tiding.kind != "left"
        else:
            self.running = self.ending = False
            self.pose = self.state = None

    def angle_deg(self, name: str) -> float:
        """An angle of the subject, degrees; NaN where it is not known."""
        if self.pose is None or self.begins is None or not self.pose.angles_deg or name not in self.begins.angles:
            return math.nan
        return self.pose.angles_deg[self.begins.angles.index(name)]

    @property
    def bones(self) -> tuple[FloatArray, FloatArray]:
        """Bones of everybody (M, 2, 3), m, and their sides (M,); of none while nobody is in view."""
        if self.pose is None or self.begins is None or not len(self.pose.xyz):
            return np.zeros((0, 2, 3)), np.zeros(0)
        pieces = self.pose.xyz[:, np.array(self.begins.bones)].reshape(-1, 2, 3)
        return pieces, np.tile(np.array(self.begins.sides), len(self.pose.xyz))

    @property
    def words(self) -> str:
        """How it is doing, in a line."""
        if self.ending:
            return "Ending …"
        if self.state is None:
            return "Getting ready: loading the networks …" if self.running else ""
        if self.state.state == "waiting":
            return "Pictures of fewer than two cameras come in time; waiting for them."
        parts = [f"{self.state.rate_hz:.0f} poses/s"]
        if math.isfinite(self.state.p50_ms):
            parts.append(f"from glass to pose {self.state.p50_ms:.0f} ms, 95 % within {self.state.p95_ms:.0f} ms")
        if self.pose is not None and not len(self.pose.xyz):
            parts.append("nobody in view")
        elif self.pose is not None and all(math.isnan(value) for value in self.pose.angles_deg):
            parts.append("learning the body, a moment")
        return "  ·  ".join(parts)


def angle_title(name: str) -> str:
    """An angle for people: ``Left knee flexion``."""
    return title(name)


def angle_choices() -> tuple[str, ...]:
    """Angles that live 3D states, the usual ones first."""
    from mocap.kinematics.clinical import DEFINITIONS

    names = [name for definition in DEFINITIONS for name in definition.names if name]
    usual = [f"{side}_{base}" for base in USUAL for side in SIDES if f"{side}_{base}" in names]
    return (*usual, *(name for name in names if name not in usual))
