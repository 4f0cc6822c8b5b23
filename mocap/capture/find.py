"""Finding the videos of a recording, and which camera took which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mocap.core.errors import InputError

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".mts", ".webm", ".wmv")

# Where recordings keep their videos: our trials, Pose2Sim, Caliscope, FreeMoCap, and the folder itself.
VIDEO_FOLDERS = ("raw", "videos", "recordings", "synchronized_videos", ".")

# Films that programs (this one, Pose2Sim) make of a recording are not part of it.
DERIVED = re.compile(r"(^|[_\-. ])(overlay|pose|annotated)$", re.IGNORECASE)

_SEPARATORS = re.compile(r"([_\-. ]+)")


def find_videos(folder: Path) -> dict[str, Path]:
    """Find the videos of one recording.

    Parameters
    ----------
    folder : Path
        A trial of a session, a project of Pose2Sim, Caliscope or FreeMoCap, or a folder of videos.

    Returns
    -------
    dict of str to Path
        Camera name and video, in the natural order of the names (cam2 before cam10).

    Raises
    ------
    InputError
        If there are none, several recordings, or two videos of one camera.
    """
    if not folder.is_dir():
        raise InputError("There is no such folder.", "Give the folder that holds the videos.", folder)
    for name in VIDEO_FOLDERS:
        place = folder / name
        videos = _videos_in(place)
        if not videos and name != ".":
            inner = [p for p in sorted(place.glob("*")) if p.is_dir() and _videos_in(p)]
            if len(inner) > 1:
                raise InputError(
                    f"'{name}' holds several recordings: {', '.join(p.name for p in inner)}.",
                    "Give the folder of one of them.",
                    folder,
                )
            videos = _videos_in(inner[0]) if inner else []
        if videos:
            return _by_camera(videos, folder)
    searched = ", ".join("the folder itself" if name == "." else name for name in VIDEO_FOLDERS)
    raise InputError(
        f"No video was found (looked into {searched}).",
        f"Give a folder that holds one video per camera ({', '.join(VIDEO_SUFFIXES)}).",
        folder,
    )


def camera_names(stems: Sequence[str]) -> tuple[str, ...]:
    """Derive camera names from file names by dropping the words that all of them share.

    ``walk_cam01_sync, walk_cam02_sync`` gives ``cam01, cam02``. A bare number keeps the word before it:
    ``cam_0, cam_1`` stay as they are.
    """
    if len(stems) < 2:
        return tuple(stems)
    words = [_SEPARATORS.split(stem) for stem in stems]  # words and separators take turns
    shortest = min(len(w) for w in words)
    front = 0
    while front < shortest - 1 and len({(w[front], w[front + 1]) for w in words}) == 1:
        front += 2
    back = 0
    while back < shortest - front - 1 and len({(w[-1 - back], w[-2 - back]) for w in words}) == 1:
        back += 2
    if front and all(w[front].isdigit() for w in words):
        front -= 2
    return tuple("".join(w[front : len(w) - back]) for w in words)


def natural_key(name: str) -> tuple[tuple[int, str | int], ...]:
    """Sort key that puts cam2 before cam10."""
    return tuple((0, int(part)) if part.isdigit() else (1, part.lower()) for part in re.split(r"(\d+)", name))


def _videos_in(folder: Path) -> list[Path]:
    """Video files directly in a folder, without films made of them and hidden files."""
    if not folder.is_dir():
        return []
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith(".") and not DERIVED.search(p.stem)
    )


def _by_camera(videos: list[Path], folder: Path) -> dict[str, Path]:
    """Name the cameras, and refuse two videos of one camera."""
    names = camera_names([video.stem for video in videos])
    for name in names:
        if names.count(name) > 1:
            double = [video.name for video, other in zip(videos, names, strict=True) if other == name]
            raise InputError(
                f"Camera '{name}' has several videos: {', '.join(double)}.",
                "Keep one of them in the folder.",
                folder,
            )
    return dict(sorted(zip(names, videos, strict=True), key=lambda pair: natural_key(pair[0])))
