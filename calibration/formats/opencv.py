"""Plain YAML of OpenCV, one file a camera.

OpenCV prescribes no layout; the keys of its calibration samples and of ROS's camera_info are taken, under the
names that are common: ``camera_matrix``, ``distortion_coefficients``, ``image_width``, ``image_height``,
``camera_name``, ``distortion_model`` (ROS's words), and for the pose ``rvec`` or ``R`` with ``tvec`` or ``T``,
``cam_from_world``. All such files of a folder make the rig; each is named as its file if it names no camera.
Files written here say ``unit: "m"``.
"""

from __future__ import annotations

import re
from pathlib import Path

from calibration.camera import Camera, CameraModel, CameraRig
from calibration.errors import CalibrationError
from calibration.formats.lens import Holds, fit_rig
from calibration.formats.opencv_text import Value, dump, parse, parse_if_any
from calibration.formats.protocol import Source, Written, read_source
from calibration.formats.values import in_metres, make_camera, metres_per_unit, numbers, pose_from
from calibration.transforms import FloatArray, to_rvec_tvec

HOLDS = Holds("OpenCV's YAML", rational=True, fisheye=True, skew=True)

MATRIX = ("camera_matrix", "cameraMatrix", "intrinsic_matrix", "K", "M")
DISTORTION = ("distortion_coefficients", "distCoeffs", "dist_coeffs", "distortion", "dist", "D")
ROTATION = ("rvec", "R", "rotation", "rotation_vector", "rotation_matrix")
TRANSLATION = ("tvec", "T", "t", "translation", "translation_vector")

# ROS's names of the models, and plainer ones.
MODELS: dict[str, CameraModel] = {
    "plumb_bob": "pinhole",
    "rational_polynomial": "pinhole",
    "pinhole": "pinhole",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}
SUFFIXES = (".yml", ".yaml")


class OpenCvFormat:
    """Reads and writes one YAML file a camera."""

    name = "opencv"
    files = "a folder of <camera>.yml"

    def recognises(self, source: Source) -> bool:
        """Whether the file holds a camera matrix."""
        return _key(parse_if_any(source), MATRIX) is not None

    def read(self, source: Source) -> CameraRig:
        """Read this camera and those in the files beside it."""
        found = {source.path: parse(source)}
        for path in sorted(p for p in source.path.parent.iterdir() if p.suffix in SUFFIXES and p != source.path):
            values = parse_if_any(read_source(path))
            if _key(values, MATRIX) is not None:
                found[path] = values
        poses = {path: _pose(path, values) for path, values in sorted(found.items())}
        units = {str(values["unit"]) if "unit" in values else None for values in found.values()}
        if len(units) > 1:
            raise CalibrationError(
                f"The cameras state different units of length ({', '.join(sorted(map(str, units)))}).",
                "State the same unit in every file.",
                source.path,
            )
        metres, notes = metres_per_unit(source.path, units.pop(), list(poses.values()))
        cameras = (_camera(path, found[path], in_metres(pose, metres)) for path, pose in poses.items())
        return CameraRig(tuple(cameras), {"source": source.path.name} | notes)

    def write(self, rig: CameraRig) -> Written:
        """Write one file a camera."""
        held, dropped = fit_rig(rig, HOLDS)
        files = {}
        for camera in held.cameras:
            stem = re.sub(r"[^\w\-]", "_", camera.name)
            if f"{stem}.yml" in files:
                raise CalibrationError(
                    f"Two cameras would share the file '{stem}.yml'.", "Rename the cameras: letters and digits."
                )
            files[f"{stem}.yml"] = _dump(camera)
        return Written(files, dropped)


def _camera(path: Path, values: dict[str, Value], pose: FloatArray) -> Camera:
    """Read one camera."""
    name = str(values.get("camera_name") or path.stem)
    stated = str(values.get("distortion_model", "pinhole"))
    if stated not in MODELS:
        raise CalibrationError(
            f"'distortion_model' of camera '{name}' is '{stated}', which is not known.",
            f"Known are: {', '.join(MODELS)}.",
            path,
        )
    matrix, dist = (_key(values, keys) or keys[0] for keys in (MATRIX, DISTORTION))
    size = [values.get(key) for key in ("image_width", "image_height")]
    return make_camera(
        path,
        name,
        numbers(path, name, "image_width, image_height", None if None in size else size, (2,)),
        numbers(path, name, matrix, values.get(matrix), (3, 3)),
        numbers(path, name, dist, values.get(dist), (None,)),
        pose,
        MODELS[stated],
    )


def _pose(path: Path, values: dict[str, Value]) -> FloatArray:
    """Read ``cam_from_world`` (4, 4) in the file's unit."""
    name = str(values.get("camera_name") or path.stem)
    turn, shift = (_key(values, keys) or keys[0] for keys in (ROTATION, TRANSLATION))
    rotation = numbers(path, name, turn, values.get(turn), (3,), (3, 3))
    return pose_from(rotation, numbers(path, name, shift, values.get(shift), (3,)))


def _dump(camera: Camera) -> bytes:
    """Write one camera."""
    lens = camera.intrinsics
    rvec, tvec = to_rvec_tvec(camera.cam_from_world)
    rational = "rational_polynomial" if lens.dist.size > 5 else "plumb_bob"
    return dump(
        {
            "camera_name": camera.name,
            "image_width": lens.size_wh[0],
            "image_height": lens.size_wh[1],
            "camera_matrix": lens.K,
            "distortion_model": "equidistant" if lens.model == "fisheye" else rational,
            "distortion_coefficients": lens.dist[None],
            "rvec": rvec,
            "tvec": tvec,
            "unit": "m",
        }
    )


def _key(values: dict[str, Value], keys: tuple[str, ...]) -> str | None:
    """The first of these keys that is there."""
    return next((key for key in keys if key in values), None)
