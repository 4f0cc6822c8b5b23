"""Where the presets lie and how skeletons are read from them."""

from __future__ import annotations

import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

from mocap.core.errors import InputError
from mocap.core.skeleton import AngleDefinition, Joint, Skeleton

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def presets_dir() -> Path:
    """Folder of the presets: inside the installed package, or the checkout's ``configs``."""
    shipped = Path(__file__).parent / "_configs"
    return shipped if shipped.is_dir() else Path(__file__).parent.parent / "configs"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        If the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("There is no such file.", "Check the path.", path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"This is not a TOML file: {error}.", "Mend the file or give another.", path) from error


def preset_names(kind: str) -> tuple[str, ...]:
    """Names of the presets of a kind: ``skeletons``, ``detectors``, ``pipelines``."""
    return tuple(sorted(path.stem for path in (presets_dir() / kind).glob("*.toml")))


def preset_path(kind: str, name: str) -> Path:
    """Path of a preset; a name that does not exist is explained with those that do."""
    path = presets_dir() / kind / f"{name}.toml"
    if not path.is_file():
        raise InputError(
            f"There is no preset '{name}' among the {kind}.", f"Choose one of: {', '.join(preset_names(kind))}."
        )
    return path


@cache
def load_skeleton(name: str) -> Skeleton:
    """Load a skeleton of ``configs/skeletons`` by name."""
    table = read_toml(preset_path("skeletons", name))
    return Skeleton(
        name=table["name"],
        keypoints=tuple(table["keypoints"]),
        bones=tuple((a, b) for a, b in table["bones"]),
        mirror=tuple((a, b) for a, b in table["mirror"]),
        core=tuple(table["core"]),
        angles=tuple(
            AngleDefinition(a["name"], tuple(a["points"]), math.radians(a["offset_deg"]), a["sign"])
            for a in table["angles"]
        ),
        joints=tuple(
            Joint(j["name"], j.get("parent"), tuple(j["keypoints"]), tuple(j["rest_direction"]))
            for j in table["joints"]
        ),
    )
