"""Small files as other programs write them, made by hand, with what they must mean.

All show one camera that stands at (0.5, -3, 1.2) m, looks along the world's +y and is upright, unless the
program's world has other axes.
"""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from calibration.formats import load_rig, save_rig
from calibration.transforms import from_rotation
from tests.conftest import ring_rig

CALISCOPE = """
[cameras.0]
cam_id = 0
size = [1280, 720]
rotation_count = -1
error = 0.31
matrix = [[1000.0, 0.0, 640.0], [0.0, 1001.0, 360.0], [0.0, 0.0, 1.0]]
distortions = [-0.05, 0.14, 0.001, 0.002, 0.01]
translation = [-0.5, 1.2, 3.0]
rotation = {rotation}
grid_count = 25
{more}
"""
AS_VECTOR = "[1.5707963267948966, 0.0, 0.0]"
AS_MATRIX = "[[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]"

FREEMOCAP = """
[cam_0]
name = "Camera_000_synchronized"
size = [1280, 720]
matrix = [[1000.0, 0.0, 640.0], [0.0, 1001.0, 360.0], [0.0, 0.0, 1.0]]
distortions = [-0.05, 0.14, 0.001, 0.002, 0.01]
rotation = [1.5707963267948966, 0.0, 0.0]
translation = [-500.0, 1200.0, 3000.0]
world_orientation = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]
world_position = [500.0, -3000.0, 1200.0]

[metadata]
charuco_square_size = 39.0
date_time_calibrated = "2024-05-06T07:08:09"
groundplane_calibration = false
"""

VICON = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<Cameras NAME="" VERSION="1.0">
  <Camera DEVICEID="2100" DISPLAY_TYPE="Vantage 5" PIXEL_ASPECT_RATIO="1" SENSOR_SIZE="2432 2048" TYPE="Vantage">
    <KeyFrames><KeyFrame FOCAL_LENGTH="2000" FRAME="0" ORIENTATION="0 0 0 1" POSITION="0 0 0"
      PRINCIPAL_POINT="1216 1024" VICON_RADIAL="1e-8 0"/></KeyFrames>
  </Camera>
  <Camera DEVICEID="2101" DISPLAY_TYPE="VideoInputDevice:Blackfly" PIXEL_ASPECT_RATIO="0.999"
      SENSOR_SIZE="1280 720" SKEW="0" TYPE="VideoInputDevice:Blackfly" USERID="1">
    <ThresholdGrid BIT_DEPTH="1"/>
    <KeyFrames>
      <KeyFrame FOCAL_LENGTH="1000" FRAME="0" IMAGE_ERROR="0.21" WORLD_ERROR="0.4"
        ORIENTATION="0.70710678118654752 0 0 0.70710678118654752" POSITION="500 -3000 1200"
        PRINCIPAL_POINT="640 360" VICON_RADIAL2="ViconRadial2 640 360 -0.05 0.14 0.01"/>
    </KeyFrames>
  </Camera>
  <Camera DEVICEID="2102" DISPLAY_TYPE="VideoInputDevice:Blackfly" SENSOR_SIZE="1280 720" TYPE="VideoInputDevice"/>
</Cameras>
"""

# Motive's world has y up: the camera stands at (0.5, 1.2, 3) and looks along -z.
OPTITRACK = """<?xml version="1.0" encoding="UTF-16LE"?>
<calibrationProfile version="1">
  <MotiveBuildInfo AppVersion="3.1"/>
  <Calibration><Cameras Count="2">
    <Camera Serial="C11764">
      <Properties CameraID="6"/>
      <Attributes ImagerPixelWidth="1280" ImagerPixelHeight="720"/>
      <Intrinsic LensCenterX="1" LensCenterY="1" HorizontalFocalLength="1" VerticalFocalLength="1" k1="9" k2="9"
        k3="9" TangentialX="9" TangentialY="9"/>
      <IntrinsicStandardCameraModel LensCenterX="640" LensCenterY="360" HorizontalFocalLength="1000"
        VerticalFocalLength="1001" k1="-0.05" k2="0.14" k3="0.01" TangentialX="0.001" TangentialY="0.002"/>
      <Extrinsic X="0.5" Y="1.2" Z="3" OrientMatrix0="1" OrientMatrix1="0" OrientMatrix2="0" OrientMatrix3="0"
        OrientMatrix4="1" OrientMatrix5="0" OrientMatrix6="0" OrientMatrix7="0" OrientMatrix8="1"/>
      <Calibration PartitionID="1"/>
    </Camera>
    <Camera Serial="C99"><Properties CameraID="7"/></Camera>
  </Cameras></Calibration>
</calibrationProfile>
"""

# As EasyMocap's own writer does it: Windows' line ends, six decimals, no sizes.
INTRI = """%YAML:1.0
---
names:
  - "1"
K_1: !!opencv-matrix
  rows: 3
  cols: 3
  dt: d
  data: [1000.000000, 0.000000, 640.000000, 0.000000, 1001.000000, 360.000000, 0.000000, 0.000000, 1.000000]
dist_1: !!opencv-matrix
  rows: 1
  cols: 5
  dt: d
  data: [-0.050000, 0.140000, 0.001000, 0.002000, 0.010000]
"""
EXTRI = """%YAML:1.0
---
names:
  - "1"
R_1: !!opencv-matrix
  rows: 3
  cols: 1
  dt: d
  data: [1.570796, 0.000000, 0.000000]
Rot_1: !!opencv-matrix
  rows: 3
  cols: 3
  dt: d
  data: [1.000000, 0.000000, 0.000000, 0.000000, 0.000000, -1.000000, 0.000000, 1.000000, 0.000000]
T_1: !!opencv-matrix
  rows: 3
  cols: 1
  dt: d
  data: [-0.500000, 1.200000, 3.000000]
"""

# As ROS writes intrinsics, with a pose added.
ROS = """image_width: 1280
image_height: 720
camera_name: left
camera_matrix:
  rows: 3
  cols: 3
  data: [1000, 0, 640, 0, 1001, 360, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.05, 0.14, 0.001, 0.002, 0.01]
R: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [1, 0, 0, 0, 0, -1, 0, 1, 0]
T: [-0.5, 1.2, 3.0]
"""

CAMERA = Camera(
    "the camera",
    Intrinsics(
        (1280, 720),
        np.array([[1000.0, 0.0, 640.0], [0.0, 1001.0, 360.0], [0.0, 0.0, 1.0]]),
        np.array([-0.05, 0.14, 0.001, 0.002, 0.01]),
    ),
    from_rotation([[1, 0, 0], [0, 0, -1], [0, 1, 0]], [-0.5, 1.2, 3.0]),
)


def is_the_camera(camera: Camera, expected: Camera = CAMERA, atol: float = 1e-12) -> None:
    assert camera.intrinsics.size_wh == (1280, 720)
    np.testing.assert_allclose(camera.intrinsics.K, expected.intrinsics.K, rtol=0, atol=1e-9)
    np.testing.assert_allclose(camera.intrinsics.dist, expected.intrinsics.dist, rtol=0, atol=1e-12)
    np.testing.assert_allclose(camera.cam_from_world, expected.cam_from_world, rtol=0, atol=atol)


def test_the_camera_stands_as_said() -> None:
    np.testing.assert_allclose(CAMERA.centre, [0.5, -3.0, 1.2])
    pixels, _ = CAMERA.project(np.array([[0.5, 0.0, 1.2], [0.5, 0.0, 1.7], [0.8, 0.0, 1.2]]))
    np.testing.assert_allclose(pixels[0], [640, 360])
    assert pixels[1, 1] < 300  # higher in the world is higher in the picture
    assert pixels[2, 0] > 700


@pytest.mark.parametrize("rotation", [AS_VECTOR, AS_MATRIX])
@pytest.mark.parametrize("layout", ["[cameras.0]", "[cam_0]"])
def test_caliscope_of_every_age(tmp_path: Path, rotation: str, layout: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(CALISCOPE.format(rotation=rotation, more="").replace("[cameras.0]", layout))
    rig = load_rig(path)
    assert rig.names == ("cam_0",)
    is_the_camera(rig.cameras[0])
    assert "warning" not in rig.notes


def test_caliscope_ports_are_videos(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = CALISCOPE.format(rotation=AS_VECTOR, more="").replace("cam_id = 0", "port = 3")
    path.write_text(text.replace("[cameras.0]", "[cam_3]"))
    assert load_rig(path).names == ("port_3",)


def test_caliscope_cameras_without_pose_are_named(tmp_path: Path) -> None:
    path = tmp_path / "camera_array.toml"
    bare = "[cameras.1]\ncam_id = 1\nsize = [640, 480]\nmatrix = []\ndistortions = []\n"
    ignored = CALISCOPE.format(rotation=AS_VECTOR, more="ignore = true")
    more = bare + ignored.replace("cameras.0", "cameras.2").replace("cam_id = 0", "cam_id = 2")
    path.write_text(CALISCOPE.format(rotation=AS_VECTOR, more=more))
    rig = load_rig(path)
    assert rig.names == ("cam_0",)
    assert rig.notes["warning"] == "Left out, as ignored or without a pose: cam_1, cam_2."


def test_caliscope_numbers_are_told(tmp_path: Path) -> None:
    cameras = zip(("left", "right"), ring_rig(2).cameras, strict=True)
    rig = CameraRig(tuple(Camera(name, c.intrinsics, c.cam_from_world) for name, c in cameras), {"a": "b"})
    dropped = save_rig(rig, tmp_path / "camera_array.toml", "caliscope")
    assert dropped == (
        "The notes about the rig are left out.",
        "Caliscope names cameras by number: left -> cam_0, right -> cam_1.",
    )
    assert load_rig(tmp_path / "camera_array.toml").names == ("cam_0", "cam_1")


def test_freemocap_is_in_millimetres(tmp_path: Path) -> None:
    path = tmp_path / "walk_camera_calibration.toml"
    path.write_text(FREEMOCAP)
    rig = load_rig(path)
    is_the_camera(rig.cameras[0])
    assert "warning" not in rig.notes
    assert rig.notes["date_time_calibrated"] == "2024-05-06T07:08:09"
    # Of before FreeMoCap 1.5, without places of cameras.
    path.write_text("\n".join(line for line in FREEMOCAP.splitlines() if not line.startswith("world_")))
    is_the_camera(load_rig(path).cameras[0])


def test_freemocap_gets_places_and_axes(tmp_path: Path) -> None:
    save_rig(CameraRig((CAMERA,)), tmp_path / "a.toml", "freemocap")
    lines = (tmp_path / "a.toml").read_text().replace("\n", "").replace(" ", "")
    assert "world_position=[500.0,-3000.0,1200.0,]" in lines


def test_vicon(tmp_path: Path) -> None:
    path = tmp_path / "trial.xcp"
    path.write_text(VICON)
    rig = load_rig(path)
    assert rig.names == ("2101",)  # neither the camera for markers nor the one without calibration
    camera = rig.cameras[0]
    np.testing.assert_allclose(camera.centre, CAMERA.centre)
    np.testing.assert_allclose(camera.cam_from_world, CAMERA.cam_from_world, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.diag(camera.intrinsics.K), [1000.0, 1000.0 / 0.999, 1.0])
    np.testing.assert_array_equal(camera.intrinsics.dist, [-0.05, 0.14, 0.0, 0.0, 0.01])
    assert "OpenCV's coefficients" in rig.notes["warning"]


def test_vicon_correction_in_pixels_is_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "trial.xcp"
    path.write_text(VICON.replace("-0.05 0.14 0.01", "4e-8 3e-15 0"))
    rig = load_rig(path)
    assert "correction in pixels" in rig.notes["warning"]
    corner = np.array([1279.0, 719.0])
    from_centre = corner - [640.0, 360.0]
    rho2 = from_centre @ from_centre
    corrected = from_centre * (1.0 + 4e-8 * rho2 + 3e-15 * rho2**2) / [1000.0, 1000.0 / 0.999]
    assert np.linalg.norm(from_centre) * 4e-8 * rho2 > 10.0  # it matters by pixels
    np.testing.assert_allclose(rig.cameras[0].intrinsics.distort(corrected), corner, rtol=0, atol=0.05)


def test_vicon_without_distortion_needs_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "trial.xcp"
    path.write_text(VICON.replace("-0.05 0.14 0.01", "0 0 0"))
    assert "warning" not in load_rig(path).notes


@pytest.mark.parametrize("coding", ["utf-16", "utf-8"])
def test_optitrack(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "Calibration.mcal"
    path.write_bytes(OPTITRACK.encode(coding))
    rig = load_rig(path)
    assert rig.names == ("C11764",)
    assert "C99" in rig.notes["warning"]
    assert rig.notes["world"] == "OptiTrack, y up"
    y_up_from_z_up = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    turned = from_rotation(CAMERA.cam_from_world[:3, :3] @ y_up_from_z_up.T, CAMERA.cam_from_world[:3, 3])
    is_the_camera(rig.cameras[0], Camera("", CAMERA.intrinsics, turned))


def test_optitrack_matrix_holds_the_axes_as_columns(tmp_path: Path) -> None:
    """A camera at (2, 1.5, 0) that looks along -x: its right is -z, its back +x."""
    rows = {0: 0, 2: 1, 6: -1, 8: 0}
    text = OPTITRACK.replace('X="0.5" Y="1.2" Z="3"', 'X="2" Y="1.5" Z="0"')
    for i, value in rows.items():
        text = text.replace(f'OrientMatrix{i}="{1 if i in (0, 8) else 0}"', f'OrientMatrix{i}="{value}"')
    (tmp_path / "a.mcal").write_text(text)
    camera = load_rig(tmp_path / "a.mcal").cameras[0]
    pixels, valid = camera.project(np.array([[0.0, 1.5, 0.0], [0.0, 1.5, -0.3], [0.0, 1.8, 0.0]]))
    assert valid.all()
    np.testing.assert_allclose(pixels[0], [640, 360], rtol=0, atol=1e-9)
    assert pixels[1, 0] > 700
    assert pixels[2, 1] < 300


@pytest.mark.parametrize("given", ["intri.yml", "extri.yml", ""])
def test_easymocap(tmp_path: Path, given: str) -> None:
    (tmp_path / "intri.yml").write_text(INTRI, newline="\r\n")
    (tmp_path / "extri.yml").write_text(EXTRI, newline="\r\n")
    rig = load_rig(tmp_path / given)
    assert rig.names == ("1",)
    is_the_camera(rig.cameras[0], atol=1e-6)
    assert "1 1280x720" in rig.notes["warning"]  # the size is not in the file
    assert "taken as m" in rig.notes["warning"]


def test_easymocap_with_sizes_in_millimetres(tmp_path: Path) -> None:
    save_rig(ring_rig(3), tmp_path, "easymocap")
    text = (tmp_path / "extri.yml").read_text()
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("T_"):
            values = [float(v) * 1000 for v in lines[i + 4].split("[")[1].rstrip(" ]").split(",")]
            lines[i + 4] = f"   data: {values}"
    (tmp_path / "extri.yml").write_text("\n".join(lines))
    rig = load_rig(tmp_path)
    assert "taken as mm" in rig.notes["warning"]
    assert "sizes" not in rig.notes["warning"]
    np.testing.assert_allclose(rig.cam_from_world, ring_rig(3).cam_from_world, rtol=0, atol=1e-12)


def test_easymocap_reads_what_is_written(tmp_path: Path) -> None:
    """The way EasyMocap reads it."""
    rig = ring_rig(2)
    save_rig(rig, tmp_path, "easymocap")
    intri, extri = (
        cv2.FileStorage(str(tmp_path / name), cv2.FILE_STORAGE_READ) for name in ("intri.yml", "extri.yml")
    )
    names = intri.getNode("names")
    assert [names.at(i).string() for i in range(names.size())] == list(rig.names)
    camera = rig.cameras[1]
    np.testing.assert_array_equal(intri.getNode("K_cam_2").mat(), camera.intrinsics.K)
    np.testing.assert_array_equal(intri.getNode("dist_cam_2").mat(), camera.intrinsics.dist[None])
    assert (intri.getNode("W_cam_2").real(), intri.getNode("H_cam_2").real()) == (640, 480)
    rotation, _ = cv2.Rodrigues(extri.getNode("R_cam_2").mat())
    np.testing.assert_allclose(rotation, camera.cam_from_world[:3, :3], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(extri.getNode("Rot_cam_2").mat(), camera.cam_from_world[:3, :3])
    np.testing.assert_array_equal(extri.getNode("T_cam_2").mat(), camera.cam_from_world[:3, 3:])


def test_opencap_reads_what_is_written(tmp_path: Path) -> None:
    """The way OpenCap and Pose2Sim read it: with pickle itself, whatever the version of numpy."""
    save_rig(CameraRig((CAMERA,)).select(("the camera",)), tmp_path, "opencap")
    data = (tmp_path / "the camera" / "cameraIntrinsicsExtrinsics.pickle").read_bytes()
    assert b"numpy.core.multiarray" in data
    assert b"numpy._core" not in data
    values = pickle.loads(data)
    shapes = {key: value.shape for key, value in values.items()}
    assert shapes == {
        "distortion": (1, 5),
        "intrinsicMat": (3, 3),
        "imageSize": (2, 1),
        "rotation": (3, 3),
        "translation": (3, 1),
        "rotation_EulerAngles": (3, 1),
    }
    np.testing.assert_array_equal(values["imageSize"][:, 0], [720, 1280])
    np.testing.assert_allclose(values["translation"][:, 0], [-500, 1200, 3000])


def test_opencv_reads_ros_and_all_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(ROS)
    (tmp_path / "b.yaml").write_text(
        "%YAML:1.0\n---\n" + ROS.replace("camera_name: left\n", "").replace("T:", "tvec:")
    )
    (tmp_path / "board.yml").write_text("%YAML:1.0\n---\nsquares_x: 5\n")
    rig = load_rig(tmp_path / "b.yaml")
    assert rig.names == ("left", "b")
    for camera in rig.cameras:
        is_the_camera(camera)
    assert load_rig(tmp_path).names == rig.names


def test_opencv_itself_reads_what_is_written(tmp_path: Path) -> None:
    save_rig(CameraRig((CAMERA,)), tmp_path / "cameras", "opencv")
    storage = cv2.FileStorage(str(tmp_path / "cameras" / "the_camera.yml"), cv2.FILE_STORAGE_READ)
    np.testing.assert_array_equal(storage.getNode("camera_matrix").mat(), CAMERA.intrinsics.K)
    assert storage.getNode("camera_name").string() == "the camera"
    seen, _ = cv2.projectPoints(
        np.array([[0.7, 0.1, 1.5]]),
        storage.getNode("rvec").mat(),
        storage.getNode("tvec").mat(),
        storage.getNode("camera_matrix").mat(),
        storage.getNode("distortion_coefficients").mat(),
    )
    np.testing.assert_allclose(seen[0], CAMERA.project(np.array([[0.7, 0.1, 1.5]]))[0], rtol=0, atol=1e-9)


def test_qualisys_is_written_as_it_is_read(tmp_path: Path) -> None:
    (dropped,) = save_rig(CameraRig((CAMERA,)), tmp_path / "lab.qca.txt", "qualisys")
    assert "64" in dropped
    text = (tmp_path / "lab.qca.txt").read_text()
    for expected in (
        'focalLengthU="64000.0"',
        'centerPointV="23040.0"',
        'radialDistortion1="-0.05"',
        'y="-3000.0"',
    ):
        assert expected in text
    is_the_camera(load_rig(tmp_path / "lab.qca.txt").cameras[0])


def test_real_caliscope_cameras_fit_the_corners_it_stored(shared_data: Path) -> None:
    """The recording's README states 0.83 px; here each corner is placed by all cameras that see it."""
    folder = shared_data / "caliscope" / "4_cam_recording"
    rig = load_rig(folder / "camera_array.toml")
    old = load_rig(folder / "config.toml")
    np.testing.assert_array_equal(rig.cam_from_world, old.cam_from_world)
    table = np.genfromtxt(folder / "calibration/extrinsic/xy.csv", delimiter=",", names=True)
    errors = []
    for corner in set(zip(table["sync_index"], table["keypoint_id"], strict=True)):
        rows = table[(table["sync_index"] == corner[0]) & (table["keypoint_id"] == corner[1])]
        if len(rows) < 2:
            continue
        cameras = [rig.cameras[int(row["cam_id"])] for row in rows]
        pixels = np.stack([rows["img_loc_x"], rows["img_loc_y"]], axis=1)
        rays = [camera.intrinsics.undistort(xy) for camera, xy in zip(cameras, pixels, strict=True)]
        poses = [camera.cam_from_world for camera in cameras]
        lines = [ray[i] * pose[2] - pose[i] for ray, pose in zip(rays, poses, strict=True) for i in (0, 1)]
        x, y, z, w = np.linalg.svd(np.array(lines))[2][-1]
        point = np.array([x, y, z]) / w
        errors += [camera.project(point)[0] - xy for camera, xy in zip(cameras, pixels, strict=True)]
    rms = np.sqrt(np.mean(np.sum(np.square(errors), axis=1)))
    assert len(errors) > 1500
    assert rms == pytest.approx(0.83, abs=0.01)


def test_real_rigs_survive_every_format(shared_data: Path, tmp_path: Path) -> None:
    """Two real calibrations through each format: what comes back projects the same."""
    rigs = {
        "caliscope": load_rig(shared_data / "caliscope" / "charuco_calibration" / "camera_array.toml"),
        "qualisys": load_rig(shared_data / "pose2sim" / "Demo_SinglePerson" / "calibration" / "Calib.qca.txt"),
    }
    for source, rig in rigs.items():
        points = np.random.default_rng(1).uniform(-0.3, 0.3, (50, 3)) + rig.cameras[0].centre
        points += 2.0 * rig.cameras[0].cam_from_world[2, :3]
        for name in ("anipose", "freemocap", "caliscope", "easymocap", "opencap", "opencv", "qualisys"):
            folder = tmp_path / source / name
            file = {"qualisys": "a.qca.txt", "easymocap": "intri.yml"}.get(name, "rig.toml")
            path = folder if name in ("opencap", "opencv") else folder / file
            save_rig(rig, path, name)
            found = load_rig(path)
            np.testing.assert_allclose(found.project(points)[0], rig.project(points)[0], rtol=0, atol=1e-6)
