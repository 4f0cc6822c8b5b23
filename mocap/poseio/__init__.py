"""Detections that other programs made, and ours for them: one module a format, a Protocol and a registry."""

from __future__ import annotations

from pathlib import Path

from mocap.core.errors import InputError
from mocap.poseio.coco import CocoFormat
from mocap.poseio.deeplabcut import DeepLabCutFormat
from mocap.poseio.openpose import OpenPoseFormat
from mocap.poseio.poses import from_poses, own_skeleton, skeleton_of, to_poses
from mocap.poseio.sleap import SleapFormat
from mocap.poseio.tables import CaliscopeFormat, FreeMoCapFormat
from mocap.poseio.view import PoseFormat, View

# In the order in which a folder is tried.
POSE_FORMATS: dict[str, PoseFormat] = {
    "openpose": OpenPoseFormat(),
    "coco": CocoFormat(),
    "caliscope": CaliscopeFormat(),
    "freemocap": FreeMoCapFormat(),
    "sleap": SleapFormat(),
    "deeplabcut": DeepLabCutFormat(),
}


def pose_format(name: str) -> PoseFormat:
    """Format by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in POSE_FORMATS:
        raise InputError(
            f"There is no format '{name}' of detections.", f"Choose among: {', '.join(POSE_FORMATS)}."
        )
    return POSE_FORMATS[name]


def read_views(path: Path, name: str | None = None) -> tuple[View, ...]:
    """Read the detections of all cameras.

    Parameters
    ----------
    path : Path
        A file or a folder, as the format has it.
    name : str, optional
        Of the format; recognised by content if not given.

    Raises
    ------
    InputError
        If there is nothing, nothing known, or something damaged.
    """
    if not path.exists():
        raise InputError("There is no such file or folder.", "Check the path; was it moved or renamed?", path)
    if name is not None:
        chosen = pose_format(name)
    else:
        fitting = [form for form in POSE_FORMATS.values() if form.recognises(path)]
        if not fitting:
            titles = "; ".join(form.title for form in POSE_FORMATS.values())
            raise InputError("These detections are of no known format.", f"Known are: {titles}.", path)
        chosen = fitting[0]
    views = chosen.read(path)
    if not views:
        raise InputError("There are no detections here.", f"Expected: {chosen.title}.", path)
    return views


__all__ = [
    "POSE_FORMATS",
    "PoseFormat",
    "View",
    "from_poses",
    "own_skeleton",
    "pose_format",
    "read_views",
    "skeleton_of",
    "to_poses",
]
