"""BVH as bvhio plays it back."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.core.body import about, forward, multiply, to_matrix
from mocap.core.errors import ExportError, InputError
from mocap.core.euler import tait_bryan, unwrapped
from mocap.core.types import FloatArray, Take
from mocap.export import export
from mocap.export.bvh import NamePreset, load_name_preset
from mocap.presets import preset_names
from tests.factories import make_take

bvhio = pytest.importorskip("bvhio", reason="bvhio is not installed (pip install 'openmocap[dev]')")

TENTH_MM_IN_CM = 0.01


def played(path: Path, names: list[str], frames: int) -> FloatArray:
    """Joint positions in the world's axes (T, J, 3), cm."""
    root = bvhio.readAsHierarchy(str(path))
    layout = {joint.Name: joint for joint, _, _ in root.layout()}
    places = np.empty((frames, len(names), 3))
    for frame in range(frames):
        root.loadPose(frame, recursive=True)
        for j, name in enumerate(names):
            x, y, z = layout[name].PositionWorld
            places[frame, j] = x, -z, y
    return places


def joint_names(take: Take) -> list[str]:
    return [joint.name for joint in take.motion.skeleton.joints]


def test_every_joint_is_where_our_forward_kinematics_puts_it(tmp_path: Path) -> None:
    take = make_take(30, rate_hz=59.94)
    (path,) = export(take, ("bvh",), tmp_path)["bvh"].files
    places = played(path, joint_names(take), 30)
    assert np.linalg.norm(places - 100 * forward(take.motion)[:, 0], axis=-1).max() < TENTH_MM_IN_CM
    text = path.read_text()
    assert "Frame Time: 0.01668335\n" in text
    assert "Frames: 30\n" in text
    assert re.search(r"ROOT pelvis\n\{\n\tOFFSET 0\.0+ 0\.0+ 0\.0+\n", text)
    assert text.count("End Site") == 5


def test_a_gap_holds_the_last_pose_and_is_said(tmp_path: Path) -> None:
    whole = make_take(30)
    take = make_take(30, gap=("left_elbow", slice(10, 15)))
    result = export(take, ("bvh",), tmp_path)["bvh"]
    assert any("left_shoulder" in s and "11-15" in s and "last pose is held" in s for s in result.dropped)
    rows = [line.split() for line in result.files[0].read_text().split("MOTION\n")[1].split("\n")[2:-1]]
    assert all(len(row) == 3 + 3 * len(joint_names(take)) for row in rows)
    assert np.isfinite(np.array(rows, dtype=float)).all()
    assert not any("is held" in s for s in export(whole, ("bvh",), tmp_path)["bvh"].dropped)
    shoulder = played(result.files[0], ["left_shoulder", "left_elbow"], 30)
    truth = (
        100
        * forward(whole.motion)[:, 0][:, [joint_names(whole).index(n) for n in ("left_shoulder", "left_elbow")]]
    )
    assert np.abs(shoulder - truth)[[*range(10), *range(15, 30)]].max() < TENTH_MM_IN_CM


def test_a_missing_start_shows_the_first_pose_and_is_said(tmp_path: Path) -> None:
    take = make_take(30)
    rotation, root = take.motion.rotation.copy(), take.motion.root_xyz.copy()
    rotation[:8], root[:8] = np.nan, np.nan
    hidden = replace(take, motion=replace(take.motion, rotation=rotation, root_xyz=root))
    result = export(hidden, ("bvh",), tmp_path)["bvh"]
    assert any("body is missing in frames 1-8" in s and "first pose" in s for s in result.dropped)
    places = played(result.files[0], joint_names(take), 30)
    truth = 100 * forward(take.motion)[:, 0]
    assert np.abs(places[:8] - truth[8]).max() < TENTH_MM_IN_CM
    assert np.abs(places[8:] - truth[8:]).max() < TENTH_MM_IN_CM


def test_somebody_never_seen_gives_no_file_and_says_so(tmp_path: Path) -> None:
    take = make_take(5)
    nobody = replace(take.motion, rotation=np.full_like(take.motion.rotation, np.nan))
    result = export(replace(take, motion=nobody), ("bvh",), tmp_path)["bvh"]
    assert result.files == ()
    assert "Everything" in result.dropped[0]


def test_a_bone_never_seen_is_said(tmp_path: Path) -> None:
    take = make_take(5)
    length = take.motion.bone_length.copy()
    length[0, joint_names(take).index("left_toe")] = np.nan
    result = export(replace(take, motion=replace(take.motion, bone_length=length)), ("bvh",), tmp_path)["bvh"]
    assert any("left_toe" in sentence and "never seen" in sentence for sentence in result.dropped)
    assert "nan" not in result.files[0].read_text().lower()


ORDERS = ["ZXY", "XYZ", "YZX", "XZY", "ZYX", "YXZ"]


def axes_of(order: str) -> tuple[int, int, int]:
    return NamePreset(rotation_order=order).axes


def matrices(order: str, *angles: FloatArray) -> FloatArray:
    turns = [
        about(np.broadcast_to(np.eye(3)[i], (*a.shape, 3)), a) for i, a in zip(axes_of(order), angles, strict=True)
    ]
    return to_matrix(multiply(turns[0], multiply(turns[1], turns[2])))


@pytest.mark.parametrize("order", ORDERS)
def test_angles_do_not_jump_over_several_turns_and_past_the_singular_pose(order: str) -> None:
    t = np.linspace(0.0, 1.0, 400)[:, None]
    # A body that turns three times, and a joint that bends over a quarter turn and back.
    a, b, c = 0.3 * np.sin(5 * t), 2.0 * np.sin(2 * np.pi * t), 6 * np.pi * t
    for angles in ((a, 0.1 * t, c), (a, b, 0.2 * t)):
        rotation = matrices(order, *np.broadcast_arrays(*angles))
        found = unwrapped(tait_bryan(rotation, axes_of(order)))
        assert np.allclose(matrices(order, *np.moveaxis(found, -1, 0)), rotation, atol=1e-9)
        assert np.abs(np.diff(found, axis=0)).max() < 0.1
        assert np.allclose(found[:, 0], np.concatenate(np.broadcast_arrays(*angles), axis=-1), atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_the_singular_pose_itself_is_right(order: str) -> None:
    quarter = np.full((1, 1), np.pi / 2)
    for b in (quarter, -quarter):
        rotation = matrices(order, np.full((1, 1), 0.4), b, np.full((1, 1), 0.3))
        found = unwrapped(tait_bryan(rotation, axes_of(order)))
        assert np.allclose(matrices(order, *np.moveaxis(found, -1, 0)), rotation, atol=1e-7)


@pytest.mark.parametrize("preset", preset_names("exports"))
def test_other_programs_names_play_the_same_motion(tmp_path: Path, preset: str) -> None:
    take = make_take(20)
    both = export(take, ("bvh", f"bvh:{preset}"), tmp_path)
    (path,) = both[f"bvh:{preset}"].files
    assert path != both["bvh"].files[0]
    names = load_name_preset(preset).joints
    ours = joint_names(take)
    assert set(ours) <= set(names)
    assert len(set(names.values())) == len(names)
    places = played(path, [names[joint] for joint in ours], 20)
    assert np.linalg.norm(places - 100 * forward(take.motion)[:, 0], axis=-1).max() < TENTH_MM_IN_CM


def test_names_that_nobody_has_and_orders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no preset 'maya'"):
        export(make_take(3), ("bvh:maya",), tmp_path)
    with pytest.raises(ExportError, match="no presets of names"):
        export(make_take(3), ("trc:mixamo",), tmp_path)
    with pytest.raises(InputError, match="no order"):
        NamePreset(rotation_order="XXY")
