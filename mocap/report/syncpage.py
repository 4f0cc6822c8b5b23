"""A page that shows what each method found about the clocks of the cameras."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from calibration.files import atomic_write
from mocap.core.types import FloatArray
from mocap.sync import Fusion, Link, Silence
from mocap.sync.fuse import COMMON_ERROR_S

AXES = {
    "sound": "correlation, standard deviations of its noise",
    "motion": "correlation of speeds",
    "geometry": "epipolar error, % of body height",
    "board": "misfit of the board, % of its size",
}
TITLES = {
    "sound": "Sound: how alike two microphones hear, over the shift of their clocks",
    "motion": "Motion: how alike two views move, over the shift of their clocks",
    "geometry": "Geometry: how badly two views agree, over the shift of their clocks",
    "board": "Board: how badly two views of it agree, over the shift of their clocks",
}
MARGIN = {"l": 70, "r": 20, "t": 50, "b": 50}


@dataclass(frozen=True)
class SyncCurve:
    """How well a pair fits over the shift: values (S,) at shifts (S,), s, and the shift that was found, s."""

    method: str
    pair: str
    shift_s: FloatArray
    value: FloatArray
    found_s: float


def write_sync_page(
    path: Path,
    fusion: Fusion,
    curves: tuple[SyncCurve, ...],
    silences: tuple[Silence, ...],
    notes: tuple[str, ...],
    rate_hz: tuple[float, ...],
) -> None:
    """Write one self-contained HTML file; whole or not at all."""
    clocks = fusion.clocks
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{clocks.offset_s[c]:+.4f}</td><td>{clocks.sigma_s[c] * 1e3:.2f}</td>"
        f"<td>{(clocks.rate[c] - 1) * 1e6:+.0f}</td><td>{clocks.rate_sigma[c] * 1e6:.0f}</td>"
        f"<td>{rate_hz[c]:.3f}</td></tr>"
        for c, name in enumerate(clocks.cameras)
    )
    figures = [_statements(fusion)]
    figures += [_shifts([c for c in curves if c.method == method], method) for method in AXES]
    drawn = "".join(
        figure.to_html(full_html=False, include_plotlyjs=False, default_height="380px")
        for figure in figures
        if figure is not None
    )
    told = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    mute = "".join(f"<li>{html.escape(silence.reason)}</li>" for silence in silences)
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Synchronisation</title>
<style>body{{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.2rem .8rem;text-align:right}}td:first-child{{text-align:left}}</style>
<script>{get_plotlyjs()}</script></head><body>
<h1>Synchronisation</h1>
<table><tr><th>Camera</th><th>Offset, s</th><th>± ms</th><th>Drift, ppm</th><th>± ppm</th><th>Pictures/s</th></tr>
{rows}</table>
{f"<ul>{told}</ul>" if told else ""}
{drawn}
{f"<h2>What could not tell</h2><ul>{mute}</ul>" if mute else ""}
</body></html>"""
    with atomic_write(path) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")


def _statements(fusion: Fusion) -> go.Figure:
    """How far each statement is from the answer, with its error, ms."""
    figure = go.Figure()
    clocks = fusion.clocks
    number = {name: c for c, name in enumerate(clocks.cameras)}
    for kind, links in (("used", fusion.used), ("left out", fusion.left_out)):
        if not links:
            continue
        away = []
        for link in links:
            i, j = number[link.first], number[link.second]
            common = clocks.to_common(i, np.array([link.at_s]))
            away.append(float(link.at_s + link.offset_s - clocks.from_common(j, common)[0]) * 1e3)
        figure.add_scatter(
            x=away,
            y=[f"{link.method}: {link.first} – {link.second}" for link in links],
            error_x={"type": "data", "array": [_error_s(link) * 1e3 for link in links]},
            mode="markers",
            name=kind,
        )
    figure.update_layout(
        title="Statements against the answer, with their standard errors",
        xaxis_title="ms",
        margin={**MARGIN, "l": 220},
        template="plotly_white",
    )
    return figure


def _error_s(link: Link) -> float:
    """Standard error of a statement, with what its method has in common at the two cameras."""
    return float(np.hypot(link.sigma_s, np.sqrt(2.0) * COMMON_ERROR_S.get(link.method, 0.0)))


def _shifts(curves: list[SyncCurve], method: str) -> go.Figure | None:
    """Fit over the shift, a line a pair."""
    if not curves:
        return None
    figure = go.Figure()
    for curve in curves:
        figure.add_scatter(
            x=curve.shift_s, y=curve.value, mode="lines", name=f"{curve.pair}: {curve.found_s:+.3f} s"
        )
    figure.update_layout(
        title=TITLES[method],
        xaxis_title="clock of the second camera minus clock of the first, s",
        yaxis_title=AXES[method],
        margin=MARGIN,
        template="plotly_white",
    )
    return figure
