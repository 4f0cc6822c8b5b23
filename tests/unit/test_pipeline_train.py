"""Labels come from the other views only, at the time of each picture; too few views are refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calibration import CameraRig
from mocap.core.errors import InputError
from mocap.core.types import FloatArray, SyncTable, Tracks2D
from mocap.pipeline.edits.files import write_edits
from mocap.pipeline.edits.kinds import MaskCamera, MovePoint
from mocap.pipeline.train import _corrected, _from_views, _held_out, _thinned
from mocap.presets import load_skeleton
from mocap.triangulate import TriangulationSettings

SKELETON = load_skeleton("blazepose33")
INSTANTS = 12


def recording(rig: CameraRig, lag_s: float = 0.0) -> tuple[Any, FloatArray]:
    """Somebody who drifts through the room, of whom the last view sees nonsense; and the true pixels."""
    rng = np.random.default_rng(0)
    t_s = np.arange(INSTANTS) / 30.0
    still = rng.uniform([-0.4, -0.4, 0.2], [0.4, 0.4, 1.7], (33, 3))
    velocity = np.array([0.9, 0.3, 0.0])
    at = still + (t_s[:, None, None] * velocity)
    pixels, _ = rig.project(at)
    late, _ = rig.project(at + lag_s * velocity)
    pixels[-1] = late[-1]
    xy = np.moveaxis(pixels, 0, 1)[:, :, None].copy()
    xy[:, -1] += rng.normal(scale=60.0, size=xy[:, -1].shape)
    ones = np.ones(xy.shape[:-1])
    tracks = Tracks2D(rig.names, SKELETON, xy, 2.0 * ones, 0.9 * ones, np.arange(1))
    frames = np.repeat(np.arange(INSTANTS)[:, None], len(rig.names), axis=1)
    sync = SyncTable.of_one_clock(rig.names, t_s, frames)
    sync.lag_s[:, -1] = lag_s
    seen = SimpleNamespace(tracks=tracks, rig=rig, settings=TriangulationSettings())
    return SimpleNamespace(seen=seen, sync=sync), pixels


@pytest.mark.parametrize("lag_s", [0.0, 0.012])
def test_the_view_held_out_has_no_part_in_its_labels(rig: CameraRig, lag_s: float) -> None:
    made, pixels = recording(rig, lag_s)
    labels = _from_views(made, rig.names[-1])
    assert set(labels) == set(rig.names)
    for one in labels[rig.names[-1]]:
        np.testing.assert_allclose(one.xy, pixels[-1, one.instant], atol=0.05)
        assert (one.weight > 0.3).all()
    assert len(labels[rig.names[-1]]) == INSTANTS


def test_a_correction_goes_to_the_person_in_that_picture(rig: CameraRig, tmp_path: Path) -> None:
    made, pixels = recording(rig)
    file = tmp_path / "fixed.csv"
    x, y = pixels[0, 3, 25] + [2.0, -1.0]
    file.write_text(f"camera,frame,point,x,y\n{rig.names[0]},3,left_knee,{x},{y}\n", encoding="utf-8")
    (one,) = _corrected(made, file)[rig.names[0]]
    np.testing.assert_allclose(one.xy[25], [x, y])
    assert one.weight.sum() == one.weight[25] == 1.0
    assert one.instant == one.frame == 3
    np.testing.assert_allclose(one.around, pixels[0, 3], atol=1e-9)
    file.write_text("camera,frame,point,x,y\ncam_9,3,left_knee,1,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="Line 2"):
        _corrected(made, file)


def test_corrections_made_in_the_app_are_labels_too(rig: CameraRig, tmp_path: Path) -> None:
    made, pixels = recording(rig)
    x, y = (pixels[0, 3, 25] + [2.0, -1.0]).tolist()
    edits = (
        MovePoint(camera=rig.names[0], instant=3, person=0, keypoint="left_knee", x=x, y=y, sigma_px=2.0),
        MaskCamera(camera=rig.names[1], first=0, last=2),
    )
    file, count = tmp_path / "run.json", len(made.sync.t_s)
    write_edits(file, edits, count)
    people = _corrected(made, file)
    (one,) = people[rig.names[0]]
    np.testing.assert_allclose(one.xy[25], [x, y])
    assert (one.instant, one.frame) == (3, 3)
    assert not people[rig.names[1]]
    write_edits(file, edits, count + 1)
    with pytest.raises(InputError, match="instants"):
        _corrected(made, file)


def test_too_few_views_and_unknown_ones_are_refused() -> None:
    assert _held_out(("a", "b", "c", "d"), None, Path("x")) == "d"
    with pytest.raises(InputError, match="3 cameras"):
        _held_out(("a", "b", "c"), None, Path("x"))
    with pytest.raises(InputError, match="no camera 'e'"):
        _held_out(("a", "b", "c", "d"), "e", Path("x"))


def test_pictures_are_spread_evenly() -> None:
    assert _thinned(range(10), 3) == [0, 4, 9]  # type: ignore[arg-type]
    assert _thinned(range(2), 3) == [0, 1]  # type: ignore[arg-type]
