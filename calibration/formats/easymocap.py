"""EasyMocap's pair of files intri.yml and extri.yml (YAML of OpenCV).

``names`` lists the cameras; ``K_<name>``, ``dist_<name>`` (``D_<name>`` in older files; k1, k2, p1, p2, k3)
and, since 2022, ``H_<name>`` and ``W_<name>`` (px) stand in intri.yml, ``R_<name>`` (Rodrigues vector),
``Rot_<name>`` (the same as matrix) and ``T_<name>`` in extri.yml, together ``cam_from_world``. EasyMocap rounds
to six decimals. Lengths are in the unit of the board, by EasyMocap's examples metres. Facts from EasyMocap's
camera_utils (commit 0ebb1d2) and Pose2Sim 0.10.
"""

from __future__ import annotations

import re

import numpy as np

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.opencv_text import Value, dump, looks_like_yaml, parse
from calibration.formats.protocol import Source, Written, read_source
from calibration.formats.values import in_metres, make_camera, metres_per_unit, numbers, plain_names, pose_from
from calibration.transforms import FloatArray, to_rvec_tvec

INTRI, EXTRI = "intri.yml", "extri.yml"
HOLDS = Holds("EasyMocap")

# Sizes of video to choose from where the file does not state one, px; also upright.
VIDEO_SIZES = (
    *((640, 480), (960, 540), (1280, 720), (1280, 960), (1280, 1024), (1440, 1080), (1920, 1080)),
    *((2048, 1536), (2048, 2048), (2560, 1440), (2704, 1520), (3840, 2160), (4096, 2160)),
)

# A principal point is rarely farther than this from the middle, as a share of the size.
CENTRE_TOLERANCE = 0.05


class EasyMocapFormat:
    """Reads and writes intri.yml with extri.yml."""

    name = "easymocap"
    files = f"{INTRI} with {EXTRI}"

    def recognises(self, source: Source) -> bool:
        """Whether this is either file of the pair."""
        text = source.text_if_any or ""
        return looks_like_yaml(source) and re.search(r"^names:", text, re.MULTILINE) is not None

    def read(self, source: Source) -> CameraRig:
        """Read both files, whichever of them was given."""
        values: dict[str, Value] = {}
        for name in (INTRI, EXTRI):
            other = source.path.with_name(name)
            if not other.is_file():
                raise CalibrationError(
                    f"'{source.path.name}' needs '{name}' beside it.",
                    f"Give a folder with {INTRI} and {EXTRI}.",
                    source.path,
                )
            values |= parse(source if other == source.path else read_source(other))
        names = values.get("names")
        if isinstance(names, np.ndarray):
            names = [f"{name:g}" for name in names]
        if not isinstance(names, list) or not names:
            raise CalibrationError(
                "The list 'names' of the cameras is missing.", "Export the calibration again.", source.path
            )
        return _rig(source, values, [str(name) for name in names])

    def write(self, rig: CameraRig) -> Written:
        """Write both files."""
        plain_names("EasyMocap", rig.names)
        held, dropped = fit_rig(rig, HOLDS)
        intri: dict[str, int | FloatArray | tuple[str, ...]] = {"names": rig.names}
        extri: dict[str, FloatArray | tuple[str, ...]] = {"names": rig.names}
        for camera in held.cameras:
            lens, name = camera.intrinsics, camera.name
            rvec, tvec = to_rvec_tvec(camera.cam_from_world)
            intri |= {f"K_{name}": lens.K, f"dist_{name}": lens.dist[None]}
            intri |= {f"H_{name}": lens.size_wh[1], f"W_{name}": lens.size_wh[0]}
            extri |= {f"R_{name}": rvec, f"Rot_{name}": camera.cam_from_world[:3, :3], f"T_{name}": tvec}
        return Written({INTRI: dump(intri), EXTRI: dump(extri)}, dropped)


def _rig(source: Source, values: dict[str, Value], names: list[str]) -> CameraRig:
    """Make a rig of what both files hold."""
    poses = []
    for name in names:
        key = f"R_{name}" if f"R_{name}" in values else f"Rot_{name}"
        rotation = numbers(source.path, name, key, values.get(key), (3,), (3, 3))
        translation = numbers(source.path, name, f"T_{name}", values.get(f"T_{name}"), (3,))
        poses.append(pose_from(rotation, translation))
    metres, notes = metres_per_unit(source.path, None, poses)
    cameras, guessed = [], []
    for name, pose in zip(names, poses, strict=True):
        K = numbers(source.path, name, f"K_{name}", values.get(f"K_{name}"), (3, 3))
        key = f"D_{name}" if f"D_{name}" in values else f"dist_{name}"
        dist = numbers(source.path, name, key, values.get(key), (None,))
        stated = [values.get(f"{side}_{name}", 0.0) for side in ("W", "H")]
        size = numbers(source.path, name, f"W_{name}, H_{name}", stated, (2,))
        if not np.all(size > 0):
            size = _guess_size(K)
            guessed.append(f"{name} {size[0]:.0f}x{size[1]:.0f}")
        cameras.append(make_camera(source.path, name, size, K, dist, in_metres(pose, metres)))
    if guessed:
        sizes = (
            f"The file does not state the pictures' sizes; guessed from the lens centres: {', '.join(guessed)}."
        )
        notes["warning"] = " ".join([*notes.values(), sizes])
    return CameraRig(tuple(cameras), {"source": source.path.name} | notes)


def _guess_size(K: FloatArray) -> FloatArray:
    """Guess the picture's size (2,) px: the video size whose middle is next to the principal point."""
    twice = 2.0 * K[:2, 2] + 1.0
    sizes = np.array([*VIDEO_SIZES, *(size[::-1] for size in VIDEO_SIZES)], dtype=np.float64)
    off = np.abs(sizes - twice).max(axis=1) / sizes.max(axis=1)
    return sizes[off.argmin()] if off.min() < CENTRE_TOLERANCE else np.round(twice)
