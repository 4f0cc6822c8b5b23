"""Teaching a shipped landmark network a lab's own cameras: labels from the other views, or from people.

Self-supervision by several views follows the idea of Simon et al., "Hand keypoint detection in single images using
multiview bootstrapping" (CVPR 2017): robust triangulation, reprojected, is a better label than any view's own
detection. What all views get wrong alike cannot be learned so: where a network sees a hip, every view sees it
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.files import atomic_write
from mocap.core.errors import InputError, ModelError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import FloatArray, Points3D, SyncTable, Tracks2D
from mocap.detect import blazepose
from mocap.detect.cards import ModelCard, card_skeleton
from mocap.detect.looks import mirror_index
from mocap.detect.pool import open_network
from mocap.detect.specs import Parent
from mocap.detect.train.child import Child, write_child
from mocap.detect.train.examples import Examples, joined
from mocap.detect.train.judge import Gain, errors, judge
from mocap.detect.train.loop import TrainSettings, fine_tune
from mocap.detect.train.weightfile import with_weights
from mocap.detect.weights import ensure
from mocap.pipeline.calibration.observed import Observed, observe_points, read_rows
from mocap.pipeline.crops import Labelled, cut_examples
from mocap.pipeline.edits.files import check_fits, read_edits
from mocap.pipeline.edits.kinds import MovePoint
from mocap.pipeline.inputs import TrialInput, open_trial
from mocap.session import RunFolder, load
from mocap.sync import at_instants
from mocap.triangulate import triangulate

# Shares of the time that are learned from, and that choose the epoch; the rest proves the gain.
LEARN, CHOOSE = 0.6, 0.15
# Views that must be left when one is held out: two give a point, but no word on which of them is wrong.
FEWEST_VIEWS = 3
# A label as uncertain as this, as a share of the stated sigma of a detection in that view, counts half.
LABEL_SHARE = 1.0


@dataclass(frozen=True)
class TrainRequest:
    """What a user asks for.

    Attributes
    ----------
    sources : tuple of Path
        Trials or folders of videos, calibrated; processed first if they were not yet.
    name : str
        Of the new model.
    out : Path
        Folder for its card and weights.
    model : str
        The network to teach, one of BlazePose's.
    corrections : Path or None
        Keypoints that a person put right, of the only source: a CSV with the columns camera, frame, point, x, y,
        or the edits of the app (.json). Without it the other views give the labels.
    hold_out : str or None
        Camera that is not learned from; the last if not given.
    most : int
        Crops in all, spread evenly over the recordings.
    """

    sources: tuple[Path, ...]
    name: str
    out: Path
    model: str = "pose_landmark_full"
    corrections: Path | None = None
    hold_out: str | None = None
    most: int = 800
    settings: TrainSettings = field(default_factory=TrainSettings)


@dataclass(frozen=True)
class Trained:
    """Outcome: the gain on what was held out, and the new model, None where the gain is not worth it."""

    gain: Gain
    errors_px: tuple[float, ...]
    crops: int
    held_out_view: str | None
    child: Child | None


@dataclass(frozen=True)
class _Split:
    learn: Examples
    choose: Examples
    prove: Examples


@dataclass(frozen=True)
class _Recording:
    trial: TrialInput
    seen: Observed
    sync: SyncTable


def train(request: TrainRequest, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
    """Teach a network, and write a new model if what was held out proves a gain.

    Raises
    ------
    ExplainedError
        Whatever goes wrong, with the cause and the remedy.
    """
    cancel = cancel or CancelToken()
    card, path = ensure(request.model, progress, cancel)
    if card.decoder is not None or card.task != "landmarks" or path.suffix != ".tflite":
        raise ModelError(f"'{card.name}' cannot be taught.", "Choose one of the BlazePose landmark models.")
    parts, views = [], []
    for number, source in enumerate(request.sources):
        recording = _open(source, progress, cancel)
        cameras = recording.sync.cameras
        if request.corrections is not None:
            held, people = None, _corrected(recording, request.corrections)
        else:
            held = _held_out(cameras, request.hold_out, source)
            people = _from_views(recording, held)
        most = max(1, request.most // len(request.sources) // len(cameras))
        parts.append(_split(recording, people, held, card, path, most, number, progress, cancel))
        views.append(held)
    names = ("learn", "choose", "prove")
    learn, choose, prove = (joined([getattr(part, name) for part in parts]) for name in names)
    partner = mirror_index(card_skeleton(card))
    divide_by, checkpoint = card.input.divide_by, request.out / f".{request.name}.checkpoint.npz"
    before = errors(path, prove, divide_by)
    learned = fine_tune(path, divide_by, learn, choose, partner, request.settings, checkpoint, progress, cancel)
    weights = with_weights(path, learned.weights)
    draft = request.out / f".{request.name}.tflite"
    with atomic_write(draft) as new:
        new.write_bytes(weights)
    try:
        gain = judge(before, errors(draft, prove, divide_by), prove.instant, request.settings.seed)
    finally:
        draft.unlink(missing_ok=True)
    checkpoint.unlink(missing_ok=True)
    child = None
    if gain.worthwhile:
        known = request.settings
        descent = Parent(
            name=card.name,
            version=card.version,
            sha256=card.sha256,
            data=(learn.digest, choose.digest, prove.digest),
            labels="corrections" if request.corrections else "views",
            crops=len(learn),
            epochs=known.epochs,
            seed=known.seed,
            rate=known.rate,
            share=known.share,
            held_out_view=views[0],
            before_px=round(gain.before_px, 3),
            after_px=round(gain.after_px, 3),
            surely=round(gain.surely, 4),
        )
        child = write_child(request.out, request.name, card, weights, descent)
    return Trained(gain, learned.errors_px, len(learn), views[0], child)


def _open(source: Path, progress: Progress, cancel: CancelToken) -> _Recording:
    trial = open_trial(source)
    seen = observe_points(trial.calibration, source, None, progress, cancel)
    sync = load(RunFolder(seen.source).stage("sync"), SyncTable)
    if sync is None:
        raise InputError("A result of this recording is gone.", "Process it again.", source)
    return _Recording(trial, seen, sync.result)


def _held_out(names: tuple[str, ...], wanted: str | None, source: Path) -> str:
    if len(names) <= FEWEST_VIEWS:
        raise InputError(
            f"This recording has {len(names)} cameras: without one of them nobody knows which view is wrong.",
            f"Give recordings of {FEWEST_VIEWS + 1} cameras or more, or corrected keypoints.",
            source,
        )
    if wanted is not None and wanted not in names:
        raise InputError(f"There is no camera '{wanted}'.", f"Name one of {', '.join(names)}.", source)
    return wanted or names[-1]


def _from_views(recording: _Recording, held: str | None) -> dict[str, list[Labelled]]:
    """Labels of every view from the views that are learned from; the one held out has no part in them."""
    tracks, rig, sync = recording.seen.tracks, recording.seen.rig, recording.sync
    others = [c for c, name in enumerate(rig.names) if name != held]
    kept = replace(
        tracks,
        cameras=tuple(rig.names[c] for c in others),
        xy=tracks.xy[:, others],
        sigma_px=tracks.sigma_px[:, others],
        score=tracks.score[:, others],
    )
    times = replace(
        sync,
        cameras=kept.cameras,
        **{
            name: getattr(sync, name)[..., others]
            for name in ("frame_index", "lag_s", "offset_s", "offset_sigma_s", "rate", "rate_sigma", "row_time_s")
        },
    )
    points = triangulate(at_instants(kept, times), rig.select(kept.cameras), recording.seen.settings)
    return {name: _projected(c, points, tracks, rig, sync) for c, name in enumerate(rig.names)}


def _projected(c: int, points: Points3D, tracks: Tracks2D, rig: CameraRig, sync: SyncTable) -> list[Labelled]:
    """Labels in one view: points where they were when its pictures were taken."""
    speed = np.gradient(points.xyz, sync.t_s, axis=0) if len(sync.t_s) > 1 else np.zeros_like(points.xyz)
    lag = np.nan_to_num(sync.lag_s[:, c])[:, None, None, None]
    xyz = points.xyz + np.where(lag != 0.0, speed * lag, 0.0)
    xy, _ = rig.cameras[c].project(xyz)
    slope = rig.cameras[c].project_jacobian(xyz)
    spread = np.sqrt(np.trace(slope @ points.cov @ slope.swapaxes(-1, -2), axis1=-2, axis2=-1) / 2.0)
    usual = np.nanmedian(tracks.sigma_px[:, c], axis=0)
    trusted: FloatArray = 1.0 / (1.0 + (spread / (LABEL_SHARE * usual)) ** 2)
    weight: FloatArray = np.where(np.isfinite(xy).all(axis=-1) & np.isfinite(trusted), trusted, 0.0)
    return [
        Labelled(int(sync.frame_index[t, c]), t, xy[t, n], xy[t, n], weight[t, n, :])
        for t in range(len(sync.t_s))
        for n in range(xy.shape[1])
        if sync.frame_index[t, c] >= 0 and weight[t, n].any()
    ]


def _corrected(recording: _Recording, path: Path) -> dict[str, list[Labelled]]:
    """Labels that a person gave, of whoever is nearest in that picture."""
    tracks, sync = recording.seen.tracks, recording.sync
    column, number = ({n: i for i, n in enumerate(names)} for names in (sync.cameras, tracks.skeleton.keypoints))
    given: dict[tuple[str, int], FloatArray] = {}
    for line, (camera, frame, point, x, y) in enumerate(_rows(path, sync), start=2):
        if camera not in column or point not in number:
            raise InputError(f"Line {line}: there is no {camera} or no {point}.", "Mend the names.", path)
        given.setdefault((camera, frame), np.full((len(number), 2), np.nan))[number[point]] = x, y
    people: dict[str, list[Labelled]] = {name: [] for name in sync.cameras}
    for (camera, frame), xy in sorted(given.items()):
        at = np.flatnonzero(sync.frame_index[:, column[camera]] == frame)
        if not at.size:
            continue
        t = int(at[0])
        near = np.nanmedian(np.linalg.norm(tracks.xy[t, column[camera]] - xy, axis=-1), axis=-1)
        if np.isfinite(near).any():
            around = tracks.xy[t, column[camera], int(np.nanargmin(near))]
            people[camera].append(Labelled(frame, t, around, xy, np.where(np.isfinite(xy).all(axis=1), 1.0, 0.0)))
    return people


def _rows(path: Path, sync: SyncTable) -> list[tuple[str, int, str, float, float]]:
    """Camera, frame, keypoint and place, px, of what was put right in a table or in the app."""
    if path.suffix.lower() != ".json":
        return [row[:5] for row in read_rows(path)]
    file = read_edits(path)
    check_fits(file, len(sync.t_s), path)
    column = {name: c for c, name in enumerate(sync.cameras)}
    moved = [edit for edit in file.edits if isinstance(edit, MovePoint) and edit.camera in column]
    return [
        (e.camera, int(sync.frame_index[e.instant, column[e.camera]]), e.keypoint, e.x, e.y)
        for e in moved
        if e.instant < len(sync.t_s) and sync.frame_index[e.instant, column[e.camera]] >= 0
    ]


def _split(
    recording: _Recording,
    people: dict[str, list[Labelled]],
    held: str | None,
    card: ModelCard,
    path: Path,
    most: int,
    number: int,
    progress: Progress,
    cancel: CancelToken,
) -> _Split:
    """Cut the crops and part them by time; the view held out, in the time held out, proves the gain."""
    network, skeleton = open_network(path, blazepose.OUTPUT_SHAPES), card_skeleton(card)
    instants = sorted({one.instant for view in people.values() for one in view})
    if len(instants) < 3:
        raise InputError("There are too few labelled pictures.", "Give longer recordings, or more corrections.")
    first, second = (instants[min(len(instants) - 1, int(s * len(instants)))] for s in (LEARN, LEARN + CHOOSE))
    parts: dict[str, list[Examples]] = {"learn": [], "choose": [], "prove": []}
    for c, video in enumerate(recording.trial.videos):
        view = people[video.camera]
        proof = [one for one in view if one.instant >= second]
        rest = [one for one in view if one.instant < second]
        if held is None or video.camera == held:
            chosen = _thinned(proof, most)
            parts["prove"].append(cut_examples(video, c, chosen, card, network, skeleton, progress, cancel))
        if video.camera != held:
            all_of_it = cut_examples(video, c, _thinned(rest, most), card, network, skeleton, progress, cancel)
            parts["learn"].append(all_of_it.pick(all_of_it.instant < first))
            parts["choose"].append(all_of_it.pick(all_of_it.instant >= first))
    # Instants of several recordings are not the same.
    made = {name: joined(some) for name, some in parts.items()}
    shifted = {name: replace(one, instant=one.instant + number * (1 << 32)) for name, one in made.items()}
    return _Split(**shifted)


def _thinned(people: Sequence[Labelled], most: int) -> list[Labelled]:
    """Spread ``most`` of them evenly."""
    if len(people) <= most:
        return list(people)
    return [people[i] for i in np.linspace(0, len(people) - 1, most).round().astype(int)]
