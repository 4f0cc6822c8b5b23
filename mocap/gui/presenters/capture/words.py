"""What the capture page and the process that holds the cameras say to each other: plain data, either way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mocap.core.types import FloatArray
from mocap.gui.presenters.calibrate.look import CameraLook
from mocap.gui.presenters.words import Trouble
from mocap.pipeline.recording.desk import DeskStatus

Kind = Literal["usb", "network", "film", "pictures", "other"]
KINDS: tuple[Kind, ...] = ("usb", "network", "film", "pictures", "other")


@dataclass(frozen=True)
class CameraEntry:
    """A camera of the page's list, as the user set it.

    Attributes
    ----------
    slot : int
        Its place in the memory that previews lie in; no two cameras have the same.
    address : str
        See ``mocap.capture.addresses``.
    rotation_deg : int
        Quarter turns clockwise, degrees.
    size_wh, rate_hz
        What to ask a USB camera for, px and Hz; None for its own choice.
    controls : tuple of (str, float)
        What is fixed; see ``mocap.capture.source.CONTROLS``.
    """

    slot: int
    address: str
    name: str
    kind: Kind
    rotation_deg: int = 0
    size_wh: tuple[int, int] | None = None
    rate_hz: float | None = None
    controls: tuple[tuple[str, float], ...] = ()


# Orders: from the page.


@dataclass(frozen=True)
class Watch:
    """Hold these cameras open, and no others.

    Attributes
    ----------
    folder : Path
        Where takes will go: its disk is watched.
    preroll_s : float
        How far takes reach back before their start, s.
    """

    cameras: tuple[CameraEntry, ...]
    folder: Path
    preroll_s: float = 0.0


@dataclass(frozen=True)
class Sizes:
    """Longest sides of the previews that are wanted, px, by slot; 0 where a camera is not shown."""

    long_px: dict[int, int]


@dataclass(frozen=True)
class Reopen:
    """Open the cameras again: views are compared with how they are from then on."""


@dataclass(frozen=True)
class Take:
    """Record a trial.

    Attributes
    ----------
    session, trial : Path
        Folder of the session, and name of the trial.
    participant : str
        For a session that is made by it.
    duration_s : float or None
    countdown_s : float
    remote : str
        ``PORT`` or ``HOST:PORT`` where another program says start and stop; empty for none.
    on_entry, on_exit : bool
        Begin when somebody comes in, end when everybody has left.
    calibration : Path or None
        Rig for a session that has none.
    """

    session: Path
    trial: str
    participant: str = "unnamed"
    duration_s: float | None = None
    countdown_s: float = 0.0
    remote: str = ""
    on_entry: bool = False
    on_exit: bool = False
    calibration: Path | None = None


@dataclass(frozen=True)
class EndTake:
    """Stop the recording; before it has begun, call it off."""


@dataclass(frozen=True)
class Live:
    """Begin live 3D.

    Attributes
    ----------
    calibration : Path
    preset : str
    targets : tuple of str
        See ``mocap.pipeline.live.parse_target``.
    """

    calibration: Path
    preset: str = "live"
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class EndLive:
    """End live 3D."""


@dataclass(frozen=True)
class LookForBoard:
    """Look for a calibration board from now on, with nothing seen so far; without a file, it is recognised."""

    board: Path | None = None


@dataclass(frozen=True)
class EndBoard:
    """Look for it no more."""


Order = Watch | Sizes | Reopen | Take | EndTake | Live | EndLive | LookForBoard | EndBoard


# Tidings: to the page.


@dataclass(frozen=True)
class DeskNow:
    """How cameras and recording are doing, some times a second.

    Attributes
    ----------
    status : DeskStatus
        Its ``error`` is in ``trouble``.
    trouble : Trouble or None
        Why the cameras could not be opened.
    lost : dict of str to Trouble
        Why a camera sends nothing, by its name.
    waits : bool
        Whether the recording waits for somebody, or for another program.
    where : str
        Where that program can say start and stop.
    """

    status: DeskStatus
    trouble: Trouble | None = None
    lost: dict[str, Trouble] = field(default_factory=dict)
    waits: bool = False
    where: str = ""


@dataclass(frozen=True)
class TakeDone:
    """A recording is on the disk.

    Attributes
    ----------
    lines : tuple of str
        What came of each camera, and what happened.
    """

    trial: Path
    seconds: float
    recorded: int
    dropped: int
    missing: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakeFailed:
    """A recording did not come about, or broke off.

    Attributes
    ----------
    kept : Path or None
        The trial, where something was recorded before; it opens as any other.
    trouble : Trouble or None
        None where the user called it off.
    """

    trouble: Trouble | None
    kept: Path | None = None


@dataclass(frozen=True)
class Said:
    """Something happened, in a sentence."""

    text: str
    kind: str = ""
    camera: str | None = None


@dataclass(frozen=True)
class LiveBegins:
    """Live 3D is set up.

    Attributes
    ----------
    bones : tuple of (int, int)
        Keypoints that are joined.
    sides : tuple of int
        0 left, 1 right, 2 middle, for each bone.
    angles : tuple of str
        Joint angles that are stated.
    """

    bones: tuple[tuple[int, int], ...]
    sides: tuple[int, ...]
    angles: tuple[str, ...]


@dataclass(frozen=True)
class LivePose:
    """Everybody at one instant.

    Attributes
    ----------
    xyz : (N, K, 3)
        Keypoints, m; NaN where not known.
    angles_deg : tuple of float
        Of the subject, in the order of ``LiveBegins.angles``; NaN where not known. Empty if nobody is in view.
    """

    number: int
    xyz: FloatArray
    angles_deg: tuple[float, ...]


@dataclass(frozen=True)
class LiveNow:
    """How live 3D is doing, about once a second; times in ms; ``moved``: cameras that no longer fit the others."""

    state: str
    rate_hz: float
    model: str
    every: int
    p50_ms: float = math.nan
    p95_ms: float = math.nan
    moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reached:
    """A target was met, left or counted; see ``pipeline.live.FeedbackEvent``."""

    angle: str
    kind: str
    value_deg: float
    count: int


@dataclass(frozen=True)
class LiveOver:
    """Live 3D has ended; with trouble if it failed."""

    trouble: Trouble | None = None


@dataclass(frozen=True)
class BoardSeen:
    """What a camera has seen of the board."""

    look: CameraLook


@dataclass(frozen=True)
class Gone:
    """The process that holds the cameras ended without being asked."""

    trouble: Trouble = field(
        default_factory=lambda: Trouble(
            "The program that reads the cameras ended in the middle.",
            "It is started again. What it had recorded is in the library; at most the last second is lost.",
        )
    )


Tiding = (
    DeskNow
    | TakeDone
    | TakeFailed
    | Said
    | LiveBegins
    | LivePose
    | LiveNow
    | Reached
    | LiveOver
    | BoardSeen
    | Gone
)
