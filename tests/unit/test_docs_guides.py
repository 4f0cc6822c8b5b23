"""The guides name buttons and pages as the app does, and their pictures are those that a tour makes."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from mocap.gui.presenters.process.newrun import presets
from mocap.pipeline.settings import KinematicsSettings

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
STEPS = 10


def words_of_the_app() -> set[str]:
    """All texts in the sources of the app that are no docstrings, and the names of presets and exercises."""
    words: set[str] = {preset.title for preset in presets()}
    exercises = get_args(get_args(get_type_hints(KinematicsSettings)["tasks"])[0])
    words |= {name.replace("_", " ").capitalize() for name in exercises}
    for path in (ROOT / "mocap" / "gui").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                words.add(node.value.strip())
    return words


def controls(guide: Path) -> list[str]:
    """What a guide says is on the screen, and the keys it names."""
    text = guide.read_text(encoding="utf-8")
    marked = re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL) + re.findall(r"`(Ctrl\+.+?)`", text)
    return [" ".join(word.split()) for word in marked if word != "bold"]


def test_there_is_a_guide_for_each() -> None:
    assert [path.stem for path in GUIDES] == ["animator", "physiotherapist", "sports-analyst"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_word_on_the_screen_is_in_the_app(guide: Path) -> None:
    named, known = controls(guide), words_of_the_app()
    assert len(named) > STEPS
    assert [word for word in named if word not in known] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_ten_steps_with_pictures(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    assert [int(n) for n in re.findall(r"^### (\d+)\.", text, re.MULTILINE)] == list(range(1, STEPS + 1))
    pictures = re.findall(r"!\[(.+?)\]\((.+?)\)", text)
    assert len(pictures) >= STEPS - 1
    gone = [path for _, path in pictures if not (guide.parent / path).is_file()]
    assert gone == []


def test_a_word_that_is_not_in_the_app_is_noticed() -> None:
    assert "Press the purple lever" not in words_of_the_app()
    assert "New session" in words_of_the_app()
