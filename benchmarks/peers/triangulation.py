"""Triangulation by other programs, run by the Python of an environment that has them.

    python benchmarks/peers/triangulation.py pose2sim|aniposelib IN.npz OUT.npz

IN holds ``pixels`` (C, M, 2), ``K`` (C, 3, 3), ``dist`` (C, 5), ``pose`` (C, 4, 4), ``size`` (C, 2). OUT gets
``xyz`` (M, 3), ``seconds`` of wall and ``user`` time. Neither program is given more work than it needs: Pose2Sim
gets undistorted pixels, so that it need not project through the lens.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np


def pose2sim(given: dict[str, Any]) -> Callable[[], np.ndarray]:
    """Its function for one point, with its exclusion of cameras, as its configuration ships."""
    from Pose2Sim.triangulation import triangulation_from_best_cameras

    pixels = np.stack([
        cv2.undistortPoints(xy[:, None], k, d, P=k)[:, 0]
        for xy, k, d in zip(given["pixels"], given["K"], given["dist"], strict=True)
    ])  # fmt: skip
    matrices = list(given["K"] @ given["pose"][:, :3])
    sure = np.ones(pixels.shape[0])
    config = {"triangulation": {"reproj_error_threshold_triangulation": 15, "min_cameras_for_triangulation": 2}}
    none = {name: [] for name in ("K", "dist", "R", "T")}

    def work() -> np.ndarray:
        found = np.full((pixels.shape[1], 3), np.nan)
        for m in range(pixels.shape[1]):
            seen = (pixels[:, m, 0].copy(), pixels[:, m, 1].copy(), sure.copy())
            found[m] = np.asarray(triangulation_from_best_cameras(config, seen, seen, matrices, none)[0])[:3]
        return found

    return work


def aniposelib(given: dict[str, Any]) -> Callable[[], np.ndarray]:
    """Its ``triangulate_ransac``; compiled parts are warmed up first."""
    from aniposelib.cameras import Camera, CameraGroup

    cameras = [
        Camera(
            matrix=k, dist=d, rvec=cv2.Rodrigues(pose[:3, :3])[0].ravel(), tvec=pose[:3, 3], name=str(n), size=s
        )
        for n, (k, d, pose, s) in enumerate(
            zip(given["K"], given["dist"], given["pose"], given["size"].tolist(), strict=True)
        )
    ]
    group = CameraGroup(cameras)
    group.triangulate_ransac(given["pixels"][:, :3].copy(), min_cams=2)

    def work() -> np.ndarray:
        found = group.triangulate_ransac(given["pixels"].copy(), min_cams=2)
        return np.asarray(found[0] if isinstance(found, tuple) else found)

    return work


if __name__ == "__main__":
    peer, source, target = sys.argv[1:]
    with np.load(source) as arrays:
        work = {"pose2sim": pose2sim, "aniposelib": aniposelib}[peer](dict(arrays))
    wall, user = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    xyz = work()
    wall, user = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF).ru_utime - user
    np.savez(target, xyz=xyz, seconds=wall, user=user)
