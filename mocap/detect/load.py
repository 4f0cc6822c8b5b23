"""From names of models to a detector that runs."""

from __future__ import annotations

import os

from mocap.core.progress import CancelToken, Progress, silent
from mocap.detect import blazepose
from mocap.detect.detector import BlazePoseDetector, DetectorSettings
from mocap.detect.pace import Pacing
from mocap.detect.runtimes import Kind
from mocap.detect.runtimes.choose import fastest
from mocap.detect.tracker import EVERY_PICTURE
from mocap.detect.weights import choose, ensure

FINDER = "movenet_multipose"
# By accuracy. `full` alone swaps left and right in a tenth of the frames: a way out, not the default.
LANDMARK_MODELS = ("pose_landmark_heavy", "pose_landmark_full", "pose_landmark_lite")
# Each copy of the networks takes some 60 MB; more cameras and people than this are rarely seen at once.
MOST_THREADS = 8


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_detector(
    landmark_models: tuple[str, ...] = LANDMARK_MODELS,
    max_people: int = 3,
    search_interval: int = 15,
    threads: int | None = None,
    pacing: Pacing = EVERY_PICTURE,
    runtime: Kind | None = None,
    flip: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[BlazePoseDetector, tuple[str, ...]]:
    """Make the default detector, fetching the weights it needs.

    Parameters
    ----------
    landmark_models : tuple of str
        Model names, the most wanted first; the first that is to be had is used.
    max_people : int
        People per view.
    search_interval : int
        Frames between searches of the whole picture for new people.
    threads : int, optional
        Crops that are worked on at the same time; one per core if not given.
    pacing : Pacing
        How seldom people may be looked at.
    runtime : str, optional
        What runs the landmark network; the fastest on this machine if not given.
    flip : bool
        Look at mirror images as well.

    Returns
    -------
    detector : BlazePoseDetector
    warnings : tuple of str
        What the user should know: which model stands in for which, and why.

    Raises
    ------
    ModelError
        If weights are not to be had or do not run.
    """
    finder = ensure(FINDER, progress, cancel)
    chosen = choose(landmark_models, progress, cancel)
    threads = threads or min(cores(), MOST_THREADS)
    if runtime is None:
        card = chosen.card
        runtime = fastest(card.name, card.sha256, chosen.path, blazepose.OUTPUT_SHAPES, threads).chosen
    settings = DetectorSettings(max_people, search_interval, pacing, threads, runtime, flip)
    return BlazePoseDetector(finder, (chosen.card, chosen.path), settings), chosen.warnings
