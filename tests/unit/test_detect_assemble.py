"""A lab's network, from its two files to keypoints, through the doors that a user has."""

from pathlib import Path

import numpy as np
import pytest
import tomli_w

from mocap.core.errors import InputError, ModelError
from mocap.detect import weights
from mocap.detect.assemble import assemble_detector
from mocap.detect.carddetector import CardDetector
from mocap.detect.cards import ModelCard
from mocap.pipeline.settings import load_settings
from mocap.presets import preset_path, read_toml

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.small_nets import fixed_net, heat_net, spot_card

HEATMAP = {"kind": "heatmap", "grid": "centre", "refine": "dark", "outputs": {"heatmap": "heat"}}
BOXES = {"kind": "boxes", "outputs": {"boxes": "dets"}}


def add(folder: Path, card: ModelCard, net: Path) -> None:
    path = folder / f"{card.name}.toml"
    path.write_text(tomli_w.dumps(card.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    assert weights.add(net, path).state == "ready"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models that holds a network of three spots and one that finds a box."""
    monkeypatch.setenv(weights.DIR_VARIABLE, str(tmp_path / "models"))
    add(tmp_path, spot_card("spots", "landmarks", HEATMAP, (96, 128)), heat_net(tmp_path / "net.onnx"))
    box = np.array([[[20.0, 40.0, 140.0, 200.0, 0.9]]])
    found = spot_card("boxes", "person_finder", BOXES, (160, 240))
    add(tmp_path, found, fixed_net(tmp_path / "finder.onnx", (160, 240), dets=box))
    return tmp_path


def test_a_network_and_its_card_are_all_that_is_needed(lab: Path) -> None:
    detector, warnings = assemble_detector(("spots",), "boxes")
    assert isinstance(detector, CardDetector)
    assert [w.count("taken on trust") for w in warnings] == [1, 1]
    picture = np.zeros((240, 160, 3), dtype=np.uint8)
    places = {2: (60, 90), 1: (80, 120), 0: (100, 150)}  # red, green, blue of a BGR picture
    for channel, (x, y) in places.items():
        picture[y - 6 : y + 7, x - 6 : x + 7, channel] = 255
    (pose,), _ = detector.detect([picture], [detector.initial_state()])
    np.testing.assert_allclose(pose.xy[0], list(places.values()), atol=0.5)


def test_a_network_without_a_finder_is_shown_whole_pictures(lab: Path) -> None:
    detector, _ = assemble_detector(("spots",), "none")
    assert detector.max_people == 1


def test_the_next_model_serves_where_one_is_not_to_be_had(lab: Path) -> None:
    detector, warnings = assemble_detector(("nobody", "spots"), "none")
    assert detector.identity.startswith("spots")
    assert "nobody" in warnings[0]


def test_what_does_not_go_together_is_told(lab: Path) -> None:
    with pytest.raises(ModelError, match="mirror"):
        assemble_detector(("spots",), "none", flip=True)
    with pytest.raises(ModelError, match="does not find people"):
        assemble_detector(("spots",), "spots")
    with pytest.raises(ModelError, match="task person_finder"):
        assemble_detector(("boxes",), "none")


def test_settings_of_ones_own_name_models_finder_and_parts(tmp_path: Path) -> None:
    table = read_toml(preset_path("pipelines", "balanced"))
    table["detect"] |= {"landmarks": ["spots"], "finder": "boxes", "parts": ["hands"]}
    own = tmp_path / "mine.toml"
    own.write_text(tomli_w.dumps(table), encoding="utf-8")
    detect = load_settings(str(own)).detect
    assert (detect.landmarks, detect.finder, detect.parts) == (("spots",), "boxes", ("hands",))
    table["detect"]["parts"] = ["feet"]
    own.write_text(tomli_w.dumps(table), encoding="utf-8")
    with pytest.raises(InputError, match=r"detect\.parts"):
        load_settings(str(own))
    with pytest.raises(InputError, match="no such file"):
        load_settings(str(tmp_path / "other.toml"))
