"""Bodies and motions of the studio, on a body of sticks that needs no extra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.transforms import apply
from mocap.core.errors import InputError
from mocap.presets import load_skeleton
from mocap.studio import MOTIONS, StudioSettings
from mocap.studio.board import StudioBoard, board_poses
from mocap.studio.body import Body, skin
from mocap.studio.motions import smoothstep
from mocap.studio.posing import foot_drop, keypoints, pose, walked
from mocap.studio.rig import make_rig
from mocap.studio.scene import sample_grid, to_samples
from mocap.studio.sound import RATE_HZ, clap_wave, microphone
from mocap.studio.truth import angles_from_points

MIDDLE = {
    "root": (None, (0, 0, 1.0)),
    "spine04": ("root", (0, 0.02, 1.1)),
    "spine03": ("spine04", (0, 0, 1.2)),
    "spine02": ("spine03", (0, 0, 1.3)),
    "neck01": ("spine02", (0, 0, 1.5)),
    "head": ("neck01", (0, -0.02, 1.6)),
}
LEFT = {
    "upperleg01": ("root", (0.10, 0, 0.95)),
    "lowerleg01": ("upperleg01", (0.14, -0.03, 0.52)),
    "foot": ("lowerleg01", (0.17, 0, 0.08)),
    "clavicle": ("spine02", (0.02, 0, 1.42)),
    "upperarm01": ("clavicle", (0.17, 0, 1.4)),
    "lowerarm01": ("upperarm01", (0.36, 0, 1.2)),
    "wrist": ("lowerarm01", (0.47, -0.15, 1.06)),
    "finger1-2": ("wrist", (0.46, -0.22, 1.0)),
    "finger2-1": ("wrist", (0.5, -0.25, 1.0)),
    "finger5-1": ("wrist", (0.52, -0.2, 1.0)),
    "eye": ("head", (0.03, -0.1, 1.65)),
}
# Points of the skin, each fixed to a bone: what the landmarks look for.
SKIN = {"foot": ((0.18, 0.05, 0.03), (0.16, -0.2, 0.0)), "head": ((0.08, 0.0, 1.65),)}


@pytest.fixture(scope="module")
def sticks() -> Body:
    bones: dict[str, tuple[str | None, np.ndarray]] = {n: (p, np.array(at)) for n, (p, at) in MIDDLE.items()}
    for letter, sign in (("L", 1), ("R", -1)):
        for name, (parent, at) in LEFT.items():
            mother = parent if parent in MIDDLE else f"{parent}.{letter}"
            bones[f"{name}.{letter}"] = (mother, np.array(at) * [sign, 1, 1])
    names = tuple(bones)
    vertices, owners = [np.array((0.0, -0.14, 1.61))], ["head"]
    for letter, sign in (("L", 1), ("R", -1)):
        for bone, points in SKIN.items():
            owners += [bone if bone in MIDDLE else f"{bone}.{letter}"] * len(points)
            vertices += [np.array(point) * [sign, 1, 1] for point in points]
    return Body(
        vertices=np.array(vertices),
        faces=np.zeros((0, 3), np.int32),
        face_uv=np.zeros((0, 3), np.int32),
        uv=np.zeros((0, 2)),
        bone_names=names,
        parents=np.array([-1 if p is None else names.index(p) for p, _ in bones.values()], np.int32),
        heads=np.array([at for _, at in bones.values()]),
        weight_bones=np.array([[names.index(owner)] for owner in owners], np.int32),
        weights=np.ones((len(owners), 1)),
        lips=np.zeros((2, 2)),
    )


@pytest.mark.parametrize("motion", sorted(MOTIONS))
def test_asked_flexion_is_the_angle_between_the_joint_centres(sticks: Body, motion: str) -> None:
    t = np.linspace(0.0, 4.0, 81)
    posture, skeleton = MOTIONS[motion](t), load_skeleton("blazepose33")
    xyz = keypoints(sticks, pose(sticks, posture), skeleton)[:, None]
    angles = dict(zip((a.name for a in skeleton.angles), angles_from_points(skeleton, xyz)[:, 0].T, strict=True))
    for index, side in enumerate(("left", "right")):
        np.testing.assert_allclose(angles[f"{side}_knee_flexion"], posture.knee_flexion[:, index], atol=1e-9)
        np.testing.assert_allclose(angles[f"{side}_elbow_flexion"], posture.elbow_flexion[:, index], atol=1e-9)
        flat = posture.ankle_flexion[:, index] - foot_drop(sticks, side)
        np.testing.assert_allclose(angles[f"{side}_ankle_dorsiflexion"], flat, atol=1e-9)


@pytest.mark.parametrize("motion", sorted(MOTIONS))
def test_motion_is_smooth_and_humanly_possible(motion: str) -> None:
    t = np.linspace(0.0, 6.0, 1801)
    posture = MOTIONS[motion](t)
    limits = {"knee_flexion": (0.0, 2.6), "elbow_flexion": (0.0, 2.6), "hip_flexion": (-0.5, 2.2)}
    for name, (low, high) in limits.items():
        values = getattr(posture, name)
        assert low <= values.min() <= values.max() <= high, name
    for name in set(posture.__dataclass_fields__) - {"bearing"}:  # a foot bears or does not
        values = getattr(posture, name)
        # A jump would show as a huge speed between samples 1/300 s apart.
        assert np.abs(np.diff(values, axis=0)).max() * 300 < 25.0, name


def test_feet_that_bear_do_not_slide(sticks: Body) -> None:
    t = np.linspace(0.0, 4.0, 961)
    posture = MOTIONS["gait"](t)
    way = walked(sticks, MOTIONS["gait"], t)
    # The same walk, whoever looks when.
    np.testing.assert_allclose(walked(sticks, MOTIONS["gait"], t[480:500]), way[480:500], atol=1e-9)
    assert 2.0 < np.linalg.norm(np.diff(way, axis=0), axis=1).sum() < 8.0
    placed = pose(sticks, replace(posture, path_xy=posture.path_xy + way))
    feet = keypoints(sticks, placed, load_skeleton("blazepose33"))
    names = load_skeleton("blazepose33").keypoints
    points = np.stack(
        [feet[:, names.index(f"{s}_{n}")] for s in ("left", "right") for n in ("heel", "foot_index")], 1
    )
    speed = np.linalg.norm(np.gradient(points[..., :2], t, axis=0), axis=-1)
    # One end of one sole rests at any instant; a swinging foot goes at several metres a second.
    assert np.percentile(speed.min(axis=1), 95) < 0.15
    assert speed.max() > 2.0


def test_knees_bend_backwards_and_elbows_forwards(sticks: Body) -> None:
    skeleton = load_skeleton("blazepose33")
    squat = MOTIONS["squat"](np.array([1.0]))
    at = dict(zip(skeleton.keypoints, keypoints(sticks, pose(sticks, squat), skeleton)[0], strict=True))
    for side in ("left", "right"):
        # The body looks along -y: the knee is in front of hip and ankle, the wrist in front of the elbow.
        assert at[f"{side}_knee"][1] < min(at[f"{side}_hip"][1], at[f"{side}_ankle"][1]) - 0.1
        assert at[f"{side}_wrist"][1] < at[f"{side}_elbow"][1]
    assert at["left_shoulder"][0] > at["right_shoulder"][0] + 0.3


def test_skin_follows_its_bone(sticks: Body) -> None:
    placed = pose(sticks, MOTIONS["march"](np.array([0.3])))[0]
    moved = skin(sticks, sticks.vertices, placed)
    for vertex, bone in enumerate(sticks.weight_bones[:, 0]):
        np.testing.assert_allclose(moved[vertex], apply(placed[bone], sticks.vertices[vertex]), atol=1e-12)


def test_smoothstep_ends() -> None:
    np.testing.assert_allclose(smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])), [0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("count", [2, 3, 4, 7, 16])
def test_cameras_see_the_volume_and_board_meets_neighbours(count: int) -> None:
    rig = make_rig(StudioSettings(cameras=count))
    assert len(rig.cameras) == count
    body = np.stack(np.meshgrid([-0.4, 0.4], [-0.4, 0.4], [0.05, 1.75]), axis=-1).reshape(-1, 3)
    pixels, valid = rig.project(body)
    assert valid.all()
    assert ((pixels > 0) & (pixels < [639, 479])).all()
    board, t = StudioBoard(), np.arange(0.0, 6.0, 0.1)
    poses = board_poses(board, t, 6.0, count)
    centre = apply(poses, np.array([*board.size_m, 0.0]) / 2)
    # A camera sees the print where it looks at it within 60 degrees.
    sight = np.stack([camera.centre - centre for camera in rig.cameras], axis=1)
    sight /= np.linalg.norm(sight, axis=-1, keepdims=True)
    sees = np.einsum("tci,ti->tc", sight, -poses[:, :3, 2]) > 0.5
    together = sees.T.astype(int) @ sees.astype(int)
    for camera in range(count - 1):
        assert together[camera, camera + 1] >= 3


@pytest.mark.parametrize("size_wh", [(1280, 720), (720, 1280), (2000, 500)])
@pytest.mark.parametrize("persons", [1, 3])
def test_pictures_of_any_shape_hold_the_whole_body(size_wh: tuple[int, int], persons: int) -> None:
    reach = 0.4 if persons == 1 else 0.75
    body = np.stack(np.meshgrid([-reach, reach], [-reach, reach], [0.05, 1.75]), axis=-1).reshape(-1, 3)
    pixels, _ = make_rig(StudioSettings(size_wh=size_wh, persons=persons)).project(body)
    assert ((pixels > 0) & (pixels < np.array(size_wh) - 1)).all()


def test_clap_arrives_when_and_as_loud_as_the_distance_says() -> None:
    clap = clap_wave(np.random.default_rng(3))
    near, far = (microphone(0.5, 0.1234, distance, clap, [1]) for distance in (2.0, 4.0))
    for sound in (near, far):
        assert sound.shape == (RATE_HZ // 2,)
        assert abs(np.argmax(np.abs(sound) > 0.3 * np.abs(sound).max()) / RATE_HZ - 0.1234) < 0.0003
    assert 1.8 < np.abs(near).max() / np.abs(far).max() < 2.2
    assert np.abs(near[: RATE_HZ // 10]).max() < 0.1 * np.abs(near).max()


def test_sample_grid_inverts() -> None:
    grid = sample_grid((4, 2))
    assert grid.shape == (4, 8, 2)
    np.testing.assert_allclose(to_samples(grid)[1, 3], [3, 1])
    np.testing.assert_allclose(grid[:2, :2].mean(axis=(0, 1)), [0, 0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"motions": ("fly",)},
        {"motions": ()},
        {"persons": 0},
        {"cameras": 1},
        {"cameras": 17},
        {"size_wh": (641, 480)},
        {"fps": 0.0},
        {"seconds": 0.0},
        {"offset_s": (0.1,)},
        {"dropped_share": 1.0},
        {"noise_sigma": -1.0},
        {"crf": 60},
        {"charuco_fps": 0.0},
        {"clap_s": float("nan")},
        {"distortion": (0.1,)},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        StudioSettings(**wrong)  # type: ignore[arg-type]
