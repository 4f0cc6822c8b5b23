"""Anipose's calibration.toml, also the project's own ``rig.toml``.

Tables ``[cam_0]``, ``[cam_1]``, ... and ``[metadata]``, as aniposelib 0.8 writes and reads them (Karashchuk
et al. 2021, Cell Reports 36:109730). Anipose leaves the unit of length to the board it was calibrated with;
files written here say ``unit = "m"`` in ``[metadata]`` and keep the rig's notes there as well.

The file is plain TOML, so that it is read and written without aniposelib. ``to_camera_group`` and
``from_camera_group`` hand rigs to aniposelib itself and back; nothing else imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from calibration.camera import CameraRig
from calibration.errors import MissingExtraError
from calibration.formats import toml_rig
from calibration.formats.protocol import NAMED_FILE, Source, Written
from calibration.formats.values import metres_per_unit


class AniposeFormat:
    """Reads and writes Anipose's calibration.toml."""

    name = "anipose"
    files = "calibration.toml or rig.toml"

    def recognises(self, source: Source) -> bool:
        """Whether the file has camera tables."""
        return bool(toml_rig.tables_of(toml_rig.parse_if_any(source)))

    def read(self, source: Source) -> CameraRig:
        """Read a rig; the unit is as stated in the metadata, or guessed and noted."""
        document = toml_rig.parse(source)
        return read_tables(source.path, toml_rig.camera_tables(source, document), toml_rig.metadata_of(document))

    def write(self, rig: CameraRig) -> Written:
        """Write everything; aniposelib ignores what it does not know."""
        document = tables_of_rig(rig) | {"metadata": {**rig.notes, "unit": "m"}}
        dropped = tuple(
            f"Anipose ignores the skew of camera '{camera.name}' ({camera.intrinsics.K[0, 1]:g} px)."
            for camera in rig.cameras
            if camera.intrinsics.K[0, 1] != 0.0
        )
        return Written({NAMED_FILE: tomli_w.dumps(document).encode()}, dropped)


def to_camera_group(rig: CameraRig) -> Any:
    """Return the rig as an ``aniposelib.cameras.CameraGroup``, in metres.

    Raises
    ------
    MissingExtraError
        If aniposelib is not installed.
    """
    group = _aniposelib().CameraGroup.from_dicts(list(tables_of_rig(rig).values()))
    group.metadata = {**rig.notes, "unit": "m"}
    return group


def from_camera_group(group: Any) -> CameraRig:
    """Return an ``aniposelib.cameras.CameraGroup`` as a rig; its metadata says the unit, as in the file."""
    tables = {f"cam_{number}": table for number, table in enumerate(group.get_dicts())}
    return read_tables(Path("CameraGroup"), tables, group.metadata)


def read_tables(path: Path, tables: Mapping[str, toml_rig.Table], metadata: toml_rig.Table) -> CameraRig:
    """Read camera tables whose unit of length the metadata states, or that is guessed and noted."""
    names = {key: toml_rig.name_of(key, table) for key, table in tables.items()}
    poses = [toml_rig.read_pose(path, names[key], table) for key, table in tables.items()]
    metres, warning = metres_per_unit(path, metadata.get("unit"), poses)
    notes = {str(key): str(value) for key, value in metadata.items() if key != "unit"}
    cameras = (toml_rig.read_camera(path, names[key], table, metres) for key, table in tables.items())
    return CameraRig(tuple(cameras), notes | {"source": path.name} | warning)


def tables_of_rig(rig: CameraRig, metres: float = 1.0) -> dict[str, Any]:
    """Return Anipose's tables; their keys sort as the cameras stand, since aniposelib sorts them."""
    digits = len(str(len(rig.cameras) - 1))
    return {
        f"cam_{number:0{digits}d}": {"name": camera.name, **toml_rig.write_camera(camera, metres)}
        for number, camera in enumerate(rig.cameras)
    }


def _aniposelib() -> Any:
    """Import aniposelib, which brings numba and takes seconds."""
    try:
        from aniposelib import cameras
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"This needs the package '{error.name}'.", "anipose") from error
    return cameras
