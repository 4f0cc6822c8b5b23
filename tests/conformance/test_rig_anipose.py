"""Anipose itself reads the rigs that are written here, and sees the same."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import Camera, CameraRig, Intrinsics
from calibration.errors import MissingExtraError
from calibration.formats import load_rig, save_rig
from calibration.formats.anipose import from_camera_group, to_camera_group
from calibration.transforms import from_rvec_tvec
from tests.conftest import ring_rig

K = np.array([[700.5, 0.0, 321.25], [0.0, 699.5, 238.75], [0.0, 0.0, 1.0]])
WIDE = Intrinsics((640, 480), K, np.array([0.05, -0.01, 0.002, -0.0005]), "fisheye")
RATIONAL = Intrinsics((640, 480), K, np.array([0.1, -0.05, 1e-3, 2e-3, 0.01, 0.12, -0.03, 0.004]))

RIG = CameraRig(
    (
        *ring_rig(10).cameras,
        Camera("wide", WIDE, from_rvec_tvec([1.4, 0.2, 0.3], [0.0, 0.1, 4.0])),
        Camera("rational", RATIONAL, from_rvec_tvec([1.5, -0.2, -0.3], [0.3, 0.1, 3.0])),
    ),
    {"world": "z up"},
)
POINTS = np.random.default_rng(1).uniform(-0.6, 0.6, (50, 3))


@pytest.fixture(scope="module")
def aniposelib() -> Any:
    return pytest.importorskip("aniposelib.cameras", reason="aniposelib is not installed: openmocap[anipose]")


def test_anipose_projects_as_the_rig_does(tmp_path: Path, aniposelib: Any) -> None:
    path = tmp_path / "calibration.toml"
    save_rig(RIG, path, "anipose")
    group = aniposelib.CameraGroup.load(str(path))
    assert tuple(group.get_names()) == RIG.names
    assert group.metadata["unit"] == "m"
    ours, valid = RIG.project(POINTS)
    assert valid.all()
    np.testing.assert_allclose(group.project(POINTS), ours, rtol=0, atol=1e-6)


def test_what_anipose_writes_is_read_back(tmp_path: Path, aniposelib: Any) -> None:
    """Ten cameras, since Anipose's own keys then sort as the cameras stand."""
    rig = RIG.select((*RIG.names[:8], "wide", "rational"))
    first, second = tmp_path / "first.toml", tmp_path / "calibration.toml"
    save_rig(rig, first, "anipose")
    aniposelib.CameraGroup.load(str(first)).dump(str(second))
    found = load_rig(second)
    assert found.names == rig.names
    np.testing.assert_allclose(found.project(POINTS)[0], rig.project(POINTS)[0], rtol=0, atol=1e-6)


def test_freemocap_files_load_in_anipose_in_millimetres(tmp_path: Path, aniposelib: Any) -> None:
    path = tmp_path / "walk_camera_calibration.toml"
    save_rig(RIG, path, "freemocap")
    group = aniposelib.CameraGroup.load(str(path))
    np.testing.assert_allclose(group.project(POINTS * 1000.0), RIG.project(POINTS)[0], rtol=0, atol=1e-6)


@pytest.mark.usefixtures("aniposelib")
def test_groups_and_rigs_are_the_same() -> None:
    group = to_camera_group(RIG)
    np.testing.assert_allclose(group.project(POINTS), RIG.project(POINTS)[0], rtol=0, atol=1e-6)
    found = from_camera_group(group)
    assert found.names == RIG.names
    assert found.notes["world"] == "z up"
    np.testing.assert_allclose(found.cam_from_world, RIG.cam_from_world, rtol=0, atol=1e-12)
    group.metadata = {"unit": "mm"}
    np.testing.assert_allclose(from_camera_group(group).cameras[3].centre, RIG.cameras[3].centre / 1000.0)


def test_a_missing_aniposelib_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aniposelib", None)
    with pytest.raises(MissingExtraError, match=r"'aniposelib'.*openmocap\[anipose\]"):
        to_camera_group(RIG)
