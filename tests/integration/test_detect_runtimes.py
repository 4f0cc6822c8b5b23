"""Runtimes agree on real crops: pictures of the shipped sample."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import mocap.studio
from mocap.core.errors import MissingExtraError, ModelError
from mocap.detect import BlazePoseDetector, DetectorSettings, blazepose
from mocap.detect.pool import open_network
from mocap.detect.runtimes import READERS, open_runtime
from mocap.detect.runtimes.choose import AGREEMENT_PX, trial
from mocap.detect.weights import ensure

MODELS = ("pose_landmark_heavy", "pose_landmark_full", "pose_landmark_lite")
SIZE = 256


def weights(name: str) -> Path:
    try:
        return ensure(name)[1]
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def crops() -> list[tuple[np.ndarray, np.ndarray]]:
    """Crops of the sample's four views, and where they lie."""
    names = ("movenet_multipose", "pose_landmark_heavy")
    for name in names:
        weights(name)
    pair = [ensure(name) for name in names]
    detector = BlazePoseDetector(pair[0], pair[1], DetectorSettings(threads=1))
    found = []
    for path in sorted((Path(mocap.studio.__file__).parent / "sample/trials/sample/raw").glob("*.mp4")):
        video = cv2.VideoCapture(str(path))
        image = video.read()[1]
        video.release()
        _, state = detector.detect_view(image, detector.initial_state())
        assert np.isfinite(state.roi[0]).all()
        found.append((blazepose.prepare(image, state.roi[0], SIZE, 255.0), state.roi[0]))
    return found


@pytest.mark.parametrize("kind", READERS[".tflite"][1:])
@pytest.mark.parametrize("model", MODELS)
def test_runtimes_agree_on_real_crops(model: str, kind: Any, crops: list[tuple[np.ndarray, np.ndarray]]) -> None:
    path = weights(model)
    try:
        other = open_network(path, blazepose.OUTPUT_SHAPES, kind)
    except MissingExtraError as error:
        pytest.skip(str(error))
    base = open_network(path, blazepose.OUTPUT_SHAPES)
    for tensor, region in crops:
        one, two = (blazepose.decode(net.run(tensor), region, SIZE, (640, 480)) for net in (base, other))
        # In pixels of the crop: the picture's shrink or grow with the person.
        apart = np.linalg.norm(one.xy - two.xy, axis=1) * SIZE / region[2]
        assert np.isfinite(apart).all()
        assert apart.max() < AGREEMENT_PX
        np.testing.assert_allclose(one.score, two.score, atol=1e-3)
        assert one.presence == pytest.approx(two.presence, abs=1e-3)


def test_torch_takes_all_crops_as_one_batch(crops: list[tuple[np.ndarray, np.ndarray]]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tflite")
    runtime = open_runtime(weights("pose_landmark_lite"), "torch")
    together = runtime.run(np.concatenate([tensor for tensor, _ in crops]))
    for n, (tensor, _) in enumerate(crops):
        for all_of_them, alone in zip(together, runtime.run(tensor), strict=True):
            np.testing.assert_allclose(all_of_them[n], alone[0], atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", READERS[".tflite"][1:])
def test_runtimes_stay_together_over_a_film(kind: Any) -> None:
    """Each crop comes from the landmarks before: rounding must not grow from picture to picture."""
    for name in ("movenet_multipose", "pose_landmark_lite"):
        weights(name)
    finder, landmark = ensure("movenet_multipose"), ensure("pose_landmark_lite")
    path = sorted((Path(mocap.studio.__file__).parent / "sample/trials/sample/raw").glob("*.mp4"))[0]
    found = []
    for runtime in (None, kind):
        try:
            detector = BlazePoseDetector(finder, landmark, DetectorSettings(threads=1, runtime=runtime))
        except MissingExtraError as error:
            pytest.skip(str(error))
        state, video = detector.initial_state(), cv2.VideoCapture(str(path))
        seen = []
        for _ in range(25):
            poses, state = detector.detect_view(video.read()[1], state)
            seen.append(poses.xy[0])
        video.release()
        found.append(np.array(seen))
    apart = np.linalg.norm(found[0] - found[1], axis=-1)
    assert np.isfinite(apart).all()
    assert apart.max() < AGREEMENT_PX


@pytest.mark.parametrize("kind", READERS[".tflite"])
def test_half_a_file_is_explained(tmp_path: Path, kind: Any) -> None:
    whole = weights("pose_landmark_lite").read_bytes()
    half = tmp_path / "half.tflite"
    half.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(ModelError, match="not a network") as caught:
            open_runtime(half, kind)
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert caught.value.path == half


def test_the_trial_runs_what_is_there_and_chooses_one_of_it() -> None:
    path = weights("pose_landmark_lite")
    verdict = trial("lite", ["litert"], lambda kind: open_runtime(path, kind), blazepose.OUTPUT_SHAPES)
    assert verdict.chosen == "litert"
    assert verdict.milliseconds["litert"] > 0
