"""Wrong options: in words for people, as an object for programs."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from mocap.cli.app import app


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["calibrate", "--json"], "FOLDER"),
        (["calibrate", "there", "--lens", "glass", "--json"], "glass"),
        (["calibration", "align", "a.toml", "--json"], "--out"),
        (["calibration", "verify", "--json", "--no-such-option"], "--no-such-option"),
        (["no-such-command", "--json"], "no-such-command"),
        (["calibrate", "there", "--seed", "many", "--json"], "--seed"),
    ],
)
def test_wrong_usage_is_one_object(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    told = json.loads(result.stdout)["error"]
    assert words.lower() in told["what"].lower()
    assert "--help" in told["remedy"]
    assert result.stderr == ""


def test_for_people_it_is_words() -> None:
    result = CliRunner().invoke(app, ["calibrate"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Missing argument" in result.stderr


def test_other_errors_and_successes_keep_their_codes() -> None:
    assert CliRunner().invoke(app, ["board", "list", "--json"]).exit_code == 0
    gone = CliRunner().invoke(app, ["calibration", "show", "no-such-file.toml", "--json"])
    assert gone.exit_code == 1
    assert json.loads(gone.stdout)["error"]["path"] == "no-such-file.toml"
