"""Reading and writing the small files that detections come in."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from calibration.files import atomic_write
from mocap.core.errors import InputError


def read_json(path: Path) -> Any:
    """Parse a JSON file.

    Raises
    ------
    InputError
        If it is gone, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"This file of detections cannot be read: {error}.", "Write it again.", path) from error


def write_json(path: Path, content: object) -> None:
    """Write compact JSON, whole or not at all."""
    with atomic_write(path) as draft:
        draft.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def read_rows(path: Path) -> list[list[str]]:
    """Read all rows of a CSV file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"This table of detections cannot be read: {error}.", "Write it again.", path) from error


def write_rows(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, whole or not at all."""
    with atomic_write(path) as draft, draft.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)


def last_number(text: str) -> int | None:
    """Last number in a name: that of a frame in ``cam01_000000000012_keypoints``."""
    numbers = re.findall(r"\d+", text)
    return int(numbers[-1]) if numbers else None


def first_match(folder: Path, pattern: str) -> Path | None:
    """Any file of that pattern directly in a folder."""
    return next(iter(sorted(folder.glob(pattern))), None) if folder.is_dir() else None
