"""CSV: the points and the angles as two wide tables, one row a frame, for spreadsheets and statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.files import atomic_write
from mocap.core.types import FloatArray, Take
from mocap.export.sheets import angle_table, point_table
from mocap.export.written import Written

# As in POINT_COLUMNS.
POINT_DECIMALS = (6, 6, 6, 6, 0)


class CsvExporter:
    """Two files, UTF-8, comma, point as the decimal sign; what is missing is empty.

    ``<stem>.points.csv``: frame (from 1), time_s, and for each keypoint ``_x_m``, ``_y_m``, ``_z_m`` (world,
    z up), ``_sigma_m`` (standard deviation over the axes) and ``_views`` (0 where filled in or missing).
    ``<stem>.angles.csv``: frame, time_s, and for each angle ``_deg`` and ``_sigma_deg``.
    """

    title = "CSV, points and angles as tables"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.points.csv`` and ``<stem>.angles.csv``."""
        columns, values = point_table(take, person)
        decimals = np.tile(POINT_DECIMALS, len(take.points.skeleton.keypoints))
        point_file = folder / f"{stem}.points.csv"
        _write_table(point_file, take.t_s, columns, values, decimals)
        columns, values = angle_table(take, person)
        angle_file = folder / f"{stem}.angles.csv"
        _write_table(angle_file, take.t_s, columns, values, np.full(len(columns), 4))
        return Written(
            (point_file, angle_file),
            (
                "The full covariance of the points (its mean over the axes is there) and the errors per camera.",
                "Joint rotations and bone lengths.",
            ),
        )


def _write_table(
    path: Path, t_s: FloatArray, columns: list[str], values: FloatArray, decimals: np.ndarray
) -> None:
    """Write a table with a frame and a time column before ``values`` (T, M)."""
    forms = [f"{{:.{d}f}}" for d in decimals.tolist()]
    with atomic_write(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(["frame", "time_s", *columns]) + "\n")
        for frame, (t, row) in enumerate(zip(t_s.tolist(), values.tolist(), strict=True), start=1):
            cells = [form.format(v) if v == v else "" for form, v in zip(forms, row, strict=True)]  # NaN != NaN
            file.write(",".join([str(frame), f"{t:.7f}", *cells]) + "\n")
