"""OpenCap's cameraIntrinsicsExtrinsics.pickle, one a camera, read without running anything.

A dictionary of arrays: ``intrinsicMat`` (3, 3) px, ``distortion`` k1, k2, p1, p2, k3, ``imageSize`` height and
width in px, ``rotation`` (3, 3) and ``translation`` (3, 1) mm as OpenCV's solvePnP gives them, that is
``cam_from_world``, and ``rotation_EulerAngles``, in truth the Rodrigues vector again. OpenCap keeps them as
``Videos/<camera>/cameraIntrinsicsExtrinsics.pickle``; Pose2Sim writes ``cam00.pickle``, ``cam01.pickle``, ...
into one folder. The world is that of OpenCap's board, which hangs upright: no axis need point up. Which of the
two sizes is the width is told by the principal point, since writers differ. Facts from opencap-core and
Pose2Sim 0.10.

Nothing of a pickle is run, see ``plain_pickle``.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from calibration.camera import Camera, CameraRig
from calibration.errors import CalibrationError
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.plain_pickle import array_of, load
from calibration.formats.protocol import Source, Written, read_source
from calibration.formats.values import MM, make_camera, numbers, plain_names, pose_from
from calibration.transforms import FloatArray, to_rvec_tvec

OWN_NAME = "cameraIntrinsicsExtrinsics.pickle"
HOLDS = Holds("OpenCap")

# Pickles of protocol 2 and up begin with this byte and the protocol's number.
PICKLE_MARK = b"\x80"
PROTOCOL = 3


class OpenCapFormat:
    """Reads and writes OpenCap's pickles."""

    name = "opencap"
    files = f"Videos/<camera>/{OWN_NAME}"

    def recognises(self, source: Source) -> bool:
        """Whether this is a pickle; what it holds is seen when it is read."""
        return source.data.startswith(PICKLE_MARK) or source.path.suffix in (".pickle", ".pkl")

    def read(self, source: Source) -> CameraRig:
        """Read this camera and its siblings: in the folders beside, or the files beside."""
        if source.path.name == OWN_NAME:
            siblings = {path.parent.name: path for path in source.path.parent.parent.glob(f"*/{OWN_NAME}")}
        else:
            siblings = {path.stem: path for path in source.path.parent.glob(f"*{source.path.suffix}")}
        cameras = tuple(_read_camera(name, path) for name, path in sorted(siblings.items()))
        return CameraRig(cameras, {"source": source.path.name, "world": "OpenCap's board, not levelled"})

    def write(self, rig: CameraRig) -> Written:
        """Write one pickle a camera into folders named as the cameras."""
        plain_names("OpenCap", rig.names)
        held, dropped = fit_rig(rig, HOLDS)
        files = {f"{camera.name}/{OWN_NAME}": _dump(camera) for camera in held.cameras}
        return Written(files, dropped)


def _read_camera(name: str, path: Path) -> Camera:
    """Read one pickle."""
    values = load(path, read_source(path).data)
    if not isinstance(values, dict):
        raise CalibrationError("This pickle holds no calibration.", f"Give OpenCap's {OWN_NAME}.", path)

    def get(key: str, *shapes: tuple[int | None, ...]) -> FloatArray:
        try:
            value = array_of(values.get(key))
        except ValueError as error:
            raise CalibrationError(
                f"'{key}' of camera '{name}' is not made of numbers: {error}.", "Export it again.", path
            ) from error
        return numbers(path, name, key, value, *shapes)

    K = get("intrinsicMat", (3, 3))
    sides = get("imageSize", (2,))
    # As height, width in OpenCap's files; the other way round in files made of Vicon's.
    size = min((sides[::-1], sides), key=lambda wh: float(np.abs(wh - 2.0 * K[:2, 2]).sum()))
    pose = pose_from(get("rotation", (3, 3)), get("translation", (3,)) * MM)
    return make_camera(path, name, size, K, get("distortion", (None,)), pose)


def _dump(camera: Camera) -> bytes:
    """Write one pickle as numpy 1 names things, which numpy 2 reads too; OpenCap uses numpy 1."""
    lens = camera.intrinsics
    rvec, tvec = to_rvec_tvec(camera.cam_from_world)
    values = {
        "distortion": lens.dist[None],
        "intrinsicMat": lens.K,
        "imageSize": np.array(lens.size_wh[::-1], dtype=np.float64)[:, None],
        "rotation": camera.cam_from_world[:3, :3].copy(),
        "translation": tvec[:, None] / MM,
        "rotation_EulerAngles": rvec[:, None],
    }
    # Up to protocol 3 modules stand as lines of text.
    return pickle.dumps(values, protocol=PROTOCOL).replace(b"cnumpy._core.", b"cnumpy.core.")
