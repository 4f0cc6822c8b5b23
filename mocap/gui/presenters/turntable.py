"""Turntable videos: what can be chosen, and the jobs that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mocap.gui.jobs.turntable import TurntableJob
from mocap.gui.presenters.exports import beside, run_label
from mocap.gui.presenters.words import Trouble

# Sizes of a video, px, by what it is for.
SIZES: tuple[tuple[str, tuple[int, int]], ...] = (
    ("1280 × 720", (1280, 720)),
    ("1920 × 1080, for a large screen", (1920, 1080)),
    ("1080 × 1080, square", (1080, 1080)),
    ("1080 × 1920, upright for a phone", (1080, 1920)),
)
# Lengths of a video, s.
LENGTHS: tuple[tuple[str, float | None], ...] = (
    ("As long as the motion", None),
    ("6 seconds", 6.0),
    ("10 seconds", 10.0),
    ("20 seconds", 20.0),
)


@dataclass(frozen=True)
class TurntableChoice:
    """What the user wants; ``at_s`` is the instant of picture and mesh, s from the first."""

    size: int = 0
    length: int = 0
    trails: bool = False
    cameras: bool = True
    picture: bool = False
    mesh: bool = False
    at_s: float = 0.0


def lacking_open3d() -> Trouble | None:
    """What has to be installed, if anything; looks, but does not load it."""
    if find_spec("open3d") is not None:
        return None
    return Trouble(
        "Turntable videos are drawn by open3d, which is not installed.",
        'Close the app, type in a terminal: pip install "openmocap[open3d]", and start the app again.',
    )


def turntable_jobs(runs: tuple[Path, ...], choice: TurntableChoice) -> tuple[TurntableJob, ...]:
    """A job for each run; its files go beside the run's other exports."""
    jobs = []
    for run in runs:
        folder, name = beside(run), run.parent.parent.name
        jobs.append(
            TurntableJob(
                f"Turntable video: {run_label(run)}",
                run,
                folder / f"{name}_turntable.mp4",
                folder / f"{name}_picture.png" if choice.picture else None,
                folder / f"{name}_body.ply" if choice.mesh else None,
                choice.at_s,
                SIZES[choice.size][1],
                LENGTHS[choice.length][1],
                choice.trails,
                choice.cameras,
            )
        )
    return tuple(jobs)
