"""The report of a run: one HTML file that opens anywhere, without a network, and can be sent by e-mail."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from calibration import CameraRig
from calibration.files import atomic_write
from calibration.report.numbers import NOT_MEASURED, number, percent, plural
from calibration.report.templating import environment, script_json
from mocap.core.summary import RunSummary, TruthErrors
from mocap.core.types import ImageArray, Take, Tracks2D
from mocap.report import payload
from mocap.report.movement import movements
from mocap.report.numbers import duration, words
from mocap.report.verdict import judge, person_size_px, reprojection_share

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Figure:
    """A key figure: what it is called, its value, and a note that says what it means."""

    label: str
    value: str
    note: str


def write_report(
    path: Path,
    take: Take,
    summary: RunSummary,
    rig: CameraRig,
    tracks: Tracks2D,
    picture: ImageArray | None = None,
) -> None:
    """Write the report of a run as one self-contained HTML file.

    Parameters
    ----------
    path : Path
        The file; it appears whole or not at all.
    take : Take
        What was measured.
    summary : RunSummary
        The figures of the run.
    rig : CameraRig
        The cameras, in the order of ``tracks.cameras``.
    tracks : Tracks2D
        The subject's detections, which say how large the person is in each picture.
    picture : (H, W, 3) uint8 BGR, optional
        A contact sheet of the overlays, embedded as JPEG.
    """
    page = render(take, summary, rig, tracks, picture)
    with atomic_write(path) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")


def render(
    take: Take, summary: RunSummary, rig: CameraRig, tracks: Tracks2D, picture: ImageArray | None = None
) -> str:
    """Render the report; see ``write_report``."""
    data = {
        "scene": payload.scene(take, rig),
        "angles": {"t": payload.angle_times(take), "plots": payload.angle_plots(take)},
    }
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            summary=summary,
            take=take,
            subtitle=_subtitle(take, summary),
            verdict=judge(summary, tracks),
            figures=_figures(summary, tracks),
            picture=None if picture is None else payload.jpeg_data_url(picture),
            measured=bool(np.isfinite(take.points.xyz).any()),
            stride=data["scene"]["stride"],
            angle_groups=payload.angle_groups(data["angles"]["plots"]),
            movements=movements(take),
            three_point=_three_point(take),
            angle_rows=_angle_rows(take),
            camera_rows=_camera_rows(take, summary, tracks),
            bone_rows=_bone_rows(summary),
            stage_rows=_bars(summary.seconds, duration),
            truth=_truth(summary.truth),
            # Names only: folders tell about the sender's computer, and mean nothing on another.
            calibration=PurePath(summary.calibration).name or summary.calibration,
            files={name: PurePath(file).name for name, file in summary.files.items()},
            plotly=Markup(get_plotlyjs()),
            data=script_json(data),
        )
    )


@cache
def _environment() -> Environment:
    made = environment(TEMPLATES)
    made.filters |= {"duration": duration, "words": words}
    return made


def _subtitle(take: Take, summary: RunSummary) -> str:
    """Length, rate and cameras of the recording in one line."""
    length = take.t_s[-1] - take.t_s[0] if take.t_s.shape[0] else math.nan
    parts = [duration(float(length)), number(summary.rate_hz, 1, "Hz"), plural(len(summary.cameras), "camera")]
    people = len(take.people)
    return " · ".join([*parts, "1 person" if people == 1 else f"{people} people"])


def _figures(summary: RunSummary, tracks: Tracks2D) -> list[Figure]:
    """The figures to read first."""
    share = reprojection_share(summary, tracks)
    spread = number(summary.sigma_mm_median, 1, "mm")
    figures = [
        Figure(
            "Body in 3D",
            f"{summary.frames_3d} / {summary.frames}",
            "instants with at least half of the main points in 3D",
        ),
        Figure(
            "Cameras disagree by",
            number(summary.reproj_px_median, 1, "px"),
            f"median, {percent(share, 1)} of the person's size; {percent(0.9)} lie within "
            f"{number(summary.reproj_px_p90, 1, 'px')}",
        ),
        Figure(
            "Uncertainty of a point",
            spread if spread == NOT_MEASURED else f"± {spread}",
            "median, one standard deviation per axis, random errors only",
        ),
        Figure(
            "Bone lengths vary by",
            number(summary.bone_variation_percent, 1, "%"),
            "median over the limbs, standard deviation over mean",
        ),
        Figure(
            "Processed in",
            duration(sum(summary.seconds.values())),
            f"{number(summary.frames_per_s, 1)} instants/s, {number(summary.views_per_s, 1)} pictures/s",
        ),
    ]
    if summary.truth is not None:
        note = f"mean over the main points; {percent(summary.truth.missing_share, 1)} of them had no position"
        if summary.truth.laid_over:
            note += "; after laying all over the truth"
        figures.insert(0, Figure("Error against truth", number(summary.truth.mpjpe_mm, 1, "mm"), note))
    return figures


def _three_point(take: Take) -> bool:
    """Whether all angles are plain angles between two segments, which the page then says."""
    return set(take.angles.names) <= {angle.name for angle in take.points.skeleton.angles}


def _angle_rows(take: Take) -> list[dict[str, Any]]:
    """Least, greatest and range of each angle, degrees, and the share of instants that have it."""
    rows = []
    joints = list(dict.fromkeys(map(_joint, take.angles.names)))
    # Both sides of a joint below each other.
    order = sorted(range(len(take.angles.names)), key=lambda a: joints.index(_joint(take.angles.names[a])))
    for person, who in enumerate(take.people):
        for a in order:
            side, joint = payload.split_side(take.angles.names[a])
            value = np.degrees(take.angles.value[:, person, a])
            sigma = np.degrees(take.angles.sigma[:, person, a])
            known = value[np.isfinite(value)]
            if not known.size and np.isfinite(take.angles.value).any():
                continue  # named above the table, together with all others that are not known
            steady = sigma[np.isfinite(value) & np.isfinite(sigma)]
            low, high = (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)
            rows.append(
                {
                    "person": who,
                    "side": side,
                    "joint": joint,
                    "low": low,
                    "high": high,
                    "range": high - low,
                    "sigma": float(np.median(steady)) if steady.size else math.nan,
                    "share": known.size / value.size if value.size else math.nan,
                }
            )
    return rows


def _joint(angle: str) -> str:
    """Name of an angle without its side."""
    return payload.split_side(angle)[1]


def _camera_rows(take: Take, summary: RunSummary, tracks: Tracks2D) -> list[dict[str, Any]]:
    """Reprojection error of each camera with the places of its box, percent of the widest."""
    quantiles = payload.reprojection_quantiles(take)
    widest = float(np.nanmax(quantiles)) if np.isfinite(quantiles).any() else 1.0
    size = person_size_px(tracks)
    rows = []
    for c, name in enumerate(tracks.cameras):
        median = summary.reproj_px_per_camera.get(name, math.nan)
        rows.append(
            {
                "name": name,
                "median": median,
                "p90": float(quantiles[c, -1]),
                "share": median / float(size[c]),
                "rejected": summary.rejected_share_per_camera.get(name, math.nan),
                "box": [] if np.isnan(quantiles[c]).any() else (100.0 * quantiles[c] / max(widest, 1e-9)).tolist(),
            }
        )
    return rows


def _bone_rows(summary: RunSummary) -> list[dict[str, Any]]:
    """Length, its standard deviation and their ratio for each bone."""
    return [
        {"name": name.replace("-", " – "), "mean": mean, "sd": sd, "share": sd / mean if mean else math.nan}
        for name, (mean, sd) in summary.bone_length_m.items()
    ]


def _bars(values: dict[str, float], text: Callable[[float], str]) -> list[dict[str, Any]]:
    """Named values with the length of their bars, percent of the longest."""
    longest = max((v for v in values.values() if math.isfinite(v)), default=0.0)
    return [
        {
            "name": name,
            "text": text(value),
            "bar": 100.0 * value / longest if longest and math.isfinite(value) else 0.0,
        }
        for name, value in values.items()
    ]


def _truth(truth: TruthErrors | None) -> dict[str, Any] | None:
    """Errors against truth with their bars."""
    if truth is None:
        return None
    return {
        **asdict(truth),
        "joints": _bars(truth.mpjpe_mm_per_joint, lambda value: number(value, 1, "mm")),
        "angles": _bars(truth.angle_rms_deg, lambda value: number(value, 1, "°")),
    }
