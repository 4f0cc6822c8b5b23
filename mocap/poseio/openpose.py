"""OpenPose: a folder a camera, a JSON file a frame (its doc/02_output.md).

``pose_keypoints_2d`` holds x, y and score of each keypoint; ``person_id`` is [-1] where nobody was tracked.
RTMLib, Pose2Sim and AlphaPose's ``--format open`` write the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import InputError
from mocap.poseio.files import first_match, last_number, read_json, write_json
from mocap.poseio.view import Person, View, assemble, person

VERSION = 1.3


class OpenPoseFormat:
    """Read and write OpenPose's JSON folders."""

    title = "OpenPose JSON, a folder a camera"

    def recognises(self, path: Path) -> bool:
        """Whether there are JSON files with ``people`` in this folder, or in the folders inside it."""
        return any(_is_frame(first) for folder in _folders(path) if (first := first_match(folder, "*.json")))

    def read(self, path: Path) -> tuple[View, ...]:
        """Read the folders of all cameras, or one camera's own."""
        return tuple(_read_view(folder) for folder in _folders(path) if first_match(folder, "*.json"))

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Write ``<camera>_json/<camera>_<frame>_keypoints.json``."""
        written = []
        for view in views:
            target = folder / f"{view.camera}_json"
            for frame in range(view.xy.shape[0]):
                people = [
                    {"person_id": [int(view.track[frame, p])], "pose_keypoints_2d": flat(view, frame, p)}
                    for p in np.flatnonzero(view.track[frame] >= 0).tolist()
                ]
                name = f"{view.camera}_{frame:012d}_keypoints.json"
                write_json(target / name, {"version": VERSION, "people": people})
            written.append(target)
        return tuple(written)


def flat(view: View, frame: int, slot: int) -> list[float]:
    """x0, y0, c0, x1, ... of one person; zeros where a keypoint is missing, as the format wants it."""
    there = np.isfinite(view.xy[frame, slot]).all(axis=-1)
    values = np.column_stack([view.xy[frame, slot], view.score[frame, slot]])
    return [round(float(v), 4) for v in np.where(there[:, None], values, 0.0).ravel()]


def _folders(path: Path) -> list[Path]:
    """Folders of the cameras: those inside this one, or itself."""
    if not path.is_dir():
        return []
    inner = [p for p in sorted(path.iterdir()) if p.is_dir() and first_match(p, "*.json")]
    return inner or [path]


def _is_frame(path: Path) -> bool:
    try:
        content = read_json(path)
    except InputError:
        return False
    return isinstance(content, dict) and "people" in content


def _read_view(folder: Path) -> View:
    frames: dict[int, list[Person]] = {}
    for path in sorted(folder.glob("*.json")):
        number = last_number(path.stem)
        content = read_json(path)
        if number is None or not isinstance(content, dict) or not isinstance(content.get("people"), list):
            raise InputError(
                "This is not a frame of OpenPose: no number in its name, or no 'people' in it.",
                "Keep only OpenPose's own files in the folder.",
                path,
            )
        frames[number] = [_read_person(one, path) for one in content["people"]]
    first = min(frames)
    count = next((one.score.size for found in frames.values() for one in found), 0)
    if count == 0:
        raise InputError("Nobody was found in any frame.", "Check what the detector was given.", folder)
    name = folder.name.removesuffix("_json")
    # Some programs count frames from 0, some from 1, some on from the frame that a cut began with.
    return assemble(name, count, {number - first: found for number, found in frames.items()}, folder)


def _read_person(one: Any, path: Path) -> Person:
    if not isinstance(one, dict) or "pose_keypoints_2d" not in one:
        raise InputError("A person has no 'pose_keypoints_2d'.", "Write the file again.", path)
    number = one.get("person_id", -1)
    number = number[0] if isinstance(number, list) and number else number
    return person(one["pose_keypoints_2d"], path, int(number) if isinstance(number, int | float) else -1)
