"""Detections of another program through the pipeline, with and without videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration.formats import save_rig
from mocap.core.errors import InputError
from mocap.core.types import Points3D
from mocap.pipeline.imported import ImportRequest, export_poses
from mocap.pipeline.run import ProcessResult, process_imported
from mocap.pipeline.settings import load_settings
from mocap.poseio import POSE_FORMATS, View
from mocap.session import load
from tests.conftest import ring_rig
from tests.integration.film import make_recording, walking

FRAMES = 40
RIG = ring_rig(4)


def seen(names: tuple[str, ...], keypoints: tuple[str, ...] | int = 33, offset: int = 0) -> tuple[View, ...]:
    """The figure as each camera of the ring sees it, in a second slot where ``offset`` is 1."""
    count = keypoints if isinstance(keypoints, int) else len(keypoints)
    figure = walking(FRAMES)[:, :count]
    views = []
    for name, camera in zip(names, RIG.cameras, strict=True):
        xy = np.full((FRAMES, 1 + offset, count, 2), np.nan)
        xy[:, offset] = camera.project(figure)[0]
        score = np.where(np.isfinite(xy[..., 0]), 0.9, 0.0)
        views.append(View(name, keypoints, xy, score, np.where(score[..., 0] > 0, 0, -1)))
    return tuple(views)


def run(source: ImportRequest) -> ProcessResult:
    return process_imported(source, load_settings())


def error_m(result: ProcessResult, count: int = 33) -> float:
    stored = load(result.folder / "points3d.npz", Points3D)
    assert stored is not None
    return float(np.nanmedian(np.linalg.norm(stored.result.xyz[:, 0] - walking(FRAMES)[:, :count], axis=-1)))


def test_detections_and_a_calibration_are_enough(tmp_path: Path) -> None:
    POSE_FORMATS["openpose"].write(seen(("Cam1", "Cam2", "Cam3", "Cam4")), tmp_path / "pose", 30.0)
    save_rig(RIG, tmp_path / "calibration.toml", "anipose")
    request = ImportRequest(tmp_path / "pose", rate_hz=30.0, out=tmp_path / "out")
    result = run(request)
    assert result.summary.frames_3d == FRAMES
    assert error_m(result) < 0.003
    assert result.summary.rate_hz == pytest.approx(30.0)
    assert {"trc", "c3d", "bvh", "report"} <= set(result.summary.files)
    assert run(request).reused
    written = export_poses(result.folder, "coco", tmp_path / "back")
    again = run(ImportRequest(tmp_path / "back", tmp_path / "calibration.toml", rate_hz=30.0, out=tmp_path / "o2"))
    assert len(written) == 4
    assert error_m(again) < 0.003


def test_videos_give_times_and_overlays(tmp_path: Path) -> None:
    make_recording(tmp_path / "walk", FRAMES)
    POSE_FORMATS["openpose"].write(seen(RIG.names), tmp_path / "pose", 30.0)
    result = run(ImportRequest(tmp_path / "pose", videos=tmp_path / "walk", out=tmp_path / "out"))
    assert "overlay cam_1" in result.summary.files
    assert error_m(result) < 0.003


def test_keypoints_of_ones_own_have_points_but_no_body(tmp_path: Path) -> None:
    names = ("snout", "tail_l", "tail_r", "paw_l", "paw_r", "back")
    POSE_FORMATS["deeplabcut"].write(seen(RIG.names, names), tmp_path / "dlc", 30.0)
    save_rig(RIG, tmp_path / "calibration.toml", "anipose")
    result = run(ImportRequest(tmp_path / "dlc", rate_hz=30.0, out=tmp_path / "out"))
    stored = load(result.folder / "points3d.npz", Points3D)
    assert stored is not None
    assert stored.result.skeleton.keypoints == names
    assert ("tail_l", "tail_r") in stored.result.skeleton.mirror
    assert error_m(result, len(names)) < 0.003


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    POSE_FORMATS["openpose"].write(seen(RIG.names), tmp_path / "pose", 30.0)
    with pytest.raises(InputError, match="frames a second"):
        run(ImportRequest(tmp_path / "pose", out=tmp_path / "out"))
    with pytest.raises(InputError, match="no calibration"):
        run(ImportRequest(tmp_path / "pose", rate_hz=30.0, out=tmp_path / "out"))
    save_rig(RIG.select(RIG.names[:3]), tmp_path / "calibration.toml", "anipose")
    with pytest.raises(InputError, match="Name the files"):
        run(ImportRequest(tmp_path / "pose", rate_hz=30.0, out=tmp_path / "out"))
    save_rig(RIG, tmp_path / "calibration.toml", "anipose")
    with pytest.raises(InputError, match="no preset"):
        run(ImportRequest(tmp_path / "pose", rate_hz=30.0, skeleton="x", out=tmp_path / "out"))


def test_names_that_differ_are_taken_in_order_and_said(tmp_path: Path) -> None:
    POSE_FORMATS["openpose"].write(seen(("left", "middle", "right", "top")), tmp_path / "pose", 30.0)
    save_rig(RIG, tmp_path / "calibration.toml", "anipose")
    summary = run(ImportRequest(tmp_path / "pose", rate_hz=30.0, out=tmp_path / "out")).summary
    assert any("taken in order" in warning for warning in summary.warnings)
