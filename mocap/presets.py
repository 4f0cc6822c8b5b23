"""Where the presets lie and how skeletons are read from them."""

from __future__ import annotations

import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

from mocap.core.errors import InputError
from mocap.core.mapping import KeypointMap, KeypointRules, build_map
from mocap.core.skeleton import BALL, AngleDefinition, Attachment, Joint, Skeleton

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
    table = _skeleton_table(name)
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
        joints=tuple(_joint(j) for j in table["joints"]),
        attachments=tuple(
            Attachment(
                a["keypoint"],
                a["joint"],
                a["segment"],
                tuple(a.get("offset", (0.0, 0.0, 0.0))),
                tuple(a.get("sigma", (0.0, 0.0, 0.0))),
            )
            for a in table.get("attachments", ())
        ),
        size=tuple(table.get("size", ())),
        ground=tuple(table.get("ground", ())),
    )


def _skeleton_table(name: str) -> dict[str, Any]:
    """Read the table of a skeleton; one that extends another adds to its lists."""
    table = read_toml(preset_path("skeletons", name))
    if "extends" not in table:
        return table
    base = _skeleton_table(table.pop("extends"))
    return {**base, **{k: [*base[k], *v] if isinstance(v, list) else v for k, v in table.items()}}


@cache
def load_keypoint_map(source: str, target: str) -> KeypointMap:
    """Load how the keypoints of one shipped skeleton are had from another's; see `mocap.core.mapping`."""
    table = read_toml(presets_dir() / "keypoint_rules.toml")
    rules = KeypointRules(derived=table["derived"], near=table["near"])
    return build_map(load_skeleton(source), load_skeleton(target), rules)


def _joint(table: dict[str, Any]) -> Joint:
    """Read a joint; one that does not say what it turns about is a ball joint."""
    return Joint(
        table["name"],
        table.get("parent"),
        tuple(table["keypoints"]),
        tuple(table["rest_direction"]),
        tuple(tuple(axis) for axis in table.get("axes", BALL)),
        tuple((math.radians(low), math.radians(high)) for low, high in table.get("limits_deg", ())),
        tuple(math.radians(spread) for spread in table.get("spread_deg", ())),
        table.get("length", 0.0),
    )
