"""Caliscope's camera_array.toml and, of older versions, config.toml.

``[cameras.0]`` ... hold ``cam_id`` (``port`` in older versions), ``size``, ``matrix``, ``distortions``,
``translation`` in m and ``rotation``: a Rodrigues vector, in older files a 3 x 3 matrix; together
``cam_from_world``. Older versions kept the same tables as ``[cam_0]`` (``[port_0]``) in config.toml. Videos
are called ``cam_0.mp4`` (``port_0.mp4``), and so are the cameras here.

``rotation_count`` counts the quarter turns by which Caliscope shows a camera's picture; matrix and pose are
those of the picture as recorded, so it does not matter here. ``error``, ``grid_count``, ``exposure`` and
``verified_resolutions`` tell how the camera was calibrated and driven. Facts from Caliscope 0.11.8, and
checked on its 4_cam_recording: the corners it stored fit its cameras to 0.83 px.
"""

from __future__ import annotations

import re
from typing import Any

import tomli_w

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.formats import toml_rig
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.protocol import NAMED_FILE, Source, Written

HOLDS = Holds("Caliscope", rational=True, fisheye=True)

# Only Caliscope turns pictures by quarters, or numbers cameras by port.
MARKS = ("rotation_count", "cam_id", "port", "grid_count")
NUMBERED_NAME = re.compile(r"(?:cam|port)_(\d+)")


class CaliscopeFormat:
    """Reads and writes Caliscope's camera_array.toml."""

    name = "caliscope"
    files = "camera_array.toml"

    def recognises(self, source: Source) -> bool:
        """Whether there are camera tables with Caliscope's keys."""
        tables = _tables(toml_rig.parse_if_any(source))
        return bool(tables) and all(any(mark in table for mark in MARKS) for table in tables.values())

    def read(self, source: Source) -> CameraRig:
        """Read the cameras that are used and have a pose; the others are noted."""
        tables = _tables(toml_rig.parse(source))
        placed = {
            key: table
            for key, table in tables.items()
            if "rotation" in table and "translation" in table and not table.get("ignore", False)
        }
        if not placed:
            raise CalibrationError(
                f"None of the {len(tables)} cameras has a lens and a pose.",
                "Calibrate intrinsics and extrinsics in Caliscope first.",
                source.path,
            )
        notes = {"source": source.path.name}
        if left_out := [_name(key, table) for key, table in tables.items() if key not in placed]:
            notes["warning"] = f"Left out, as ignored or without a pose: {', '.join(left_out)}."
        cameras = (
            toml_rig.read_camera(source.path, _name(key, table), table, 1.0) for key, table in placed.items()
        )
        return CameraRig(tuple(cameras), notes)

    def write(self, rig: CameraRig) -> Written:
        """Write the current layout; cameras become numbers."""
        held, dropped = fit_rig(rig, HOLDS)
        numbers = _numbers(rig.names)
        renamed = [f"{name} -> cam_{n}" for name, n in zip(rig.names, numbers, strict=True) if name != f"cam_{n}"]
        if renamed:
            dropped += (f"Caliscope names cameras by number: {', '.join(renamed)}.",)
        tables: dict[str, Any] = {
            str(number): {"cam_id": number, "rotation_count": 0, **toml_rig.write_camera(camera)}
            for number, camera in zip(numbers, held.cameras, strict=True)
        }
        return Written({NAMED_FILE: tomli_w.dumps({"cameras": tables}).encode()}, dropped)


def _tables(document: dict[str, Any]) -> dict[str, toml_rig.Table]:
    """Camera tables of either layout."""
    cameras = document.get("cameras")
    return toml_rig.tables_of(cameras if isinstance(cameras, dict) else document)


def _name(key: str, table: toml_rig.Table) -> str:
    """Name of the camera's video."""
    if "cam_id" in table:
        return f"cam_{table['cam_id']}"
    return f"port_{table['port']}" if "port" in table else f"cam_{key}" if key.isdigit() else key


def _numbers(names: tuple[str, ...]) -> list[int]:
    """Number of each camera: that in its name where all have one, else counted."""
    found = [NUMBERED_NAME.fullmatch(name) for name in names]
    stated = [int(match.group(1)) for match in found if match]
    return stated if len(set(stated)) == len(names) else list(range(len(names)))
