"""Model cards: the shipped ones are sound, wrong ones are refused by field."""

from pathlib import Path
from typing import Any

import pytest

from mocap.core.errors import ModelError
from mocap.detect.cards import load_cards, parse_card, read_card
from mocap.presets import load_skeleton, preset_path, read_toml


def heavy_table() -> dict[str, Any]:
    return read_toml(preset_path("detectors", "pose_landmark_heavy"))


def test_shipped_cards_are_valid_and_named_as_their_files() -> None:
    cards = load_cards()
    assert set(cards) == {"movenet_multipose", "pose_landmark_heavy", "pose_landmark_full", "pose_landmark_lite"}
    for name, card in cards.items():
        assert read_card(preset_path("detectors", name)).name == name
        assert card.licence == "Apache-2.0"
        if card.task == "landmarks":
            assert len(load_skeleton(card.skeleton).keypoints) == card.keypoints


def test_every_shipped_model_comes_from_a_package_and_from_its_publisher() -> None:
    for card in load_cards().values():
        kinds = [source.kind for source in card.sources]
        assert kinds[0] in ("npm", "pypi")
        assert "url" in kinds
        # On a machine with Python alone there must be a way that needs no npm.
        assert any(s.kind == "pypi" or (s.kind == "npm" and s.client is not None) for s in card.sources)


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
