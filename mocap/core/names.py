"""Names of cameras, as people and programs write them."""

from __future__ import annotations

import re


def last_number(name: str) -> str:
    """Last number in a name without leading zeros: ``cam01`` is ``cam_1``; the name itself if it has none."""
    numbers = re.findall(r"\d+", name)
    return str(int(numbers[-1])) if numbers else name
