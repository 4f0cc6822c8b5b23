"""Teaching a tiny network: it learns, can be stopped and goes on; what gains nothing is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mocap.core.errors import CancelledError, InputError, ModelError
from mocap.core.progress import CancelToken
from mocap.detect.blazepose import HEAT, LANDMARKS, ROWS, refine
from mocap.detect.cards import card_skeleton, read_card
from mocap.detect.looks import mirror_index
from mocap.detect.runtimes import protocol
from mocap.detect.runtimes.tflitegraph import Graph, Operation
from mocap.detect.specs import Parent
from mocap.detect.train.child import write_child
from mocap.detect.train.examples import Examples, joined, varied
from mocap.detect.train.judge import judge
from mocap.presets import load_skeleton, preset_path

torch = pytest.importorskip("torch")
tflitetorch = pytest.importorskip("mocap.detect.runtimes.tflitetorch")

SIZE = 64
PARTNER = mirror_index(load_skeleton("blazepose33"))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A network of three layers with BlazePose's inputs and outputs, on crops of 64 px."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return (0.05 * rng.normal(size=shape)).astype(np.float32)

    start = np.full(5 * ROWS, 0.5 * SIZE, np.float32)
    shapes = {0: (1, SIZE, SIZE, 3), 1: (1, HEAT, HEAT, ROWS), 2: (1, 1, 1, ROWS), 3: (1, 1, 1, 5 * ROWS)}
    shapes |= {4: (1, 5 * ROWS), 5: (1, 1, 1, 1), 6: (1, 1, 1, 1), 7: (1, 1)}
    constants = {10: weights(ROWS, 3, 3, 3), 11: weights(ROWS), 12: weights(5 * ROWS, 1, 1, ROWS), 13: start}
    constants |= {14: weights(1, 1, 1, ROWS), 15: weights(1)}
    operations = (
        Operation("CONV_2D", (0, 10, 11), (1,), same=True),
        Operation("MAX_POOL_2D", (1,), (2,), window=(HEAT, HEAT), stride=(HEAT, HEAT)),
        Operation("CONV_2D", (2, 12, 13), (3,)),
        Operation("RESHAPE", (3,), (4,)),
        Operation("CONV_2D", (2, 14, 15), (5,)),
        Operation("LOGISTIC", (5,), (6,)),
        Operation("RESHAPE", (6,), (7,)),
    )

    def end(n: int) -> tuple[int, protocol.TensorSpec]:
        return n, protocol.TensorSpec(str(n), (protocol.OPEN, *shapes[n][1:]), np.dtype(np.float32))

    graph = Graph(operations, constants, shapes, (end(0),), (end(4), end(7), end(1)))
    monkeypatch.setattr(tflitetorch, "read_graph", lambda _: graph)
    path = tmp_path / "tiny.tflite"
    path.write_bytes(b"the tests give its graph")
    return path


def examples(seed: int, count: int = 24) -> Examples:
    """Pictures of noise; every keypoint lies at the same place, off the middle."""
    rng = np.random.default_rng(seed)
    xy = np.broadcast_to([40.0, 20.0], (count, LANDMARKS, 2)) + rng.normal(scale=0.5, size=(count, LANDMARKS, 2))
    crops = rng.integers(0, 255, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return Examples(crops, xy, np.ones((count, LANDMARKS)), np.arange(count), np.zeros(count, np.int64))


def learn(tiny: Path, checkpoint: Path | None = None, cancel: CancelToken | None = None, **how: Any) -> Any:
    from mocap.detect.train.loop import TrainSettings, fine_tune

    settings = TrainSettings(**{"epochs": 2, "batch": 8, "rate": 0.03, **how})
    told: list[int] = []

    def progress(_: str, done: int, total: int) -> None:
        told.append(done)
        if cancel is not None and done == 4:  # in the second epoch
            cancel.cancel()

    return fine_tune(tiny, 255.0, examples(1), examples(2), PARTNER, settings, checkpoint, progress, cancel)


def test_it_learns_and_gives_the_epoch_that_did_best(tiny: Path) -> None:
    learned = learn(tiny, epochs=4, batch=4, rate=0.1)
    assert learned.errors_px[0] > 10.0
    assert min(learned.errors_px) < 0.85 * learned.errors_px[0]
    assert {10, 12} <= set(learned.weights)
    assert learned.weights[10].shape == (ROWS, 3, 3, 3)  # as the file has it


def test_only_the_share_of_layers_that_is_asked_for_moves(tiny: Path) -> None:
    assert 10 not in learn(tiny, epochs=1, share=0.6).weights


def test_the_same_seed_gives_the_same_and_another_does_not(tiny: Path) -> None:
    one, same, other = learn(tiny), learn(tiny), learn(tiny, seed=1)
    np.testing.assert_array_equal(one.weights[10], same.weights[10])
    assert (one.weights[10] != other.weights[10]).any()


def test_stopped_and_gone_on_with_gives_the_same_to_the_bit(tiny: Path, tmp_path: Path) -> None:
    whole = learn(tiny)
    checkpoint = tmp_path / "work.npz"
    with pytest.raises(CancelledError):
        learn(tiny, checkpoint, CancelToken())
    with np.load(checkpoint) as kept:
        assert int(kept["epoch"]) == 1
    resumed = learn(tiny, checkpoint)
    assert resumed.errors_px == whole.errors_px
    for n, values in whole.weights.items():
        np.testing.assert_array_equal(values, resumed.weights[n])


def test_a_checkpoint_of_other_work_or_damaged_is_not_used(tiny: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "work.npz"
    learn(tiny, checkpoint, seed=5)
    assert learn(tiny, checkpoint).errors_px == learn(tiny).errors_px
    checkpoint.write_bytes(b"half a file")
    assert learn(tiny, checkpoint).errors_px == learn(tiny).errors_px


def test_too_fast_is_told(tiny: Path) -> None:
    with pytest.raises(ModelError, match="converge"):
        learn(tiny, rate=1e30)
    with pytest.raises(InputError):
        learn(tiny, rate=-1.0)


def test_refinement_is_that_of_the_detector(tiny: Path) -> None:
    from mocap.detect.train.network import TrainableNetwork

    rng = np.random.default_rng(3)
    rows = torch.from_numpy(rng.uniform(-5, SIZE + 5, (2, ROWS, 5)))
    heat = torch.from_numpy(rng.normal(scale=2.0, size=(2, HEAT, HEAT, ROWS)))
    heat[:, :, :, ::3] = -9.0  # no clear peak
    found = TrainableNetwork(tiny).refined(rows, heat, SIZE).numpy()
    for n in range(2):
        expected = refine(rows[n, :, :2].numpy(), heat[n].numpy(), SIZE)
        np.testing.assert_allclose(found[n], expected, atol=1e-9)


def test_labels_go_with_the_picture(tiny: Path) -> None:
    count, at = 40, np.array([22.0, 38.0])
    xy = np.full((count, LANDMARKS, 2), np.nan)
    crops = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    crops[:, 38, 22] = 255
    left, right = load_skeleton("blazepose33").index("left_knee", "right_knee")
    xy[:, left] = at
    weight = np.where(np.isfinite(xy).all(axis=-1), 1.0, 0.0)
    plain = Examples(crops, xy, weight, np.arange(count), np.zeros(count, np.int64))
    made = varied(plain, PARTNER, np.random.default_rng(0))
    sides = set()
    for crop, label, counts in zip(made.crops, made.xy, made.weight, strict=True):
        (side,) = np.flatnonzero(counts)
        sides.add(int(side))
        light = crop.sum(axis=2).astype(float)
        rows, columns = np.nonzero(light)
        centre = np.array([columns @ light[rows, columns], rows @ light[rows, columns]]) / light.sum()
        np.testing.assert_allclose(label[side], centre, atol=0.5)
    assert sides == {left, right}


def test_a_gain_must_be_sure_and_worth_it() -> None:
    rng = np.random.default_rng(0)
    instant = np.repeat(np.arange(40), 2)
    before = rng.gamma(4.0, 0.5, (80, 5))
    assert judge(before, 0.8 * before, instant).worthwhile
    assert not judge(before, before, instant).worthwhile
    assert not judge(before, 0.995 * before, instant).worthwhile  # sure, and not worth it
    assert not judge(before, 1.1 * before, instant).worthwhile
    # One stretch that got better does not carry the rest.
    lucky = before.copy()
    lucky[:4] *= 0.01
    assert judge(before, lucky, instant).fall > 0.02
    assert not judge(before, lucky, instant).worthwhile
    with pytest.raises(InputError, match="prove"):
        judge(before, np.full_like(before, np.nan), instant)


def test_the_child_names_its_parent(tmp_path: Path) -> None:
    parent = read_card(preset_path("detectors", "pose_landmark_lite"))
    descent = Parent(
        name=parent.name,
        version=parent.version,
        sha256=parent.sha256,
        data=("a", "b"),
        labels="views",
        crops=24,
        epochs=3,
        seed=0,
        rate=1e-5,
        share=1.0,
        held_out_view="cam_4",
        before_px=2.5,
        after_px=2.0,
        surely=0.1,
    )
    child = write_child(tmp_path, "our_lite", parent, b"\0\0\0\0TFL3 and more", descent)
    read = read_card(child.card_path)
    assert read == child.card
    assert read.parent == descent
    assert read.version != parent.version
    assert read.uncertainty == parent.uncertainty
    assert card_skeleton(read).name == "blazepose33"
    with pytest.raises(ModelError):
        write_child(tmp_path, "../elsewhere", parent, b"", descent)


def test_examples_are_told_apart() -> None:
    one = examples(1)
    assert one.digest == examples(1).digest != examples(2).digest
    assert len(joined([one, one.pick(np.arange(3))])) == 27
    with pytest.raises(ValueError, match="shapes"):
        Examples(one.crops[:2], one.xy, one.weight, one.instant, one.view)
