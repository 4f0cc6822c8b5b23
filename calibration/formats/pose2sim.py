"""Pose2Sim's Calib*.toml.

The layout of Anipose with tables named as the cameras, sizes as floats, four distortion coefficients
k1, k2, p1, p2, a ``fisheye`` flag in every table, and lengths in metres (Pagnon et al. 2022, JOSS 7:4362).

Files that Pose2Sim converted from Qualisys hold distortions 64 times too small, see ``qualisys``; they
cannot be told from a lens that hardly distorts, so convert the ``.qca.txt`` itself where it is at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.formats import toml_rig

COEFFICIENTS = 4


class Pose2SimFormat:
    """Reads and writes Pose2Sim's Calib*.toml."""

    name = "pose2sim"
    files = "Calib*.toml"

    def recognises(self, path: Path, text: str) -> bool:
        """Whether every camera has a ``fisheye`` flag and a size in floats, as only Pose2Sim writes it."""
        tables = toml_rig.camera_tables(path, text)
        return tables is not None and all(map(_is_pose2sim, tables.values()))

    def read(self, path: Path, text: str) -> CameraRig:
        """Read a rig; lengths are metres."""
        toml_rig.parse(path, text)
        tables = toml_rig.camera_tables(path, text) or {}
        if not tables:
            raise CalibrationError(
                "No table holds a camera (matrix and distortions).", "Give a calibration with cameras.", path
            )
        cameras = tuple(toml_rig.read_camera(path, key, table, 1.0) for key, table in tables.items())
        return CameraRig(cameras, {"source": path.name})

    def write(self, rig: CameraRig) -> tuple[str, tuple[str, ...]]:
        """Write k1, k2, p1, p2 of each camera; higher coefficients and notes have no place."""
        document: dict[str, Any] = {}
        dropped: list[str] = []
        for camera in rig.cameras:
            inner = camera.intrinsics
            if np.any(inner.dist[COEFFICIENTS:] != 0.0):
                left_out = ", ".join(f"{value:.4g}" for value in inner.dist[COEFFICIENTS:])
                dropped.append(
                    f"The distortion of camera '{camera.name}' beyond k1, k2, p1, p2 ({left_out}) is left out."
                )
            table = toml_rig.write_camera(camera, inner.dist[:COEFFICIENTS])
            table["size"] = [float(n) for n in inner.size_wh]
            table["fisheye"] = inner.model == "fisheye"
            document[camera.name] = table
        document["metadata"] = {"adjusted": False, "error": 0.0}
        if rig.notes:
            dropped.append("The notes about the rig are left out.")
        return tomli_w.dumps(document), tuple(dropped)


def _is_pose2sim(table: toml_rig.Table) -> bool:
    """Whether the table has the flag and the float size that only Pose2Sim writes."""
    size = table.get("size")
    return "fisheye" in table and isinstance(size, list) and all(isinstance(n, float) for n in size)
