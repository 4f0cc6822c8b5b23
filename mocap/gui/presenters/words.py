"""Numbers, times, stages and errors in words for people."""

from __future__ import annotations

import errno
import math
from dataclasses import dataclass
from pathlib import Path

from calibration.files import explain_write_error
from mocap.core.errors import ExplainedError

# Stages of a run, in order, and their usual share of its time (three runs of the shipped presets on two cores);
# only for one progress bar over the whole run and its estimate.
STAGES: dict[str, tuple[str, float]] = {
    "detect": ("Finding people", 0.70),
    "associate": ("Choosing the subject", 0.02),
    "look again": ("Looking again where views disagree", 0.05),
    "triangulate": ("Triangulating", 0.02),
    "filter": ("Filtering", 0.01),
    "body": ("Fitting the body", 0.05),
    "angles": ("Joint angles", 0.02),
    "export": ("Writing files", 0.03),
    "overlay": ("Drawing overlay videos", 0.09),
    "report": ("Writing the report", 0.01),
}


@dataclass(frozen=True)
class Trouble:
    """What went wrong and what to do, for a person."""

    what: str
    remedy: str
    path: Path | None = None


def trouble_of(error: BaseException) -> Trouble:
    """Put any error in words; one that nobody foresaw is called a defect."""
    if isinstance(error, ExplainedError):
        return Trouble(error.what, error.remedy, error.path)
    if isinstance(error, OSError) and error.errno is not None:
        return _trouble_of_disk(error)
    return Trouble(f"This is a defect of the software: {error!r}.", "Please report it with what you did before.")


def _trouble_of_disk(error: OSError) -> Trouble:
    """What the system said of a file, wherever it said so: full, gone, not allowed."""
    path = Path(error.filename) if isinstance(error.filename, str) else None
    if error.errno == errno.ENOENT:
        return Trouble("A file or folder is gone.", "Was it moved, or its disk taken out? Bring it back.", path)
    told = explain_write_error(error, path or Path())
    return Trouble(told.what, told.remedy, path)


def time_left(seconds: float) -> str:
    """Remaining time, as coarse as it is known."""
    if not math.isfinite(seconds):
        return ""
    if seconds < 50:
        return f"about {max(5, 5 * round(seconds / 5))} s left"
    if seconds < 3600:
        return f"about {math.ceil(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"


def duration(seconds: float) -> str:
    """Elapsed time: 0:07, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def number(value: float, unit: str, digits: int = 1) -> str:
    """A number with its unit, or a dash where it is missing."""
    return f"{value:.{digits}f} {unit}".strip() if math.isfinite(value) else "–"


def title(name: str) -> str:
    """Make a name of ``snake_case`` readable."""
    return name.replace("_", " ").strip().capitalize()
