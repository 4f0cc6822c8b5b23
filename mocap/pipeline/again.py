"""A second look at people whom the other views place otherwise, or whom a view lost.

Where two other views at least agree on a body, they say where a view must look: the body's crop is cut around the
points put into that view, as around a body known before, and the network looks there again. Only the
picture can tell whether somebody is hidden; so the points place the crop and are the judge, but never the answer:
what is found counts if it lies closer to them than what was found before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from calibration import CameraRig
from mocap.capture import VideoInfo, images_at, read_frames
from mocap.core.progress import CancelToken, Progress
from mocap.core.types import FloatArray, ImageArray, IntArray, Points3D, Poses2D, SyncTable, Tracks2D
from mocap.detect import Looker
from mocap.session import RunFolder, cached

BoolArray = NDArray[np.bool_]

STAGE = "look again"
# Other views that must agree on a joint before it says anything about this one.
AGREEING_VIEWS = 2
# People who were not placed for longer than this may be anywhere, s.
LONGEST_BRIDGE_S = 0.5
# Joints that the robust fit left out of a view before it is doubted: a single joint may be misread by itself,
# a limb that is misread takes two along.
MISREAD_JOINTS = 2
# Joints of this share of the diagonal around the body are where they should be: a tenth of the body's
# height or so, which is what a joint's centre and the others' error may come to.
NEAR = 0.1
# What is found must be this much closer on the whole than what was, or noise decides.
CLOSER = 0.8
# After a look that did not help, instants until the next one at the same person: doubled each time. Who is hidden
# stays so for a while.
LONGEST_PAUSE = 32
# Pictures between two looks that are decoded in passing; over more than this, the film is opened anew.
LONGEST_GAP = 60


@dataclass(frozen=True)
class _View:
    """One view of everybody.

    Attributes
    ----------
    camera : int
    frame : (T,) int
        Frame at each instant; -1 where there is none.
    xy : (T, N, K, 2)
        What was found, px.
    sigma_px, score : (T, N, K)
    expected : (T, N, K, 2)
        Where the other views place it when the picture was taken, px; NaN where they do not.
    wanted : (T, N) bool
        Where to look again.
    others : (T, P, K, 2)
        Everybody whom the detector found, px.
    """

    camera: int
    frame: IntArray
    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    expected: FloatArray
    wanted: BoolArray
    others: FloatArray


@dataclass(frozen=True)
class _Seen:
    """What the second looks at one view brought.

    Attributes
    ----------
    looks : (1,) int
        How many there were, of which M helped.
    instant, person : (M,) int
    xy : (M, K, 2)
    sigma_px, score : (M, K)
    """

    looks: IntArray
    instant: IntArray
    person: IntArray
    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray


def look_again(
    tracks: Tracks2D,
    points: Points3D,
    poses: Poses2D,
    rig: CameraRig,
    sync: SyncTable,
    videos: tuple[VideoInfo, ...],
    looker: Looker,
    min_score: float,
    run: RunFolder,
    key: str,
    progress: Progress,
    cancel: CancelToken,
) -> Tracks2D:
    """Look again where a view lost somebody or contradicts the others.

    Parameters
    ----------
    tracks : Tracks2D
        What was found, when each picture was taken.
    points : Points3D
        Triangulated of them.
    poses : Poses2D
        Everybody whom the detector found: nobody is given another person's keypoints.
    min_score : float
        Keypoints below count as not found.
    run, key
        Each view is stored when it is done, and taken over by the next attempt.

    Returns
    -------
    Tracks2D
        ``tracks`` itself where nothing was gained.

    Raises
    ------
    CancelledError
        If stopped.
    """
    views = _views(tracks, points, poses, rig, sync, min_score)
    done, folder = 0, run.parts / "again"
    folder.mkdir(parents=True, exist_ok=True)

    def of_view(view: _View) -> _Seen:
        nonlocal done
        target = folder / f"{view.camera}.npz"
        work = partial(_look_at_view, view, videos[view.camera], looker, tracks, min_score, cancel)
        seen = cached(target, _Seen, key, work).result
        done += 1
        progress(STAGE, done, len(views))
        return seen

    with ThreadPoolExecutor(max(1, len(views)), thread_name_prefix="again") as threads:
        found = list(threads.map(of_view, views))
    shutil.rmtree(folder)
    if not any(seen.instant.size for seen in found):
        return tracks
    values = {name: getattr(tracks, name).copy() for name in ("xy", "sigma_px", "score")}
    for view, seen in zip(views, found, strict=True):
        for name, array in values.items():
            array[seen.instant, view.camera, seen.person] = getattr(seen, name)
    return replace(tracks, **values)


def _views(
    tracks: Tracks2D, points: Points3D, poses: Poses2D, rig: CameraRig, sync: SyncTable, min_score: float
) -> list[_View]:
    """What is known of each view in which there is something to look at."""
    core = tracks.skeleton.core_index
    found = np.isfinite(tracks.xy).all(axis=-1) & (tracks.score >= min_score)  # (T, C, N, K)
    known = np.isfinite(points.xyz).all(axis=-1)
    # Between instants at which they are known, people are nearly where a straight line has them.
    bridged, filled = _bridged(points.xyz, sync.t_s)
    agreed = points.n_views[:, None] - points.used >= AGREEING_VIEWS
    sure = agreed | (filled > known)[:, None]
    views = []
    for c, camera in enumerate(rig.cameras):
        expected = _when_taken(camera.project(bridged)[0], sync, c)
        expected[~sure[:, c]] = np.nan
        last = np.array(camera.intrinsics.size_wh) - 1
        inside = np.asarray(((expected >= 0) & (expected <= last)).all(axis=-1))[..., core]
        enough = 2 * inside.sum(axis=-1) >= core.size
        lost = ~np.isfinite(tracks.xy[:, c][..., core, :]).any(axis=(-1, -2))
        misread = (inside & found[:, c][..., core] & ~points.used[:, c][..., core]).sum(axis=-1) >= MISREAD_JOINTS
        wanted = enough & (lost | misread) & (sync.frame_index[:, c] >= 0)[:, None]
        if wanted.any():
            mine = (tracks.xy[:, c], tracks.sigma_px[:, c], tracks.score[:, c])
            views.append(_View(c, sync.frame_index[:, c], *mine, expected, wanted, poses.xy[:, c]))
    return views


def _bridged(xyz: FloatArray, t_s: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Points (T, N, K, 3) with short gaps on straight lines, and where (T, N, K) there is a point."""
    count = t_s.shape[0]
    flat = xyz.reshape(count, -1, 3)
    known, row = np.isfinite(flat).all(axis=-1), np.arange(count)[:, None]
    before = np.maximum.accumulate(np.where(known, row, -1), axis=0)
    after = np.minimum.accumulate(np.where(known, row, count)[::-1], axis=0)[::-1]
    inside = (before >= 0) & (after < count)
    before, after = np.where(inside, before, 0), np.where(inside, after, 0)
    span = t_s[after] - t_s[before]
    inside &= span <= LONGEST_BRIDGE_S
    share = np.where(span > 0, (t_s[:, None] - t_s[before]) / np.where(span > 0, span, 1.0), 0.0)[..., None]
    column = np.arange(flat.shape[1])
    line = (1.0 - share) * flat[before, column] + share * flat[after, column]
    return np.where(inside[..., None], line, np.nan).reshape(xyz.shape), inside.reshape(xyz.shape[:-1])


def _when_taken(at_instant: FloatArray, sync: SyncTable, camera: int) -> FloatArray:
    """Keypoints (T, N, K, 2) of the instants, moved on to when the camera took its picture."""
    if sync.t_s.shape[0] < 2:
        return at_instant.copy()
    row_time = np.nan_to_num(sync.row_time_s[camera])
    lag = np.nan_to_num(sync.lag_s[:, camera, None, None]) + row_time * at_instant[..., 1]
    motion = np.gradient(at_instant, sync.t_s, axis=0)
    return np.asarray(at_instant + np.where(np.isfinite(motion), motion * lag[..., None], 0.0))


def _look_at_view(
    view: _View, video: VideoInfo, looker: Looker, tracks: Tracks2D, min_score: float, cancel: CancelToken
) -> _Seen:
    """Look where it is wanted, less and less often where that does not help."""
    people, core = view.wanted.shape[1], tracks.skeleton.core_index
    pause, due = np.ones(people, dtype=np.int64), np.zeros(people, dtype=np.int64)
    looks, rows = 0, []
    answers: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for t, image in _pictures(view, video):
        cancel.check()
        for n in np.flatnonzero(view.wanted[t] & (t >= due)).tolist():
            looks += 1
            answer = looker.look(image, view.expected[t, n])
            better = None if answer is None else _better(view, t, n, answer, core, min_score)
            if better is not None:
                rows.append((t, n))
                answers.append(better)
            taken = better is not None
            pause[n] = 1 if taken else min(2 * pause[n], LONGEST_PAUSE)
            due[n] = t + pause[n]
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    keypoints = len(tracks.skeleton.keypoints)
    return _Seen(
        looks=np.array([looks]),
        instant=table[:, 0],
        person=table[:, 1],
        xy=np.array([xy for xy, _, _ in answers]).reshape(-1, keypoints, 2),
        sigma_px=np.array([sigma for _, sigma, _ in answers]).reshape(-1, keypoints),
        score=np.array([score for _, _, score in answers]).reshape(-1, keypoints),
    )


def _pictures(view: _View, video: VideoInfo) -> Iterator[tuple[int, ImageArray]]:
    """Pictures in which there is something to look at, one after the other."""
    instants = np.flatnonzero(view.wanted.any(axis=1))
    frames = view.frame[instants]
    for some in np.split(np.arange(instants.size), np.flatnonzero(np.diff(frames) > LONGEST_GAP) + 1):
        wanted = frames[some]
        with closing(read_frames(video, int(wanted[0]), int(wanted[-1]) + 1)) as stream:  # type: ignore[type-var]
            for t, image in zip(instants[some].tolist(), images_at(stream, wanted), strict=True):
                if image is not None:
                    yield t, image


def _better(
    view: _View,
    t: int,
    n: int,
    answer: tuple[FloatArray, FloatArray, FloatArray],
    core: NDArray[np.intp],
    min_score: float,
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """What a second look at person n at instant t found, if it is they, nobody else, and closer than before.

    Who had to be looked for again is half hidden, and the network guesses what it does not see: keypoints that the
    other views do not bear out are left out.
    """
    xy, sigma, score = answer
    expected = view.expected[t, n]
    known = expected[np.isfinite(expected).all(axis=-1)]
    near = NEAR * float(np.linalg.norm(np.ptp(known, axis=0)))
    apart = _apart(xy, expected, core)
    if not apart < near or any(_apart(xy, other, core) < apart for other in _others(view, t, n)):
        return None
    before = _miss(view.xy[t, n], view.score[t, n], expected, near, core, min_score)
    if not _miss(xy, score, expected, near, core, min_score) < CLOSER * before:
        return None
    borne_out = np.linalg.norm(xy - expected, axis=-1) < near  # NaN is not.
    return (
        np.where(borne_out[:, None], xy, np.nan),
        np.where(borne_out, sigma, np.nan),
        np.where(borne_out, score, np.nan),
    )


def _others(view: _View, t: int, n: int) -> Iterator[FloatArray]:
    """Bodies (K, 2) that the detector found besides person n's own."""
    own = view.xy[t, n].sum(axis=0)  # the same, whichever way round left and right are called
    for body in view.others[t]:
        if np.isfinite(body).any() and not np.allclose(body.sum(axis=0), own, equal_nan=True):
            yield body


def _apart(a: FloatArray, b: FloatArray, core: NDArray[np.intp]) -> float:
    """Median distance of the joints of two bodies, px; infinite where they share none."""
    distance = np.linalg.norm(a[core] - b[core], axis=-1)
    distance = distance[np.isfinite(distance)]
    return float(np.median(distance)) if distance.size else np.inf


def _miss(
    xy: FloatArray, score: FloatArray, expected: FloatArray, near: float, core: NDArray[np.intp], min_score: float
) -> float:
    """How badly a body lies where it is expected, 0 to 1: mean over the joints; far off is like missing."""
    known = core[np.isfinite(expected[core]).all(axis=-1)]
    off = np.linalg.norm(xy[known] - expected[known], axis=-1) / near
    found = (score[known] >= min_score) & np.isfinite(off)
    return float(np.where(found, np.minimum(off, 1.0), 1.0).mean())
