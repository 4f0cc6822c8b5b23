"""constraints.txt: exact, and complete for every Python and system."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_every_pin_is_exact() -> None:
    assert all([specifier.operator for specifier in pin.specifier] == ["=="] for pin in pins())


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
@pytest.mark.parametrize(("platform", "os_name"), [("linux", "posix"), ("win32", "nt"), ("darwin", "posix")])
def test_each_requirement_has_one_pin_that_it_allows(python: str, platform: str, os_name: str) -> None:
    environment = {"python_version": python, "sys_platform": platform, "os_name": os_name, "extra": ""}
    environment["python_full_version"] = f"{python}.0"
    held: dict[str, str] = {}
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate(environment):
            assert canonical(pin.name) not in held, f"{pin.name} is held twice"
            held[canonical(pin.name)] = next(iter(pin.specifier)).version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    for line in itertools.chain(*wanted):
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate(environment)
        if applies and requirement.name != "openmocap":
            version = held.get(canonical(requirement.name))
            assert version is not None, f"{requirement.name} floats on Python {python}, {platform}"
            assert version in requirement.specifier
