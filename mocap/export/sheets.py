"""XLSX and Parquet: tables for spreadsheets and statistics, with packages that come as extras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calibration.files import atomic_write
from mocap.core.errors import ExportError, MissingExtraError
from mocap.core.types import FloatArray, Take
from mocap.export.written import Written

POINT_COLUMNS = ("x_m", "y_m", "z_m", "sigma_m", "views")
# What a worksheet holds (Excel specifications and limits).
MAX_ROWS = 1_048_576


def point_table(take: Take, person: int) -> tuple[list[str], FloatArray]:
    """Names and values (T, M) of a table with a row a frame: x, y, z, sigma and views of each keypoint."""
    points = take.points
    columns = [f"{k}_{what}" for k in points.skeleton.keypoints for what in POINT_COLUMNS]
    values = np.concatenate(
        [points.xyz[:, person], points.sigma[:, person, :, None], points.n_views[:, person, :, None]], axis=-1
    )
    return columns, values.reshape(values.shape[0], -1)


def angle_table(take: Take, person: int) -> tuple[list[str], FloatArray]:
    """Names and values (T, M) of a table with a row a frame: each angle and its sigma, degrees."""
    angles = take.angles
    columns = [f"{name}_{what}" for name in angles.names for what in ("deg", "sigma_deg")]
    both = np.stack([angles.value[:, person], angles.sigma[:, person]], axis=-1)
    return columns, np.degrees(both).reshape(both.shape[0], -1)


def tables(take: Take, person: int) -> dict[str, tuple[list[str], FloatArray]]:
    """Both tables by name."""
    return {"points": point_table(take, person), "angles": angle_table(take, person)}


class XlsxExporter:
    """One workbook with the sheets ``points`` and ``angles``; what is missing is an empty cell."""

    title = "XLSX, points and angles as a workbook"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.xlsx``."""
        try:
            from openpyxl import Workbook
        except ImportError as error:
            raise MissingExtraError("XLSX files need the package openpyxl.", "sheets") from error
        path = folder / f"{stem}.xlsx"
        frames = take.t_s.shape[0]
        if frames >= MAX_ROWS:
            raise ExportError(
                f"A worksheet holds {MAX_ROWS} rows; this recording has {frames} frames.", "Choose csv or parquet."
            )
        with atomic_write(path) as draft:
            draft.touch()  # so that a place that cannot be written is found before the work
            book = Workbook(write_only=True)
            for name, (columns, values) in tables(take, person).items():
                sheet = book.create_sheet(name)
                sheet.freeze_panes = "C2"
                sheet.append(["frame", "time_s", *columns])
                for frame, (t, row) in enumerate(zip(take.t_s.tolist(), values.tolist(), strict=True), start=1):
                    sheet.append([frame, t, *(v if v == v else None for v in row)])  # NaN != NaN
            book.save(draft)
        return Written((path,), ("The full covariance of the points.", "Joint rotations and bone lengths."))


class ParquetExporter:
    """Two files, points and angles; what is missing is null, units stand in the columns' names."""

    title = "Parquet, points and angles as column tables"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.points.parquet`` and ``<stem>.angles.parquet``."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("Parquet files need the package pyarrow.", "sheets") from error
        files = []
        for name, (columns, values) in (
            ("points", point_table(take, person)),
            ("angles", angle_table(take, person)),
        ):
            path = folder / f"{stem}.{name}.parquet"
            frame = np.arange(1, values.shape[0] + 1)
            table: dict[str, Any] = {"frame": frame, "time_s": take.t_s} | {
                column: pyarrow.array(values[:, i], from_pandas=True) for i, column in enumerate(columns)
            }
            with atomic_write(path) as draft:
                pyarrow.parquet.write_table(pyarrow.table(table), draft)
            files.append(path)
        return Written(tuple(files), ("The full covariance of the points.", "Joint rotations and bone lengths."))
