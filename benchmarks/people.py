"""Figures of many people: triangulation beside its peers, the stated sigma, a crowd with known truth.

    python -m benchmarks.people [--pose2sim PYTHON] [--aniposelib PYTHON] [--crowd-seeds 3] [--device cuda]

PYTHON are the interpreters of environments that have Pose2Sim and aniposelib; these get the first points of the
same data, in the same run. Times are wall time and user time of the process, medians of three.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from calibration import CameraRig
from mocap.associate import associate
from mocap.core.types import FloatArray, Tracks2D
from mocap.evaluate import Recording, evaluate
from mocap.presets import load_skeleton
from mocap.triangulate import Noise, Triangulator, triangulate
from tests.crowd import hall_rig, make_crowd

ResultT = TypeVar("ResultT")

FRAMES, KEYPOINTS, OUTLIERS, NOISE_PX = 10_000, 26, 0.05, 2.0
# The peers take milliseconds a point; aniposelib tries all 2^16 subsets of 16 cameras, hours.
PEER_POINTS = {("pose2sim", 4): 2000, ("pose2sim", 16): 60, ("aniposelib", 4): 200}
PEER_TIMEOUT_S = 240
REPEAT = 3


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pose2sim", type=Path)
    parser.add_argument("--aniposelib", type=Path)
    parser.add_argument("--crowd-seeds", type=int, default=3)
    parser.add_argument("--device")
    given = parser.parse_args()
    peers = {name: getattr(given, name) for name in ("pose2sim", "aniposelib") if getattr(given, name)}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    rates = {cameras: triangulation(cameras, peers, given.device) for cameras in (4, 16)}
    wall, user = (rates[4][i] / rates[16][i] for i in range(2))
    print(f"cost of 16 cameras over 4: {wall:.1f} wall, {user:.1f} user")
    live()
    for noise_px in (1.0, 3.0, 10.0):
        stated_sigma(noise_px)
    for seed in range(given.crowd_seeds):
        crowd(seed)


def timed(work: Callable[[], ResultT], repeat: int = REPEAT) -> tuple[ResultT, float, float]:
    """Result, median wall and user time, s."""
    walls, users = [], []
    for _ in range(repeat):
        wall, user = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
        result = work()
        walls.append(time.perf_counter() - wall)
        users.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - user)
    return result, statistics.median(walls), statistics.median(users)


def observed(
    cameras: int, frames: int, outliers: float, noise_px: float, keypoints: int = KEYPOINTS
) -> tuple[CameraRig, FloatArray, Tracks2D]:
    """Points of one body-sized cloud (T, 1, K, 3), seen with noise and grossly wrong views (20 to 200 px)."""
    rng = np.random.default_rng(7)
    rig = hall_rig(cameras)
    truth = rng.uniform([-0.7, -0.7, 0.1], [0.7, 0.7, 1.9], size=(frames, 1, keypoints, 3))
    xy = np.moveaxis(rig.project(truth)[0], 0, 1)
    xy = xy + rng.normal(size=xy.shape) * noise_px
    far, way = rng.uniform(20.0, 200.0, xy.shape[:-1]), rng.uniform(0.0, 2 * np.pi, xy.shape[:-1])
    wrong = rng.random(xy.shape[:-1]) < outliers
    xy += (wrong * far)[..., None] * np.stack([np.cos(way), np.sin(way)], axis=-1)
    ones = np.ones(xy.shape[:-1])
    names = load_skeleton("blazepose33")
    return rig, truth, Tracks2D(rig.names, names, xy, noise_px * ones, ones, np.zeros(1, dtype=np.int64))


def triangulation(cameras: int, peers: dict[str, Path], device: str | None) -> tuple[float, float]:
    """Speed and error of ours and of the peers; returns our points per s of wall and of user time."""
    rig, truth, tracks = observed(cameras, FRAMES, OUTLIERS, NOISE_PX)
    points = truth.size // 3
    found, wall, user = timed(lambda: triangulate(tracks, rig))
    error = 1000 * np.linalg.norm(found.xyz - truth, axis=-1)
    print(
        f"\n{cameras} cameras, {points} points, {100 * OUTLIERS:.0f} % outlier views, {NOISE_PX:g} px noise\n"
        f"  ours: {points / wall:,.0f} points/s wall, {points / user:,.0f} a core; median error "
        f"{np.nanmedian(error):.2f} mm, 99 % {np.nanpercentile(error, 99):.1f} mm, "
        f"{100 * np.isnan(error).mean():.2f} % missing"
    )
    if device is not None:
        prepared = Triangulator.of(rig, device=device)
        on_card, card, _ = timed(lambda: prepared.points(tracks))
        apart = np.nanmax(np.abs(on_card.xyz - found.xyz))
        print(f"  ours on {device}: {points / card:,.0f} points/s, at most {apart:.1e} m from numpy's")
    for name, python in peers.items():
        beside(name, python, rig, tracks, truth, error, points / wall, points / user)
    return points / wall, points / user


def beside(
    name: str,
    python: Path,
    rig: CameraRig,
    tracks: Tracks2D,
    truth: FloatArray,
    ours: FloatArray,
    wall_rate: float,
    user_rate: float,
) -> None:
    """Run a peer on the first points and print its speed and error beside ours on the same points."""
    cameras = len(rig.names)
    count = PEER_POINTS.get((name, cameras))
    if count is None:
        print(f"  {name}: not run with {cameras} cameras")
        return
    inner = [camera.intrinsics for camera in rig.cameras]
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in.npz", Path(scratch) / "out.npz"
        np.savez(
            source,
            pixels=np.moveaxis(tracks.xy[:, :, 0], 1, 0).reshape(cameras, -1, 2)[:, :count],
            K=np.stack([lens.K for lens in inner]),
            dist=np.stack([lens.dist for lens in inner]),
            pose=rig.cam_from_world,
            size=np.array([lens.size_wh for lens in inner]),
        )
        script = Path(__file__).parent / "peers" / "triangulation.py"
        try:
            subprocess.run(
                [python, script, name, source, target], check=True, timeout=PEER_TIMEOUT_S, capture_output=True
            )
        except subprocess.TimeoutExpired:
            print(f"  {name}: {count} points not done in {PEER_TIMEOUT_S} s")
            return
        except subprocess.CalledProcessError as error:
            sys.exit(f"{name} failed:\n{error.stderr.decode()[-2000:]}")
        with np.load(target) as result:
            xyz, rate, core_rate = result["xyz"], count / float(result["seconds"]), count / float(result["user"])
    theirs = 1000 * np.linalg.norm(xyz - truth.reshape(-1, 3)[:count], axis=-1)
    print(
        f"  {name}: {rate:,.0f} points/s wall, {core_rate:,.0f} a core, so ours is {wall_rate / rate:,.0f} times "
        f"as fast, {user_rate / core_rate:,.0f} times a core; median error {np.nanmedian(theirs):.2f} mm, ours of "
        f"these {np.nanmedian(ours.reshape(-1)[:count]):.2f} mm"
    )


def live() -> None:
    """One instant of one person, as in live use."""
    rig, _, tracks = observed(4, 1, 0.0, NOISE_PX, keypoints=33)
    prepared, noise = Triangulator.of(rig), Noise()
    _, wall, user = timed(lambda: [prepared.points(tracks, noise) for _ in range(100)])
    print(f"\none instant, 4 cameras, 33 keypoints: {10 * wall:.2f} ms wall, {10 * user:.2f} ms user")


def stated_sigma(noise_px: float) -> None:
    """Squared error over the stated covariance; 1 if the stated sigma is honest. The detector states none."""
    rig, truth, tracks = observed(4, 800, 0.0, noise_px)
    tracks = replace(tracks, sigma_px=np.full_like(tracks.score, np.nan))
    found = triangulate(tracks, rig)
    error = found.xyz - truth
    square = np.einsum("...i,...ij,...j->...", error, np.linalg.inv(found.cov), error) / 3.0
    print(f"noise of {noise_px:g} px, none stated: normalised error squared {np.nanmean(square):.3f}")


def crowd(seed: int) -> None:
    """Four people crossing for a minute: association and triangulation together."""
    poses, rig, sync, truth, _ = make_crowd(seed)

    def work() -> tuple[Tracks2D, FloatArray]:
        tracks = associate(poses, rig, sync)
        return tracks, triangulate(tracks, rig).xyz

    (tracks, xyz), wall, user = timed(work, repeat=1)
    names = poses.skeleton.keypoints
    score = evaluate(Recording(names, sync.t_s, xyz), Recording(names, sync.t_s, truth))
    assert score.parts is not None
    actors = ", ".join(f"{100 * share:.2f}" for share in score.parts.per_actor.tolist())
    frames = truth.shape[0]
    print(
        f"\ncrowd {seed}: {tracks.person_ids.size} people found, {frames / wall:.0f} frames/s wall, "
        f"{frames / user:.0f} user\n  PCP {100 * score.parts.mean:.2f} % ({actors}), strict "
        f"{100 * score.parts.strict:.2f} %; "
        f"{score.identities.switches} switches, MOTA {100 * score.identities.mota:.2f} %, IDF1 "
        f"{100 * score.identities.idf1:.2f} %; MPJPE of found {1000 * score.mpjpe.found_m:.1f} mm, "
        f"{100 * score.mpjpe.missing_share:.2f} % joints missing"
    )


if __name__ == "__main__":
    main()
