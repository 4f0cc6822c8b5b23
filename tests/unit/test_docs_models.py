"""The card and the examples in docs/models.md are cards that are accepted."""

import re
from pathlib import Path
from typing import Any

import pytest

from mocap.detect.cards import ModelCard, card_skeleton, parse_card
from mocap.presets import tomllib

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def blocks() -> list[dict[str, Any]]:
    """Indented blocks of the page that are tables of a card."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", TEXT, flags=re.MULTILINE)
    texts = ["\n".join(line[4:] for line in block.splitlines()) for block in found if "[decoder]" in block]
    pieces = [piece for text in texts for piece in re.split(r"\n(?=# (?:Ultralytics|DeepLabCut|SLEAP))", text)]
    return [tomllib.loads(piece) for piece in pieces if "[decoder]" in piece]


BLOCKS = blocks()


def test_all_examples_are_found() -> None:
    assert [block["decoder"]["kind"] for block in BLOCKS] == ["simcc", "yolo_pose", "heatmap", "peaks"]


def test_the_whole_card_is_accepted() -> None:
    assert len(card_skeleton(parse_card(BLOCKS[0])).keypoints) == 26


@pytest.mark.parametrize("block", BLOCKS[1:], ids=lambda block: block["decoder"]["kind"])
def test_examples_are_accepted_with_the_rest_of_the_card(block: dict[str, Any]) -> None:
    whole = {**BLOCKS[0], **block, "input": {**BLOCKS[0]["input"], **block.get("input", {})}}
    if "own_skeleton" in block:
        whole |= {"skeleton": "mine", "keypoints": len(block["own_skeleton"]["keypoints"])}
    card_skeleton(parse_card(whole))


def test_every_kind_of_decoder_is_explained() -> None:
    kinds = ModelCard.model_json_schema()["$defs"]
    named = {
        spec["properties"]["kind"]["const"]
        for name, spec in kinds.items()
        if "kind" in spec.get("properties", {}) and name.endswith("Spec")
    }
    missing = {kind for kind in named if f"`{kind}`" not in TEXT}
    assert len(named) >= 14
    assert not missing


def test_every_shipped_skeleton_is_named() -> None:
    from mocap.presets import preset_names

    assert not [
        name for name in preset_names("skeletons") if name.removesuffix("_face").removesuffix("_hands") not in TEXT
    ]
