"""What tests share: where the real recordings lie, and a rig to look through."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from calibration.transforms import from_rotation

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real recordings; skips where they are absent."""
    folder = Path(os.environ.get("MOCAP_SHARED_DATA", CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the real recordings are not on this machine (set MOCAP_SHARED_DATA)")
    return folder


def ring_rig(count: int = 4, radius_m: float = 4.0, height_m: float = 1.6, focal_px: float = 700.0) -> CameraRig:
    """Cameras on a ring, all looking at a point 1 m above the origin; world z up."""
    cameras = []
    for i in range(count):
        angle = 2 * np.pi * (i + 0.3) / count
        centre = np.array([radius_m * np.cos(angle), radius_m * np.sin(angle), height_m])
        forward = np.array([0.0, 0.0, 1.0]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        K = np.array([[focal_px, 0, 319.5], [0, focal_px, 239.5], [0, 0, 1.0]])
        dist = np.array([-0.12, 0.05, 0.0005, -0.0003, 0.0])
        cameras.append(
            Camera(f"cam_{i + 1}", Intrinsics((640, 480), K, dist), from_rotation(rotation, -rotation @ centre))
        )
    return CameraRig(tuple(cameras))


@pytest.fixture
def rig() -> CameraRig:
    """Four cameras on a ring of 4 m."""
    return ring_rig()
