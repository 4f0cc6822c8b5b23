"""FBX through Blender where there is one; without it, a clear word."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from mocap.core.errors import ExportError
from mocap.export import export
from mocap.export.fbx import VARIABLE
from tests.factories import make_take


def stand_in(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_blender_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match="was not found"):
        export(make_take(3), ("fbx",), tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(ExportError, match="is no program"):
        export(make_take(3), ("fbx",), tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="stands in with a shell script")
def test_a_blender_that_fails_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for script, complaint in (("echo broken >&2; exit 3", "broken"), ("echo openmocap: written", "written")):
        monkeypatch.setenv(VARIABLE, stand_in(tmp_path / "blender", script))
        with pytest.raises(ExportError, match=f"Blender failed: .*{complaint}"):
            export(make_take(3), ("fbx",), tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.fbx"))


@pytest.mark.slow
def test_blender_writes_it(tmp_path: Path) -> None:
    if not (os.environ.get(VARIABLE) or shutil.which("blender")):
        pytest.skip(f"needs Blender, or {VARIABLE}")
    (path,) = export(make_take(30), ("fbx",), tmp_path)["fbx"].files
    assert path.read_bytes().startswith(b"Kaydara FBX Binary")
