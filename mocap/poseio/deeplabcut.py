"""DeepLabCut: a table a camera, CSV or HDF5, with a heading of scorer, (individual,) body part, coordinate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mocap.core.errors import InputError
from mocap.poseio.files import first_match, read_rows, write_rows
from mocap.poseio.hdf5 import read_pandas_table
from mocap.poseio.view import View

SCORER = "openmocap"
COORDINATES = ("x", "y", "likelihood")
# DeepLabCut adds network, task, date and iteration behind the video's name.
NETWORK = re.compile(r"DLC_.*$|DLC$")

Heading = tuple[str, str, str]  # individual, body part, coordinate


class DeepLabCutFormat:
    """Read DeepLabCut's tables, of one or several individuals; write CSV."""

    title = "DeepLabCut CSV or HDF5, a file a camera"

    def recognises(self, path: Path) -> bool:
        """Whether this file, or one in this folder, has DeepLabCut's heading."""
        files = _files(path)
        if not files:
            return False
        if files[0].suffix.lower() == ".csv":
            rows = read_rows(files[0])
            return bool(rows) and rows[0][:1] == ["scorer"]
        return "DLC" in files[0].stem

    def read(self, path: Path) -> tuple[View, ...]:
        """Read the tables of all cameras."""
        return tuple(_read_view(file) for file in _files(path))

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Write ``<camera>.csv``, the slots being the individuals."""
        written = []
        for view in views:
            slots = view.xy.shape[1]
            names = view.keypoints if isinstance(view.keypoints, tuple) else tuple(map(str, range(view.keypoints)))
            columns = [(f"person{p}", name, c) for p in range(slots) for name in names for c in COORDINATES]
            table = np.concatenate([view.xy, view.score[..., None]], axis=-1).reshape(view.xy.shape[0], -1)
            rows: list[list[object]] = [
                ["scorer", *[SCORER] * len(columns)],
                ["individuals", *[c[0] for c in columns]],
                ["bodyparts", *[c[1] for c in columns]],
                ["coords", *[c[2] for c in columns]],
            ]
            rows += [[frame, *["" if np.isnan(v) else f"{v:.4f}" for v in row]] for frame, row in enumerate(table)]
            path = folder / f"{view.camera}.csv"
            write_rows(path, rows)
            written.append(path)
        return tuple(written)


def _files(path: Path) -> list[Path]:
    """Tables of all cameras; of a table that lies there twice the HDF5 is taken, which holds all figures."""
    if path.is_file():
        return [path] if path.suffix.lower() in (".csv", ".h5") else []
    if first_match(path, "*.h5"):
        return sorted(path.glob("*.h5"))
    return sorted(path.glob("*.csv")) if path.is_dir() else []


def _read_view(path: Path) -> View:
    columns, frames, values = read_pandas_table(path) if path.suffix.lower() == ".h5" else _read_csv(path)
    individuals = tuple(dict.fromkeys(c[0] for c in columns))
    parts = tuple(dict.fromkeys(c[1] for c in columns))
    where = {column: number for number, column in enumerate(columns)}
    length = 1 + int(frames.max(initial=-1))
    table = np.full((length, len(individuals), len(parts), 3), np.nan)
    for p, individual in enumerate(individuals):
        for k, part in enumerate(parts):
            for i, coordinate in enumerate(COORDINATES):
                if (column := where.get((individual, part, coordinate))) is not None:
                    table[frames, p, k, i] = values[:, column]
    there = np.isfinite(table).all(axis=-1) & (table[..., 2] > 0)
    return View(
        NETWORK.sub("", path.stem),
        parts,
        np.where(there[..., None], table[..., :2], np.nan),
        np.where(there, table[..., 2], 0.0),
        np.where(there.any(axis=-1), np.arange(len(individuals)), -1),
    )


def _read_csv(path: Path) -> tuple[list[Heading], np.ndarray, np.ndarray]:
    """Heading, frame numbers (F,) and values (F, columns)."""
    rows = read_rows(path)
    named = {row[0]: row[1:] for row in rows[:4] if row}
    if "bodyparts" not in named or "coords" not in named:
        raise InputError("The heading has no bodyparts or no coords.", "Give DeepLabCut's own table.", path)
    several = "individuals" in named
    individuals = named["individuals"] if several else ["single"] * len(named["bodyparts"])
    body = rows[4 if several else 3 :]
    try:
        frames = np.array([int(float(row[0])) for row in body if row], dtype=np.int64)
        values = np.array([[float(v) if v else np.nan for v in row[1:]] for row in body if row], dtype=np.float64)
    except (ValueError, IndexError) as error:
        raise InputError(f"A row is not of numbers: {error}.", "Write the table again.", path) from error
    return list(zip(individuals, named["bodyparts"], named["coords"], strict=True)), frames, values
