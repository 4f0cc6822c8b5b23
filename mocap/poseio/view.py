"""What detections from elsewhere are read into: one camera's people, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mocap.core.errors import InputError
from mocap.core.types import FloatArray, IntArray

# OpenPose and its kin write 0, 0 with a score of 0 for a keypoint that was not found.
NOT_FOUND = 0.0


@dataclass(frozen=True)
class View:
    """Detections in all frames of one camera.

    Attributes
    ----------
    camera : str
        As the file or folder is called.
    keypoints : tuple of str, or int
        Names where the file has them, else how many there are.
    xy : (F, P, K, 2)
        px, pixel centres as the file has them; NaN where missing. The row is the number of the frame.
    score : (F, P, K)
        0 to 1; 0 where missing.
    track : (F, P) int
        The person's number where the file has one, else that of the slot; -1 where the slot is empty.
    """

    camera: str
    keypoints: tuple[str, ...] | int
    xy: FloatArray
    score: FloatArray
    track: IntArray

    def __post_init__(self) -> None:
        count = self.keypoints if isinstance(self.keypoints, int) else len(self.keypoints)
        if self.score.shape[2] != count or self.xy.shape != (*self.score.shape, 2):
            raise ValueError(f"xy {self.xy.shape} and score {self.score.shape} do not hold {count} keypoints")


class PoseFormat(Protocol):
    """One way in which programs store detections."""

    @property
    def title(self) -> str:
        """What the format is, for a person to read."""
        ...

    def recognises(self, path: Path) -> bool:
        """Whether this file or folder looks like it."""
        ...

    def read(self, path: Path) -> tuple[View, ...]:
        """Read all cameras.

        Raises
        ------
        InputError
            If it cannot be read, naming the file.
        """
        ...

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Write the detections of all cameras into a folder and return what was written.

        Raises
        ------
        InputError
            If the format is read only, or cannot hold what is given.
        """
        ...


@dataclass(frozen=True)
class Person:
    """One detection: keypoints (K, 2) px, scores (K,), and a number or -1."""

    xy: FloatArray
    score: FloatArray
    track: int = -1


def person(flat: Sequence[float], path: Path, track: int = -1) -> Person:
    """Read x0, y0, c0, x1, y1, c1, ... as OpenPose and COCO write them.

    Raises
    ------
    InputError
        If these are not triples of numbers.
    """
    try:
        values = np.asarray(flat, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("Keypoints hold something that is no number.", "Write the file again.", path) from error
    if values.ndim != 1 or values.size == 0 or values.size % 3:
        raise InputError(
            f"Keypoints are triples of x, y and score; here are {values.size} numbers.",
            "Write the file again.",
            path,
        )
    triples = values.reshape(-1, 3)
    return known(triples[:, :2], triples[:, 2], track)


def known(xy: FloatArray, score: FloatArray, track: int = -1) -> Person:
    """Make a person of keypoints (K, 2) and scores (K,); what has no score or no number is missing."""
    there = np.isfinite(xy).all(axis=-1) & np.isfinite(score) & (score > NOT_FOUND)
    return Person(np.where(there[:, None], xy, np.nan), np.where(there, score, 0.0), track)


def assemble(
    camera: str, keypoints: tuple[str, ...] | int, frames: Mapping[int, Sequence[Person]], path: Path
) -> View:
    """Lay the people of all frames into arrays.

    A person with a number keeps to one slot for as long as possible; scores beyond 1 (AlphaPose sums several)
    are brought below it by the largest.

    Raises
    ------
    InputError
        If people have different numbers of keypoints.
    """
    count = keypoints if isinstance(keypoints, int) else len(keypoints)
    people = [one for found in frames.values() for one in found]
    if wrong := {one.score.size for one in people} - {count}:
        raise InputError(
            f"Some people have {sorted(wrong)[0]} keypoints, others {count}.",
            "Use one model for the whole recording.",
            path,
        )
    length = 1 + max(frames, default=-1)
    slots = max((len(found) for found in frames.values()), default=0)
    xy = np.full((length, slots, count, 2), np.nan)
    score = np.zeros((length, slots, count))
    track = np.full((length, slots), -1, dtype=np.int64)
    held: dict[int, int] = {}
    for frame in sorted(frames):
        for slot, one in _seated(frames[frame], held, slots):
            xy[frame, slot], score[frame, slot] = one.xy, one.score
            track[frame, slot] = one.track if one.track >= 0 else slot
    if (highest := float(score.max(initial=0.0))) > 1.0:
        score = score / highest
    return View(camera, keypoints, xy, score, track)


def _seated(found: Sequence[Person], held: dict[int, int], slots: int) -> Iterable[tuple[int, Person]]:
    """Give each person a slot: their former one if it is free. ``held`` remembers by number."""
    free = list(range(slots))
    waiting = []
    for one in found:
        slot = held.get(one.track, -1) if one.track >= 0 else -1
        if slot in free:
            free.remove(slot)
            yield slot, one
        else:
            waiting.append(one)
    for one in waiting:
        slot = free.pop(0)
        if one.track >= 0:
            held[one.track] = slot
        yield slot, one


def read_only(title: str) -> InputError:
    """Make the error of a format that is not written."""
    return InputError(f"{title} is read, not written.", "Choose openpose, coco, deeplabcut or freemocap.")
