"""Model cards: the shipped ones are sound, wrong ones are refused by field."""

from pathlib import Path
from typing import Any

import pytest

from mocap.core.errors import ModelError
from mocap.detect.cards import card_skeleton, load_cards, parse_card, read_card
from mocap.presets import preset_path, read_toml


def heavy_table() -> dict[str, Any]:
    return read_toml(preset_path("detectors", "pose_landmark_heavy"))


# Networks that the default detector needs; the others are for those who want them.
DEFAULT = {"movenet_multipose", "pose_landmark_heavy", "pose_landmark_full", "pose_landmark_lite"}
PACKAGED = DEFAULT | {"hand_landmark_full", "face_landmark"}


def test_shipped_cards_are_valid_and_named_as_their_files() -> None:
    cards = load_cards()
    assert set(cards) > PACKAGED
    for name, card in cards.items():
        assert read_card(preset_path("detectors", name)).name == name
        assert card.licence == "Apache-2.0"
        if card.task in ("landmarks", "people"):
            assert len(card_skeleton(card).keypoints) == card.keypoints
        assert (card.decoder is None) == name.startswith("pose_landmark")


def test_every_packaged_model_comes_from_a_package_and_from_its_publisher() -> None:
    for card in (card for name, card in load_cards().items() if name in PACKAGED):
        kinds = [source.kind for source in card.sources]
        assert kinds[0] in ("npm", "pypi")
        assert "url" in kinds
        # On a machine with Python alone there must be a way that needs no npm.
        assert any(s.kind == "pypi" or (s.kind == "npm" and s.client is not None) for s in card.sources)
        assert not card.on_trust


def test_other_shipped_models_name_an_address_and_no_invented_hash() -> None:
    others = [card for name, card in load_cards().items() if name not in PACKAGED]
    assert {c.decoder.kind for c in others if c.decoder} == {
        "simcc",
        "heatmap",
        "boxes",
        "rtmo",
        "movenet_single",
    }
    for card in others:
        assert [source.kind for source in card.sources] == ["url"]
        assert card.on_trust


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"file": "net.pkl"}, "could run any program"),
        ({"file": "net.ckpt"}, "could run any program"),
        ({"file": "net.zip"}, "no kind of network file"),
        ({"decoder": {"kind": "simcc", "outputs": {"x": "a"}}}, "role.* y need an output"),
        ({"decoder": {"kind": "simcc", "outputs": {"x": "a", "y": "b", "z": "c"}}}, "unknown role.* z"),
        ({"decoder": {"kind": "crystal", "outputs": {}}}, "crystal"),
        ({"decoder": {"kind": "boxes", "outputs": {"boxes": "a"}}}, "not landmarks"),
        (
            {"decoder": {"kind": "heatmap", "grid": "half", "refine": "offset", "outputs": {"heatmap": 0}}},
            "belong together",
        ),
        ({"decoder": None, "task": "people"}, "needs one"),
    ],
)
def test_decoders_and_files_that_do_not_fit_are_told(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        parse_card({**heavy_table(), **change})


def test_a_skeleton_of_ones_own_and_one_that_does_not_fit() -> None:
    own = {"keypoints": ["snout", "tail"], "bones": [["snout", "tail"]]}
    plain = {field: value for field, value in heavy_table().items() if field != "uncertainty"}
    mine = parse_card({**plain, "skeleton": "mouse", "keypoints": 2, "own_skeleton": own})
    assert card_skeleton(mine).keypoints == ("snout", "tail")
    assert card_skeleton(mine).core == ("snout", "tail")
    for change in (
        {"keypoints": 17},
        {"skeleton": "nobody"},
        {"own_skeleton": {**own, "core": ["ear"]}, "keypoints": 2},
    ):
        with pytest.raises(ModelError, match="skeleton"):
            card_skeleton(parse_card({**heavy_table(), **change}))


def test_each_keypoint_has_its_sigma_or_none_has() -> None:
    heavy = heavy_table()
    assert len(heavy["uncertainty"]["keypoint_px"]) == heavy["keypoints"]
    short = {**heavy["uncertainty"], "keypoint_px": heavy["uncertainty"]["keypoint_px"][1:]}
    with pytest.raises(ModelError, match="32 keypoints of 33"):
        card_skeleton(parse_card({**heavy, "uncertainty": short}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sha256", "59e42d71"),
        ("sha256", "Z" * 64),
        ("task", "faces"),
        ("file", "../outside.tflite"),
        ("file", "a/b.tflite"),
        ("keypoints", 0),
        ("surprise", 1),
        ("input", {"size_px": 256, "multiple_of": 256, "divide_by": 0.0}),
        ("sources", [{"kind": "url", "url": "http://example.org/plain"}]),
        ("sources", [{"kind": "npm", "package": "--evil", "version": "1", "member": "m"}]),
        ("sources", [{"kind": "pypi", "package": "a", "version": "--index", "member": "m"}]),
        ("sources", [{"kind": "ftp", "url": "https://example.org"}]),
        ("sources", [{"kind": "url", "url": "https://example.org", "extra": 1}]),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    with pytest.raises(ModelError, match=field):
        parse_card({**heavy_table(), field: value})


def test_a_missing_field_is_named() -> None:
    table = heavy_table()
    del table["licence"]
    with pytest.raises(ModelError, match="licence"):
        parse_card(table)


def test_the_users_card_takes_precedence(tmp_path: Path) -> None:
    text = preset_path("detectors", "pose_landmark_lite").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('"0.5.1675469404"', '"9.9"'), encoding="utf-8")
    assert load_cards(tmp_path)["pose_landmark_lite"].version == "9.9"
