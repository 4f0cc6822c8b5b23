"""C3D as ezc3d and c3d read it back."""

import warnings
from dataclasses import replace
from pathlib import Path

import ezc3d
import numpy as np
import pytest

import mocap.export.c3d as ours
from mocap.core.body import segments, to_matrix
from mocap.core.measures import Event, Findings
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, JointAngles, MassCentre, Motion, Points3D, Take
from mocap.export import export
from mocap.kinematics.mass import mass_centre
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
        # It does not know matrices, which lie behind the points; it says so and reads the points.
        warnings.filterwarnings("ignore", message="incomplete reading of data blocks")
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


EVENTS = (
    Event("foot_strike", "left", 7.25, 0.01),
    Event("foot_off", "right", 7.4, float("nan"), doubtful=True),
    Event("ball_thrown", None, 8.0),
    Event("foot_strike", "right", 67.5),
)


def with_events(take: Take, events: tuple[Event, ...]) -> Take:
    return replace(take, findings=(Findings(events),))


def test_events_have_sides_kinds_and_times_from_the_first_frame(tmp_path: Path) -> None:
    take = with_events(make_take(3000, rate_hz=50.0, start_s=7.0), EVENTS)
    event = ezc3d.c3d(str(written(take, tmp_path)))["parameters"]["EVENT"]
    assert event["USED"]["value"].tolist() == [4]
    assert event["CONTEXTS"]["value"] == ["Left", "Right", "General", "Right"]
    assert event["LABELS"]["value"] == ["Foot Strike", "Foot Off", "Ball Thrown", "Foot Strike"]
    assert event["ICON_IDS"]["value"].tolist() == [1, 2, 0, 1]
    assert event["DESCRIPTIONS"]["value"] == ["", "doubtful", "", ""]
    assert event["SUBJECTS"]["value"] == ["person_1"] * 4
    assert {event[name]["type"] for name in ("USED", "ICON_IDS", "GENERIC_FLAGS")} == {ours.INTEGER}
    minutes, seconds = event["TIMES"]["value"]
    assert minutes.tolist() == [0, 0, 0, 1]  # one minute and half a second after the first frame
    np.testing.assert_allclose(seconds, [0.25, 0.4, 1.0, 0.5], atol=1e-6)


def test_c3d_reads_the_events_too(tmp_path: Path) -> None:
    reader, _ = read_by_c3d(written(with_events(make_take(3000, 50.0, start_s=7.0), EVENTS), tmp_path))
    assert [label.strip() for label in reader.get("EVENT").get("LABELS").string_array] == [
        "Foot Strike", "Foot Off", "Ball Thrown", "Foot Strike",
    ]  # fmt: skip
    times = reader.get("EVENT").get("TIMES").float_array
    np.testing.assert_allclose(times @ [60.0, 1.0], [0.25, 0.4, 1.0, 60.5], atol=1e-5)


def test_each_part_of_a_split_take_has_its_own_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "MAX_FRAMES", 40)
    events = tuple(Event("foot_strike", "left", t) for t in (0.1, 39.5 / 60, 40 / 60, 1.5))
    result = export(with_events(make_take(100), events), ("c3d",), tmp_path)["c3d"]
    found = [ezc3d.c3d(str(path))["parameters"]["EVENT"]["TIMES"]["value"][1] for path in result.files]
    np.testing.assert_allclose(found[0], [0.1, 39.5 / 60], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.0], atol=1e-6)
    np.testing.assert_allclose(found[2], [10 / 60], atol=1e-6)


def test_more_events_than_the_format_holds_are_told_of(tmp_path: Path) -> None:
    events = tuple(Event("foot_strike", "left", 0.003 * n) for n in range(300))
    result = export(with_events(make_take(60), events), ("c3d",), tmp_path)["c3d"]
    assert any(sentence.startswith("45 events") for sentence in result.dropped)
    event = ezc3d.c3d(str(result.files[0]))["parameters"]["EVENT"]
    assert event["TIMES"]["value"].shape == (2, 255)


def test_segments_as_matrices_the_way_theia_writes_them(tmp_path: Path) -> None:
    take = make_take(50, gap=("left_wrist", slice(3, 6)))
    file = ezc3d.c3d(str(written(take, tmp_path)))
    group = file["parameters"]["ROTATION"]
    names = [joint.name for joint in take.motion.skeleton.joints]
    assert group["LABELS"]["value"] == [f"{name}_4X4" for name in names]
    assert (group["USED"]["value"].tolist(), group["RATIO"]["value"].tolist()) == ([len(names)], [1])
    assert group["RATE"]["value"][0] == pytest.approx(60.0)
    matrices = file["data"]["rotations"].transpose(3, 2, 0, 1)
    centres, world = segments(take.motion)
    known = np.isfinite(centres[:, 0]).all(axis=-1) & np.isfinite(world[:, 0]).all(axis=-1)
    assert np.array_equal(np.isfinite(matrices).all(axis=(-1, -2)), known)
    assert not known.all()
    np.testing.assert_allclose(matrices[known][:, :3, :3], to_matrix(world[:, 0])[known], atol=1e-6)
    np.testing.assert_allclose(matrices[known][:, :3, 3], 1000 * centres[:, 0][known], atol=0.01)
    assert (matrices[known][:, 3] == [0, 0, 0, 1]).all()


def test_theias_own_file_has_the_same_parameters(shared_data: Path, tmp_path: Path) -> None:
    theirs = ezc3d.c3d(str(shared_data / "c3d" / "C3DRotationExample.c3d"))["parameters"]
    mine = ezc3d.c3d(str(written(make_take(50), tmp_path)))["parameters"]
    for name, parameter in theirs["ROTATION"].items():
        if name != "__METADATA__":
            assert mine["ROTATION"][name]["type"] == parameter["type"], name
    assert mine["DATA_BLOCKS"]["ROTATION"]["value"] == theirs["DATA_BLOCKS"]["ROTATION"]["value"]


def test_the_centre_of_mass_is_a_point_of_its_own(tmp_path: Path) -> None:
    take = make_take(20)
    centre = mass_centre(take.motion)
    assert isinstance(centre, MassCentre)
    file = ezc3d.c3d(str(written(replace(take, mass_centre=centre), tmp_path)))
    at = file["parameters"]["POINT"]["LABELS"]["value"].index("CentreOfMass")
    np.testing.assert_allclose(file["data"]["points"][:3, at].T, 1000 * centre.xyz[:, 0], atol=0.01)
