"""Spans of time and names as a person reads them; numbers are spelled as in the report of a calibration."""

from __future__ import annotations

import math
import re

from calibration.report.numbers import GAP, NOT_MEASURED, number


def duration(seconds: float) -> str:
    """Format a time span: ``4 ms``, ``0.42 s``, ``12.3 s``, ``2 min 5 s``."""
    if not math.isfinite(seconds):
        return NOT_MEASURED
    if 0.0 < seconds < 0.095:
        return number(max(1.0, 1000.0 * seconds), 0, "ms")
    if seconds < 10.0:
        return number(seconds, 2, "s")
    if seconds < 99.95:
        return number(seconds, 1, "s")
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}{GAP}min {rest}{GAP}s"


def words(identifier: str) -> str:
    """Spell an identifier as words: ``left_knee_flexion`` becomes ``Left knee flexion``."""
    text = re.sub(r"[_\s]+", " ", identifier).strip()
    return text[:1].upper() + text[1:]
