"""The real networks on real people."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import mocap.studio
from calibration.formats import load_rig
from mocap.core.errors import ModelError
from mocap.detect import BlazePoseDetector, blazepose, load_detector
from mocap.detect.multipose import OUTPUT_SHAPE
from mocap.detect.pool import open_network
from mocap.detect.tracker import BODY
from mocap.detect.weights import ensure


@pytest.fixture(scope="module")
def detector() -> BlazePoseDetector:
    """The default detector; skips where its weights are neither cached nor to be fetched."""
    try:
        found, warnings = load_detector(search_interval=4)
    except ModelError as error:
        pytest.skip(str(error))
    assert warnings == ()
    return found


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[np.ndarray]:
    """First frames of a view in which one person balances and another stands in the background."""
    video = cv2.VideoCapture(str(shared_data / "pose2sim/Demo_SinglePerson/videos/cam01.mp4"))
    taken = [video.read()[1] for _ in range(6)]
    video.release()
    return taken


def test_nobody_in_an_empty_room(detector: BlazePoseDetector) -> None:
    room = np.full((480, 640, 3), 128, dtype=np.uint8)
    (poses,), (state,) = detector.detect([room], [detector.initial_state()])
    assert (poses.track == -1).all()
    assert np.isnan(poses.xy).all()
    assert state.next_track == 0


def test_both_people_are_found_and_keep_their_numbers(
    detector: BlazePoseDetector, frames: list[np.ndarray]
) -> None:
    state, tracks, noses = detector.initial_state(), [], []
    names = detector.skeleton.keypoints
    for frame in frames:
        (poses,), (state,) = detector.detect([frame], [state])
        tracks.append(sorted(int(t) for t in poses.track if t >= 0))
        first, second = np.argsort(poses.track)[1:]
        # The first person found is the nearer one: larger, in the middle. Left and right were told by eye:
        # both look at the camera, so the left shoulder lies to the right in the picture.
        for slot in (first, second):
            left, right = (poses.xy[slot, names.index(f"{side}_shoulder")] for side in ("left", "right"))
            assert left[0] > right[0]
        noses.append(poses.xy[first, names.index("nose")])
        assert np.median(poses.score[first, BODY]) > 0.9
        assert np.isfinite(poses.xy[[first, second]]).all()
        assert (poses.sigma_px[first] > poses.sigma_px[second].min()).all()
    assert tracks == [[0, 1]] * len(frames)
    # By eye, the blurred face is centred on (482, 440) in the first frame.
    np.testing.assert_allclose(noses[0], [482, 440], atol=30)


def test_the_answer_does_not_depend_on_threads(frames: list[np.ndarray], detector: BlazePoseDetector) -> None:
    alone, _ = load_detector(search_interval=4, threads=1)
    assert alone.runtime == detector.runtime
    images = frames[:2]
    results = [d.detect(images, [d.initial_state()] * 2)[0] for d in (alone, detector)]
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)
        np.testing.assert_array_equal(one.score, two.score)


@pytest.mark.usefixtures("detector")
def test_a_network_of_another_kind_and_half_a_network_are_refused(tmp_path: Path) -> None:
    _, heavy = ensure("pose_landmark_heavy")
    with pytest.raises(ModelError, match="not of the kind"):
        open_network(heavy, (OUTPUT_SHAPE,))
    half = tmp_path / "half.tflite"
    half.write_bytes(heavy.read_bytes()[: heavy.stat().st_size // 2])
    with pytest.raises(ModelError, match="not a network"):
        open_network(half, blazepose.OUTPUT_SHAPES)


def test_landmarks_lie_on_the_true_joints_of_the_shipped_sample(detector: BlazePoseDetector) -> None:
    sample = Path(mocap.studio.__file__).parent / "sample"
    rig = load_rig(sample / "calibration/rig.toml")
    with np.load(sample / "trials/sample/truth.npz") as truth:
        assert (truth["offset_s"] == 0).all()
        xyz = truth["xyz"][:, 0]
    videos = [cv2.VideoCapture(str(sample / f"trials/sample/raw/{name}.mp4")) for name in rig.names]
    states = [detector.initial_state() for _ in videos]
    core = detector.skeleton.core_index
    error, sigma = [], []
    for t in range(8):
        poses, states = detector.detect([video.read()[1] for video in videos], states)
        true, _ = rig.project(xyz[t])
        for c, pose in enumerate(poses):
            assert pose.track.tolist() == [0, -1, -1]
            error.append(np.linalg.norm(pose.xy[0, core] - true[c, core], axis=-1))
            sigma.append(pose.sigma_px[0, core])
    for video in videos:
        video.release()
    # Measured: 3.7 px over the whole sample, of a person who is 220 px tall.
    assert np.median(error) < 5.0
    # Stated and true errors agree: the median of a circular normal error is 1.18 sigma.
    assert 0.5 < np.median(np.array(error) / np.array(sigma)) / 1.18 < 1.5
