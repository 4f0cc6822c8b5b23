"""NPZ, JSON and netCDF: everything as arrays, for programs that people write themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from calibration.files import atomic_write
from mocap.core.body import forward
from mocap.core.measures import Measure
from mocap.core.types import FloatArray, Take
from mocap.export.written import Written

# Points of a stride that was stretched to 0 to 100 percent.
CYCLE_POINTS = 101
# Digits of a nanometre are noise; small numbers, such as covariances, keep all of theirs.
DECIMALS = 9
ROUND_ABOVE = 1e-3


def everything(take: Take, person: int) -> dict[str, Any]:
    """All arrays of one person by name, metres, seconds and radians, NaN where missing."""
    points, motion, angles = take.points, take.motion, take.angles
    found = take.findings[person]
    centre = (
        {}
        if take.mass_centre is None
        else {
            "mass_centre_xyz_m": take.mass_centre.xyz[:, person],
            "mass_centre_cov_m2": take.mass_centre.cov[:, person],
        }
    )
    return {
        "time_s": take.t_s,
        "rate_hz": np.array(take.rate_hz),
        "keypoints": np.array(points.skeleton.keypoints),
        "keypoint_xyz_m": points.xyz[:, person],
        "keypoint_cov_m2": points.cov[:, person],
        "keypoint_views": points.n_views[:, person],
        "angles": np.array(angles.names),
        "angle_rad": angles.value[:, person],
        "angle_sigma_rad": angles.sigma[:, person],
        "angle_rate_rad_s": angles.rate[:, person],
        "angle_rate_sigma_rad_s": angles.rate_sigma[:, person],
        "joints": np.array([joint.name for joint in motion.skeleton.joints]),
        "joint_parent": np.array(motion.skeleton.parents, dtype=np.int64),
        "joint_xyz_m": forward(motion)[:, person],
        "joint_cov_m2": motion.centre_cov[:, person],
        "joint_rotation_wxyz": motion.rotation[:, person],
        "joint_rotation_cov_rad2": motion.rotation_cov[:, person],
        "bone_length_m": motion.bone_length[person],
        "bone_length_sigma_m": motion.bone_length_sigma[person],
        **centre,
        "event_kind": np.array([event.kind for event in found.events], dtype=np.str_),
        "event_side": np.array([event.side or "" for event in found.events], dtype=np.str_),
        "event_time_s": np.array([event.t_s for event in found.events]),
        "event_sigma_s": np.array([event.sigma_s for event in found.events]),
        "event_doubtful": np.array([event.doubtful for event in found.events], dtype=np.bool_),
        # One row a single value: measures differ in how often they were taken.
        "measure_name": _repeated(found.measures, [m.name for m in found.measures]),
        "measure_side": _repeated(found.measures, [m.side or "" for m in found.measures]),
        "measure_unit": _repeated(found.measures, [m.unit for m in found.measures]),
        "measure_value": np.concatenate([np.empty(0), *(m.values for m in found.measures)]),
        "cycle_angle": np.array([c.name for c in found.cycles for _ in c.values], dtype=np.str_),
        "cycle_side": np.array([c.side for c in found.cycles for _ in c.values], dtype=np.str_),
        "cycle_rad": np.concatenate([np.empty((0, CYCLE_POINTS)), *(c.values for c in found.cycles)]),
    }


def _repeated(measures: tuple[Measure, ...], words: list[str]) -> np.ndarray:
    """Each word as often as its measure has values."""
    return np.repeat(np.array(words, dtype=np.str_), [m.values.size for m in measures])


class NpzExporter:
    """One array a name, see ``everything``; no pickles."""

    title = "NPZ, everything as numpy arrays"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.npz``."""
        path = folder / f"{stem}.npz"
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, **everything(take, person))
        return Written((path,), ())


class JsonExporter:
    """The same arrays as nested lists; ``null`` where missing."""

    title = "JSON, everything as nested lists"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.json``."""
        path = folder / f"{stem}.json"
        content = {"person": take.people[person], "trial": take.name}
        content |= {name: _plain(array) for name, array in everything(take, person).items()}
        with atomic_write(path) as draft:
            draft.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False), encoding="utf-8")
        return Written((path,), ())


def _plain(array: np.ndarray) -> Any:
    """Nested lists with None for NaN."""
    if array.dtype.kind != "f":
        return array.tolist()
    plain = np.asarray(np.where(np.abs(array) > ROUND_ABOVE, np.round(array, DECIMALS), array)).astype(object)
    plain[~np.isfinite(array)] = None
    return plain.tolist()


class NetcdfExporter:
    """Keypoints in the dimensions of the package ``movement``: time, space, keypoints, individuals."""

    title = "netCDF, keypoints for xarray and movement"

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write ``<stem>.nc`` (netCDF 3, 64-bit offsets)."""
        path = folder / f"{stem}.nc"
        points = take.points
        position = np.moveaxis(points.xyz[:, person], 2, 1)[..., None]  # time, space, keypoints, individuals
        sigma = points.sigma[:, person, :, None]
        with atomic_write(path) as draft, netcdf_file(str(draft), "w", version=2) as file:
            for name, value in (("source_software", "openmocap"), ("ds_type", "poses"), ("time_unit", "seconds")):
                setattr(file, name, value)
            setattr(file, "fps", float(take.rate_hz))  # noqa: B010 - scipy turns attributes into the file's own
            file.createDimension("time", take.t_s.shape[0])
            _labels(file, "space", ("x", "y", "z"))
            _labels(file, "keypoints", points.skeleton.keypoints)
            _labels(file, "individuals", (take.people[person],))
            _variable(file, "time", take.t_s, ("time",), "s")
            _variable(file, "position", position, ("time", "space", "keypoints", "individuals"), "m")
            _variable(file, "sigma", sigma, ("time", "keypoints", "individuals"), "m")
        return Written(
            (path,),
            (
                "The full covariance of the points.",
                "Joint angles, joint rotations and bone lengths.",
            ),
        )


def _labels(file: Any, name: str, words: tuple[str, ...]) -> None:
    """A dimension whose members have names, which netCDF 3 holds as rows of letters."""
    letters = np.array([word.encode("utf-8") for word in words])
    width = f"{name}_letters"
    file.createDimension(name, len(words))
    file.createDimension(width, letters.itemsize)
    variable = file.createVariable(name, "c", (name, width))
    variable[:] = letters.view("S1").reshape(len(words), -1)


def _variable(file: Any, name: str, values: FloatArray, dimensions: tuple[str, ...], unit: str) -> None:
    variable = file.createVariable(name, "f8", dimensions)
    variable[:] = values
    variable.units = unit
