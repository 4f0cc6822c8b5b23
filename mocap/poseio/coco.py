"""COCO's results format: one JSON file a camera, a list of detections; AlphaPose and MMPose variants of it.

COCO (cocodataset.org, "results format"): ``image_id``, ``category_id``, ``keypoints`` (x, y, score), ``score``.
AlphaPose writes picture names as ``image_id`` and a number ``idx`` for people it tracks. MMPose's inferencer
writes a list of frames, each with ``instances`` of ``keypoints`` (pairs) and ``keypoint_scores``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mocap.core.errors import InputError
from mocap.poseio.files import first_match, last_number, read_json, write_json
from mocap.poseio.openpose import flat
from mocap.poseio.view import Person, View, assemble, known, person

PERSON_CATEGORY = 1


class CocoFormat:
    """Read results of COCO, AlphaPose and MMPose; write those of COCO."""

    title = "COCO results JSON (also AlphaPose, MMPose), a file a camera"

    def recognises(self, path: Path) -> bool:
        """Whether this file, or a JSON file in this folder, holds such a list."""
        for file in _files(path)[:1]:
            try:
                content = _entries(read_json(file))
            except InputError:
                return False
            return content is not None
        return False

    def read(self, path: Path) -> tuple[View, ...]:
        """Read the files of all cameras."""
        return tuple(_read_view(file) for file in _files(path))

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Write ``<camera>.json``; ``image_id`` is the number of the frame."""
        written = []
        for view in views:
            entries = [
                {
                    "image_id": frame,
                    "category_id": PERSON_CATEGORY,
                    "track_id": int(view.track[frame, p]),
                    "keypoints": flat(view, frame, p),
                    "score": round(float(view.score[frame, p].mean()), 4),
                }
                for frame, p in np.argwhere(view.track >= 0).tolist()
            ]
            path = folder / f"{view.camera}.json"
            write_json(path, entries)
            written.append(path)
        return tuple(written)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() == ".json" else []
    if first_match(path, "*.json"):
        return sorted(path.glob("*.json"))
    # AlphaPose makes a folder a video with alphapose-results.json in it.
    return sorted(p for p in path.glob("*/*.json") if p.stem.endswith("results")) if path.is_dir() else []


def _entries(content: Any) -> list[dict[str, Any]] | None:
    """Detections or frames; None where this is neither COCO's nor MMPose's."""
    if isinstance(content, dict):
        content = content.get("instance_info")
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        return None
    kinds = ({"image_id", "keypoints"}, {"instances"})
    return content if all(any(kind <= set(entry) for kind in kinds) for entry in content) else None


def _read_view(path: Path) -> View:
    entries = _entries(read_json(path))
    if entries is None:
        raise InputError(
            "This is neither a list of COCO results nor of MMPose's frames.", "Give the detector's own file.", path
        )
    frames: dict[int, list[Person]] = {}
    for number, entry in enumerate(entries):
        if "instances" in entry:
            frame = int(entry.get("frame_id", number))
            frames.setdefault(frame, []).extend(_mmpose_person(one, path) for one in entry["instances"])
        else:
            frames.setdefault(_frame_of(entry["image_id"], path), []).append(_coco_person(entry, path))
    count = next((one.score.size for found in frames.values() for one in found), 0)
    if count == 0:
        raise InputError("Nobody was found in any frame.", "Check what the detector was given.", path)
    first = min(frames) if any("instances" in entry for entry in entries) else 0
    camera = path.parent.name if path.stem.startswith("alphapose") else path.stem
    return assemble(camera, count, {number - first: found for number, found in frames.items()}, path)


def _frame_of(image: Any, path: Path) -> int:
    if isinstance(image, int):
        return image
    number = last_number(Path(str(image)).stem)
    if number is None:
        raise InputError(f"The picture '{image}' has no number.", "Number the pictures by frame.", path)
    return number


def _coco_person(entry: dict[str, Any], path: Path) -> Person:
    number = next((entry[key] for key in ("track_id", "idx") if isinstance(entry.get(key), int)), -1)
    return person(entry["keypoints"], path, number)


def _mmpose_person(one: Any, path: Path) -> Person:
    try:
        xy = np.asarray(one["keypoints"], dtype=np.float64).reshape(-1, 2)
        score = np.asarray(one["keypoint_scores"], dtype=np.float64).reshape(-1)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"A person of MMPose's is not whole: {error}.", "Write the file again.", path) from error
    if xy.shape[0] != score.shape[0]:
        raise InputError("Keypoints and their scores differ in number.", "Write the file again.", path)
    number = one.get("track_id", -1)
    return known(xy, score, number if isinstance(number, int) else -1)
