"""Times that a recorder wrote down beside its videos."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mocap.core.errors import InputError
from mocap.core.names import last_number
from mocap.core.types import FloatArray

TIMESTAMPS_FILE = "timestamps.csv"


def read_timestamps_csv(path: Path) -> dict[str, FloatArray]:
    """Read per-frame times on one clock, as Caliscope records them beside its videos.

    The columns ``cam_id`` and ``frame_time`` (s) are used; each row is one frame of that camera's video,
    in order.

    Returns
    -------
    dict of str to (T_c,)
        Times of each camera's frames, s; for ``from_frame_times(..., shared_clock=True)``.
    """
    remedy = "Give a CSV with the columns cam_id and frame_time."
    times: dict[str, list[float]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                try:
                    times.setdefault(str(row["cam_id"]), []).append(float(row["frame_time"]))
                except (KeyError, TypeError, ValueError) as error:
                    raise InputError(f"Line {number} has no camera or no time.", remedy, path) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The time stamps cannot be read: {error}.", remedy, path) from error
    if not times:
        raise InputError("The file of time stamps is empty.", remedy, path)
    return {camera: np.sort(np.array(values)) for camera, values in sorted(times.items())}


def written_times(path: Path, cameras: tuple[str, ...]) -> tuple[FloatArray, ...] | None:
    """Read the times of each camera's frames (T_c,), s, by name, or by number where the names differ.

    Returns
    -------
    tuple of (T_c,) or None
        None where the file is of other cameras.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    written = read_timestamps_csv(path)
    if set(cameras) <= set(written):
        return tuple(written[name] for name in cameras)
    by_number = {last_number(name): times for name, times in written.items()}
    numbers = [last_number(name) for name in cameras]
    if len(set(numbers)) == len(cameras) and set(numbers) <= set(by_number):
        return tuple(by_number[number] for number in numbers)
    return None
