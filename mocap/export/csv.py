"""CSV: points, angles and what follows from them as tables, for spreadsheets and statistics."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from calibration.files import atomic_write
from mocap.core.types import FloatArray, Take
from mocap.export.sheets import Cell, lists, tables
from mocap.export.written import Written

# Of the columns of each keypoint as in POINT_COLUMNS, and of the centre of mass; degrees have four.
DECIMALS = {"points": np.array([6, 6, 6, 6, 0]), "mass_centre": np.full(4, 6)}


class CsvExporter:
    """A file a table, UTF-8, comma, point as the decimal sign; what is missing is empty.

    ``<stem>.points.csv``: frame (from 1), time_s, and for each keypoint ``_x_m``, ``_y_m``, ``_z_m`` (world,
    z up), ``_sigma_m`` (standard deviation over the axes) and ``_views`` (0 where filled in or missing).
    ``<stem>.angles.csv``: frame, time_s, and for each angle ``_deg`` and ``_sigma_deg``; ``<stem>.rates.csv`` the
    same of angular velocities. ``<stem>.mass_centre.csv``: the centre of mass. ``<stem>.events.csv`` and
    ``<stem>.measures.csv``: a row an event and a row a measure, where there are any.
    """

    title = "CSV, points, angles, events and measures as tables"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.points.csv``, ``<stem>.angles.csv`` and so on."""
        files = []
        for name, (columns, values) in tables(take, person).items():
            decimals = DECIMALS.get(name, np.full(1, 4))
            path = folder / f"{stem}.{name}.csv"
            _write_table(path, take.t_s, columns, values, np.tile(decimals, len(columns) // len(decimals)))
            files.append(path)
        for name, (heads, rows) in lists(take, person).items():
            path = folder / f"{stem}.{name}.csv"
            _write_list(path, heads, rows)
            files.append(path)
        return Written(
            tuple(files),
            (
                "The full covariance of the points (its mean over the axes is there) and the errors per camera.",
                "Joint rotations and bone lengths.",
            ),
        )


def _write_list(path: Path, heads: tuple[str, ...], rows: list[tuple[Cell, ...]]) -> None:
    """Write rows of words and numbers."""
    with atomic_write(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([heads, *rows])


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
