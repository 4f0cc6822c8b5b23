"""The list of cameras: found, added, named, remembered, and how each is doing in words."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mocap.capture.events import CameraState, CameraStatus
from mocap.capture.watch import SENTENCES
from mocap.core.errors import InputError
from mocap.gui.presenters.capture.words import KINDS, CameraEntry, Kind
from mocap.gui.presenters.words import Trouble, number

Level = Literal["good", "care", "poor", "waiting"]

# Times that stray by more than this from an even pace put a hand at 2 m/s 10 mm off, s.
UNEVEN_S = 0.005
# A camera that sends less than this share of what it was asked for does not keep up.
SLOW = 0.9
# Mean grey levels, 0 to 1, outside which a person is hard to find.
DIM, GLARING = 0.12, 0.85

CONTROL_NAMES = {
    "exposure": "Exposure",
    "gain": "Gain",
    "white_balance": "White balance, K",
    "focus": "Focus",
}
SIZES = ((640, 480), (800, 600), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
RATES_HZ = (15.0, 24.0, 25.0, 30.0, 50.0, 60.0, 90.0, 120.0)
TURNS = (0, 90, 180, 270)

PROBLEMS = {
    "covered": ("poor", "Covered, or no light"),
    "bumped": ("poor", "Was moved"),
    "unfocused": ("care", "Out of focus"),
    "bright": ("care", "Burnt out"),
    "dark": ("care", "Too dark"),
}
OPENING: tuple[Level, str] = ("waiting", "Opening …")
STATES: dict[CameraState, tuple[Level, str]] = {
    CameraState.OPENING: OPENING,
    CameraState.STALLED: ("poor", "Sends nothing"),
    CameraState.LOST: ("poor", "No connection"),
    CameraState.ENDED: ("waiting", "The video has ended"),
}
# A shape for each level beside its colour: nobody has to tell green from red.
SYMBOLS: dict[Level, str] = {"good": "✓", "care": "!", "poor": "✕", "waiting": "…"}


@dataclass(frozen=True)
class FoundCamera:
    """A camera that the system offers."""

    address: str
    name: str
    identity: str
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Found:
    """What a search found; ``warnings`` are sentences."""

    cameras: tuple[FoundCamera, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """How a camera is doing, by the worst that is known of it."""

    level: Level
    words: str

    @property
    def symbol(self) -> str:
        """A sign that stands beside the words."""
        return SYMBOLS[self.level]


def find_cameras() -> Found:
    """Look for cameras that are plugged in."""
    from mocap.capture.usb import identities, same_serial, usb_devices

    devices = usb_devices()
    found = tuple(
        FoundCamera(f"usb:{device.index}", device.name, identity, _locked(device.index))
        for device, identity in zip(devices, identities(devices), strict=True)
    )
    return Found(found, same_serial(devices))


def _locked(index: int) -> Trouble | None:
    """Why the system does not let this user at a camera."""
    node = Path(f"/dev/video{index}")
    if platform.system() != "Linux" or not node.exists() or os.access(node, os.R_OK | os.W_OK):
        return None
    return Trouble(
        "This user may not use the camera.",
        "Add the user to the group 'video' (sudo usermod -aG video $USER), then log out and in again.",
        node,
    )


def why_not_open(entry: CameraEntry, trouble: Trouble) -> Trouble:
    """Say why a USB camera does not open, as far as the system tells: it only says that it does not."""
    if entry.kind != "usb":
        return trouble
    index = int(entry.address.removeprefix("usb:"))
    if (locked := _locked(index)) is not None:
        return locked
    if platform.system() == "Linux" and "cannot be opened" in trouble.what:
        node = Path(f"/dev/video{index}")
        if node.exists():
            return Trouble(
                "Another program uses this camera.", "Close it there; it is taken as soon as it is free."
            )
        return Trouble("This camera is not plugged in.", "Plug it in; it is taken once it is there.")
    return trouble


def entries_of(text: str, slots: tuple[int, ...]) -> tuple[CameraEntry, ...]:
    """Turn what a user gave (address, file, folder) into cameras.

    Parameters
    ----------
    text : str
        See ``mocap.capture.addresses.SOURCE_HELP``; ``studio:sample`` is the shipped film.
    slots : tuple of int
        Free ones.

    Raises
    ------
    InputError
        If it means nothing, or there is no more room.
    """
    from mocap.capture.addresses import SourceWishes, open_sources
    from mocap.capture.files import ImageFolderCamera, VideoFileCamera
    from mocap.capture.network import NetworkCamera
    from mocap.capture.usb import UsbCamera
    from mocap.pipeline.recording.record import STUDIO, studio_folder

    written = text.strip()
    sources = open_sources([studio_folder() if written == STUDIO else written], SourceWishes())
    if len(sources) > len(slots):
        raise InputError("There are too many cameras.", "Take some off the list first.")
    kinds: tuple[tuple[type, Kind], ...] = (
        (VideoFileCamera, "film"), (ImageFolderCamera, "pictures"), (NetworkCamera, "network"), (UsbCamera, "usb"),
    )  # fmt: skip
    made = []
    for slot, (name, source) in zip(slots, sources.items(), strict=False):
        kind: Kind = next((kind for cls, kind in kinds if isinstance(source, cls)), "other")
        # A network camera states its address without name and password; these must be kept to open it.
        own = kind in ("network", "other")
        address = written.split("=", 1)[-1] if own and _is_named(written) else written if own else source.address
        made.append(CameraEntry(slot, address, name, kind))
    return tuple(made)


def _is_named(text: str) -> bool:
    head = text.split("=", 1)[0]
    return "=" in text and ":" not in head and "/" not in head


def studio_rig() -> Path:
    """Calibration of the shipped film."""
    from mocap.pipeline.recording.record import STUDIO, known_rig

    rig = known_rig((STUDIO,))
    assert rig is not None
    return rig


def distinct(name: str, taken: tuple[str, ...]) -> str:
    """A name that no other camera has."""
    lower = {other.casefold() for other in taken}
    if name.casefold() not in lower:
        return name
    return next(made for n in range(2, 1000) if (made := f"{name}_{n}").casefold() not in lower)


def no_settings(entry: CameraEntry) -> str:
    """Why a camera's settings cannot be changed here; empty where they can."""
    return {
        "usb": "",
        "network": "A network camera is set in its own app or page: its stream lets nothing be set.",
        "film": "A video is as it was taken.",
        "pictures": "Pictures are as they were taken.",
        "other": "This kind of camera is set in its maker's program.",
    }[entry.kind]


def problems_of(now: CameraStatus) -> tuple[str, ...]:
    """What is wrong with a view, by the names of ``PROBLEMS``."""
    known = {sentence.format(name=now.name): name for name, sentence in SENTENCES.items()}
    return tuple(known[sentence] for sentence in now.problems if sentence in known)


def health(now: CameraStatus | None, trouble: Trouble | None = None, asked_hz: float = math.nan) -> Health:
    """How a camera is doing, by the worst that is known of it.

    Parameters
    ----------
    now : CameraStatus or None
        None before it is open.
    trouble : Trouble, optional
        Why it sends nothing.
    asked_hz : float
        The rate that it was asked for, Hz.
    """
    if trouble is not None:
        return Health(*STATES[CameraState.LOST])
    if now is None:
        return Health(*OPENING)
    if now.state in STATES:
        return Health(*STATES[now.state])
    found: list[Health] = []
    for problem in problems_of(now):
        level, words = PROBLEMS[problem]
        found.append(Health("poor" if level == "poor" else "care", words))
    dropped = sum(now.dropped.values())
    if dropped:
        found.append(Health("poor", f"{dropped} dropped"))
    if now.missing:
        found.append(Health("care", f"{now.missing} missing"))
    if now.rate_hz < SLOW * asked_hz:
        found.append(Health("care", "Slow"))
    if now.jitter_s > UNEVEN_S:
        found.append(Health("care", "Uneven times"))
    found.sort(key=lambda one: one.level != "poor")
    return found[0] if found else Health("good", "Good")


def figures(now: CameraStatus) -> tuple[tuple[str, str], ...]:
    """What is measured of a camera: name and value, empty where it is not known yet."""
    stray = 1e3 * now.jitter_s
    return (
        ("rate", number(now.rate_hz, "fps")),
        ("lost", f"{now.missing + sum(now.dropped.values())} lost"),
        ("exposure", exposure_words(now)),
        ("sharpness", f"{100 * now.sharpness:.0f} % sharp" if math.isfinite(now.sharpness) else ""),
        ("times", f"±{stray:.1f} ms" if math.isfinite(stray) else ""),
    )


def exposure_words(now: CameraStatus) -> str:
    """Whether the picture is bright enough."""
    problems = problems_of(now)
    if "dark" in problems or now.brightness < DIM:
        return "too dark"
    if "bright" in problems or now.brightness > GLARING:
        return "burnt out"
    return "light good" if math.isfinite(now.brightness) else ""


def remember(entries: tuple[CameraEntry, ...]) -> str:
    """The list as text, to be found again at the next start."""
    return json.dumps([asdict(entry) for entry in entries])


def recall(text: str) -> tuple[CameraEntry, ...]:
    """The list from text; what does not read is left out."""
    try:
        rows = json.loads(text) if text else []
    except ValueError:
        return ()
    read = [_entry(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    kept: dict[int, CameraEntry] = {}
    for entry in read:
        if entry is not None:
            kept.setdefault(entry.slot, entry)
    return tuple(kept.values())


def _entry(row: dict[str, Any]) -> CameraEntry | None:
    try:
        size = row.get("size_wh")
        return CameraEntry(
            int(row["slot"]),
            str(row["address"]),
            str(row["name"]),
            next(kind for kind in KINDS if kind == row["kind"]),
            int(row.get("rotation_deg", 0)),
            (int(size[0]), int(size[1])) if size else None,
            float(row["rate_hz"]) if row.get("rate_hz") else None,
            tuple((str(name), float(value)) for name, value in row.get("controls", ())),
        )
    except (KeyError, TypeError, ValueError, IndexError, StopIteration):
        return None


def turned(entry: CameraEntry) -> CameraEntry:
    """A quarter turn clockwise further."""
    return replace(entry, rotation_deg=TURNS[(TURNS.index(entry.rotation_deg) + 1) % len(TURNS)])
