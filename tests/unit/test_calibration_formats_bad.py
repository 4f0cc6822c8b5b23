"""Files that are broken, wrong or meant to do harm: each is explained, none is believed."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import CalibrationError
from calibration.formats import load_rig, save_rig
from calibration.formats.opencap import OWN_NAME
from tests.conftest import ring_rig
from tests.unit.test_calibration_formats_foreign import (
    AS_VECTOR,
    CALISCOPE,
    EXTRI,
    FREEMOCAP,
    INTRI,
    OPTITRACK,
    ROS,
    VICON,
)

GOOD_CALISCOPE = CALISCOPE.format(rotation=AS_VECTOR, more="")
TEXTS = {
    "camera_array.toml": GOOD_CALISCOPE,
    "a_camera_calibration.toml": FREEMOCAP,
    "a.xcp": VICON,
    "a.mcal": OPTITRACK,
    "intri.yml": INTRI,
    "extri.yml": EXTRI,
    "cam.yml": ROS,
}


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("camera_array.toml", ("size =", "sizes ="), "'size' of camera 'cam_0' is missing"),
        ("camera_array.toml", ("1000.0", "nan"), "'matrix' of camera 'cam_0' holds NaN"),
        (
            "camera_array.toml",
            (AS_VECTOR, "[1.0, 2.0]"),
            r"'rotation' of camera 'cam_0' has shape \(2,\), expected 3 or",
        ),
        ("camera_array.toml", ("translation", "transaction"), "None of the 1 cameras has a lens and a pose"),
        ("camera_array.toml", ("[-0.05,", "[[-0.05],"), "'distortions' .* is not made of numbers"),
        (
            "camera_array.toml",
            ("-0.05, 0.14, ", '"a", "b", '),
            "'distortions' .* is not made of numbers",
        ),
        ("camera_array.toml", ("[[1000.0", "[[-1000.0"), "Camera 'cam_0': The focal length is not positive"),
        (
            "a_camera_calibration.toml",
            ("charuco_square_size = 39.0", "charuco_square_size = 1"),
            "squares of the board",
        ),
        (
            "a_camera_calibration.toml",
            ("3000.0", "inf"),
            "'translation' of camera 'Camera_000_.*' holds NaN or infinity",
        ),
        ("a.xcp", ("</Cameras>", ""), "not valid XML"),
        ("a.xcp", ('FOCAL_LENGTH="1000"', ""), "'FOCAL_LENGTH' of camera '2101' is missing"),
        ("a.xcp", ('"640 360"', '"640"'), r"'PRINCIPAL_POINT' of camera '2101' has shape \(1,\), expected 2"),
        ("a.xcp", ('"500 -3000 1200"', '"500 nan 1200"'), "'POSITION' of camera '2101' holds NaN"),
        ("a.xcp", ("0.70710678118654752 0 0", "0 0 0"), "'ORIENTATION' of camera '2101' is no rotation"),
        (
            "a.xcp",
            ('PIXEL_ASPECT_RATIO="0.999"', 'PIXEL_ASPECT_RATIO="0"'),
            "'PIXEL_ASPECT_RATIO' of camera '2101' is 0",
        ),
        ("a.xcp", ("VICON_RADIAL2", "LENS"), "'VICON_RADIAL2' of camera '2101' is missing"),
        ("a.xcp", ("<KeyFrame ", "<Frame "), "None of the 3 cameras is calibrated"),
        ("a.mcal", ("Attributes", "Properties2"), "Camera 'C11764' lacks Attributes"),
        ("a.mcal", ("IntrinsicStandardCameraModel", "Other"), "None of the 2 cameras is calibrated"),
        ("a.mcal", ('OrientMatrix4="1"', 'OrientMatrix4="-1"'), "Camera 'C11764': The pose .* not a rigid"),
        ("a.mcal", ('k3="0.01"', 'k3="x"'), "'k3' of camera 'C11764' is not made of numbers"),
        ("intri.yml", ("names:", "mames:"), "The list 'names' of the cameras is missing|no calibration file"),
        ("intri.yml", ("K_1", "K_2"), "'K_1' of camera '1' is missing"),
        ("intri.yml", ("cols: 5", "cols: 50000"), "'dist_1' is said to be 1 x 50000 but has 5 numbers"),
        ("intri.yml", ("rows: 3", "rows: -3"), "'K_1' is said to be -3 x 3"),
        ("intri.yml", ("1000.000000,", "hello,"), "'K_1' is not made of numbers"),
        ("intri.yml", ("1000.000000,", ".nan,"), "'K_1' of camera '1' holds NaN"),
        ("intri.yml", ("data: [", "data: [["), "not valid YAML|is said to be|not made of numbers"),
        ("extri.yml", ("T_1", "U_1"), "'T_1' of camera '1' is missing"),
        ("cam.yml", ("plumb_bob", "f_theta"), "'distortion_model' of camera 'left' is 'f_theta'"),
        ("cam.yml", ("R: ", "Q: "), "'rvec' of camera 'left' is missing"),
        ("cam.yml", ("image_height: 720\n", ""), "'image_width, image_height' of camera 'left' is missing"),
    ],
)
def test_broken_text_is_explained(tmp_path: Path, file: str, change: tuple[str, str], message: str) -> None:
    pair = ("intri.yml", "extri.yml")
    for name in pair if file in pair else (file,):
        text = TEXTS[name]
        if name == file:
            assert change[0] in text
            text = text.replace(*change)
        (tmp_path / name).write_text(text)
    with pytest.raises(CalibrationError, match=message) as caught:
        load_rig(tmp_path / file)
    assert caught.value.path is not None
    assert caught.value.path.parent == tmp_path
    assert caught.value.remedy


def test_half_of_easymocap_is_explained(tmp_path: Path) -> None:
    (tmp_path / "extri.yml").write_text(EXTRI)
    with pytest.raises(CalibrationError, match=r"'extri.yml' needs 'intri.yml' beside it"):
        load_rig(tmp_path)


def test_different_units_are_explained(tmp_path: Path) -> None:
    save_rig(ring_rig(2), tmp_path, "opencv")
    path = tmp_path / "cam_2.yml"
    path.write_text(path.read_text().replace('unit: "m"', 'unit: "mm"'))
    with pytest.raises(CalibrationError, match="different units of length"):
        load_rig(tmp_path)


def test_xml_that_grows_without_bound_is_explained(tmp_path: Path) -> None:
    lines = ['<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">']
    lines += [f'<!ENTITY {x} "{f"&{y};" * 10}">' for y, x in zip("abcdefghi", "bcdefghij", strict=True)]
    path = tmp_path / "a.qca.txt"
    path.write_text(f"<!DOCTYPE calibration [{''.join(lines)}]><calibration>&j;</calibration>")
    with pytest.raises(CalibrationError, match="not valid XML"):
        load_rig(path, "qualisys")


def pickled(tmp_path: Path, value: Any, name: str = "Cam0", protocol: int = 4) -> Path:
    path = tmp_path / "Videos" / name / OWN_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=protocol))
    return path


def opencap_values(**changes: Any) -> dict[str, Any]:
    """What OpenCap stores of one camera; None leaves a key out."""
    values: dict[str, Any] = {
        "distortion": np.array([[0.1, -0.2, 0.001, 0.002, 0.03]]),
        "intrinsicMat": np.array([[900.0, 0.0, 360.0], [0.0, 901.0, 640.0], [0.0, 0.0, 1.0]]),
        "imageSize": np.array([[1280.0], [720.0]]),
        "rotation": np.eye(3),
        "translation": np.array([[100.0], [200.0], [3000.0]]),
        "rotation_EulerAngles": np.zeros((3, 1)),
    }
    return {key: value for key, value in {**values, **changes}.items() if value is not None}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [np.float64, np.float32, ">f8"])
def test_pickles_of_every_protocol_are_read(tmp_path: Path, protocol: int, kind: Any) -> None:
    values = {key: np.asarray(value, dtype=kind) for key, value in opencap_values().items()}
    values["scalar"] = np.float64(3.0)
    rig = load_rig(pickled(tmp_path, values, protocol=protocol))
    camera = rig.cameras[0]
    assert (camera.name, camera.intrinsics.size_wh) == ("Cam0", (720, 1280))
    np.testing.assert_allclose(camera.cam_from_world[:3, 3], [0.1, 0.2, 3.0])
    np.testing.assert_allclose(camera.intrinsics.dist, [0.1, -0.2, 0.001, 0.002, 0.03], rtol=1e-6)


def test_pickles_of_numpy_1_and_2_name_the_same(tmp_path: Path) -> None:
    data = pickle.dumps(opencap_values(), protocol=3)
    for one, other in ((b"cnumpy._core.", b"cnumpy.core."), (b"cnumpy.core.", b"cnumpy._core.")):
        assert load_rig(pickled(tmp_path, data.replace(one, other))).names == ("Cam0",)


def test_all_opencap_cameras_are_found(tmp_path: Path) -> None:
    for name in ("Cam0", "Cam1", "Cam10"):
        path = pickled(tmp_path, opencap_values(), name)
    assert load_rig(path).names == ("Cam0", "Cam1", "Cam10")
    assert load_rig(tmp_path / "Videos").names == ("Cam0", "Cam1", "Cam10")
    # The width and height of Vicon's sensors stand the other way round.
    pickled(tmp_path, opencap_values(imageSize=np.array([[720.0], [1280.0]])), "Cam1")
    assert load_rig(path).cameras[1].intrinsics.size_wh == (720, 1280)


class Harm:
    """Runs a command when it is unpickled by a trusting program."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_wants_to_run_code_is_refused_by_name(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "trace"
    values = opencap_values(extra=Harm(os.mkdir, str(trace)))
    path = pickled(tmp_path, values, protocol=protocol)
    with pytest.raises(
        CalibrationError, match=rf"wants to run '{os.mkdir.__module__}.mkdir'; it was not opened"
    ) as caught:
        load_rig(path)
    assert caught.value.path == path
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists()  # the harm is real


@pytest.mark.parametrize(
    "call", [(eval, "1"), (np.load, "x"), (getattr, "x", "upper"), (np.fromfile, "x"), (Path, "x")]
)
def test_other_calls_are_refused_too(tmp_path: Path, call: tuple[Any, ...]) -> None:
    with pytest.raises(CalibrationError, match="wants to run"):
        load_rig(pickled(tmp_path, {"a": Harm(*call)}))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"\x80\x04", "not a whole pickle"),
        (b"\x80\x04\x8c\xff", "not a whole pickle"),
        (b"\x80\xff.", "not a whole pickle"),
        ([1, 2], "holds no calibration"),
        (opencap_values(rotation=None), "'rotation' of camera 'Cam0' is missing"),
        (opencap_values(rotation=np.zeros((3, 3))), "Camera 'Cam0': The pose .* not a rigid"),
        (opencap_values(intrinsicMat=np.eye(4)), r"'intrinsicMat' of camera 'Cam0' has shape \(4, 4\)"),
        (opencap_values(translation=np.full((3, 1), np.nan)), "'translation' of camera 'Cam0' holds NaN"),
        (opencap_values(distortion=np.array(["a"])), "'distortion' of camera 'Cam0' is not made of numbers"),
        (opencap_values(distortion=np.ones(5000)), "Camera 'Cam0': A pinhole camera needs"),
        (opencap_values(distortion=np.array([{}, None], dtype=object)), "'distortion' .* is not made of numbers"),
        (opencap_values(distortion=np.float64), "wants to run 'numpy.float64'"),
        (opencap_values(distortion=np.dtype("f8")), "'distortion' .* is not made of numbers"),
        (pickle.dumps(opencap_values(), protocol=3)[:-40], "not a whole pickle"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "holds no calibration"),  # claims to remember two billion objects
        (opencap_values(imageSize=[720]), r"'imageSize' of camera 'Cam0' has shape \(1,\)"),
    ],
)
def test_broken_pickles_are_explained(tmp_path: Path, value: Any, message: str) -> None:
    path = pickled(tmp_path, value)
    with pytest.raises(CalibrationError, match=message) as caught:
        load_rig(path)
    assert caught.value.path == path


def test_damaged_pickles_never_crash(tmp_path: Path) -> None:
    data = bytearray(pickle.dumps(opencap_values(), protocol=4))
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 3):
            damaged[at] = random.integers(0, 256)
        try:
            load_rig(pickled(tmp_path, bytes(damaged)))
        except CalibrationError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("file", ["video.mp4", "cameras/video.yml"])
def test_files_far_too_large_are_not_read(tmp_path: Path, file: str) -> None:
    """Given by mistake, or lying beside the cameras."""
    save_rig(ring_rig(2), tmp_path / "cameras", "opencv")
    with (tmp_path / file).open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(CalibrationError, match="far too large") as caught:
        load_rig(tmp_path / file if file == "video.mp4" else tmp_path / "cameras" / "cam_1.yml")
    assert caught.value.path == tmp_path / file
