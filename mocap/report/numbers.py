"""Numbers as a person reads them; what was not measured is a dash, never a zero."""

from __future__ import annotations

import math
import re

NOT_MEASURED = "–"
UNITS_GAP = "\u202f"  # narrow no-break space between a number and its unit


def number(value: float, digits: int, unit: str = "") -> str:
    """Format a number with its unit; a dash where it was not measured."""
    if not math.isfinite(value):
        return NOT_MEASURED
    text = f"{value:.{digits}f}"
    # No "-0.0": a sign without a value makes readers look for a meaning.
    if float(text) == 0.0:
        text = text.lstrip("-")
    text = text.replace("-", "\u2212")
    return text if not unit else f"{text}{'' if unit == '°' else UNITS_GAP}{unit}"


def percent(share: float, digits: int = 0) -> str:
    """Format a share of 1 as percent."""
    if 0.0 < share < 0.5 * 10.0 ** -(digits + 2):
        return f"<{UNITS_GAP}{10.0**-digits:.{digits}f}{UNITS_GAP}%"
    # All is a strong word: 999 of 1000 is not 100 %.
    if share < 1.0 and round(100.0 * share, digits) >= 100.0:
        return f">{UNITS_GAP}{100.0 - 10.0**-digits:.{digits}f}{UNITS_GAP}%"
    return number(100.0 * share, digits, "%")


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
    return f"{minutes}{UNITS_GAP}min {rest}{UNITS_GAP}s"


def words(identifier: str) -> str:
    """Spell an identifier as words: ``left_knee_flexion`` becomes ``Left knee flexion``."""
    text = re.sub(r"[_\s]+", " ", identifier).strip()
    return text[:1].upper() + text[1:]


def plural(count: int, noun: str) -> str:
    """Count things: ``1 camera``, ``4 cameras``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
