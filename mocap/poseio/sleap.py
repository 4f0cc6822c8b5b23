"""SLEAP's analysis HDF5: a file a camera; its axes are those of Matlab: (tracks, 2, nodes, frames)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mocap.core.errors import InputError, MissingExtraError
from mocap.core.types import FloatArray
from mocap.poseio.files import first_match
from mocap.poseio.hdf5 import open_hdf5, text
from mocap.poseio.view import View, read_only


class SleapFormat:
    """Read SLEAP's analysis files."""

    title = "SLEAP analysis HDF5, a file a camera"

    def recognises(self, path: Path) -> bool:
        """Whether this file, or one in this folder, holds tracks and node names."""
        for file in _files(path)[:1]:
            try:
                with open_hdf5(file) as opened:
                    return "tracks" in opened and "node_names" in opened
            except (InputError, MissingExtraError):
                return "analysis" in file.stem
        return False

    def read(self, path: Path) -> tuple[View, ...]:
        """Read the files of all cameras."""
        return tuple(_read_view(file) for file in _files(path))

    def write(self, views: Sequence[View], folder: Path, rate_hz: float) -> tuple[Path, ...]:
        """Refuse: SLEAP reads back its own projects only."""
        raise read_only(self.title)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() in (".h5", ".hdf5") else []
    return sorted(path.glob("*.h5")) if first_match(path, "*.h5") else []


def _read_view(path: Path) -> View:
    with open_hdf5(path) as file:
        try:
            names = tuple(text(name) for name in file["node_names"][()])
            xy: FloatArray = np.moveaxis(
                np.asarray(file["tracks"][()], dtype=np.float64), (3, 0, 2, 1), (0, 1, 2, 3)
            )
            there = np.isfinite(xy).all(axis=-1)
            score: FloatArray = np.where(there, 1.0, 0.0)
            if "point_scores" in file:
                stored = np.asarray(file["point_scores"][()], dtype=np.float64)  # (tracks, nodes, frames)
                score = np.asarray(np.where(there, np.clip(np.nan_to_num(np.moveaxis(stored, 2, 0)), 0, 1), 0.0))
        except (KeyError, ValueError) as error:
            raise InputError(
                f"This is not an analysis file of SLEAP: {error}.", "Export 'Analysis HDF5' from SLEAP.", path
            ) from error
    track = np.where(there.any(axis=-1), np.arange(xy.shape[1]), -1)
    # SLEAP adds the project and the video: labels.000_cam1.analysis.h5
    camera = path.name.removesuffix(path.suffix).removesuffix(".analysis").split(".")[-1]
    return View(camera, names, xy, score, track)
