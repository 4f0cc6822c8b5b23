"""The shipped film and its truth must agree with each other and with the rig."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from calibration import CameraRig
from calibration.formats import load_rig
from calibration.transforms import apply
from mocap.core.errors import InputError
from mocap.presets import read_toml
from mocap.studio import Truth, load_truth, sample_dir
from mocap.studio.board import StudioBoard
from mocap.studio.motions import sample
from mocap.studio.sound import SOUND_M_S
from mocap.studio.truth import angles_from_points

TRIAL = sample_dir() / "trials" / "sample"
RIGID = [
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("left_ankle", "left_foot_index"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("right_ankle", "right_heel"),
]


@pytest.fixture(scope="module")
def truth() -> Truth:
    return load_truth(TRIAL / "truth.npz")


@pytest.fixture(scope="module")
def sample_rig() -> CameraRig:
    return load_rig(sample_dir() / "calibration" / "rig.toml")


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="bgr24"))
            for frame in container.decode(video=0)
        ]


def test_sample_stays_small() -> None:
    size = sum(path.stat().st_size for path in sample_dir().rglob("*") if path.is_file())
    assert 200_000 < size < 2_000_000


def test_importing_the_studio_needs_no_extra() -> None:
    check = "import sys, mocap.studio; print(*sorted({'torch', 'anny', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_core_joints_are_in_every_picture(truth: Truth, sample_rig: CameraRig) -> None:
    pixels, valid = sample_rig.project(truth.xyz[:, :, truth.skeleton.core_index])
    assert valid.all()
    width, height = sample_rig.cameras[0].intrinsics.size_wh
    assert (pixels > 5).all()
    assert (pixels < np.array([width - 6, height - 6])).all()


def test_bones_do_not_stretch(truth: Truth) -> None:
    for a, b in RIGID:
        start, stop = truth.skeleton.index(a, b)
        length = np.linalg.norm(truth.xyz[:, :, start] - truth.xyz[:, :, stop], axis=-1)
        assert np.ptp(length) < 1e-6, (a, b)
        assert 0.05 < length.mean() < 0.6, (a, b)


def test_body_stands_upright_on_the_floor(truth: Truth) -> None:
    heel, tip, nose = (
        truth.xyz[:, 0, truth.skeleton.index(n)[0], 2] for n in ("left_heel", "left_foot_index", "nose")
    )
    assert np.minimum(heel, tip).min() > 0.0
    assert np.minimum(heel, tip).min() < 0.06
    assert 1.0 < nose.min() < nose.max() < 1.8


def test_left_is_left(truth: Truth) -> None:
    """From the right to the left hip, then up, is forwards: where the nose is seen from the ears."""
    at = dict(zip(truth.skeleton.keypoints, np.moveaxis(truth.xyz[:, 0], 1, 0), strict=True))
    forward = np.cross(at["left_hip"] - at["right_hip"], [0.0, 0.0, 1.0])
    look = at["nose"] - 0.5 * (at["left_ear"] + at["right_ear"])
    # Left x up is forward for a body that looks along -y with its left at +x.
    assert ((forward * look).sum(axis=-1) > 0).all()


def test_angles_are_those_of_the_formula(truth: Truth) -> None:
    posture = sample(truth.t_s)
    for index, side in enumerate(("left", "right")):
        for joint, asked in (("knee", posture.knee_flexion), ("elbow", posture.elbow_flexion)):
            seen = truth.angles[:, 0, truth.angle_names.index(f"{side}_{joint}_flexion")]
            np.testing.assert_allclose(seen, asked[:, index], atol=1e-9)
        # The ankle differs by the slope of the foot, the same at all times.
        ankle = truth.angles[:, 0, truth.angle_names.index(f"{side}_ankle_dorsiflexion")]
        assert np.ptp(ankle - posture.ankle_flexion[:, index]) < 1e-9
    np.testing.assert_allclose(truth.angles, angles_from_points(truth.skeleton, truth.xyz))


def test_range_of_motion_is_worth_measuring(truth: Truth) -> None:
    for name, least_deg in (
        ("knee_flexion", 60),
        ("hip_flexion", 50),
        ("elbow_flexion", 25),
        ("shoulder_elevation", 40),
    ):
        for side in ("left", "right"):
            values = truth.angles[:, 0, truth.angle_names.index(f"{side}_{name}")]
            assert np.rad2deg(np.ptp(values)) > least_deg, (side, name)


def test_pictures_are_stamped_exactly_and_show_the_truth_of_their_instant(
    truth: Truth, sample_rig: CameraRig
) -> None:
    """Where the truth says that a moving foot is, the picture shows a white shoe; a frame off, it does less."""
    parts = [
        truth.skeleton.index(*(f"{s}_{p}" for p in ("heel", "foot_index", "ankle"))) for s in ("left", "right")
    ]
    feet = np.stack([truth.xyz[:, 0, part].mean(axis=1) for part in parts], axis=1)
    fast = np.linalg.norm(np.gradient(feet, truth.t_s, axis=0), axis=-1) > 1.0
    hits: dict[int, list[bool]] = {late: [] for late in (-2, -1, 0, 1, 2)}
    for camera in sample_rig.cameras:
        film = frames(TRIAL / "raw" / f"{camera.name}.mp4")
        np.testing.assert_array_equal([t for t, _ in film], truth.t_s)
        pixels, _ = camera.project(feet)
        for late, found in hits.items():
            for index, side in np.argwhere(fast[2:-2]):
                x, y = np.rint(pixels[index + 2 - late, side]).astype(int)
                found.append(bool(np.median(film[index + 2][1][y - 2 : y + 3, x - 2 : x + 3].min(axis=-1)) > 110))
    share = {late: float(np.mean(found)) for late, found in hits.items()}
    assert len(hits[0]) > 100
    # The rest is hidden behind the other leg.
    assert share[0] > 0.75
    assert max(share[-1], share[1]) < share[0] - 0.15
    assert max(share[-2], share[2]) < 0.4


def test_charuco_corners_lie_where_the_truth_says(sample_rig: CameraRig) -> None:
    folder, board = sample_dir() / "calibration", StudioBoard()
    poses = np.load(folder / "truth.npz")["world_from_board"]
    detector = cv2.aruco.CharucoDetector(board.opencv)
    off = []
    for camera in sample_rig.cameras[:2]:
        film = frames(folder / "videos" / f"{camera.name}.mp4")
        assert len(film) == len(poses)
        for (_, image), pose in zip(film[::3], poses[::3], strict=True):
            corners, ids, _, _ = detector.detectBoard(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
            if ids is not None:
                pixels, _ = camera.project(apply(pose, board.corners))
                off.append(np.linalg.norm(corners.reshape(-1, 2) - pixels[ids.ravel()], axis=-1))
    assert sum(map(len, off)) > 100
    assert np.median(np.concatenate(off)) < 0.3


def test_board_file_describes_the_board() -> None:
    table, board = read_toml(sample_dir() / "calibration" / "board.toml"), StudioBoard()
    assert (tuple(table["squares"]), table["square_m"], table["marker_m"], table["dictionary"]) == (
        board.squares,
        board.square_m,
        board.marker_m,
        board.dictionary,
    )


def test_clap_is_heard_when_it_reaches_each_camera(truth: Truth, sample_rig: CameraRig) -> None:
    wrists = truth.xyz[:, 0, truth.skeleton.index("left_wrist", "right_wrist")].mean(axis=1)
    hands = wrists[np.abs(truth.t_s - truth.clap_s).argmin()]
    heard = []
    for camera in sample_rig.cameras:
        with av.open(str(TRIAL / "raw" / f"{camera.name}.mp4")) as container:
            rate = container.streams.audio[0].rate
            parts = [(f.pts * f.time_base, f.to_ndarray().ravel()) for f in container.decode(audio=0)]
        loud = np.abs(np.concatenate([samples for _, samples in parts]))
        onset = float(parts[0][0]) + np.argmax(loud > 0.3 * loud.max()) / rate
        arrival = truth.clap_s + np.linalg.norm(camera.centre - hands) / SOUND_M_S
        assert abs(onset - arrival) < 0.001, camera.name
        heard.append(onset)
    assert np.ptp(heard) > 0.0005


def test_what_is_no_truth_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such truth file"):
        load_truth(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("nonsense")
    with pytest.raises(InputError, match="not a truth file"):
        load_truth(tmp_path / "text.npz")
