"""Anipose's calibration.toml, also the project's own ``rig.toml``.

Tables ``[cam_0]``, ``[cam_1]``, ... and ``[metadata]``, as aniposelib 0.8 writes and reads them (Karashchuk
et al. 2021, Cell Reports 36:109730). Anipose leaves the unit of length to the board it was calibrated with;
files written here say ``unit = "m"`` in ``[metadata]`` and keep the rig's notes there as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.formats import toml_rig

METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}

# No room is 50 m wide, and no rig 50 mm: cameras farther apart than this are told in millimetres.
LARGEST_RIG_M = 50.0


class AniposeFormat:
    """Reads and writes Anipose's calibration.toml."""

    name = "anipose"
    files = "calibration.toml or rig.toml"

    def recognises(self, path: Path, text: str) -> bool:
        """Whether the file has camera tables."""
        return toml_rig.camera_tables(path, text) is not None

    def read(self, path: Path, text: str) -> CameraRig:
        """Read a rig; the unit is as stated in the metadata, or guessed and noted."""
        document = toml_rig.parse(path, text)
        metadata = document.get("metadata", {})
        tables = toml_rig.camera_tables(path, text) or {}
        if not tables:
            raise CalibrationError(
                "No table holds a camera (matrix and distortions).", "Give a calibration with cameras.", path
            )
        notes = {str(k): str(v) for k, v in metadata.items() if k != "unit"} if isinstance(metadata, dict) else {}
        notes["source"] = path.name
        unit = metadata.get("unit") if isinstance(metadata, dict) else None
        if unit is None:
            unit, notes["warning"] = _guess_unit(path, tables)
        if unit not in METRES_PER_UNIT:
            raise CalibrationError(
                f"The unit of length '{unit}' is not known.", f"Use one of: {', '.join(METRES_PER_UNIT)}.", path
            )
        cameras = [toml_rig.read_camera(path, key, table, METRES_PER_UNIT[unit]) for key, table in tables.items()]
        return CameraRig(tuple(cameras), notes)

    def write(self, rig: CameraRig) -> tuple[str, tuple[str, ...]]:
        """Write everything; aniposelib ignores what it does not know."""
        document: dict[str, Any] = {}
        dropped: list[str] = []
        for number, camera in enumerate(rig.cameras):
            table = toml_rig.write_camera(camera, camera.intrinsics.dist)
            if camera.intrinsics.model == "fisheye":
                table["fisheye"] = True
            if camera.intrinsics.K[0, 1] != 0.0:
                dropped.append(
                    f"Anipose ignores the skew of camera '{camera.name}' ({camera.intrinsics.K[0, 1]:g} px)."
                )
            document[f"cam_{number}"] = table
        document["metadata"] = {**rig.notes, "unit": "m"}
        return tomli_w.dumps(document), tuple(dropped)


def _guess_unit(path: Path, tables: dict[str, toml_rig.Table]) -> tuple[str, str]:
    """Guess the unit from how far apart the cameras stand; return it with a sentence that says so."""
    centres = np.stack([toml_rig.read_camera(path, key, table, 1.0).centre for key, table in tables.items()])
    spread = float(np.linalg.norm(centres[:, None] - centres[None], axis=-1).max())
    unit = "mm" if spread > LARGEST_RIG_M else "m"
    return unit, (
        f"The file does not state its unit of length; cameras up to {spread:.3g} apart were taken as {unit}. "
        f'State it in [metadata] as unit = "m" or "mm" if that is wrong.'
    )
