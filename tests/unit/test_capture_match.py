from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import CalibrationError
from mocap.capture.match import fit_rig
from mocap.capture.video import VideoInfo
from tests.conftest import ring_rig


def video(
    camera: str, size_wh: tuple[int, int] = (640, 480), bars: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> VideoInfo:
    return VideoInfo(camera, Path(f"{camera}.mp4"), size_wh, 30.0, np.arange(3) / 30, "h264", False, bars)


def test_cameras_come_in_the_order_of_the_videos() -> None:
    rig = ring_rig(4)
    found, warnings = fit_rig(rig, [video("cam_3"), video("cam_1")])
    assert found.names == ("cam_3", "cam_1")
    np.testing.assert_array_equal(found.cam_from_world, rig.cam_from_world[[2, 0]])
    assert warnings == (
        "The calibrated camera 'cam_2' has no video and is left out.",
        "The calibrated camera 'cam_4' has no video and is left out.",
    )


def test_names_that_differ_in_writing_are_matched_and_told() -> None:
    rig = ring_rig(2)
    found, warnings = fit_rig(rig, [video("Camera02"), video("Camera01")])
    assert found.names == ("Camera02", "Camera01")
    np.testing.assert_array_equal(found.cam_from_world, rig.cam_from_world[[1, 0]])
    assert "Video 'Camera02' was taken for the calibrated camera 'cam_2'." in warnings


@pytest.mark.parametrize("names", [["left", "right"], ["cam_1", "cam_9"], ["a1", "b1"]])
def test_names_without_a_camera_are_explained(names: list[str]) -> None:
    with pytest.raises(CalibrationError, match="has the cameras cam_1, cam_2"):
        fit_rig(ring_rig(2), [video(name) for name in names])


def test_ambiguous_numbers_are_not_guessed() -> None:
    rig = ring_rig(2)
    renamed = replace(
        rig, cameras=(replace(rig.cameras[0], name="left_1"), replace(rig.cameras[1], name="right_1"))
    )
    with pytest.raises(CalibrationError, match="left_1, right_1"):
        fit_rig(renamed, [video("cam1")])


def test_sizes_are_fitted_and_told() -> None:
    rig = ring_rig(2)
    found, warnings = fit_rig(rig, [video("cam_1", (320, 240)), video("cam_2")])
    assert found.cameras[0].intrinsics.K[0, 0] == pytest.approx(350)
    assert found.cameras[1] is not rig.cameras[1]
    assert found.cameras[1].intrinsics is rig.cameras[1].intrinsics
    assert len(warnings) == 1
    assert "640x480" in warnings[0]
    assert "320x240" in warnings[0]
    assert "scaled by 0.5" in warnings[0]


def test_bars_reach_the_intrinsics() -> None:
    found, warnings = fit_rig(ring_rig(1), [video("cam_1", (640, 500), bars=(0, 10, 0, 10))])
    assert found.cameras[0].intrinsics.K[1, 2] == pytest.approx(249.5)
    assert "padded" in warnings[0]


def test_another_shape_names_camera_and_video() -> None:
    with pytest.raises(CalibrationError, match=r"cam_1\.mp4: Camera 'cam_1': .*another shape") as caught:
        fit_rig(ring_rig(1), [video("cam_1", (480, 640))])
    assert caught.value.path == Path("cam_1.mp4")
