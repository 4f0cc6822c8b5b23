"""Positions over time from files of any kind: a run's folder, npz, C3D, TRC, CSV."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ezc3d
import numpy as np

from mocap.core.errors import ExplainedError, InputError
from mocap.core.types import FloatArray
from mocap.presets import load_skeleton

METRES = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "in": 0.0254}
# Values of a neighbour no further off than this many of its own periods may be interpolated to an instant.
NEAR_PERIODS = 1.5
# Columns of our CSV: name_x_m, name_y_m, name_z_m; other units by their suffix, metres if there is none.
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Recording:
    """Named points of people over time.

    Attributes
    ----------
    names : tuple of str
        The K points.
    t_s : (T,)
        Instants, s.
    xyz : (T, N, K, 3)
        Position, m, z up; NaN where missing.
    """

    names: tuple[str, ...]
    t_s: FloatArray
    xyz: FloatArray

    def __post_init__(self) -> None:
        if self.xyz.shape != (self.t_s.shape[0], self.xyz.shape[1], len(self.names), 3):
            raise ValueError(f"{self.xyz.shape} are not {self.t_s.shape[0]} instants of {len(self.names)} points")

    @property
    def rate_hz(self) -> float:
        """Instants per second."""
        return float(1.0 / np.median(np.diff(self.t_s))) if self.t_s.shape[0] > 1 else float("nan")


def read_recording(paths: Sequence[Path], y_up: bool | None = None) -> Recording:
    """Read a recording; several files are several people at the same instants.

    Parameters
    ----------
    paths : sequence of Path
        A run's folder, or files ``.npz`` (``xyz`` in m, ``t_s`` or ``rate_hz``, and ``names`` or
        ``skeleton``), ``.c3d``, ``.trc``, ``.csv``.
    y_up : bool, optional
        Whether y points up in the files; if not given, in TRC it does and elsewhere z does.

    Raises
    ------
    InputError
        If a file cannot be read, or the files do not belong together.
    """
    first, *others = [_read(path, y_up) for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        if other.t_s.shape != first.t_s.shape or not np.allclose(other.t_s, first.t_s, atol=1e-3):
            raise InputError("This file has other instants than the one before.", "Give files of one take.", path)
        if other.names != first.names:
            raise InputError("This file has other points than the one before.", "Give files of one take.", path)
    return replace(first, xyz=np.concatenate([part.xyz for part in (first, *others)], axis=1))


def _read(path: Path, y_up: bool | None) -> Recording:
    readers = {".npz": _read_npz, ".c3d": _read_c3d, ".trc": _read_trc, ".csv": _read_csv}
    kind = path.suffix.lower()
    if not path.exists():
        raise InputError("There is no such file.", "Check the path.", path)
    if not path.is_dir() and kind not in readers:
        raise InputError(
            f"'{kind or path.name}' is no format for positions.", f"Give one of {', '.join(readers)}.", path
        )
    try:
        found = _read_run(path) if path.is_dir() else readers[kind](path)
    except ExplainedError:
        raise
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"The file cannot be read: {error}.", "Check that it is whole.", path) from error
    if y_up if y_up is not None else kind == ".trc":
        # x stays, z is up: a rotation by 90 degrees about x.
        xyz = found.xyz
        found = replace(found, xyz=np.stack([xyz[..., 0], 0.0 - xyz[..., 2], xyz[..., 1]], axis=-1))
    return found


def _read_run(folder: Path) -> Recording:
    """Positions of a finished run."""
    points, sync = folder / "points3d.npz", folder / "sync.npz"
    for file in (points, sync):
        if not file.is_file():
            raise InputError(f"The run has no {file.name}.", "Give the folder trials/NAME/runs/ID.", folder)
    with np.load(points, allow_pickle=False) as stored, np.load(sync, allow_pickle=False) as clock:
        return Recording(_keypoints(str(stored["skeleton"])), clock["t_s"], stored["xyz"])


def _keypoints(skeleton: str) -> tuple[str, ...]:
    """Keypoints of a skeleton that is stored whole, as JSON, or by its name."""
    if skeleton.lstrip().startswith("{"):
        return tuple(str(name) for name in json.loads(skeleton)["keypoints"])
    return load_skeleton(skeleton).keypoints


def _read_npz(path: Path) -> Recording:
    """Arrays by name, as the studio's truth has them."""
    with np.load(path, allow_pickle=False) as stored:
        xyz = np.asarray(stored["xyz"], dtype=np.float64)
        xyz = xyz[:, None] if xyz.ndim == 3 else xyz
        if "names" in stored:
            names = tuple(str(name) for name in stored["names"])
        else:
            names = _keypoints(str(stored["skeleton"]))
        t_s = stored["t_s"] if "t_s" in stored else np.arange(xyz.shape[0]) / float(stored["rate_hz"])
    return Recording(names, np.asarray(t_s, dtype=np.float64), xyz)


def _read_c3d(path: Path) -> Recording:
    """Points of a C3D file; those that are angles, forces or the like are left out."""
    file = ezc3d.c3d(str(path))
    point = file["parameters"]["POINT"]
    labels = list(point["LABELS"]["value"])
    other = {
        name
        for kind in ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
        for name in point.get(kind, {}).get("value", ())
    }
    kept = [i for i, label in enumerate(labels) if label not in other]
    unit = (point["UNITS"]["value"] or ["mm"])[0].strip().lower()
    xyz = METRES[unit] * np.moveaxis(file["data"]["points"][:3, kept], (0, 1, 2), (2, 1, 0))
    xyz[file["data"]["meta_points"]["residuals"][0, kept].T < 0] = np.nan
    rate = float(point["RATE"]["value"][0])
    return Recording(tuple(labels[i].strip() for i in kept), np.arange(xyz.shape[0]) / rate, xyz[:, None])


def _read_trc(path: Path) -> Recording:
    """Markers of a TRC file; a blank is a missing marker."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    count, unit = int(head["NumMarkers"]), METRES[head["Units"].strip().lower()]
    names = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())[:count]
    rows = []
    for line in lines[5:]:
        if line.strip():
            cells = [cell.strip() for cell in line.split("\t")][: 2 + 3 * count]
            rows.append([float(cell) if cell else np.nan for cell in cells + [""] * (2 + 3 * count - len(cells))])
    table = np.array(rows)
    return Recording(names, table[:, 1], unit * table[:, 2:].reshape(len(rows), 1, count, 3))


def _read_csv(path: Path) -> Recording:
    """A wide table with ``time_s`` and three columns a point; an empty cell is missing."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = {name.strip(): number for number, name in enumerate(header)}
    if "time_s" not in columns:
        raise InputError("The table has no column time_s.", "Name the column of times, in s, time_s.", path)
    found: dict[str, list[int]] = {}
    scale: list[float] = []
    for column in columns:
        base, _, unit = column.rpartition("_")
        base, factor = (base, METRES[unit]) if unit in METRES else (column, 1.0)
        if base.endswith("_x") and all(column[: len(base) - 1] + a + column[len(base) :] in columns for a in AXES):
            start, end = base[:-1], column[len(base) :]
            found[base[:-2]] = [columns[f"{start}{axis}{end}"] for axis in AXES]
            scale.append(factor)
    if not found:
        raise InputError("The table has no points.", "Name columns name_x_m, name_y_m, name_z_m.", path)
    table = np.array([[float(cell) if cell.strip() else np.nan for cell in row] for row in rows])
    xyz = np.stack([table[:, place] for place in found.values()], axis=1) * np.array(scale)[:, None]
    return Recording(tuple(found), table[:, columns["time_s"]], xyz[:, None])


def at_instants(recording: Recording, t_s: FloatArray) -> FloatArray:
    """Positions (T, N, K, 3) at given instants.

    Linear between the two neighbours, or the one that is at the instant; NaN where a neighbour is missing or
    further off than ``NEAR_PERIODS`` of the recording's own.
    """
    own = recording.t_s
    after = np.clip(np.searchsorted(own, t_s), 0, own.shape[0] - 1)
    before = np.maximum(after - 1, 0)
    # An instant hit within a thousandth of a period needs no second neighbour.
    period = float(np.median(np.diff(own))) if own.shape[0] > 1 else np.inf
    tolerance = 1e-3 * period if np.isfinite(period) else 1e-6
    before = np.where(np.abs(own[after] - t_s) <= tolerance, after, before)
    after = np.where(np.abs(own[before] - t_s) <= tolerance, before, after)
    span = own[after] - own[before]
    part = np.where(span > 0.0, (t_s - own[before]) / np.where(span > 0.0, span, 1.0), 0.0)
    far = np.maximum(np.abs(t_s - own[before]), np.abs(own[after] - t_s)) > NEAR_PERIODS * period
    outside = (t_s < own[0] - tolerance) | (t_s > own[-1] + tolerance) | far
    part = part[:, None, None, None]
    between = np.where(
        part == 0.0, recording.xyz[before], (1.0 - part) * recording.xyz[before] + part * recording.xyz[after]
    )
    return np.asarray(np.where(outside[:, None, None, None], np.nan, between))
