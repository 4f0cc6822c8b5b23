"""A calibration as the page shows it: read from its files, judged in words, camera by camera."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration import CameraRig
from calibration.formats import load_rig
from mocap.core.types import FloatArray, IntArray
from mocap.gui.presenters.calibrate.seen import Seen, load_seen
from mocap.gui.presenters.words import number

NAN = float("nan")
# What the levels are called; a word always stands beside the colour.
LEVEL_WORDS = {"good": "Good", "care": "Usable with care", "poor": "Do not rely on it"}
TOPICS = ("world", "floor", "assumption", "scale", "scale_warning", "lenses", "refined")
VERIFIED_FILE = "verified.json"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: ``level`` is good, care or poor."""

    level: str
    text: str
    advice: str
    camera: str


@dataclass(frozen=True)
class CameraFigures:
    """One camera of a report.

    Attributes
    ----------
    focal_px, focal_sigma_px : float
    place_sigma_mm : float
        Of its place against the first camera.
    rmse_px, heldout_px : float
        Reprojection error of the corners used, and in pictures held out of the solve.
    kept_share : float
    pictures : int
    coverage : (R, S) int
        Corners seen in each cell of the picture.
    arrows : (N, 5)
        Mean residual in a part of the picture: x, y, dx, dy in px, and the number of corners.
    """

    name: str
    size_wh: tuple[int, int]
    model: str
    focal_px: float
    focal_sigma_px: float
    place_sigma_mm: float
    rmse_px: float
    heldout_px: float
    kept_share: float
    pictures: int
    coverage: IntArray
    coverage_share: float
    arrows: FloatArray


@dataclass(frozen=True)
class ReportFigures:
    """What the report beside a calibration says.

    Attributes
    ----------
    html : Path or None
        The page for people.
    pairs : mapping of (camera, camera) to int
        Instants at which both saw the board.
    """

    level: str
    headline: str
    findings: tuple[Finding, ...]
    rmse_px: float
    heldout_mm: float
    heldout_px: float
    kept_share: float
    cameras: tuple[CameraFigures, ...]
    pairs: Mapping[tuple[str, str], int]
    html: Path | None

    def camera(self, name: str) -> CameraFigures | None:
        """One camera; None if the report does not know it."""
        return next((camera for camera in self.cameras if camera.name == name), None)


@dataclass(frozen=True)
class Result:
    """A calibration file and all that lies beside it.

    Attributes
    ----------
    report : ReportFigures or None
        None for a calibration that came from elsewhere.
    seen : Seen or None
        Where the board was, in this rig's world.
    verified : ReportFigures-like findings of the last check, or empty
    """

    rig_file: Path
    rig: CameraRig
    report: ReportFigures | None
    seen: Seen | None
    verified: tuple[Finding, ...] = ()

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return self.report.headline if self.report else "From elsewhere: nothing here tells how good it is"

    @property
    def level(self) -> str:
        """good, care or poor."""
        return self.report.level if self.report else "care"

    def figures(self) -> tuple[tuple[str, str], ...]:
        """What is said of all cameras together."""
        if self.report is None:
            return (("Cameras", str(len(self.rig.cameras))),)
        report = self.report
        return (
            ("Lengths on the board, held out", number(report.heldout_mm, "mm", 2)),
            ("Reprojection error", number(report.rmse_px, "px", 2)),
            ("In held-out pictures", number(report.heldout_px, "px", 2)),
            ("Corners kept", number(100 * report.kept_share, "%")),
        )

    def notes(self) -> tuple[tuple[str, str], ...]:
        """Where the world is and what else was written into the calibration."""
        known = [
            (topic.replace("_", " ").capitalize(), self.rig.notes[topic])
            for topic in TOPICS
            if topic in self.rig.notes
        ]
        return tuple(known)

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The table of cameras, a row each, as ``COLUMNS``."""
        return tuple(self._row(index) for index in range(len(self.rig.cameras)))

    def _row(self, index: int) -> tuple[str, ...]:
        camera = self.rig.cameras[index]
        known = self.report.camera(camera.name) if self.report else None
        if known is None:
            return (camera.name, "–", number(camera.intrinsics.focal_px, "px"), "–", "–", "–", "–")
        sigma = (
            1000 * float(np.linalg.norm(self.seen.centre_sigma_m[index])) if self.seen else known.place_sigma_mm
        )
        focal = number(known.focal_px, "", 1)
        if np.isfinite(known.focal_sigma_px):
            focal = f"{focal} ± {known.focal_sigma_px:.1f} px"
        return (
            camera.name,
            str(known.pictures),
            focal,
            f"± {number(sigma, 'mm')}" if np.isfinite(sigma) else "–",
            number(known.rmse_px, "px", 2),
            number(known.heldout_px, "px", 2),
            number(100 * known.coverage_share, "%", 0),
        )

    def level_of(self, camera: str) -> str:
        """The worst that is said of one camera."""
        order = list(LEVEL_WORDS)
        said = [order.index(f.level) for f in (self.report.findings if self.report else ()) if f.camera == camera]
        return order[max(said, default=0)]

    def to_do(self) -> tuple[Finding, ...]:
        """What was found that is not as it should be."""
        return tuple(
            finding for finding in (self.report.findings if self.report else ()) if finding.level != "good"
        )


COLUMNS = ("Camera", "Pictures", "Focal length", "Place", "Error", "Held out", "Covered")
COLUMN_HINTS = (
    "",
    "Pictures in which the camera saw the board",
    "Focal length with one standard deviation",
    "How surely its place in the rig is known (one standard deviation)",
    "Distance of the corners from where they should be seen (rms)",
    "The same in pictures that the solve did not use",
    "Share of its picture in which the board was",
)


def load_result(rig_file: Path) -> Result:
    """Read a calibration and what lies beside it.

    Raises
    ------
    ExplainedError
        If the calibration cannot be read. A report that cannot be read is as none.
    """
    rig = load_rig(rig_file)
    report = load_report(rig_file)
    if report is not None and {camera.name for camera in report.cameras} != set(rig.names):
        report = None
    return Result(rig_file, rig, report, load_seen(rig, rig_file.parent), _verified(rig_file))


def report_file(rig_file: Path) -> Path:
    """Where the report of a calibration lies: ``rig-2.toml`` has ``report-2.json``."""
    return rig_file.with_name(f"report{rig_file.stem.removeprefix('rig')}.json")


def load_report(rig_file: Path) -> ReportFigures | None:
    """Read the report beside a calibration; None if there is none."""
    path = report_file(rig_file)
    if not rig_file.stem.startswith("rig") or not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        html = path.with_suffix(".html")
        heldout = told["heldout"] or {}
        return ReportFigures(
            told["verdict"]["level"],
            told["verdict"]["headline"],
            tuple(_finding(item) for item in told["verdict"]["findings"]),
            _number(told["rmse_px"]),
            _number(told["heldout_board_error_mm"]),
            _number(heldout.get("rmse_px")),
            _number(told["kept_share"]),
            tuple(_camera(item) for item in told["cameras"]),
            {(pair["a"], pair["b"]): int(pair["instants"]) for pair in told["pairs"]},
            html if html.is_file() else None,
        )
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _verified(rig_file: Path) -> tuple[Finding, ...]:
    path = rig_file.with_name(VERIFIED_FILE)
    # A check of the calibration before says nothing of this one.
    if not path.is_file() or path.stat().st_mtime < rig_file.stat().st_mtime:
        return ()
    try:
        verdict = json.loads(path.read_text(encoding="utf-8"))["verdict"]
        headline = Finding(verdict["level"], verdict["headline"], "", "")
        return (headline, *(_finding(item) for item in verdict["findings"]))
    except (OSError, KeyError, TypeError, ValueError):
        return ()


def _number(value: Any) -> float:
    return NAN if value is None else float(value)


def _finding(item: Mapping[str, Any]) -> Finding:
    return Finding(item["level"], item["text"], item["advice"], item["camera"])


def _camera(item: Mapping[str, Any]) -> CameraFigures:
    sigma = {parameter["name"]: _number(parameter["sigma"]) for parameter in item["parameters"]}
    place = 1000 * float(np.sqrt(sum(sigma.get(axis, NAN) ** 2 for axis in "xyz")))
    width, height = item["size_wh"]
    arrows = [[a["x"], a["y"], a["dx"], a["dy"], a["count"]] for a in item["arrows"]]
    return CameraFigures(
        item["name"],
        (int(width), int(height)),
        item["model"],
        _number(item["focal_px"]),
        sigma.get("fx", NAN),
        place,
        _number(item["rmse_px"]),
        _number(item["heldout_rmse_px"]),
        _number(item["kept_share"]),
        int(item["pictures"]),
        np.array(item["coverage"], dtype=np.int64),
        _number(item["coverage_share"]),
        np.array(arrows, dtype=np.float64).reshape(-1, 5),
    )
