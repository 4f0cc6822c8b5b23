"""From a folder that the user names to the pictures of a calibration target, camera by camera."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calibration.footage import Footage, ImageFootage, VideoFootage
from calibration.observations import Observations, Watch, observe
from calibration.targets import AnyTarget, ArucoMarker, Checkerboard, read_target
from calibration.targets.identify import identify
from mocap.capture import find_videos, probe
from mocap.core.errors import CalibrationError, InputError
from mocap.core.names import last_number
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, IntArray
from mocap.sync import SYNC_FILE, TIMESTAMPS_FILE, from_frame_times, read_clocks, written_times

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
BOARD_FILES = ("board.toml", "charuco.toml")
# Where the pictures of a calibration lie: our sessions, Caliscope's projects, Pose2Sim's,
# Anipose's, and the folder itself.
PLACES = (
    "calibration/videos",
    "calibration/extrinsic",
    "extrinsic",
    "calibration/extrinsics",
    "extrinsics",
    "calibration",
    ".",
)
INTRINSIC_PLACES = ("calibration/intrinsic", "intrinsic", "calibration/intrinsics", "intrinsics")

# ``cam_0_frame_0050.jpg`` and ``left-12.png``: camera, then the number of the instant.
NUMBERED_IMAGE = re.compile(r"^(?P<camera>.*?)[_\-. ]*(?:frame|img|image)?[_\-. ]*(?P<number>\d+)$", re.IGNORECASE)
# Instants of image folders are as far apart as it takes to lay a board down; any number far beyond a frame serves.
IMAGE_STEP_S = 10.0
# Pictures per camera that the target is sought in when nobody names it.
IDENTIFY_PICTURES = 12
# No board has larger squares: most likely millimetres were taken for metres.
LONGEST_SIDE_M = 2.0


@dataclass(frozen=True)
class CalibrationFootage:
    """Pictures of a target by all cameras.

    Attributes
    ----------
    films : mapping of str to Footage
    frame_index : (T, C) int
        Picture of each camera at each common instant; -1 where there is none.
    t_s : (T, C)
        When it was taken by the camera's clock, s; NaN where there is none.
    timed : bool
        Whether the times were measured as the pictures were taken, rather than counted from a frame rate.
    warnings : tuple of str
    """

    films: Mapping[str, Footage]
    frame_index: IntArray
    t_s: FloatArray
    timed: bool
    warnings: tuple[str, ...] = ()


def open_footage(folder: Path) -> CalibrationFootage:
    """Find the pictures that show the target to all cameras at common instants.

    Raises
    ------
    InputError
        If there are none.
    """
    if not folder.is_dir():
        raise InputError("There is no such folder.", "Name the folder with the calibration videos.", folder)
    place = next((folder / name for name in PLACES if _holds_pictures(folder / name)), None)
    if place is None:
        raise InputError(
            f"No video and no pictures were found (looked into {', '.join(PLACES)}).",
            "Put one video or one folder of pictures per camera there.",
            folder,
        )
    return _videos(place) if _has_videos(place) else _images(place)


def open_intrinsic_footage(folder: Path) -> CalibrationFootage | None:
    """Find further pictures for the lenses alone, where the recording has a folder of them."""
    place = next((folder / name for name in INTRINSIC_PLACES if _holds_pictures(folder / name)), None)
    if place is None:
        return None
    return _videos(place) if _has_videos(place) else _images(place)


def open_target(
    folder: Path, board: Path | None, footage: CalibrationFootage, square_m: float | None = None
) -> tuple[AnyTarget, tuple[str, ...]]:
    """Read the target's file, or recognise the target in the pictures.

    Parameters
    ----------
    square_m : float or None
        Side of a square (of a marker that stands alone) as measured; takes the place of the file's.

    Returns
    -------
    target
    warnings : tuple of str
        What was assumed where there is no file: the size, above all.

    Raises
    ------
    CalibrationError
        If there is no file and the pictures show no target.
    """
    places = [folder, folder / "calibration", folder.parent, folder.parent.parent]
    known = board or next((p / name for p in places for name in BOARD_FILES if (p / name).is_file()), None)
    if known is not None:
        target = read_target(known)
        return (target if square_m is None else sized(target, square_m)), ()
    pictures = [image for film in footage.films.values() for image in _sample(film)]
    found = identify(pictures)
    if found is None:
        raise CalibrationError(
            "No calibration target is recognised in the pictures.",
            "Check that the board is in view, lit and sharp, or describe it in a file and name it with --board.",
            folder,
        )
    if square_m is not None:
        return sized(found.target, square_m), ()
    return found.target, (
        f"The target was recognised as a {found.target.name}; its size is not known, so the scale is "
        "only assumed. Name a board file with --board, or give --square-mm, for true metres.",
    )


def search(
    footage: CalibrationFootage,
    target: AnyTarget,
    progress: Progress,
    cancel: CancelToken,
    cache_dir: Path | None = None,
    watch: Watch | None = None,
) -> Observations:
    """Search all pictures for the target; see ``calibration.observations.observe``."""
    return observe(
        footage.films,
        target,
        footage.frame_index,
        footage.t_s,
        progress=progress,
        cancelled=lambda: cancel.cancelled,
        cache_dir=cache_dir,
        watch=watch,
    )


def picture_number(path: Path) -> int:
    """The number that the name of a picture ends in; -1 if there is none."""
    digits = last_number(path.stem)
    return int(digits) if digits.isdigit() else -1


def sized(target: AnyTarget, side_m: float) -> AnyTarget:
    """The same target with squares (of a single marker: with a side) of another size, as a ruler measured it."""
    if not 0.0 < side_m < LONGEST_SIDE_M:
        raise InputError(
            f"A square of {1000 * side_m:g} mm cannot be.", "Give the side of one square in millimetres."
        )
    if isinstance(target, ArucoMarker):
        return replace(target, side_m=side_m)
    if isinstance(target, Checkerboard):
        return replace(target, square_m=side_m)
    return replace(target, square_m=side_m, marker_m=target.marker_m * side_m / target.square_m)


def _sample(film: Footage) -> list[np.ndarray]:
    count = film.n_frames if isinstance(film, VideoFootage | ImageFootage) else 0
    wanted = np.unique(np.linspace(0, max(count - 1, 0), IDENTIFY_PICTURES).astype(np.int64))
    return [image for _, image in film.read(wanted)]


def _has_videos(place: Path) -> bool:
    try:
        return len(find_videos(place)) > 0
    except InputError:
        return False


def _holds_pictures(place: Path) -> bool:
    return place.is_dir() and (_has_videos(place) or bool(_image_files(place)))


def _videos(place: Path) -> CalibrationFootage:
    """Videos, with the times beside them if somebody wrote them down."""
    videos = [probe(path, name) for name, path in find_videos(place).items()]
    cameras = tuple(video.camera for video in videos)
    times, timed = [video.t_s for video in videos], False
    warnings = [f"{video.camera}: {note}" for video in videos for note in video.warnings]
    if (place / TIMESTAMPS_FILE).is_file():
        written = written_times(place / TIMESTAMPS_FILE, cameras)
        if written is None:
            warnings.append(f"The cameras of {TIMESTAMPS_FILE} are not those of the videos; it is not used.")
        else:
            counts = [min(len(w), video.n_frames) for w, video in zip(written, videos, strict=True)]
            times, timed = [w[:n] for w, n in zip(written, counts, strict=True)], True
    known = (place / SYNC_FILE).is_file()
    if known:  # found by mocap sync: the cameras started on their own
        clocks = read_clocks(place / SYNC_FILE, cameras, tuple(video.n_frames for video in videos))
        times = [clocks.to_common(c, t) for c, t in enumerate(times)]
    sync = from_frame_times(cameras, times, shared_clock=timed or known)
    missing = sync.frame_index < 0
    t_s = np.stack([t[np.maximum(sync.frame_index[:, c], 0)] for c, t in enumerate(times)], axis=1)
    return CalibrationFootage(
        {video.camera: VideoFootage(video.path) for video in videos},
        sync.frame_index,
        np.where(missing, np.nan, t_s),
        timed,
        tuple(warnings),
    )


def _image_files(place: Path) -> dict[str, dict[str, Path]]:
    """Pictures by camera and instant: a folder a camera, or all in one folder, named by camera and number."""
    folders = [inner for inner in sorted(place.iterdir()) if inner.is_dir() and _pictures_in(inner)]
    if folders:
        return {inner.name: {p.stem: p for p in _pictures_in(inner)} for inner in folders}
    cameras: dict[str, dict[str, Path]] = {}
    for path in _pictures_in(place):
        if named := NUMBERED_IMAGE.match(path.stem):
            cameras.setdefault(named["camera"] or "camera", {})[named["number"]] = path
    return cameras


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)


def _images(place: Path) -> CalibrationFootage:
    """Pictures; those whose names bear the same number were taken at the same instant."""
    files = _image_files(place)
    keys = {camera: [last_number(stem) for stem in images] for camera, images in files.items()}
    instants = sorted({key for numbers in keys.values() for key in numbers}, key=lambda key: (len(key), key))
    frame_index = np.full((len(instants), len(files)), -1, dtype=np.int64)
    for c, numbers in enumerate(keys.values()):
        for picture, key in enumerate(numbers):
            frame_index[instants.index(key), c] = picture
    times = np.broadcast_to(IMAGE_STEP_S * np.arange(len(instants))[:, None], frame_index.shape)
    return CalibrationFootage(
        {camera: ImageFootage(tuple(images.values())) for camera, images in files.items()},
        frame_index,
        np.where(frame_index < 0, np.nan, times),
        timed=False,
    )
