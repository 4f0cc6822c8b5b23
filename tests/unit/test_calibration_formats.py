from pathlib import Path

import cv2
import numpy as np
import pytest
import tomli_w

from calibration import CalibrationError, Camera, CameraRig, Intrinsics
from calibration.errors import StorageError
from calibration.formats import FORMATS, Source, find_rig, load_rig, save_rig
from calibration.transforms import from_rvec_tvec
from tests.conftest import ring_rig

QCA = """<?xml version='1.0' encoding='ASCII'?>
<calibration created="now"><cameras>
  <camera model="Miqus Marker" serial="m1"/>
  <camera model="Miqus Video" serial="v1" viewrotation="0">
    <fov_video left="64" top="8" right="1343" bottom="727"/>
    <transform r11="1" r12="0" r13="0" r21="0" r22="0" r23="1" r31="0" r32="-1" r33="0"
      x="500" y="-3000" z="1200"/>
    <intrinsic focalLengthU="64000" focalLengthV="64064" centerPointU="45056" centerPointV="23552" skew="0"
      radialDistortion1="-0.05" radialDistortion2="0.14" radialDistortion3="0.01"
      tangentalDistortion1="0.001" tangentalDistortion2="0.002"/>
  </camera>
</cameras></calibration>
"""


def recognised(path: Path) -> str:
    """Name of the format that a file is taken for."""
    source = Source(path, path.read_bytes())
    return next(f.name for f in FORMATS if f.recognises(source))


def mixed_rig() -> CameraRig:
    """A rig with a lens of each model."""
    K = np.array([[700.5, 0.0, 321.25], [0.0, 699.5, 238.75], [0.0, 0.0, 1.0]])
    wide = Intrinsics((640, 480), K, np.array([0.05, -0.01, 0.002, -0.0005]), "fisheye")
    rational = Intrinsics((640, 480), K, np.array([0.1, -0.05, 1e-3, 2e-3, 0.01, 0.12, -0.03, 0.004]))
    return CameraRig(
        (
            *ring_rig(2).cameras,
            Camera("wide", wide, from_rvec_tvec([0.1, 0.2, 0.3], [0.0, 0.1, 4.0])),
            Camera("rational", rational, from_rvec_tvec([-0.1, 0.2, -0.3], [0.3, 0.1, 3.0])),
        ),
        {"world": "z up"},
    )


def assert_same(found: CameraRig, expected: CameraRig) -> None:
    assert found.names == expected.names
    for a, b in zip(found.cameras, expected.cameras, strict=True):
        assert a.intrinsics.size_wh == b.intrinsics.size_wh
        assert a.intrinsics.model == b.intrinsics.model
        np.testing.assert_allclose(a.intrinsics.K, b.intrinsics.K, rtol=0, atol=1e-12)
        np.testing.assert_allclose(a.intrinsics.dist, b.intrinsics.dist, rtol=0, atol=1e-15)
        np.testing.assert_allclose(a.cam_from_world, b.cam_from_world, rtol=0, atol=1e-12)


def test_anipose_keeps_the_whole_rig(tmp_path: Path) -> None:
    rig = mixed_rig()
    assert save_rig(rig, tmp_path / "rig.toml", "anipose") == ()
    found = load_rig(tmp_path / "rig.toml")
    assert_same(found, rig)
    assert found.notes == {"world": "z up", "source": "rig.toml"}


def test_pose2sim_says_what_it_drops(tmp_path: Path) -> None:
    rig = mixed_rig()
    dropped = save_rig(rig, tmp_path / "Calib.toml", "pose2sim")
    assert len(dropped) == 2
    assert "'rational'" in dropped[0]
    found = load_rig(tmp_path / "Calib.toml")
    assert_same(found.select(("cam_1", "wide")), rig.select(("cam_1", "wide")))
    # The nearest lens, as far off as was said.
    assert "off by at most 0.01 px" in dropped[0]
    pixels = np.stack(np.meshgrid(np.linspace(0, 639, 9), np.linspace(0, 479, 9)), axis=-1)
    off = found.cameras[3].intrinsics.distort(rig.cameras[3].intrinsics.undistort(pixels)) - pixels
    assert 0.001 < np.linalg.norm(off, axis=-1).max() < 0.015
    text = (tmp_path / "Calib.toml").read_text()
    assert "[wide]" in text
    assert "640.0" in text


def test_pose2sim_and_anipose_are_told_apart(tmp_path: Path) -> None:
    for name in ("anipose", "pose2sim"):
        path = tmp_path / f"{name}.toml"
        save_rig(ring_rig(2), path, name)
        assert recognised(path) == name


def test_qualisys_is_read_as_a_pose_in_millimetres_and_sixtyfourths(tmp_path: Path) -> None:
    path = tmp_path / "a.qca.txt"
    path.write_text(QCA)
    rig = load_rig(path)
    assert rig.names == ("v1",)
    camera = rig.cameras[0]
    assert camera.intrinsics.size_wh == (1280, 720)
    np.testing.assert_allclose(camera.intrinsics.K, [[1000, 0, 640], [0, 1001, 360], [0, 0, 1]])
    np.testing.assert_array_equal(camera.intrinsics.dist, [-0.05, 0.14, 0.001, 0.002, 0.01])
    np.testing.assert_allclose(camera.centre, [0.5, -3.0, 1.2])
    # It looks along +y of the world; up in the world is up in the picture, +x is to the right.
    pixels, valid = camera.project(np.array([[0.5, 0.0, 1.2], [0.5, 0.0, 1.7], [0.8, 0.0, 1.2]]))
    assert valid.all()
    np.testing.assert_allclose(pixels[0], [640, 360], rtol=0, atol=1e-9)
    assert pixels[1, 1] < 300
    assert pixels[2, 0] > 700


def test_qualisys_camera_shown_rotated_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.qca.txt"
    path.write_text(QCA.replace('viewrotation="0"', 'viewrotation="90"'))
    assert "v1" in load_rig(path).notes["warning"]


@pytest.mark.parametrize("name", ["vicon", "optitrack"])
def test_some_formats_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(CalibrationError, match=r"cannot be written.*Choose"):
        save_rig(ring_rig(2), tmp_path / "a.xml", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("unit", "factor"), [("m", 1.0), ("mm", 1000.0), ("cm", 100.0)])
def test_stated_unit_is_honoured(tmp_path: Path, unit: str, factor: float) -> None:
    rig = ring_rig(3)
    path = tmp_path / "calibration.toml"
    path.write_text(anipose_text(rig, factor, {"unit": unit}))
    found = load_rig(path)
    assert_same(found, rig)
    assert "warning" not in found.notes


@pytest.mark.parametrize(("unit", "factor"), [("m", 1.0), ("mm", 1000.0)])
def test_unit_that_is_not_stated_is_guessed_and_noted(tmp_path: Path, unit: str, factor: float) -> None:
    rig = ring_rig(3)
    path = tmp_path / "calibration.toml"
    path.write_text(anipose_text(rig, factor, {"adjusted": True, "error": 0.3}))
    found = load_rig(path)
    assert_same(found, rig)
    assert f"taken as {unit}." in found.notes["warning"]


def anipose_text(rig: CameraRig, factor: float, metadata: dict[str, object]) -> str:
    """An Anipose file with another unit of length."""
    document: dict[str, object] = {}
    for i, camera in enumerate(rig.cameras):
        document[f"cam_{i}"] = {
            "name": camera.name,
            "size": list(camera.intrinsics.size_wh),
            "matrix": camera.intrinsics.K.tolist(),
            "distortions": camera.intrinsics.dist.tolist(),
            "rotation": cv2.Rodrigues(camera.cam_from_world[:3, :3])[0].ravel().tolist(),
            "translation": (camera.cam_from_world[:3, 3] * factor).tolist(),
        }
    return tomli_w.dumps({**document, "metadata": metadata})


def broken(change: tuple[str, str]) -> str:
    text = anipose_text(ring_rig(1), 1.0, {"unit": "m"})
    assert change[0] in text
    return text.replace(*change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[cam_0\nname = 1", "not valid TOML"),
        ("hello", "not valid TOML"),
        ("a = 1", "No table holds a camera"),
        (broken(("rotation", "rotatoin")), "'rotation' of camera 'cam_1' is missing"),
        (broken(("640", "nan")), "'size' of camera 'cam_1' holds NaN"),
        (broken(("700.0", "nan")), "'matrix' of camera 'cam_1' holds NaN"),
        (broken(("700.0", '"x"')), "'matrix' of camera 'cam_1' is not made of numbers"),
        (broken(("    0.05,\n", "")), "Camera 'cam_1': .*fisheye|distort"),
        (broken(('unit = "m"', 'unit = "ell"')), "unit of length 'ell'"),
    ],
)
def test_broken_toml_is_explained(tmp_path: Path, text: str, message: str) -> None:
    if "distort" in message:
        text = text.replace("name =", "fisheye = true\nname =").replace("    -0.12,\n", "")
    path = tmp_path / "calibration.toml"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=message) as caught:
        load_rig(path)
    assert caught.value.path == path
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("</cameras>", ""), "not valid XML"),
        (("Miqus Video", "Miqus Marker"), "None of the 2 cameras"),
        (('focalLengthU="64000"', ""), "'focalLengthU' of camera 'v1' is missing"),
        (('focalLengthU="64000"', 'focalLengthU="nan"'), "'focalLengthU' of camera 'v1' holds NaN"),
        (('x="500"', 'x="five"'), "'x' of camera 'v1' is not made of numbers"),
        (('r11="1"', 'r11="0"'), "Camera 'v1': .*rigid"),
        (("fov_video", "fov_marker"), "lacks fov_video"),
    ],
)
def test_broken_qualisys_is_explained(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in QCA
    path = tmp_path / "a.qca.txt"
    path.write_text(QCA.replace(*change))
    with pytest.raises(CalibrationError, match=message) as caught:
        load_rig(path)
    assert caught.value.path == path


def test_files_that_are_no_calibration_are_explained(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe\x00\x81")
    for path, message in [
        (tmp_path / "a.txt", "no calibration file of a known format. Known are: qualisys"),
        (tmp_path / "a.bin", "no calibration file of a known format"),
        (tmp_path / "none.toml", "no such calibration file"),
        (tmp_path, "no calibration in this folder"),
    ]:
        with pytest.raises(CalibrationError, match=message):
            load_rig(path)
    with pytest.raises(CalibrationError, match=r"Choose one of: qualisys, .*, pose2sim, anipose"):
        load_rig(tmp_path / "a.txt", "maya")


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rig.toml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("calibration.files.os.fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        save_rig(ring_rig(2), path, "anipose")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("rig_file", "recording"),
    [
        ("calibration/rig.toml", "trials/walk"),
        ("calibration/rig.toml", "."),
        ("calibration.toml", "session/videos-raw"),
        ("calibration/Calib_scene.toml", "."),
        ("calibration/Calib.qca.txt", "videos"),
    ],
)
def test_find_rig_knows_where_programs_keep_it(tmp_path: Path, rig_file: str, recording: str) -> None:
    (tmp_path / recording).mkdir(parents=True, exist_ok=True)
    (tmp_path / rig_file).parent.mkdir(exist_ok=True)
    assert find_rig(tmp_path / recording) is None
    (tmp_path / rig_file).touch()
    assert find_rig(tmp_path / recording) == (tmp_path / rig_file).resolve()


def test_find_rig_prefers_a_qualisys_file_to_what_was_made_of_it(tmp_path: Path) -> None:
    for name in ("Calib.qca.txt", "Calib_qualisys.toml", "Config.toml"):
        (tmp_path / name).touch()
    assert find_rig(tmp_path) == (tmp_path / "Calib.qca.txt").resolve()


def test_real_qualisys_file_agrees_with_real_checkerboards(shared_data: Path) -> None:
    project = shared_data / "pose2sim" / "Demo_SinglePerson"
    path = find_rig(project / "videos")
    assert path is not None
    rig = load_rig(path)
    assert rig.names == ("cam01", "cam02", "cam03", "cam04")
    assert (rig.cam_from_world[:, 1, 2] < -0.8).all()  # the picture's y points down in a world with z up
    board = np.zeros((28, 3))
    board[:, :2] = np.mgrid[:4, :7].T.reshape(-1, 2) * 0.06
    corners = []
    for file in sorted((project / "calibration/intrinsics/int_cam02_img").glob("*.jpg")):
        image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        found, xy = cv2.findChessboardCornersSB(image, (4, 7))
        if found:
            corners.append(xy.reshape(-1, 2))
    assert len(corners) >= 4

    def rms(dist: np.ndarray) -> float:
        errors = []
        for xy in corners:
            K = rig.cameras[1].intrinsics.K
            _, rvec, tvec = cv2.solvePnP(board, xy, K, dist)
            errors.append(cv2.projectPoints(board, rvec, tvec, K, dist)[0].reshape(-1, 2) - xy)
        return float(np.sqrt(np.mean(np.sum(np.square(errors), axis=-1))))

    stated = rig.cameras[1].intrinsics.dist
    assert rms(stated) < 0.9 * rms(stated / 64)  # the coefficients are not in 1/64
