"""The world of a calibration: where its origin is and which way is up, as the user says or as the board tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration import CameraRig
from calibration.alignment import (
    FLOOR_STEEPEST_RAD,
    BoardUp,
    align_by_default,
    align_to_board,
    align_to_floor,
    align_to_up,
    up_from_cameras,
)
from calibration.bundle import BundleResult
from calibration.footage import ImageFootage
from calibration.report.points import fit_board_poses
from calibration.sightings import Sightings
from calibration.transforms import apply
from mocap.core.errors import CalibrationError, InputError
from mocap.core.types import FloatArray
from mocap.pipeline.calibration.inputs import CalibrationFootage, picture_number

BoardAxis = Literal["auto", "cameras", "+x", "-x", "+y", "-y", "+z", "-z"]

# A board that lies for the origin is seen for longer than this; nobody counts frames more exactly, s.
REACH_S = 0.25

MOMENT = re.compile(r"^(?:(?P<camera>.+):)?(?:(?P<frame>\d+)|(?P<time>\d+(?:\.\d+)?)s)$")
MOMENT_REMEDY = (
    "Write 120 (number of a frame, from 0, or of a picture, of the first camera), cam_2:120, or 4.5s (seconds)."
)


@dataclass(frozen=True)
class Moment:
    """An instant as people point to it: by a frame or a time, in one camera's recording.

    Attributes
    ----------
    camera : str or None
        The first one if None.
    frame : int or None
        Number of a video's frame, from 0, or the number that a picture's name ends in.
    time_s : float or None
        Since the camera's first picture.
    """

    camera: str | None = None
    frame: int | None = None
    time_s: float | None = None

    def __str__(self) -> str:
        """As it was written."""
        when = f"frame {self.frame}" if self.frame is not None else f"{self.time_s:g} s"
        return when if self.camera is None else f"{when} of {self.camera}"


@dataclass(frozen=True)
class WorldChoice:
    """What a user says of the world; by default nothing.

    Attributes
    ----------
    origin : Moment or None
        When the board lay where the origin shall be, along the axes that are wanted.
    up : str
        Which of the board's axes was up then; ``auto`` for a board that lay flat. ``cameras`` needs no board:
        up is the cameras' own.
    floor : tuple of Moment, "board" or None
        When the board lay on the floor; ``board`` finds the floor among all places where its corners were.
    """

    origin: Moment | None = None
    up: BoardAxis = "auto"
    floor: tuple[Moment, ...] | Literal["board"] | None = None

    def __post_init__(self) -> None:
        if self.up not in ("auto", "cameras") and self.origin is None:
            raise InputError(
                f"{self.up} is an axis of the board, but it is not said at which frame.", "Add --origin-frame."
            )


BY_DEFAULT = WorldChoice()


def parse_moment(text: str) -> Moment:
    """Read ``120``, ``cam_2:120`` or ``4.5s``.

    Raises
    ------
    InputError
        If it is none of these.
    """
    found = MOMENT.match(text.strip())
    if found is None:
        raise InputError(f"The frame '{text}' is not understood.", MOMENT_REMEDY)
    if found["frame"] is not None:
        return Moment(found["camera"], int(found["frame"]))
    return Moment(found["camera"], None, float(found["time"]))


def parse_floor(text: str | None) -> tuple[Moment, ...] | Literal["board"] | None:
    """Read ``board``, or the moments at which the board lay on the floor: ``12,40,cam_2:77``."""
    if text is None or text == "board":
        return "board" if text == "board" else None
    return tuple(parse_moment(part) for part in text.split(","))


def place(
    result: BundleResult,
    sightings: Sightings,
    heldout: NDArray[np.bool_],
    footage: CalibrationFootage,
    choice: WorldChoice,
) -> tuple[CameraRig, FloatArray]:
    """Put a solved rig into the world that was asked for; what was done goes into its notes.

    Parameters
    ----------
    result : BundleResult
        Of ``sightings.at(~heldout)``.
    heldout : (T,) bool

    Returns
    -------
    rig : CameraRig
    world_from_solve : (4, 4)

    Raises
    ------
    CalibrationError
        If the board was not seen when it shall have been, or shows no floor.
    """
    if choice.origin is None and choice.up == "auto":
        rig, move = align_by_default(result.rig, result.world_from_board, result.points)
        if choice.floor is None:
            return rig, move
    elif choice.origin is None:
        rig, move = _by_cameras(result)
    poses = all_poses(result, sightings, heldout)
    if choice.origin is not None:
        rig, move = _by_board(result, sightings, poses, footage, choice.origin, choice.up)
    if choice.floor is None:
        return rig, move
    lying = (
        np.isfinite(poses).all(axis=(1, 2))
        if choice.floor == "board"
        else np.array([instant_of(moment, sightings, footage, poses) for moment in choice.floor])
    )
    corners = apply(move @ poses[lying][:, None], result.points).reshape(-1, 3)
    # What is up so far is only a hint; the floor's normal takes its place.
    level, onto_floor = align_to_floor(rig, corners, up=np.array([0.0, 0.0, 1.0]))
    notes = {key: note for key, note in level.notes.items() if key != "assumption"}
    notes["world"] = (
        f"Origin and heading from a board at {choice.origin}, floor at z = 0, z up, metres."
        if choice.origin is not None
        else "z up, floor at z = 0, metres; heading as solved."
    )
    return replace(level, notes=notes), onto_floor @ move


def all_poses(result: BundleResult, sightings: Sightings, heldout: NDArray[np.bool_]) -> FloatArray:
    """Where the board was at every instant (T, 4, 4) in the solve's world; fitted where the solve was not told."""
    poses = np.full((len(heldout), 4, 4), np.nan)
    poses[~heldout] = result.world_from_board
    if heldout.any():
        poses[heldout] = fit_board_poses(result.rig, sightings.at(heldout))
    return poses


def instant_of(
    moment: Moment, sightings: Sightings, footage: CalibrationFootage, world_from_board: FloatArray
) -> int:
    """Find the instant that somebody points to, or the nearest one at which the board's place is known.

    Raises
    ------
    CalibrationError
        If there is none within ``REACH_S``, naming the nearest.
    """
    name = moment.camera or sightings.cameras[0]
    if name not in sightings.cameras:
        raise CalibrationError(
            f"There is no camera '{name}' with the board.", f"Name one of: {', '.join(sightings.cameras)}."
        )
    camera = sightings.cameras.index(name)
    t_s, frames = sightings.t_s[:, camera], sightings.frame_index[:, camera]
    film = footage.films[name]
    numbers = frames.astype(np.float64)
    if isinstance(film, ImageFootage):
        numbers = np.array([picture_number(film.paths[i]) if i >= 0 else -1 for i in frames], dtype=np.float64)
    taken = np.isfinite(t_s) & (frames >= 0)
    if moment.time_s is not None:
        wanted_s = float(np.nanmin(t_s)) + moment.time_s
    else:
        there = np.flatnonzero(taken & (numbers == moment.frame))
        if not there.size:
            low, high = int(numbers[taken].min()), int(numbers[taken].max())
            raise CalibrationError(
                f"{name} has no picture {moment.frame} at a common instant.", f"Its pictures are {low} to {high}."
            )
        wanted_s = float(t_s[there[0]])
    known = taken & np.isfinite(world_from_board).all(axis=(1, 2))
    off = np.where(known, np.abs(t_s - wanted_s), np.inf)
    nearest = int(np.argmin(off))
    if not off[nearest] <= REACH_S:
        raise CalibrationError(
            f"The board's place at {moment} is not known.",
            f"The nearest at which it is known is frame {numbers[nearest]:g} of {name}.",
        )
    return nearest


def _by_cameras(result: BundleResult) -> tuple[CameraRig, FloatArray]:
    """Up as the cameras have it, the origin in the middle of where the board was."""
    known = np.isfinite(result.world_from_board).all(axis=(1, 2))
    middle = np.median(apply(result.world_from_board[known], result.points.mean(axis=0)), axis=0)
    up, roll_rad = up_from_cameras(result.rig)
    rig, move = align_to_up(result.rig, up, middle)
    world = (
        f"z up as the cameras have it (they agree within {np.degrees(roll_rad):.1f}°), the origin in the middle "
        "of where the board was; the floor is not at z = 0. Metres."
    )
    return replace(rig, notes={**rig.notes, "world": world}), move


def _by_board(
    result: BundleResult,
    sightings: Sightings,
    poses: FloatArray,
    footage: CalibrationFootage,
    moment: Moment,
    up: BoardAxis,
) -> tuple[CameraRig, FloatArray]:
    """Origin and axes from the board at one moment."""
    pose = poses[instant_of(moment, sightings, footage, poses)]
    if up == "cameras":
        rig, move = align_to_up(result.rig, up_from_cameras(result.rig)[0], pose[:3, 3])
        world = f"Origin from a board at {moment}, z up as the cameras have it, metres."
        return replace(rig, notes={**rig.notes, "world": world}), move
    tilt = float(np.arccos(np.clip(abs(pose[:3, 2] @ up_from_cameras(result.rig)[0]), 0.0, 1.0)))
    if up == "auto" and tilt > FLOOR_STEEPEST_RAD:
        raise CalibrationError(
            f"The board at {moment} did not lie flat: it was tilted by about {np.degrees(tilt):.0f}°.",
            "Point to another frame, or say which of its axes was up: --up -y for a board that stood upright.",
        )
    axis: BoardUp = up
    rig, move = align_to_board(result.rig, pose, axis)
    world = f"{rig.notes['world']} The board was there at {moment}."
    return replace(rig, notes={**rig.notes, "world": world}), move
