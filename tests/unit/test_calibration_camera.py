import cv2
import numpy as np
import pytest

from calibration import CalibrationError, Camera, CameraRig, Intrinsics
from calibration.transforms import from_rvec_tvec

MATRIX = np.array([[902.0, 0.0, 630.5], [0.0, 898.0, 355.25], [0.0, 0.0, 1.0]])
LENSES = {
    "plain": Intrinsics((1280, 720), MATRIX, np.zeros(5)),
    "pinhole5": Intrinsics((1280, 720), MATRIX, np.array([-0.31, 0.12, 8e-4, -6e-4, -0.02])),
    "pinhole8": Intrinsics((1280, 720), MATRIX, np.array([0.2, -0.1, 5e-4, 7e-4, 0.02, 0.25, -0.05, 0.01])),
    "fisheye": Intrinsics((1280, 720), MATRIX, np.array([0.08, -0.03, 0.01, -0.002]), "fisheye"),
}
POSE = from_rvec_tvec([0.3, -0.7, 0.2], [0.1, -0.2, 3.0])

lenses = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())


def points_in_view(n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(7)
    rays = rng.uniform([-0.65, -0.38], [0.65, 0.38], (n, 2))
    local = np.column_stack([rays, np.ones(n)]) * rng.uniform(1.0, 5.0, (n, 1))
    return (local - POSE[:3, 3]) @ POSE[:3, :3]


def points_near_the_axis(n: int = 50) -> np.ndarray:
    rays = np.random.default_rng(8).uniform(-1.5e-3, 1.5e-3, (n, 2))
    return (np.column_stack([rays, np.ones(n)]) - POSE[:3, 3]) @ POSE[:3, :3]


@lenses
def test_project_is_what_opencv_computes(lens: Intrinsics) -> None:
    points = np.concatenate([points_in_view(), points_near_the_axis()])
    pixels, valid = Camera("a", lens, POSE).project(points)
    rvec, tvec = cv2.Rodrigues(POSE[:3, :3])[0], POSE[:3, 3]
    if lens.model == "fisheye":
        expected, _ = cv2.fisheye.projectPoints(points[:, None], rvec, tvec, lens.K, lens.dist)
    else:
        expected, _ = cv2.projectPoints(points, rvec, tvec, lens.K, lens.dist)
    assert valid.all()
    np.testing.assert_allclose(pixels, expected.reshape(-1, 2), rtol=0, atol=1e-9)


@lenses
def test_undistort_inverts_distort_over_the_whole_picture(lens: Intrinsics) -> None:
    u, v = np.meshgrid(np.linspace(0, 1279, 33), np.linspace(0, 719, 19))
    pixels = np.stack([u, v], axis=-1)
    rays = lens.undistort(pixels)
    assert rays.shape == pixels.shape
    np.testing.assert_allclose(lens.distort(rays), pixels, rtol=0, atol=1e-8)


@lenses
def test_undistort_keeps_nan_apart_from_its_neighbours(lens: Intrinsics) -> None:
    pixels = np.array([[[100.0, 50.0], [np.nan, np.nan]], [[np.nan, 3.0], [640.0, 360.0]]])
    rays = lens.undistort(pixels)
    assert np.isnan(rays[0, 1]).all()
    assert np.isnan(rays[1, 0]).all()
    np.testing.assert_allclose(lens.distort(rays)[[0, 1], [0, 1]], pixels[[0, 1], [0, 1]], rtol=0, atol=1e-8)


@lenses
def test_distort_jacobian_is_the_derivative(lens: Intrinsics) -> None:
    rng = np.random.default_rng(3)
    rays = np.concatenate([rng.uniform(-0.5, 0.5, (50, 2)), rng.uniform(-2e-3, 2e-3, (50, 2)), np.zeros((1, 2))])
    step = 1e-6
    numeric = np.stack(
        [(lens.distort(rays + step * e) - lens.distort(rays - step * e)) / (2 * step) for e in np.eye(2)], axis=-1
    )
    np.testing.assert_allclose(lens.distort_jacobian(rays), numeric, rtol=0, atol=1e-5)


@lenses
def test_project_jacobian_is_the_derivative(lens: Intrinsics) -> None:
    camera = Camera("a", lens, POSE)
    points = points_in_view(50)
    step = 1e-6
    numeric = np.stack(
        [
            (camera.project(points + step * e)[0] - camera.project(points - step * e)[0]) / (2 * step)
            for e in np.eye(3)
        ],
        axis=-1,
    )
    jacobian = camera.project_jacobian(points.reshape(5, 10, 3))
    assert jacobian.shape == (5, 10, 2, 3)
    np.testing.assert_allclose(jacobian.reshape(-1, 2, 3), numeric, rtol=0, atol=1e-4)


@lenses
def test_project_marks_missing_points_and_points_behind(lens: Intrinsics) -> None:
    points = points_in_view(4)
    points[1] = np.nan
    points[2] = Camera("a", lens, POSE).centre - POSE[2, :3]
    camera = Camera("a", lens, POSE)
    pixels, valid = camera.project(points)
    np.testing.assert_array_equal(valid, [True, False, False, True])
    np.testing.assert_array_equal(np.isnan(pixels).any(axis=1), ~valid)
    np.testing.assert_array_equal(np.isnan(camera.project_jacobian(points)).any(axis=(1, 2)), ~valid)


def test_points_beyond_the_turn_of_the_distortion_are_invalid() -> None:
    lens = Intrinsics((1280, 720), MATRIX, np.array([-0.3, 0.0, 0.0, 0.0, 0.0]))
    turn = np.sqrt(1 / 0.9)  # d/dr (r - 0.3 r^3) = 0
    assert lens.max_radius == pytest.approx(turn)
    points = np.array([[turn - 0.01, 0.0, 1.0], [turn + 0.01, 0.0, 1.0], [1.8, 0.0, 1.0]])
    pixels, valid = Camera("a", lens, np.eye(4)).project(points)
    np.testing.assert_array_equal(valid, [True, False, False])
    assert np.isnan(pixels[1:]).all()
    # The model would have put the last one into the middle of the picture.
    folded = lens.distort(points[2, :2])
    assert 0 < folded[0] < 1280


@pytest.mark.parametrize(
    "lens",
    [
        Intrinsics((1280, 720), MATRIX, np.array([0.1, -0.2, 0.0, 0.0, 0.01])),
        Intrinsics((1280, 720), MATRIX, np.array([0.1, -0.3, 0.0, 0.0, 0.0, 0.2, 0.1, 0.0])),
        Intrinsics((1280, 720), MATRIX, np.array([-0.3, 0.0, 0.0, 0.0]), "fisheye"),
    ],
    ids=["pinhole5", "pinhole8", "fisheye"],
)
def test_max_radius_is_where_the_radius_stops_growing(lens: Intrinsics) -> None:
    r = np.linspace(0, 1.2 * lens.max_radius, 200_001)
    out = lens.distort(np.column_stack([r, np.zeros_like(r)]))[:, 0]
    first_fall = np.argmax(np.diff(out) <= 0)
    assert r[first_fall] == pytest.approx(lens.max_radius, rel=1e-3)


def test_a_pixel_that_no_ray_reaches_is_not_undistorted() -> None:
    lens = Intrinsics((1280, 720), MATRIX, np.array([-0.3, 0.0, 0.0, 0.0, 0.0]))
    edge = lens.distort(np.array([lens.max_radius, 0.0]))[0]
    rays = lens.undistort(np.array([[edge - 5.0, 355.25], [edge + 5.0, 355.25]]))
    assert np.isfinite(rays[0]).all()
    assert np.isnan(rays[1]).all()


def test_a_lens_without_distortion_sees_everything_in_front() -> None:
    assert LENSES["plain"].max_radius == np.inf


def test_scaling_keeps_the_rays() -> None:
    lens = LENSES["pinhole5"]
    half = lens.for_size((640, 360))
    pixels = np.array([[10.0, 20.0], [1200.0, 700.0]])
    # A pixel's corner at -0.5 stays at -0.5.
    np.testing.assert_allclose(half.undistort((pixels + 0.5) / 2 - 0.5), lens.undistort(pixels), rtol=0, atol=1e-9)


def test_codec_padding_is_cut_at_the_right_and_bottom() -> None:
    lens = Intrinsics((1920, 1088), MATRIX, np.zeros(5))
    cut = lens.for_size((1920, 1080))
    assert cut.size_wh == (1920, 1080)
    np.testing.assert_array_equal(cut.K, lens.K)
    half = lens.for_size((960, 540))
    np.testing.assert_allclose(half.K[0, 0], lens.K[0, 0] / 2)
    np.testing.assert_allclose(half.K[1, 2], (lens.K[1, 2] + 0.5) / 2 - 0.5)


def test_black_bars_tell_a_shrunk_picture_from_a_cut_one() -> None:
    lens = Intrinsics((1088, 1920), np.array([[1681.0, 0, 533], [0, 1681, 948], [0, 0, 1.0]]), np.zeros(5))
    np.testing.assert_array_equal(lens.for_size((1080, 1920)).K, lens.K)
    padded = lens.for_size((1080, 1920), bars_px=(0, 7, 0, 6))
    # The middle of the picture stays in the middle, its corner moves below the bar.
    corner = np.array([[543.5, 959.5], [-0.5, -0.5]])
    moved = padded.distort(lens.undistort(corner))
    np.testing.assert_allclose(moved, [[539.5, 959.5], [-0.5, -0.5 + 120 / 17]], rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [(1280, 960), (720, 1280), (1000, 720)])
def test_another_shape_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(CalibrationError, match="another shape"):
        LENSES["plain"].for_size(size)


@pytest.mark.parametrize(
    ("matrix", "dist", "model"),
    [
        (np.eye(2), np.zeros(5), "pinhole"),
        (MATRIX, np.zeros(4), "pinhole"),
        (MATRIX, np.zeros(5), "fisheye"),
        (np.full((3, 3), np.nan), np.zeros(5), "pinhole"),
        (np.diag([-1.0, 1.0, 1.0]), np.zeros(5), "pinhole"),
    ],
)
def test_impossible_intrinsics_are_refused(matrix: np.ndarray, dist: np.ndarray, model: str) -> None:
    with pytest.raises(CalibrationError):
        Intrinsics((10, 10), matrix, dist, model)  # type: ignore[arg-type]


def test_a_pose_that_is_no_rotation_is_refused() -> None:
    with pytest.raises(CalibrationError, match="rigid"):
        Camera("a", LENSES["plain"], np.diag([2.0, 1.0, 1.0, 1.0]))


def test_a_mirrored_pose_is_refused() -> None:
    with pytest.raises(CalibrationError, match="rigid"):
        Camera("a", LENSES["plain"], np.diag([-1.0, 1.0, 1.0, 1.0]))


def test_rig_projects_and_undistorts_each_camera_with_its_own_lens() -> None:
    rig = CameraRig((Camera("a", LENSES["pinhole5"], POSE), Camera("b", LENSES["fisheye"], np.eye(4))))
    points = np.array([[0.2, 0.1, 2.0], [0.0, -0.1, 3.0]])
    pixels, valid = rig.project(points)
    assert pixels.shape == (2, 2, 2)
    assert valid.all()
    rays = rig.undistort(np.moveaxis(pixels, 0, 1), axis=1)
    np.testing.assert_allclose(rays[:, 1], points[:, :2] / points[:, 2:], rtol=0, atol=1e-9)


def test_rig_refuses_two_cameras_of_one_name_and_names_an_unknown_one() -> None:
    camera = Camera("a", LENSES["plain"], POSE)
    with pytest.raises(CalibrationError, match="share a name"):
        CameraRig((camera, camera))
    with pytest.raises(CalibrationError, match="'b'"):
        CameraRig((camera,)).select(("b",))
