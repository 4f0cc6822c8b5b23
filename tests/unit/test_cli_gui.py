"""`mocap` alone: the app where it can be opened, help where it cannot."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from mocap.cli import gui
from mocap.cli.app import app


def test_alone_it_helps_where_no_window_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gui, "can_open_window", lambda: False)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    assert "process" in done.output


def test_alone_it_opens_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bool] = []
    monkeypatch.setattr(gui, "can_open_window", lambda: True)
    monkeypatch.setattr(gui, "gui", lambda: opened.append(True))
    assert CliRunner().invoke(app, []).exit_code == 0
    assert opened == [True]
    assert CliRunner().invoke(app, ["--version"]).exit_code == 0
    assert opened == [True]


@pytest.mark.parametrize(("display", "opens"), [(":0", True), (None, False)])
def test_a_window_needs_a_screen(monkeypatch: pytest.MonkeyPatch, display: str | None, opens: bool) -> None:
    monkeypatch.setattr(gui.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(gui.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
    assert gui.can_open_window() is opens


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("PySide6", "PySide6.QtCore", "PySide6.QtWidgets"):
        monkeypatch.setitem(sys.modules, name, None)
    done = CliRunner().invoke(app, ["gui"])
    assert done.exit_code == 1
    assert "openmocap[gui]" in done.output.replace("\n", "")
