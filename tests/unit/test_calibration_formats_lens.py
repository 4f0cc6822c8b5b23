"""Where a format cannot hold a lens, the nearest is written and the distance told; or it is refused."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import CalibrationError, Camera, CameraRig, Intrinsics
from calibration.formats import load_rig, save_rig
from calibration.formats.lens import Holds, fit_distortion, fit_rig, pixel_grid
from tests.conftest import ring_rig

K = np.array([[900.0, 0.0, 640.0], [0.0, 905.0, 355.0], [0.0, 0.0, 1.0]])
SKEWED = np.array([[900.0, 2.0, 640.0], [0.0, 905.0, 355.0], [0.0, 0.0, 1.0]])


def rig_with(lens: Intrinsics, notes: dict[str, str] | None = None) -> CameraRig:
    return CameraRig((Camera("a", lens, ring_rig(1).cameras[0].cam_from_world),), notes or {})


def worst_px(lens: Intrinsics, other: Intrinsics) -> float:
    """Largest distance between two lenses over the whole picture."""
    w, h = lens.size_wh
    pixels = np.stack(np.meshgrid(np.linspace(0, w - 1, 57), np.linspace(0, h - 1, 41)), axis=-1)
    return float(np.linalg.norm(other.distort(lens.undistort(pixels)) - pixels, axis=-1).max())


def test_what_fits_is_left_alone() -> None:
    lens = Intrinsics((1280, 720), K, np.array([0.1, -0.2, 0.001, 0.002, 0.0, 0.0, 0.0, 0.0]))
    held, dropped = fit_rig(rig_with(lens), Holds("X", coefficients=4))
    np.testing.assert_array_equal(held.cameras[0].intrinsics.dist, [0.1, -0.2, 0.001, 0.002, 0.0])
    assert dropped == ()


def test_fitted_coefficients_are_those_of_the_lens() -> None:
    dist = np.array([-0.34, 0.097, -0.0014, 0.0032, -0.0037])
    lens = Intrinsics((1280, 720), SKEWED, dist)
    pixels = pixel_grid(lens.size_wh)
    np.testing.assert_allclose(fit_distortion(lens.undistort(pixels), pixels, SKEWED, 5), dist, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("lens", "words"),
    [
        (Intrinsics((1280, 720), K, np.array([0.19, -0.28, -0.002, 0.003, 0.147])), "beyond k1, k2, p1, p2"),
        (Intrinsics((1280, 720), K, np.array([0.1, -0.05, 1e-3, 2e-3, 0.01, 0.12, -0.03, 0.004])), "rational"),
        (Intrinsics((1280, 720), K, np.array([0.02, -0.01, 0.0, 0.0]), "fisheye"), "fisheye"),
        (Intrinsics((1280, 720), SKEWED, np.zeros(5)), "skew"),
    ],
)
def test_the_distance_that_is_told_is_true(lens: Intrinsics, words: str) -> None:
    held, (sentence,) = fit_rig(rig_with(lens), Holds("X", coefficients=4))
    assert words in sentence
    told = float(re.search(r"off by at most ([\d.e+-]+) px", sentence).group(1))  # type: ignore[union-attr]
    assert worst_px(lens, held.cameras[0].intrinsics) == pytest.approx(told, rel=0.1)
    # Cutting off instead of fitting anew is worse.
    if lens.model == "pinhole" and words != "skew":
        cut = replace(lens, dist=np.append(lens.dist[:4], 0.0))
        assert worst_px(lens, cut) > 2 * told


def test_a_lens_that_is_too_far_is_refused(tmp_path: Path) -> None:
    wide = Intrinsics((1280, 720), np.array([[420.0, 0, 640], [0, 420.0, 360], [0, 0, 1]]), np.zeros(4), "fisheye")
    with pytest.raises(
        CalibrationError, match=r"EasyMocap cannot hold the lens of camera 'a' \(the fisheye lens\)"
    ):
        save_rig(rig_with(wide), tmp_path, "easymocap")
    assert list(tmp_path.iterdir()) == []


def test_a_distance_of_many_pixels_is_refused(tmp_path: Path) -> None:
    strong = Intrinsics((1280, 720), K, np.array([0.0, 0.0, 0.0, 0.0, 4.0]))
    with pytest.raises(CalibrationError, match=r"beyond k1, k2, p1, p2\): the nearest it can hold is off by \d+"):
        save_rig(rig_with(strong), tmp_path / "a.toml", "pose2sim")
    assert list(tmp_path.iterdir()) == []
    assert save_rig(rig_with(strong), tmp_path / "b.toml", "caliscope")[-1].startswith("Caliscope names")


def test_skew_is_told(tmp_path: Path) -> None:
    skewed = Intrinsics((1280, 720), SKEWED, np.zeros(5))
    (sentence,) = save_rig(rig_with(skewed), tmp_path / "a.toml", "pose2sim")
    assert "the skew of 2 px" in sentence
    assert load_rig(tmp_path / "a.toml").cameras[0].intrinsics.K[0, 1] == 0.0
    (sentence,) = save_rig(rig_with(skewed), tmp_path / "b.toml", "anipose")
    assert "ignores the skew" in sentence
    assert load_rig(tmp_path / "b.toml").cameras[0].intrinsics.K[0, 1] == 2.0


def test_notes_are_told(tmp_path: Path) -> None:
    rig = rig_with(Intrinsics((1280, 720), K, np.zeros(5)), {"world": "z up"})
    for name, told in (("opencap", True), ("pose2sim", True), ("freemocap", False), ("anipose", False)):
        dropped = save_rig(rig, tmp_path / name / "a.toml", name)
        assert (dropped == ("The notes about the rig are left out.",)) is told
