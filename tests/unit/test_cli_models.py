"""`mocap models`: a card in words, and models of one's own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mocap.cli.app import app
from mocap.detect import weights

CARD = """
name = "ours"
version = "1"
task = "landmarks"
skeleton = "coco17"
keypoints = 17
licence = "MIT"
file = "ours.onnx"
sha256 = "first_use"
sources = []
[input]
size_px = 192
[decoder]
kind = "simcc"
outputs = { x = "x", y = "y" }
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(weights.DIR_VARIABLE, str(tmp_path / "models"))
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["models", *words])
    return done.exit_code, " ".join(done.output.split())


def test_a_card_is_shown_in_words() -> None:
    code, said = run("show", "rtmpose_m_halpe26")
    assert code == 0
    for word in (
        "26 keypoints of halpe26",
        "Apache-2.0",
        "missing",
        "on trust",
        "simcc",
        "download.openmmlab.com",
    ):
        assert word in said
    (card,) = json.loads(run("show", "rtmpose_m_halpe26", "--json")[1])["models"]
    assert card["decoder"]["outputs"] == {"x": "simcc_x", "y": "simcc_y"}
    code, said = run("show", "nobody")
    assert code != 0
    assert "rtmpose_m_halpe26" in said


def test_weights_and_their_card_are_added_and_listed(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(CARD, encoding="utf-8")
    (tmp_path / "net.onnx").write_bytes(b"\x08\x08" + bytes(100))
    code, said = run("add", str(tmp_path / "net.onnx"), "--card", str(tmp_path / "ours.toml"))
    assert code == 0
    assert "ready (on trust)" in said
    found = {m["name"]: m for m in json.loads(run("list", "--json")[1])["models"]}
    assert (found["ours"]["state"], found["ours"]["on_trust"]) == ("ready", True)
    assert "taken on trust" in run("fetch", "ours")[1]


def test_a_pickle_is_refused_with_the_reason_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(b"\x80\x02}q\x00.")
    code, said = run("add", str(tmp_path / "net.pth"))
    assert code != 0
    assert "pickled" in said
    assert "ONNX" in said
