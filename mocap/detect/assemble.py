"""From the names of any models to a detector that runs: the default one, a lab's own, hands and face besides."""

from __future__ import annotations

from typing import Literal

from mocap.core.errors import ModelError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.detect.carddetector import CardDetector
from mocap.detect.detector import DetectorSettings
from mocap.detect.load import FINDER, LANDMARK_MODELS, MOST_THREADS, cores, load_detector
from mocap.detect.network import CardNetwork
from mocap.detect.pace import Pacing
from mocap.detect.parts import Face, Hands, Part, WithParts
from mocap.detect.protocol import Detector
from mocap.detect.runtimes import Kind
from mocap.detect.tracker import EVERY_PICTURE
from mocap.detect.weights import Choice, choose

PartName = Literal["hands", "face"]
# In place of a finder: the network is shown whole pictures and finds one person or animal.
NO_FINDER = "none"
PART_MODELS: dict[PartName, str] = {"hands": "hand_landmark_full", "face": "face_landmark"}


def assemble_detector(
    landmarks: tuple[str, ...] = LANDMARK_MODELS,
    finder: str = FINDER,
    parts: tuple[PartName, ...] = (),
    max_people: int = 3,
    search_interval: int = 15,
    pacing: Pacing = EVERY_PICTURE,
    runtime: Kind | None = None,
    flip: bool = False,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[Detector, tuple[str, ...]]:
    """Make a detector of models by name, fetching the weights it needs.

    Parameters
    ----------
    landmarks : tuple of str
        Models of the task ``landmarks`` or ``people``, the most wanted first.
    finder : str
        Model of the task ``person_finder`` for models of a lab's own, or ``none``.
    parts : tuple of str
        ``hands``, or ``hands`` and ``face``, on the default landmarks.
    max_people, search_interval
        See `DetectorSettings`.
    pacing, runtime, flip
        Of the default models; see `load_detector`.

    Returns
    -------
    detector : Detector
    warnings : tuple of str
        What the user should know of the models.

    Raises
    ------
    ModelError
        If weights are not to be had or do not run, or models do not go together.
    """
    chosen = choose(landmarks, progress, cancel)
    detector: Detector
    if chosen.card.decoder is None:
        detector, _ = load_detector(
            (chosen.card.name,),
            max_people,
            search_interval,
            pacing=pacing,
            runtime=runtime,
            flip=flip,
            progress=progress,
            cancel=cancel,
        )
        warnings = chosen.warnings
    else:
        if flip:
            raise ModelError(
                f"'{chosen.card.name}' cannot be asked to look at mirror images.", "Turn off detect.flip."
            )
        settings = DetectorSettings(max_people=max_people, search_interval=search_interval)
        finding = None
        if chosen.card.task == "landmarks" and finder != NO_FINDER:
            finding = choose((finder,), progress, cancel)
        detector = CardDetector(_open(chosen), None if finding is None else _open(finding), settings)
        warnings = (*chosen.warnings, *(finding.warnings if finding else ()))
    return (_with_parts(detector, parts, progress, cancel) if parts else detector), warnings


def _with_parts(
    detector: Detector, parts: tuple[PartName, ...], progress: Progress, cancel: CancelToken | None
) -> Detector:
    opened: list[Part] = []
    for name in parts:
        network = _open(choose((PART_MODELS[name],), progress, cancel))
        opened.append(Hands(network) if name == "hands" else Face(network))
    return WithParts(detector, opened)


def _open(chosen: Choice) -> CardNetwork:
    return CardNetwork(chosen.card, chosen.path, threads=min(cores(), MOST_THREADS))
