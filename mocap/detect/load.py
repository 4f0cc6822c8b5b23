"""From names of models to a detector that runs."""

from __future__ import annotations

from mocap.core.progress import CancelToken, Progress, silent
from mocap.detect.detector import BlazePoseDetector, DetectorSettings
from mocap.detect.weights import choose, ensure

FINDER = "movenet_multipose"
# By accuracy. `full` alone swaps left and right in a tenth of the frames: a way out, not the default.
LANDMARK_MODELS = ("pose_landmark_heavy", "pose_landmark_full", "pose_landmark_lite")


def load_detector(
    landmark_models: tuple[str, ...] = LANDMARK_MODELS,
    max_people: int = 3,
    search_interval: int = 15,
    threads: int = 2,
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
    threads : int
        Crops that are worked on at the same time.

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
    settings = DetectorSettings(max_people, search_interval, threads)
    return BlazePoseDetector(finder, (chosen.card, chosen.path), settings), chosen.warnings
