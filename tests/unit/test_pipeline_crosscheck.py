"""The second opinion of aniposelib: what it is given, what it gives back, and what happens where it cannot."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from calibration.bundle import adjust
from calibration.bundle.synthetic import Recording, Scene, disturb, record
from calibration.errors import MissingExtraError
from mocap.core.errors import CalibrationError
from mocap.pipeline.calibration import crosscheck
from mocap.pipeline.calibration.crosscheck import LEAST_CORNERS, cross_check_with_aniposelib, solve_with_aniposelib


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(Scene(cameras=3, instants=30, noise_px=0.2, closeups=4), seed=1)


class FakeGroup:
    """Stands for aniposelib's CameraGroup: looks at what it is given, and does what the test wants."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails, self.rows, self.metadata = fails, [], {}

    def calibrate_rows(self, rows: list, board: object, verbose: bool) -> float:
        print("CameraGroup prints what it likes")
        if self.fails is not None:
            raise self.fails
        self.rows, self.board = rows, board
        return 0.0


def test_without_aniposelib_the_remedy_is_named(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aniposelib", None)
    with pytest.raises(MissingExtraError) as error:
        solve_with_aniposelib(recording.sightings)
    assert "pip install 'openmocap[anipose]'" in error.value.remedy


def test_aniposelib_gets_our_corners(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = FakeGroup()
    blank = []
    monkeypatch.setattr(crosscheck, "to_camera_group", lambda rig: blank.append(rig) or group)
    monkeypatch.setattr(crosscheck, "from_camera_group", lambda _: recording.rig)
    rig, seconds = solve_with_aniposelib(recording.sightings)
    assert rig.names == recording.rig.names
    assert seconds >= 0
    assert capsys.readouterr().out == ""  # stdout may carry JSON
    assert blank[0].cameras[0].intrinsics.size_wh == recording.rig.cameras[0].intrinsics.size_wh
    for c, rows in enumerate(group.rows):
        counts = recording.sightings.corners_seen[:, c]
        assert [row["framenum"] for row in rows] == np.flatnonzero(counts >= LEAST_CORNERS).tolist()
        for row in rows:
            xy = recording.sightings.xy[row["framenum"], c]
            np.testing.assert_array_equal(row["filled"][:, 0], xy)
            np.testing.assert_array_equal(row["corners"][:, 0], xy[row["ids"]])
            assert np.isfinite(row["corners"]).all()


def test_giving_up_is_explained(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    group = FakeGroup(ValueError("Could not build calibration graph.\nSome group of cameras"))
    monkeypatch.setattr(crosscheck, "to_camera_group", lambda _: group)
    with pytest.raises(CalibrationError, match=r"gave up .*Could not build calibration graph\. Some group"):
        solve_with_aniposelib(recording.sightings)


def test_what_it_cannot_do_is_refused(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosscheck, "to_camera_group", lambda _: FakeGroup())
    sightings = recording.sightings
    raised = replace(sightings, points=sightings.points + np.array([0.0, 0.0, 0.05]))
    with pytest.raises(CalibrationError, match="flat"):
        solve_with_aniposelib(raised)
    xy = sightings.xy.copy()
    xy[:, 1, LEAST_CORNERS - 1 :] = np.nan
    with pytest.raises(CalibrationError, match=sightings.cameras[1]):
        solve_with_aniposelib(replace(sightings, xy=xy))


def test_the_comparison_is_on_the_same_pictures(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the truth in aniposelib's place, what it says of the difference is known."""
    heldout = np.arange(len(recording.sightings.xy)) % 4 == 0
    start, poses = disturb(recording, 0)
    result = adjust(recording.sightings.at(~heldout), start, poses[~heldout])
    given = []

    def solve(sightings: object) -> tuple:
        given.append(sightings)
        return recording.rig, 12.5

    monkeypatch.setattr(crosscheck, "solve_with_aniposelib", solve)
    check = cross_check_with_aniposelib(result, recording.sightings, heldout, result.rig)
    assert len(given[0].xy) == np.count_nonzero(~heldout)
    assert check.engine == "aniposelib"
    assert check.seconds == 12.5
    assert check.rmse_px == pytest.approx(0.2 * np.sqrt(2), rel=0.15)
    assert [camera.focal_px for camera in check.cameras] == recording.rig.focals_px.tolist()
    assert [camera.own_focal_px for camera in check.cameras] == result.rig.focals_px.tolist()


def test_the_real_one_agrees_with_ours(recording: Recording) -> None:
    pytest.importorskip("aniposelib", reason="aniposelib is not installed: openmocap[anipose]")
    rig, _ = solve_with_aniposelib(recording.sightings)
    # It knows k1 only and keeps the principal point in the middle, so it can only come near.
    np.testing.assert_allclose(rig.focals_px, recording.rig.focals_px, rtol=0.05)
