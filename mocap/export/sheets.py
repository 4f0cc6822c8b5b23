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


def rate_table(take: Take, person: int) -> tuple[list[str], FloatArray]:
    """Names and values (T, M) of a table with a row a frame: each angular velocity and its sigma, degrees/s."""
    angles = take.angles
    columns = [f"{name}_{what}" for name in angles.names for what in ("deg_per_s", "sigma_deg_per_s")]
    both = np.stack([angles.rate[:, person], angles.rate_sigma[:, person]], axis=-1)
    return columns, np.degrees(both).reshape(both.shape[0], -1)


def mass_table(take: Take, person: int) -> tuple[list[str], FloatArray]:
    """Names and values (T, 4) of a table with a row a frame: the centre of mass and its sigma, m."""
    columns = ["mass_centre_x_m", "mass_centre_y_m", "mass_centre_z_m", "mass_centre_sigma_m"]
    if take.mass_centre is None:
        return columns, np.full((take.t_s.shape[0], 4), np.nan)
    sigma = take.mass_centre.sigma[:, person, None]
    return columns, np.concatenate([take.mass_centre.xyz[:, person], sigma], axis=-1)


def tables(take: Take, person: int) -> dict[str, tuple[list[str], FloatArray]]:
    """All tables with a row a frame, by name; angular velocities and centre of mass as far as anybody asked."""
    found = {"points": point_table(take, person), "angles": angle_table(take, person)}
    if np.isfinite(take.angles.rate[:, person]).any():
        found["rates"] = rate_table(take, person)
    if take.mass_centre is not None:
        found["mass_centre"] = mass_table(take, person)
    return found


Cell = str | float | int | None
EVENT_COLUMNS = ("event", "side", "time_s", "sigma_s", "doubtful")
MEASURE_COLUMNS = ("measure", "side", "unit", "mean", "sd", "n", "values")


def event_rows(take: Take, person: int) -> list[tuple[Cell, ...]]:
    """One row an event, as ``EVENT_COLUMNS``; None where nothing is known."""
    return [
        (event.kind, event.side, event.t_s, _known(event.sigma_s), int(event.doubtful))
        for event in take.findings[person].events
    ]


def measure_rows(take: Take, person: int) -> list[tuple[Cell, ...]]:
    """One row a measure, as ``MEASURE_COLUMNS``; its single values stand in one cell with spaces between."""
    return [
        (
            m.name,
            m.side,
            m.unit,
            _known(m.mean),
            _known(m.sd),
            m.values.size,
            " ".join(f"{v:.6g}" for v in m.values),
        )
        for m in take.findings[person].measures
    ]


def lists(take: Take, person: int) -> dict[str, tuple[tuple[str, ...], list[tuple[Cell, ...]]]]:
    """Columns and rows of events and measures by name, where there are any."""
    found = {
        "events": (EVENT_COLUMNS, event_rows(take, person)),
        "measures": (MEASURE_COLUMNS, measure_rows(take, person)),
    }
    return {name: (columns, rows) for name, (columns, rows) in found.items() if rows}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


class XlsxExporter:
    """One workbook with a sheet a table: points, angles, rates, centre of mass, events, measures.

    What is missing is an empty cell.
    """

    title = "XLSX, points, angles, events and measures as a workbook"

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
            for name, (heads, rows) in lists(take, person).items():
                sheet = book.create_sheet(name)
                sheet.freeze_panes = "A2"
                for cells in (heads, *rows):
                    sheet.append(cells)
            book.save(draft)
        return Written((path,), ("The full covariance of the points.", "Joint rotations and bone lengths."))


class ParquetExporter:
    """One file a table, as in the workbook; what is missing is null, units stand in the columns' names."""

    title = "Parquet, points, angles, events and measures as column tables"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.points.parquet``, ``<stem>.angles.parquet`` and so on."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("Parquet files need the package pyarrow.", "sheets") from error
        files = []
        for name, (columns, values) in tables(take, person).items():
            path = folder / f"{stem}.{name}.parquet"
            frame = np.arange(1, values.shape[0] + 1)
            table: dict[str, Any] = {"frame": frame, "time_s": take.t_s} | {
                column: pyarrow.array(values[:, i], from_pandas=True) for i, column in enumerate(columns)
            }
            with atomic_write(path) as draft:
                pyarrow.parquet.write_table(pyarrow.table(table), draft)
            files.append(path)
        for name, (heads, rows) in lists(take, person).items():
            path = folder / f"{stem}.{name}.parquet"
            with atomic_write(path) as draft:
                by_column = {head: [row[i] for row in rows] for i, head in enumerate(heads)}
                pyarrow.parquet.write_table(pyarrow.table(by_column), draft)
            files.append(path)
        return Written(tuple(files), ("The full covariance of the points.", "Joint rotations and bone lengths."))
