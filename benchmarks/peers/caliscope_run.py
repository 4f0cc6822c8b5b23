"""Calibrate a recording with Caliscope through its scripting API; runs in an environment that has it.

    PYTHON caliscope_run.py JOB.json OUT

JOB.json, written by ``benchmarks/calibrate.py``, names the board file, the video of every camera, the time
stamps, and the pictures that are held out. OUT receives two ways of its solve: ``steps``, the walk through
its scripting guide (bootstrap, optimise, drop the worst 2.5 % of each camera, optimise), and ``call``, its
``calibrate_extrinsics`` with the board's lengths as constraints; each from all pictures, and (``*_train``)
without the held-out ones. Facts from Caliscope 0.11.8.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

BEGUN = time.perf_counter()

import numpy as np  # noqa: E402
from caliscope.api import (  # noqa: E402
    CameraArray,
    CaptureVolume,
    Charuco,
    CharucoTracker,
    ConstraintSet,
    ImagePoints,
    calibrate_extrinsics,
    calibrate_intrinsics,
    extract_image_points,
    extract_image_points_multicam,
)

# The share that Caliscope's guide and its one call drop, %.
WORST_PERCENT = 2.5


class Watch:
    """Wall and processor time of each stage, s."""

    def __init__(self) -> None:
        self.stages: dict[str, list[float]] = {"import": [time.perf_counter() - BEGUN, _cpu_s()]}
        self._mark = time.perf_counter(), _cpu_s()

    def lap(self, name: str) -> None:
        """Book the time since the last lap."""
        now = time.perf_counter(), _cpu_s()
        self.stages[name] = [now[0] - self._mark[0], now[1] - self._mark[1]]
        self._mark = now


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    """Run the job."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = Path(sys.argv[2])
    watch = Watch()
    board = Charuco.from_toml(job["board"])
    tracker = CharucoTracker(board)
    videos = {int(cam): Path(path) for cam, path in job["videos"].items()}
    cameras = CameraArray.from_video_metadata(videos)
    for cam, video in videos.items():
        points = extract_image_points(video, cam, tracker, frame_step=job["intrinsics_step"], progress=None)
        cameras[cam] = calibrate_intrinsics(points, cameras[cam]).camera
    watch.lap("intrinsics")
    seen = extract_image_points_multicam(videos, tracker, timestamps=job["timestamps"], progress=None)
    watch.lap("detect")
    lengths = ConstraintSet.from_charuco(board)
    first, final = _steps(seen, cameras)
    watch.lap("steps")
    called = calibrate_extrinsics(seen, cameras, lengths).capture_volume
    watch.lap("call")
    held = {(int(cam), frame) for cam, frames in job["heldout"].items() for frame in frames}
    keys = zip(seen.df["cam_id"], seen.df["frame_index"], strict=True)
    train = ImagePoints(seen.df[[key not in held for key in keys]].reset_index(drop=True))
    volumes = {
        "steps": final,
        "call": called,
        "steps_train": _steps(train, cameras)[1],
        "call_train": calibrate_extrinsics(train, cameras, lengths).capture_volume,
    }
    for name, volume in volumes.items():
        volume.camera_array.to_toml(out / name / "camera_array.toml")
    found = {"first": first, **volumes}
    np.savez(out / "errors.npz", **{name: _errors(volume) for name, volume in found.items()})
    np.save(
        out / "seen.npy", seen.df[["cam_id", "frame_index", "keypoint_id", "img_loc_x", "img_loc_y"]].to_numpy()
    )
    (out / "seconds.json").write_text(json.dumps(watch.stages), encoding="utf-8")


def _steps(points: ImagePoints, cameras: CameraArray) -> tuple[CaptureVolume, CaptureVolume]:
    """Follow the guide: the volume with every corner, and the one without the worst, laid onto the board."""
    first = CaptureVolume.bootstrap(points, cameras).optimize(strict=False)
    final = first.filter_by_percentile_error(WORST_PERCENT).optimize(strict=False)
    instants = final.unique_sync_indices
    return first, final.align_to_object(int(instants[len(instants) // 2]))


def _errors(volume: CaptureVolume) -> Any:
    """Rows of camera, picture, corner and reprojection error, px."""
    keys = ["sync_index", "cam_id", "keypoint_id"]
    pictures = volume.image_points.df[[*keys, "frame_index"]]
    rows = volume.reprojection_report.raw_errors.merge(pictures, on=keys)
    return rows[["cam_id", "frame_index", "keypoint_id", "euclidean_error"]].to_numpy()


if __name__ == "__main__":
    main()
