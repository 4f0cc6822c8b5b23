"""Lenses and rig of a real recording by four webcams, against another program's calibration of it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from calibration import CameraRig
from calibration.extrinsics import RigGuess, first_rig
from calibration.extrinsics.average import differences
from calibration.formats import load_rig
from calibration.intrinsics import CameraIntrinsics, calibrate_intrinsics
from calibration.sightings import Sightings
from calibration.transforms import invert

CAMERAS = 4


def recorded(path: Path) -> Sightings:
    """Corners that Caliscope found and kept in its table."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    number = {key: np.array([int(row[key]) for row in rows]) for key in ("sync_index", "cam_id", "keypoint_id")}
    instants, t = np.unique(number["sync_index"], return_inverse=True)
    count = number["keypoint_id"].max() + 1
    points = np.zeros((count, 3))
    xy = np.full((len(instants), CAMERAS, count, 2), np.nan)
    t_s = np.full((len(instants), CAMERAS), np.nan)
    for i, row in enumerate(rows):
        c, k = number["cam_id"][i], number["keypoint_id"][i]
        xy[t[i], c, k] = float(row["img_loc_x"]), float(row["img_loc_y"])
        points[k, :2] = float(row["obj_loc_x"]), float(row["obj_loc_y"])
        t_s[t[i], c] = float(row["frame_time"])
    index = np.where(np.isfinite(t_s), instants[:, None], -1)
    names = tuple(f"cam_{c}" for c in range(CAMERAS))
    return Sightings(names, np.full((CAMERAS, 2), (1280, 720)), points, xy, t_s, index)


@pytest.fixture(scope="module")
def solved(shared_data: Path) -> tuple[Sightings, tuple[CameraIntrinsics, ...], RigGuess, CameraRig]:
    folder = shared_data / "caliscope" / "4_cam_recording"
    sightings = recorded(folder / "calibration" / "extrinsic" / "xy.csv")
    lenses = calibrate_intrinsics(sightings)
    guess = first_rig(sightings, [lens.intrinsics for lens in lenses])
    return sightings, lenses, guess, load_rig(folder / "camera_array.toml")


def test_lenses(solved) -> None:
    _, lenses, _, theirs = solved
    for lens, known in zip(lenses, theirs.cameras, strict=True):
        # Theirs come from other pictures of the same cameras, focused by hand or not.
        assert lens.intrinsics.focal_px == pytest.approx(known.intrinsics.focal_px, rel=0.07)
        apart = abs(lens.intrinsics.focal_px - known.intrinsics.focal_px)
        # Theirs is uncertain as well.
        assert apart < 4.0 * lens.sigma["f"]
        # The table's corners have more noise than ours (0.1 px), up to 0.4 px.
        assert lens.heldout_px < 0.6
        assert any("of its picture" in text for text in lens.warnings)


def test_rig(solved) -> None:
    sightings, _, guess, theirs = solved
    assert guess.rig.names == sightings.cameras
    assert guess.error_px.max() < 1.5
    assert all(pair.agreeing > 0.75 * pair.voting for pair in guess.pairs)
    known = theirs.cam_from_world
    for camera, pose in zip(guess.rig.cameras, known @ invert(known[0]), strict=True):
        turn, shift = differences(camera.cam_from_world, pose)
        assert np.rad2deg(turn) < 5.0
        assert shift < 0.1
