"""Filling the templates of reports: everything escaped, since names of cameras and folders come from users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from calibration.report.numbers import number, percent

# What all reports have in common lies here: base.css.
SHARED = Path(__file__).parent / "templates"


def environment(templates: Path) -> Environment:
    """Templates of a folder, with the filters ``number`` and ``percent``; a name that is not given is an error."""
    made = Environment(
        loader=FileSystemLoader([templates, SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "percent": percent}
    return made


def script_json(data: dict[str, Any]) -> Markup:
    """JSON that may stand inside a script element: no '<' that could end it."""
    return Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))
