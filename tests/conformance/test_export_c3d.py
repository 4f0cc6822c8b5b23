"""C3D as ezc3d and c3d read it back."""

import warnings
from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest

import mocap.export.c3d as ours
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, JointAngles, Motion, Points3D, Take
from mocap.export import export
from tests.factories import make_take, with_gap

c3d = pytest.importorskip("c3d", reason="the c3d package is not installed (pip install 'openmocap[dev]')")


@pytest.fixture
def take() -> Take:
    made = make_take(50, rate_hz=59.94)
    points = with_gap(made.points, "left_foot_index", slice(10, 15))
    angles = replace(made.angles, value=made.angles.value.copy())
    angles.value[3:6, 0, 0] = np.nan
    return replace(made, points=with_gap(points, "nose", slice(0, 2)), angles=angles)


def expected(take: Take) -> FloatArray:
    """Points in mm and angles in degrees as the file should hold them (T, P, 3)."""
    angle = np.degrees(take.angles.value[:, 0])
    zero = np.where(np.isnan(angle), np.nan, 0.0)
    return np.concatenate([1000 * take.points.xyz[:, 0], np.stack([angle, zero, zero], axis=-1)], axis=1)


def written(take: Take, folder: Path) -> Path:
    (path,) = export(take, ("c3d",), folder)["c3d"].files
    return path


def read_by_c3d(path: Path) -> tuple["c3d.Reader", FloatArray]:
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No analog data")
        reader = c3d.Reader(file)
        return reader, np.array([points for _, points, _ in reader.read_frames()])


def test_ezc3d_reads_points_gaps_and_angles(take: Take, tmp_path: Path) -> None:
    file = ezc3d.c3d(str(written(take, tmp_path)))
    values = file["data"]["points"][:3].transpose(2, 1, 0)
    want = expected(take)
    assert np.array_equal(np.isnan(values), np.isnan(want))
    assert np.nanmax(np.abs(values - want)) < 0.01
    residual = file["data"]["meta_points"]["residuals"][0].T
    assert np.array_equal(residual, np.where(np.isnan(want[..., 0]), -1.0, 0.0))
    point = file["parameters"]["POINT"]
    assert point["LABELS"]["value"] == [*take.points.skeleton.keypoints, *take.angles.names]
    assert point["ANGLES"]["value"] == list(take.angles.names)
    assert point["UNITS"]["value"] == ["mm"]
    assert point["ANGLE_UNITS"]["value"] == ["deg"]
    assert (point["X_SCREEN"]["value"], point["Y_SCREEN"]["value"]) == (["+X"], ["+Z"])
    assert point["RATE"]["value"][0] == pytest.approx(59.94, rel=1e-6)
    assert file["header"]["points"]["frame_rate"] == pytest.approx(59.94, rel=1e-6)
    trial = file["parameters"]["TRIAL"]
    assert {trial[name]["type"] for name in ("ACTUAL_START_FIELD", "ACTUAL_END_FIELD")} == {ours.INTEGER}
    assert trial["ACTUAL_END_FIELD"]["value"].tolist() == [50, 0]


def test_c3d_reads_points_gaps_and_rate(take: Take, tmp_path: Path) -> None:
    reader, points = read_by_c3d(written(take, tmp_path))
    want = expected(take)
    missing = np.isnan(want[..., 0])
    assert np.array_equal(points[..., 3] < 0, missing)
    assert (points[~missing][:, 3:] == 0).all()  # computed points, no camera named
    assert np.abs(points[..., :3] - want)[~missing].max() < 0.01
    assert reader.point_rate == pytest.approx(59.94, rel=1e-6)
    assert (reader.first_frame, reader.last_frame) == (1, 50)
    assert [label.strip() for label in reader.point_labels] == [
        *take.points.skeleton.keypoints,
        *take.angles.names,
    ]


def test_a_take_longer_than_the_format_counts_is_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "MAX_FRAMES", 40)
    take = make_take(100)
    result = export(take, ("c3d",), tmp_path)["c3d"]
    assert [path.name for path in result.files] == [f"walk.part{n}.c3d" for n in (1, 2, 3)]
    assert any("3 files" in sentence for sentence in result.dropped)
    values = np.concatenate([read_by_c3d(path)[1] for path in result.files])
    assert np.abs(values[..., :3] - expected(take)).max() < 0.01


def test_frame_numbers_beyond_the_sign_bit_survive(tmp_path: Path) -> None:
    count = 33_000
    take = make_take(100)
    again = np.arange(count) % 100
    nose = Skeleton("nose", ("nose",), (), (), (), (), ())
    points = Points3D(
        nose,
        *(getattr(take.points, name)[again][:, :, :1] for name in ("xyz", "cov", "n_views")),
        *(getattr(take.points, name)[again][..., :1] for name in ("reproj_px", "used")),
    )
    angles = JointAngles((), np.empty((count, 1, 0)), np.empty((count, 1, 0)))
    posed, bones = take.motion, (take.motion.bone_length, take.motion.bone_length_sigma)
    motion = Motion(posed.skeleton, posed.root_xyz[again], posed.rotation[again], *bones)
    take = replace(take, t_s=np.arange(count) / 60.0, points=points, angles=angles, motion=motion)
    file = ezc3d.c3d(str(written(take, tmp_path)))
    assert file["data"]["points"].shape[2] == count
    end = file["parameters"]["TRIAL"]["ACTUAL_END_FIELD"]["value"].astype(np.int64) % ours.WORD
    assert end.tolist() == [count, 0]
