"""The lines of import hold, and the guard that says so does notice a violation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("calibration", "mocap")
# Most files are far shorter; beyond this a file holds more than one thing.
MOST_LINES = 400


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages of a folder, whatever is installed."""
    program = "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def ruff(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ruff", *words, "."], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_imports_flow_down() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("mocap/detect/crop.py", "import mocap.export", "Imports flow down"),
        ("mocap/core/types.py", "import mocap.pipeline", "Imports flow down"),
        ("mocap/fit/__init__.py", "import mocap.cli", "Imports flow down"),
        ("calibration/camera.py", "import mocap.core", "calibration is a library of its own"),
        ("mocap/core/types.py", "import cv2", "core knows no files"),
        ("mocap/report/page.py", "import PySide6", "Only the app knows windows"),
        ("mocap/gui/presenters/jobs.py", "import mocap.gui.views.parts", "Presenters hold no widgets"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [said for said in done.stdout.splitlines() if said.rstrip().endswith("BROKEN")]
    assert [said for said in broken if said.startswith(contract)], done.stdout


def test_format() -> None:
    done = ruff("format", "--check")
    assert done.returncode == 0, done.stdout


def test_lint() -> None:
    done = ruff("check")
    assert done.returncode == 0, done.stdout


def test_no_file_is_long() -> None:
    files = [ROOT / "run.py", *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}
