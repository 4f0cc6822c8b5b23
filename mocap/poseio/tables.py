"""Caliscope's table of all cameras, and FreeMoCap's array of all cameras: one person, one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from calibration.files import atomic_write
from mocap.core.errors import InputError
from mocap.poseio.files import first_match, read_rows
from mocap.poseio.view import View, read_only


class CaliscopeFormat:
    """Read ``xy_*.csv``: a row a point, with sync_index, cam_id (older: port), point_id, img_loc_x, img_loc_y."""

    title = "Caliscope xy CSV, one file for all cameras"

    def recognises(self, path: Path) -> bool:
        """Whether the file has Caliscope's columns."""
        file = _one(path, "xy*.csv")
        rows = read_rows(file)[:1] if file else []
        return bool(rows) and {"sync_index", "point_id", "img_loc_x"} <= set(rows[0])

    def read(self, path: Path) -> tuple[View, ...]:
        """Read all cameras."""
        file = _one(path, "xy*.csv")
        if file is None:
            raise InputError("There is no xy*.csv.", "Give Caliscope's xy file.", path)
        head, *rows = read_rows(file)
        camera = "cam_id" if "cam_id" in head else "port"
        try:
            columns = [head.index(name) for name in (camera, "sync_index", "point_id", "img_loc_x", "img_loc_y")]
            values = np.array([[float(row[c]) for c in columns] for row in rows if row], dtype=np.float64)
        except (ValueError, IndexError) as error:
            raise InputError(f"This is not Caliscope's table: {error}.", "Write it again.", file) from error
        if not values.size:
            raise InputError("The table is empty.", "Write it again.", file)
        ids = values[:, :3].astype(np.int64)
        first, last, points = ids[:, 1].min(), ids[:, 1].max(), 1 + ids[:, 2].max()
        views = []
        for number in np.unique(ids[:, 0]):
            mine = ids[:, 0] == number
            xy = np.full((last - first + 1, 1, points, 2), np.nan)
            xy[ids[mine, 1] - first, 0, ids[mine, 2]] = values[mine, 3:]
            views.append(_single(f"cam_{number}", xy))
        return tuple(views)

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Refuse: Caliscope's table belongs to a project of its own."""
        raise read_only(self.title)


class FreeMoCapFormat:
    """Read and write ``*2dData*.npy``: cameras x frames x points x (x, y[, score])."""

    title = "FreeMoCap 2D array (npy), one file for all cameras"

    def recognises(self, path: Path) -> bool:
        """Whether there is such a file."""
        return _one(path, "*2d*.npy") is not None

    def read(self, path: Path) -> tuple[View, ...]:
        """Read all cameras; they are numbered in the file's order."""
        file = _one(path, "*2d*.npy")
        if file is None:
            raise InputError("There is no *2d*.npy.", "Give FreeMoCap's 2D array.", path)
        try:
            array = np.asarray(np.load(file, allow_pickle=False), dtype=np.float64)
        except (OSError, ValueError) as error:
            raise InputError(f"This array cannot be read: {error}.", "Write it again.", file) from error
        if array.ndim != 4 or array.shape[3] < 2:
            raise InputError(
                f"The array has the shape {array.shape}; cameras x frames x points x 2 or 3 is expected.",
                "Give FreeMoCap's 2D array.",
                file,
            )
        return tuple(_single(f"cam_{c}", view[:, None, :, :2]) for c, view in enumerate(array))

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Write ``mediapipe2dData_numCams_numFrames_numTrackedPoints_pixelXY.npy`` of one person."""
        if any(view.xy.shape[1] != 1 for view in views):
            raise InputError("FreeMoCap's array holds one person.", "Choose openpose, coco or deeplabcut.")
        path = folder / "mediapipe2dData_numCams_numFrames_numTrackedPoints_pixelXY.npy"
        with atomic_write(path) as draft, draft.open("wb") as stream:
            np.save(stream, np.stack([view.xy[:, 0] for view in views]))
        return (path,)


def _one(path: Path, pattern: str) -> Path | None:
    if path.is_file():
        return path if path.match(pattern) else None
    return first_match(path, pattern)


def _single(camera: str, xy: np.ndarray) -> View:
    """View of one person whose keypoints (F, 1, K, 2) are there or not."""
    there = np.isfinite(xy).all(axis=-1)
    return View(
        camera,
        xy.shape[2],
        np.where(there[..., None], xy, np.nan),
        there.astype(np.float64),
        np.where(there.any(axis=-1), 0, -1),
    )
