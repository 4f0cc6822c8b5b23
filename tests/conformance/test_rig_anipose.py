"""Anipose itself reads the rigs that are written here, and sees the same."""

from pathlib import Path

import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from calibration.formats import load_rig, save_rig
from calibration.transforms import from_rvec_tvec
from tests.conftest import ring_rig

cameras = pytest.importorskip("aniposelib.cameras", reason="aniposelib is not installed: openmocap[anipose]")

K = np.array([[700.5, 0.0, 321.25], [0.0, 699.5, 238.75], [0.0, 0.0, 1.0]])
WIDE = Intrinsics((640, 480), K, np.array([0.05, -0.01, 0.002, -0.0005]), "fisheye")
RATIONAL = Intrinsics((640, 480), K, np.array([0.1, -0.05, 1e-3, 2e-3, 0.01, 0.12, -0.03, 0.004]))

RIG = CameraRig(
    (
        *ring_rig(3).cameras,
        Camera("wide", WIDE, from_rvec_tvec([1.4, 0.2, 0.3], [0.0, 0.1, 4.0])),
        Camera("rational", RATIONAL, from_rvec_tvec([1.5, -0.2, -0.3], [0.3, 0.1, 3.0])),
    ),
    {"world": "z up"},
)


def test_anipose_projects_as_the_rig_does(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    save_rig(RIG, path, "anipose")
    group = cameras.CameraGroup.load(str(path))
    assert tuple(group.get_names()) == RIG.names
    assert group.metadata["unit"] == "m"
    points = np.random.default_rng(1).uniform(-0.6, 0.6, (50, 3))
    ours, valid = RIG.project(points)
    assert valid.all()
    np.testing.assert_allclose(group.project(points), ours, rtol=0, atol=1e-6)


def test_what_anipose_writes_is_read_back(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "calibration.toml"
    save_rig(RIG, first, "anipose")
    cameras.CameraGroup.load(str(first)).dump(str(second))
    found = load_rig(second)
    assert found.names == RIG.names
    points = np.random.default_rng(1).uniform(-0.6, 0.6, (50, 3))
    np.testing.assert_allclose(found.project(points)[0], RIG.project(points)[0], rtol=0, atol=1e-6)
