"""Numbers as a person reads them; what was not measured is a dash, never a zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOT_MEASURED = "–"
GAP = "\u202f"  # narrow no-break space between a number and its unit


def number(value: float, digits: int, unit: str = "") -> str:
    """Format a number with its unit; a dash where it was not measured."""
    if not math.isfinite(value):
        return NOT_MEASURED
    text = f"{value:.{digits}f}"
    # No "-0.0": a sign without a value makes readers look for a meaning.
    if float(text) == 0.0:
        text = text.lstrip("-")
    text = text.replace("-", "\u2212")
    return text if not unit else f"{text}{'' if unit == '°' else GAP}{unit}"


def percent(share: float, digits: int = 0) -> str:
    """Format a share of 1 as percent; 999 of 1000 is not 100 %, and 1 of 1000 not 0 %."""
    smallest = 10.0**-digits
    if share < 1.0 and round(100.0 * share, digits) >= 100.0:
        return f">{GAP}{100.0 - smallest:.{digits}f}{GAP}%"
    if 0.0 < share < 0.005 * smallest:
        return f"<{GAP}{smallest:.{digits}f}{GAP}%"
    return number(100.0 * share, digits, "%")


def with_sigma(value: float, sigma: float) -> tuple[str, str]:
    """Format a value and its standard deviation to two digits of the latter: ``("912.34", "0.21")``.

    Without a finite sigma the value has five significant digits and the sigma is a dash.
    """
    if not math.isfinite(sigma) or sigma <= 0.0:
        digits = 4 if value == 0.0 else max(0, 4 - math.floor(math.log10(abs(value))))
        return number(value, min(digits, 5)), NOT_MEASURED
    digits = min(6, max(0, 1 - math.floor(math.log10(sigma))))
    return number(value, digits), number(sigma, digits)


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def plural(count: int, noun: str) -> str:
    """Count things: ``1 camera``, ``4 cameras``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
