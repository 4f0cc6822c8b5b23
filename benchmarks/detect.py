"""Speed and self-consistency of detection on a real recording, beside mediapipe in the same run.

    python benchmarks/detect.py RECORDING [--peer-python PYTHON] [--presets balanced fast] [--repeat 3]

RECORDING is a folder with videos and a calibration, such as Pose2Sim's Demo_SinglePerson. PYTHON has mediapipe
0.10.21, and the heavy network lies in its modules folder; it gets one process per camera. Both are timed from the
first picture decoded to the last keypoint, networks loaded. Self-consistency is of plain triangulation (all
views, equal weights, nothing left out), the same for everybody: it judges keypoints, not our robust solver.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration import CameraRig
from mocap.core.progress import CancelToken, silent
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, SyncTable
from mocap.pipeline.detection import detect_trial
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.pipeline.run import default_detector
from mocap.pipeline.settings import load_settings
from mocap.presets import load_skeleton
from mocap.session import RunFolder
from mocap.sync import from_frame_times

PEER = Path(__file__).parent / "peers" / "mediapipe_run.py"
# Left and right of a limb are swapped where the other views have it this much closer to the other way round.
FLIP_RATIO = 0.5
LIMBS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))


@dataclass(frozen=True)
class Outcome:
    """Keypoints of the subject (T, C, K, 2), px, and what they cost."""

    xy: FloatArray
    pictures: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Consistency:
    """How well the views agree; see ``RunSummary`` for the words. ``flips``: arm pairs and leg pairs swapped."""

    median_px: float
    p90_px: float
    bones_percent: float
    flips: int
    found: float


def ours(trial: TrialInput, sync: SyncTable, preset: str) -> Outcome:
    """Run a preset's detector over all videos."""
    settings = load_settings(preset)
    detector, _ = default_detector(settings.detect, silent, CancelToken())
    with tempfile.TemporaryDirectory() as scratch:
        wall, cpu = time.perf_counter(), time.process_time()
        poses = detect_trial(
            trial.videos, sync, detector, RunFolder(Path(scratch)), "benchmark", silent, CancelToken()
        ).result
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Outcome(nearest(poses.xy), int((sync.frame_index >= 0).sum()), wall, cpu)


def nearest(xy: FloatArray) -> FloatArray:
    """Keypoints (T, C, K, 2) of the largest person in each picture, out of (T, C, P, K, 2)."""
    seen = np.isfinite(xy)
    extent = np.where(seen, xy, -np.inf).max(axis=3) - np.where(seen, xy, np.inf).min(axis=3)  # -inf: nobody
    extent = np.where(np.isfinite(extent), extent, 0.0).sum(axis=-1)
    slot = extent.argmax(axis=2)
    return np.asarray(np.take_along_axis(xy, slot[:, :, None, None, None], axis=2)[:, :, 0])


def peer(trial: TrialInput, sync: SyncTable, python: Path, complexity: int) -> Outcome:
    """Run mediapipe, one process per video."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "found.npz"
        videos = [str(video.path) for video in trial.videos]
        command = [str(python), str(PEER), str(target), str(complexity), *videos]
        subprocess.run(command, check=True, capture_output=True)
        with np.load(target) as found:
            xy = np.moveaxis(found["xy"], 0, 1)  # (T, C, K, 2)
            frames, wall, cpu = int(found["frames"]), float(found["wall_s"]), float(found["cpu_s"])
    chosen = np.stack([xy[sync.frame_index[:, c], c] for c in range(xy.shape[1])], axis=1)
    return Outcome(chosen, frames, wall, cpu)


def plain_dlt(xy: FloatArray, rig: CameraRig) -> FloatArray:
    """Linear triangulation (Hartley and Zisserman, Multiple View Geometry, 12.2) of (T, C, K, 2) to (T, K, 3)."""
    rays = rig.undistort(xy[:, :, None])[:, :, 0]
    P = rig.cam_from_world[:, None, :3]
    rows = np.stack([rays[..., :1] * P[..., 2, :] - P[..., 0, :], rays[..., 1:] * P[..., 2, :] - P[..., 1, :]], 3)
    rows = np.moveaxis(np.where(np.isfinite(rows), rows, 0.0), 1, 2)
    A = rows.reshape(*rows.shape[:2], -1, 4)
    _, _, vt = np.linalg.svd(A)
    points = vt[..., -1, :3] / vt[..., -1, 3:]
    enough = np.isfinite(rays).all(axis=-1).sum(axis=1) >= 2
    return np.where(enough[..., None], points, np.nan)


def consistency(xy: FloatArray, rig: CameraRig, skeleton: Skeleton) -> Consistency:
    """Judge keypoints (T, C, K, 2) by how well the views agree on them."""
    core, points = skeleton.core_index, plain_dlt(xy, rig)
    error = np.linalg.norm(project(points, rig) - xy, axis=-1)[..., core]
    spread = []
    for bone in skeleton.bones:
        if set(bone) <= set(skeleton.core):
            a, b = skeleton.index(*bone)
            length = np.linalg.norm(points[:, a] - points[:, b], axis=-1)
            spread.append(float(np.nanstd(length) / np.nanmean(length)))
    return Consistency(
        float(np.nanmedian(error)),
        float(np.nanpercentile(error, 90)),
        100 * float(np.median(spread)),
        flips(xy, rig, skeleton),
        float(np.isfinite(error).mean()),
    )


def project(points: FloatArray, rig: CameraRig) -> FloatArray:
    """Project points (T, K, 3) into all views (T, C, K, 2)."""
    projected, _ = rig.project(points.reshape(-1, 3))
    return np.asarray(np.moveaxis(projected.reshape(len(rig.cameras), *points.shape[:2], 2), 0, 1))


def flips(xy: FloatArray, rig: CameraRig, skeleton: Skeleton) -> int:
    """Pairs of limbs, counted per picture, that lie closer to where the other views have them when swapped."""
    agreed = np.stack([_seen_by_others(xy, rig, c) for c in range(xy.shape[1])], axis=1)
    count = 0
    for limb in LIMBS:
        left = skeleton.index(*(f"left_{joint}" for joint in limb))
        right = skeleton.index(*(f"right_{joint}" for joint in limb))
        straight = _distance(xy, agreed, left, left) + _distance(xy, agreed, right, right)
        swapped = _distance(xy, agreed, left, right) + _distance(xy, agreed, right, left)
        count += int((swapped < FLIP_RATIO * straight).sum())
    return count


def _seen_by_others(xy: FloatArray, rig: CameraRig, view: int) -> FloatArray:
    """Keypoints (T, K, 2) of one view as the other views place them, px."""
    others = xy.copy()
    others[:, view] = np.nan
    return np.asarray(project(plain_dlt(others, rig), rig)[:, view])


def _distance(xy: FloatArray, agreed: FloatArray, seen: tuple[int, ...], meant: tuple[int, ...]) -> FloatArray:
    return np.asarray(np.linalg.norm(xy[:, :, list(seen)] - agreed[:, :, list(meant)], axis=-1).mean(axis=-1))


def main() -> None:
    """Run everybody in turns and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--presets", nargs="*", default=["balanced", "fast"])
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        trial = open_trial(given.recording, out=Path(scratch) / "session")
        sync = from_frame_times(tuple(v.camera for v in trial.videos), trial.t_s, shared_clock=trial.timed)
        runners: dict[str, Callable[[], Outcome]] = {
            preset: (lambda preset=preset: ours(trial, sync, preset)) for preset in given.presets
        }
        if given.peer_python:
            runners["mediapipe heavy"] = lambda: peer(trial, sync, given.peer_python, 2)
        outcomes: dict[str, list[Outcome]] = {name: [] for name in runners}
        for _ in range(given.repeat):  # in turns: the machine's other work then falls on all alike
            for name, run in runners.items():
                outcomes[name].append(run())
    skeleton = load_skeleton("blazepose33")
    print("who | pictures/s | ms of processor a picture | median px | 90 % px | bones % | swapped | found")
    for name, runs in outcomes.items():
        judged = consistency(runs[0].xy, trial.rig, skeleton)
        rate = statistics.median(run.pictures / run.wall_s for run in runs)
        cost = statistics.median(1000 * run.cpu_s / run.pictures for run in runs)
        print(
            f"{name} | {rate:.1f} | {cost:.1f} | {judged.median_px:.1f} | {judged.p90_px:.1f} | "
            f"{judged.bones_percent:.2f} | {judged.flips} | {100 * judged.found:.1f} %"
        )


if __name__ == "__main__":
    main()
