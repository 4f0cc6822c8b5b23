"""Pose2Sim's Calib*.toml.

The layout of Anipose with tables named as the cameras, sizes as floats, four distortion coefficients
k1, k2, p1, p2, a ``fisheye`` flag in every table, and lengths in metres (Pagnon et al. 2022, JOSS 7:4362).

Files that Pose2Sim converted from Qualisys hold distortions 64 times too small, see ``qualisys``; they
cannot be told from a lens that hardly distorts, so convert the ``.qca.txt`` itself where it is at hand.
"""

from __future__ import annotations

from typing import Any

import tomli_w

from calibration.camera import CameraRig
from calibration.formats import toml_rig
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.protocol import NAMED_FILE, Source, Written

COEFFICIENTS = 4
HOLDS = Holds("Pose2Sim", coefficients=COEFFICIENTS, fisheye=True)


class Pose2SimFormat:
    """Reads and writes Pose2Sim's Calib*.toml."""

    name = "pose2sim"
    files = "Calib*.toml"

    def recognises(self, source: Source) -> bool:
        """Whether every camera has a ``fisheye`` flag and a size in floats, as only Pose2Sim writes it."""
        tables = toml_rig.tables_of(toml_rig.parse_if_any(source))
        return bool(tables) and all(map(_is_pose2sim, tables.values()))

    def read(self, source: Source) -> CameraRig:
        """Read a rig; lengths are metres."""
        tables = toml_rig.camera_tables(source, toml_rig.parse(source))
        cameras = (
            toml_rig.read_camera(source.path, toml_rig.name_of(key, table), table, 1.0)
            for key, table in tables.items()
        )
        return CameraRig(tuple(cameras), {"source": source.path.name, "world": "Pose2Sim, z up"})

    def write(self, rig: CameraRig) -> Written:
        """Write k1, k2, p1, p2 of each camera, fitted anew where the lens has more."""
        held, dropped = fit_rig(rig, HOLDS)
        document: dict[str, Any] = {
            camera.name: {
                "name": camera.name,
                **toml_rig.write_camera(camera),
                "size": [float(n) for n in camera.intrinsics.size_wh],
                "distortions": camera.intrinsics.dist[:COEFFICIENTS].tolist(),
                "fisheye": camera.intrinsics.model == "fisheye",
            }
            for camera in held.cameras
        }
        document["metadata"] = {"adjusted": False, "error": 0.0}
        return Written({NAMED_FILE: tomli_w.dumps(document).encode()}, dropped)


def _is_pose2sim(table: toml_rig.Table) -> bool:
    """Whether the table has the flag and the float size that only Pose2Sim writes."""
    size = table.get("size")
    return "fisheye" in table and isinstance(size, list) and all(isinstance(n, float) for n in size)
