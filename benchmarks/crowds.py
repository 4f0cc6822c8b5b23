"""Association where it is hard: more people, fewer cameras, people hidden, detections doubled or mixed up.

    python -m benchmarks.crowds [WORD ...]

Words choose variants by name. Beside each: what comes out of the same detections if they are told apart by the
truth and their sides put right ("ideal"), which is as good as association can be.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from calibration import CameraRig
from calibration.transforms import from_rotation
from mocap.associate import associate
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, IntArray, Poses2D, SyncTable, Tracks2D
from mocap.evaluate import Recording, evaluate
from mocap.triangulate import triangulate
from tests.crowd import make_crowd

SECONDS, RATE_HZ = 20.0, 30.0
# A few standard deviations of the keypoints.
NEAR_PX = 25.0
COCO = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


@dataclass(frozen=True)
class Case:
    """Detections, the rig that is used for them, and the truth."""

    poses: Poses2D
    rig: CameraRig
    sync: SyncTable
    truth: FloatArray
    ids: IntArray


def crowd(seed: int = 1, **wanted: float) -> Case:
    """A crowd of four in five cameras, unless wanted otherwise."""
    return Case(*make_crowd(seed, seconds=SECONDS, rate_hz=RATE_HZ, **wanted))  # type: ignore[arg-type]


def without(case: Case, gone: np.ndarray) -> Case:
    """The same without some candidates (T, C, P)."""
    poses = case.poses
    blank = replace(
        poses,
        xy=np.where(gone[..., None, None], np.nan, poses.xy),
        sigma_px=np.where(gone[..., None], np.nan, poses.sigma_px),
        score=np.where(gone[..., None], 0.0, poses.score),
        track=np.where(gone, -1, poses.track),
    )
    return replace(case, poses=blank, ids=np.where(gone, -1, case.ids))


def with_more(case: Case, more: Poses2D) -> Case:
    """The same with more candidates, which are nobody's."""
    poses, ids = case.poses, case.ids
    both = replace(
        poses,
        xy=np.concatenate([poses.xy, more.xy], axis=2),
        sigma_px=np.concatenate([poses.sigma_px, more.sigma_px], axis=2),
        score=np.concatenate([poses.score, more.score], axis=2),
        track=np.concatenate([poses.track, more.track], axis=2),
    )
    return replace(case, poses=both, ids=np.concatenate([ids, np.full(more.track.shape, -1)], axis=2))


def hidden(people: tuple[int, ...], seed: int) -> Case:
    """Some people out of sight of all cameras for two seconds."""
    case = crowd(seed)
    time = np.arange(case.ids.shape[0])[:, None, None] / RATE_HZ
    return without(case, np.isin(case.ids, people) & (time > 7.0) & (time < 9.0))


def late() -> Case:
    """Somebody who is not there for the first ten seconds."""
    case = crowd()
    time = np.arange(case.ids.shape[0])[:, None, None] / RATE_HZ
    return without(case, (case.ids == 3) & (time < 10.0))


def renumbered() -> Case:
    """The views' own numbers say nothing."""
    case = crowd()
    number = np.random.default_rng(0).integers(0, 50, case.ids.shape)
    return replace(case, poses=replace(case.poses, track=np.where(case.ids >= 0, number, -1)))


def doubled() -> Case:
    """30 % of the detections twice."""
    case, rng = crowd(), np.random.default_rng(0)
    off = rng.normal(size=case.poses.xy.shape) * 8.0
    copy = replace(case, poses=replace(case.poses, xy=case.poses.xy + off))
    twice = without(copy, rng.random(case.ids.shape) > 0.3).poses
    return with_more(case, replace(twice, track=np.where(twice.track >= 0, twice.track + 1000, -1)))


def mixed_up() -> Case:
    """15 % of the detections have the left arm of another person in the picture."""
    case, rng = crowd(swap_share=0.0), np.random.default_rng(0)
    poses = case.poses
    arm = poses.skeleton.index("left_elbow", "left_wrist", "left_index", "left_pinky", "left_thumb")
    other = np.roll(poses.xy[..., arm, :], 1, axis=2)
    given = (rng.random(case.ids.shape) < 0.15)[..., None, None] & np.isfinite(other)
    xy = poses.xy.copy()
    xy[..., arm, :] = np.where(given, other, xy[..., arm, :])
    return replace(case, poses=replace(poses, xy=xy))


def made_up(cameras: int) -> Case:
    """Besides, two false people in each view, each somewhere else after 0.2 to 2 seconds."""
    case, rng = crowd(cameras=cameras), np.random.default_rng(0)
    poses = case.poses
    frames, _, slots, keypoints = poses.score.shape
    shape = (frames, cameras, 2, keypoints)
    xy, score, track = np.full((*shape, 2), np.nan), np.zeros(shape), np.full(shape[:3], -1)
    for c in range(cameras):
        for p in range(2):
            start = 0
            while start < frames:
                stop = min(frames, start + int(rng.integers(6, 60)))
                t, slot = int(rng.integers(frames)), int(rng.integers(slots))
                if poses.track[t, c, slot] >= 0:
                    off = rng.uniform([-500.0, -150.0], [500.0, 150.0])
                    still = poses.xy[t, c, slot] + off
                    xy[start:stop, c, p] = still + rng.normal(size=(stop - start, keypoints, 2)) * 3.0
                    score[start:stop, c, p] = poses.score[t, c, slot]
                    track[start:stop, c, p] = 5000 + start
                start = stop
    return with_more(case, replace(poses, xy=xy, score=score, sigma_px=np.full(shape, 5.0), track=track))


def bent(degrees: float) -> Case:
    """A calibration that is wrong by about so much in each camera (1° is 19 px)."""
    case, rng = crowd(), np.random.default_rng(0)
    cameras = []
    for camera in case.rig.cameras:
        x, y, z = rng.normal(size=3) * np.deg2rad(degrees)
        u, _, vt = np.linalg.svd(np.eye(3) + np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
        cameras.append(replace(camera, cam_from_world=from_rotation(u @ vt, np.zeros(3)) @ camera.cam_from_world))
    return replace(case, rig=CameraRig(tuple(cameras)))


def coco() -> Case:
    """COCO's 17 keypoints without sigma, all scores 1."""
    case = crowd()
    poses, whole = case.poses, case.poses.skeleton
    names = (*COCO, *whole.core)
    pairs = tuple(pair for pair in whole.mirror if set(pair) <= set(names))
    bones = tuple(pair for pair in whole.bones if set(pair) <= set(names))
    k = whole.index(*names)
    xy = poses.xy[..., k, :]
    there = np.isfinite(xy[..., 0])
    skeleton = Skeleton("coco17", names, bones, pairs, whole.core, (), ())
    bare = Poses2D(poses.cameras, skeleton, xy, np.full(there.shape, 5.0), there.astype(np.float64), poses.track)
    return replace(case, poses=bare, truth=case.truth[:, :, k])


CASES: dict[str, Callable[[], Case]] = {
    "as in the issue": crowd,
    "6 people": lambda: crowd(people=6),
    "3 cameras": lambda: crowd(cameras=3),
    "30 % sides exchanged": lambda: crowd(swap_share=0.3),
    "40 % missed": lambda: crowd(miss_share=0.4),
    "10 px": lambda: crowd(noise_px=10.0),
    "one hidden for 2 s": lambda: hidden((0,), 1),
    "two hidden for 2 s": lambda: hidden((0, 1), 2),
    "all hidden for 2 s": lambda: hidden((0, 1, 2, 3), 3),
    "one comes after 10 s": late,
    "numbers of views at random": renumbered,
    "30 % doubled": doubled,
    "15 % with an arm of another": mixed_up,
    "2 false people a view": lambda: made_up(5),
    "the same, 3 cameras": lambda: made_up(3),
    "calibration off by 0.3°": lambda: bent(0.3),
    "calibration off by 0.6°": lambda: bent(0.6),
    "COCO, no sigma, no scores": coco,
}


def ideal(case: Case) -> Tracks2D:
    """The detections told apart by the truth; a side that is nearer to the other's truth is exchanged."""
    poses, people = case.poses, case.truth.shape[1]
    mirror = np.arange(len(poses.skeleton.keypoints))
    for pair in poses.skeleton.mirror:
        a, b = poses.skeleton.index(*pair)
        mirror[[a, b]] = b, a
    frames, cameras, _, keypoints = poses.score.shape
    shape = (frames, cameras, people, keypoints)
    xy, sigma, score = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.zeros(shape)
    true = np.moveaxis(case.rig.project(case.truth)[0], 0, 1)
    for n in range(people):
        t, c, p = np.nonzero(case.ids == n)
        found = poses.xy[t, c, p]
        off = [np.linalg.norm(found[:, k] - true[t, c, n], axis=-1) for k in (np.arange(keypoints), mirror)]
        # Where only the partner was found, it counts if it lies where this one should.
        other = (off[1] < off[0]) | (np.isnan(off[0]) & (off[1] < NEAR_PX))
        xy[t, c, n] = np.where(other[..., None], found[:, mirror], found)
        sigma[t, c, n], score[t, c, n] = poses.sigma_px[t, c, p], np.isfinite(xy[t, c, n, :, 0])
    return Tracks2D(poses.cameras, poses.skeleton, xy, sigma, score, np.arange(people))


def main() -> None:
    """Print a table."""
    print("| case | PCP | ideal | switches | IDF1 | people found | frames/s (user time, association) |")
    print("|---|---|---|---|---|---|---|")
    for row in rows([word.lower() for word in sys.argv[1:]]):
        print(row, flush=True)


def rows(words: list[str]) -> Iterator[str]:
    """One line of the table per variant."""
    for name, make in CASES.items():
        if words and not any(word in name.lower() for word in words):
            continue
        case = make()
        names = case.poses.skeleton.keypoints
        truth = Recording(names, case.sync.t_s, case.truth)
        clock = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        tracks = associate(case.poses, case.rig, case.sync)
        user = resource.getrusage(resource.RUSAGE_SELF).ru_utime - clock
        ours, best = (
            evaluate(Recording(names, case.sync.t_s, triangulate(one, case.rig).xyz), truth)
            for one in (tracks, ideal(case))
        )
        assert ours.parts is not None
        assert best.parts is not None
        shares = f"{100 * ours.parts.mean:.2f} % | {100 * best.parts.mean:.2f} %"
        yield (
            f"| {name} | {shares} | {ours.identities.switches} | "
            f"{100 * ours.identities.idf1:.1f} % | {tracks.person_ids.size} of {case.truth.shape[1]} | "
            f"{case.truth.shape[0] / user:.0f} |"
        )


if __name__ == "__main__":
    main()
