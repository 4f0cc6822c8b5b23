"""FreeMoCap's <recording>_camera_calibration.toml.

Anipose's tables in millimetres, with ``world_position`` (mm) and ``world_orientation`` (the camera's axes as
columns) added to each camera since FreeMoCap 1.5, and metadata that name the ChArUco board. The unit is
that of ``charuco_square_size``, which FreeMoCap asks for in mm; left at its default 1, lengths are in squares.
Facts from FreeMoCap 1.8.2.
"""

from __future__ import annotations

import tomli_w

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.formats import toml_rig
from calibration.formats.anipose import read_tables, tables_of_rig
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.protocol import NAMED_FILE, Source, Written
from calibration.formats.values import MM

SQUARE = "charuco_square_size"
HOLDS = Holds("FreeMoCap", rational=True, fisheye=True, notes=True)


class FreeMoCapFormat:
    """Reads and writes FreeMoCap's camera calibration."""

    name = "freemocap"
    files = "*_camera_calibration.toml"

    def recognises(self, source: Source) -> bool:
        """Whether there are camera tables with FreeMoCap's additions."""
        document = toml_rig.parse_if_any(source)
        tables = toml_rig.tables_of(document)
        added = bool(tables) and all("world_position" in table for table in tables.values())
        return bool(tables) and (added or SQUARE in toml_rig.metadata_of(document))

    def read(self, source: Source) -> CameraRig:
        """Read a rig in mm."""
        document = toml_rig.parse(source)
        metadata = toml_rig.metadata_of(document)
        if metadata.get(SQUARE) == 1:
            raise CalibrationError(
                f"Lengths are in squares of the board, as '{SQUARE}' was left at 1.",
                "Calibrate again in FreeMoCap with the square's size in mm.",
                source.path,
            )
        return read_tables(source.path, toml_rig.camera_tables(source, document), {"unit": "mm", **metadata})

    def write(self, rig: CameraRig) -> Written:
        """Write everything but the skew, in mm."""
        held, dropped = fit_rig(rig, HOLDS)
        tables = tables_of_rig(held, MM)
        for table, camera in zip(tables.values(), held.cameras, strict=True):
            table["world_orientation"] = camera.cam_from_world[:3, :3].T.tolist()
            table["world_position"] = (camera.centre / MM).tolist()
        document = {**tables, "metadata": {**rig.notes, "unit": "mm"}}
        return Written({NAMED_FILE: tomli_w.dumps(document).encode()}, dropped)
