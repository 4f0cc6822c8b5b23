"""A calibration refined from a person: before and after, to be accepted or not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mocap.core.errors import SessionError
from mocap.gui.jobs.calibrate import REFINED_FILE, RefineJob, VerifyJob
from mocap.gui.presenters.words import number

PENDING = ".refined"
NAN = float("nan")


@dataclass(frozen=True)
class Refined:
    """What a refinement found.

    Attributes
    ----------
    rig_file : Path
        The refined calibration, which waits.
    of : Path
        The one it was made from.
    improved : bool
        Whether the person could tell a better rig from this one.
    rows : tuple of (camera, before, after, moved, turned)
    """

    rig_file: Path
    of: Path
    improved: bool
    verdict: str
    figures: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]


REFINED_COLUMNS = ("Camera", "Before", "After, held out", "Moved", "Turned")


def refine_job(rig_file: Path, source: Path) -> RefineJob:
    """The job that refines a calibration from a run; its result waits in a folder of its own."""
    out = rig_file.parent / PENDING / "rig.toml"
    return RefineJob(f"Refine {rig_file.parent.parent.name} by {source.name}", rig_file, source, out)


def verify_job(rig_file: Path, folder: Path) -> VerifyJob:
    """The job that measures a board with a calibration."""
    return VerifyJob(f"Check {rig_file.name} with {folder.name}", rig_file, folder)


def waiting(rig_file: Path) -> Path | None:
    """The refinement that waits beside a calibration; None if there is none."""
    path = rig_file.parent / PENDING / "rig.toml"
    return path if path.is_file() and path.with_name(REFINED_FILE).is_file() else None


def load_refined(path: Path) -> Refined:
    """Read what a refinement found.

    Raises
    ------
    SessionError
        If its figures cannot be read.
    """
    try:
        told = json.loads(path.with_name(REFINED_FILE).read_text(encoding="utf-8"))
        before, after = told["before"], told["heldout"]
        improved = bool(told["improved"])
        rows = tuple(_row(name, told) for name in before["median_px_per_camera"])
        lengths = told["baseline_m"]
        figures = (
            ("Views agree within, before", _number(before["median_px"], "px", 2)),
            ("After, in instants held out", _number(after["median_px"], "px", 2)),
            ("Bones vary, before", _number(before["bone_variation_percent"], "%")),
            ("After", _number(after["bone_variation_percent"], "%")),
            ("Lengths changed by", _number(100 * (lengths[1] / lengths[0] - 1), "%", 2)),
            ("Instants", str(told["instants"])),
        )
        verdict = (
            f"Better: the {told['moved']} of the cameras were corrected."
            if improved
            else "The person cannot tell a better calibration from this one; keep it."
        )
        return Refined(path, Path(told["of"]), improved, verdict, figures, rows)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SessionError("The refinement cannot be read.", "Refine again.", path) from error


def _row(name: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        _number(told["before"]["median_px_per_camera"][name], "px", 2),
        _number(told["heldout"]["median_px_per_camera"].get(name), "px", 2),
        _number(told["moved_mm"].get(name), "mm"),
        _number(told["turned_deg"].get(name), "°", 2),
    )


def _number(value: float | None, unit: str, digits: int = 1) -> str:
    return number(NAN if value is None else float(value), unit, digits)


def accept(refined: Refined) -> Path:
    """Put a refined calibration in the place of the former, which is kept under a number; returns where it is."""
    from mocap.pipeline.calibration.calibrate import put_aside

    put_aside(refined.of)
    shutil.move(str(refined.rig_file), str(refined.of))
    reject(refined)
    return refined.of


def reject(refined: Refined) -> None:
    """Let a refinement go; the calibration stays as it is."""
    for path in (refined.rig_file, refined.rig_file.with_name(REFINED_FILE)):
        path.unlink(missing_ok=True)
