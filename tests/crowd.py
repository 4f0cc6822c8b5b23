"""A crowd with known truth: people of different size walk, swing their arms and cross in the middle of a ring.

What a detector gets wrong is made here: people hidden behind others, missed, mixed up left and right, and
numbered anew by the tracker within a view. Nothing in it depends on how the software works.
"""

from __future__ import annotations

import numpy as np

from calibration import Camera, CameraRig, Intrinsics
from calibration.transforms import from_rotation
from mocap.core.types import FloatArray, IntArray, Poses2D, SyncTable
from mocap.presets import load_skeleton

SPEED_M_S = 1.2
# People turn round in about a second.
TURN_RAD_S = 3.5
AREA_RADIUS_M = 1.8
STRIDE_M = 1.35
# A person whose keypoints are hidden beyond this share is not detected at all.
HIDDEN_SHARE = 0.6
# Half the width of a body that hides what is behind it, and how much further that must be.
BODY_HALF_WIDTH_M, BEHIND_M = 0.2, 0.25
# Mean length of a run of misses and of a run of mixed-up sides, in frames: a detector repeats its errors.
MISS_RUN, SWAP_RUN = 6.0, 3.0
# After so many frames without the person a tracker gives a new number.
FORGOTTEN_FRAMES = 10
# Mixed up are the whole body, the legs only, or the arms only, with these chances.
SWAP_PARTS = (0.5, 0.3, 0.2)
LEG_PARTS = ("hip", "knee", "ankle", "heel", "foot_index")
ARM_PARTS = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb")


def make_crowd(
    seed: int = 0,
    people: int = 4,
    cameras: int = 5,
    seconds: float = 60.0,
    rate_hz: float = 30.0,
    miss_share: float = 0.2,
    noise_px: float = 5.0,
    swap_share: float = 0.1,
) -> tuple[Poses2D, CameraRig, SyncTable, FloatArray, IntArray]:
    """Detections of a crowd, and the truth.

    Parameters
    ----------
    miss_share : float
        Share of (instant, view, person) without a detection, those behind others included (if these alone
        are more, it is their share).
    noise_px : float
        Standard deviation of the keypoints, px, 1920x1080.
    swap_share : float
        Share of detections whose left and right are exchanged, in the whole body, the legs or the arms.

    Returns
    -------
    poses : Poses2D
        ``people`` slots a view, in another order at every instant.
    rig : CameraRig
    sync : SyncTable
        All cameras at the same instants.
    truth_xyz : (T, N, K, 3)
        World positions of all keypoints, m; the names are those of ``poses.skeleton``.
    truth_ids : (T, C, P) int
        Which person each slot shows; -1 where it is empty.
    """
    rng = np.random.default_rng(seed)
    frames = round(seconds * rate_hz)
    truth = walking_people(rng, people, frames, rate_hz)
    rig = hall_rig(cameras)
    pixels, visible = rig.project(truth)
    pixels = np.moveaxis(pixels, 0, 1)  # (T, C, N, K, 2)
    sizes = np.array([cam.intrinsics.size_wh for cam in rig.cameras])[:, None, None]
    inside = np.moveaxis(visible, 0, 1) & ((pixels >= 0) & (pixels < sizes)).all(axis=-1)
    shown = inside & ~_hidden(rig, truth, pixels)
    detected = shown.mean(axis=-1) > 1.0 - HIDDEN_SHARE
    missed = np.mean(~detected)
    more = max(0.0, (miss_share - missed) / max(1.0 - missed, 1e-9))
    detected &= ~_runs(rng, detected.shape, more, MISS_RUN)
    xy = pixels + rng.normal(size=pixels.shape) * noise_px
    xy = _mixed_up(rng, xy, _runs(rng, detected.shape, swap_share, SWAP_RUN))
    xy = np.where((shown & detected[..., None])[..., None], xy, np.nan)
    score = np.where(np.isfinite(xy[..., 0]), rng.uniform(0.5, 0.98, size=xy.shape[:-1]), 0.0)
    track = _numbers(rng, pixels, detected)
    order = rng.permuted(np.broadcast_to(np.arange(people), detected.shape), axis=-1)
    track = np.take_along_axis(track, order, axis=-1)
    poses = Poses2D(
        rig.names,
        load_skeleton("blazepose33"),
        np.take_along_axis(xy, order[..., None, None], axis=2),
        np.where(track[..., None] >= 0, max(noise_px, 0.5), np.nan) * np.ones(xy.shape[3]),
        np.take_along_axis(score, order[..., None], axis=2),
        track,
    )
    ids = np.where(np.take_along_axis(detected, order, axis=-1), order, -1)
    index = np.broadcast_to(np.arange(frames)[:, None], (frames, cameras)).copy()
    sync = SyncTable.of_one_clock(rig.names, np.arange(frames) / rate_hz, index)
    return poses, rig, sync, truth, ids


def hall_rig(cameras: int) -> CameraRig:
    """Full-HD cameras on a ring of 5.5 m, 2.5 m high, with a mild lens."""
    angle = 2 * np.pi * (np.arange(cameras) + 0.3) / cameras
    K = np.array([[1100.0, 0, 959.5], [0, 1100.0, 539.5], [0, 0, 1.0]])
    lens = Intrinsics((1920, 1080), K, np.array([-0.1, 0.04, 0.0004, -0.0002, 0.0]))
    made = []
    for i, (x, y) in enumerate(zip(5.5 * np.cos(angle), 5.5 * np.sin(angle), strict=True)):
        centre = np.array([x, y, 2.5])
        forward = np.array([0.0, 0.0, 0.9]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        made.append(Camera(f"cam_{i + 1}", lens, from_rotation(rotation, -rotation @ centre)))
    return CameraRig(tuple(made))


def walking_people(rng: np.random.Generator, people: int, frames: int, rate_hz: float) -> FloatArray:
    """Keypoints (T, N, K, 3), m, of people who cross the area and step aside for each other."""
    place, heading = _paths(rng, people, frames, 1.0 / rate_hz)
    moved = np.linalg.norm(np.diff(place, axis=0, prepend=place[:1]), axis=-1)
    phase = 2 * np.pi * (np.cumsum(moved, axis=0) / STRIDE_M + rng.random(people))
    pace = np.clip(moved * rate_hz / SPEED_M_S, 0.0, 1.0)
    lift = _slow_noise(rng, (frames, people, 2), rate_hz)  # arms that now and then do something else
    parts = _body(phase, pace, lift)
    skeleton = load_skeleton("blazepose33")
    local = np.stack([parts[name] for name in skeleton.keypoints], axis=2)
    local *= rng.uniform(0.88, 1.1, size=people)[None, :, None, None]
    cos, sin = np.cos(heading)[..., None], np.sin(heading)[..., None]
    x, y, z = np.moveaxis(local, -1, 0)
    turned = np.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)
    turned[..., :2] += place[:, :, None]
    return turned


def _paths(rng: np.random.Generator, people: int, frames: int, dt: float) -> tuple[FloatArray, FloatArray]:
    """Places (T, N, 2), m, and headings (T, N), rad: towards the other side, pushed aside by the others.

    After Helbing and Molnar, "Social force model for pedestrian dynamics", Phys. Rev. E 51 (1995).
    """
    angle = 2 * np.pi * np.arange(people) / people + rng.uniform(-0.3, 0.3, people)
    at = AREA_RADIUS_M * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    goal, speed = -at, np.zeros_like(at)
    facing = np.arctan2(goal[:, 1] - at[:, 1], goal[:, 0] - at[:, 0]) + np.pi / 2
    wanted = SPEED_M_S * rng.uniform(0.8, 1.15, people)
    places, headings = np.empty((frames, people, 2)), np.empty((frames, people))
    for t in range(frames):
        way = goal - at
        distance = np.linalg.norm(way, axis=-1)
        for n in np.flatnonzero(distance < 0.3):
            side = np.arctan2(at[n, 1], at[n, 0]) + np.pi + rng.uniform(-0.6, 0.6)
            goal[n] = AREA_RADIUS_M * np.array([np.cos(side), np.sin(side)])
        force = (wanted[:, None] * way / np.maximum(distance, 0.3)[:, None] - speed) / 0.4
        apart = at[:, None] - at[None]
        gap = np.linalg.norm(apart, axis=-1) + 10.0 * np.eye(people)
        push = 6.0 * np.exp((0.55 - gap) / 0.15)
        away = apart / gap[..., None]
        # Somebody who walks straight at another gives way to the right.
        aside = np.stack([-away[..., 1], away[..., 0]], axis=-1)
        force += np.sum(push[..., None] * (away + 0.5 * aside), axis=1)
        speed = speed + dt * np.clip(force, -12.0, 12.0)
        at = at + dt * speed
        quick = np.linalg.norm(speed, axis=-1) > 0.2
        towards = np.where(quick, np.arctan2(speed[:, 1], speed[:, 0]) + np.pi / 2, facing)
        turn = 5.0 * np.angle(np.exp(1j * (towards - facing)))
        facing = facing + dt * np.clip(turn, -TURN_RAD_S, TURN_RAD_S)
        places[t], headings[t] = at, facing
    return places, headings


def _slow_noise(rng: np.random.Generator, shape: tuple[int, ...], rate_hz: float) -> FloatArray:
    """Smooth curves (T, ...) between -1 and 1 that change over about two seconds."""
    knots = int(np.ceil(shape[0] / (2.0 * rate_hz))) + 2
    values = rng.uniform(-1.0, 1.0, size=(knots, *shape[1:]))
    position = np.arange(shape[0]) / (2.0 * rate_hz)
    low = position.astype(np.intp)
    part = (position - low).reshape(-1, *([1] * (len(shape) - 1)))
    part = 0.5 - 0.5 * np.cos(np.pi * part)
    return np.asarray((1.0 - part) * values[low] + part * values[low + 1])


def _body(phase: FloatArray, pace: FloatArray, lift: FloatArray) -> dict[str, FloatArray]:
    """Keypoints by name (T, N, 3), m, of a body that walks towards -y with its left at +x."""

    def vector(x: FloatArray | float, y: FloatArray | float, z: FloatArray | float) -> FloatArray:
        return np.stack(np.broadcast_arrays(x, y, z, phase)[:3], axis=-1)

    def along(length: float, out: FloatArray | float, forward: FloatArray | float) -> FloatArray:
        """A bone that hangs down, swung outwards (+x) and forwards, rad."""
        return length * vector(
            np.sin(out), -np.cos(out) * np.sin(forward), -np.cos(out) * np.cos(forward)
        )  # fmt: skip

    pelvis = vector(0.0, 0.0, 0.93 + 0.02 * pace * np.cos(2 * phase))
    lean = 0.06 * pace + 0.02 * np.sin(phase)
    chest = pelvis + 0.5 * vector(0.02 * np.sin(phase), -np.sin(lean), np.cos(lean))
    head = chest + 0.24 * vector(0.0, -np.sin(lean + 0.1), np.cos(lean + 0.1))
    parts: dict[str, FloatArray] = {"nose": head + vector(0.0, -0.11, 0.0)}
    for index, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        turn = 0.12 * pace * np.sin(phase)
        parts[f"{side}_ear"] = head + vector(0.075 * sign, 0.0, 0.0)
        for offset, name in ((0.018, "eye_inner"), (0.033, "eye"), (0.048, "eye_outer")):
            parts[f"{side}_{name}"] = head + vector(offset * sign, -0.09, 0.035)
        parts[f"mouth_{side}"] = head + vector(0.025 * sign, -0.095, -0.05)
        swing = sign * pace * np.sin(phase)
        hip = pelvis + 0.13 * vector(sign * np.cos(turn), sign * np.sin(turn), 0.0)
        thigh = 0.1 * pace + 0.42 * swing
        bend = 0.12 + pace * (0.45 + 0.4 * sign * np.cos(phase))
        knee = hip + along(0.42, 0.03 * sign, thigh)
        ankle = knee + along(0.41, 0.0, thigh - bend)
        foot = thigh - 0.6 * bend
        parts[f"{side}_hip"], parts[f"{side}_knee"], parts[f"{side}_ankle"] = hip, knee, ankle
        parts[f"{side}_foot_index"] = ankle + along(0.2, 0.05 * sign, foot + 1.2)
        parts[f"{side}_heel"] = ankle + along(0.07, 0.0, foot - 0.6)
        raised = np.maximum(lift[..., index], 0.0)
        shoulder = chest + 0.18 * vector(sign * np.cos(turn), -sign * np.sin(turn), 0.0)
        upper = -0.5 * swing + 1.3 * raised
        out = sign * (0.15 + 0.5 * raised)
        elbow = shoulder + along(0.29, out, upper)
        wrist = elbow + along(0.26, 0.5 * out, upper + 0.35 + 0.2 * pace + 0.9 * raised)
        parts[f"{side}_shoulder"], parts[f"{side}_elbow"], parts[f"{side}_wrist"] = shoulder, elbow, wrist
        hand = (wrist - elbow) / 0.26
        for name, length, across in (("index", 0.09, 0.02), ("pinky", 0.08, -0.03), ("thumb", 0.05, 0.04)):
            parts[f"{side}_{name}"] = wrist + length * hand + vector(0.0, -across, 0.0)
    return parts


def _hidden(rig: CameraRig, truth: FloatArray, pixels: FloatArray) -> np.ndarray:
    """Which keypoints (T, C, N, K) lie behind the trunk and legs of somebody nearer."""
    skeleton = load_skeleton("blazepose33")
    ends = [skeleton.index("left_shoulder", "right_shoulder"), skeleton.index("left_ankle", "right_ankle")]
    top, bottom = (np.nanmean(pixels[:, :, :, end], axis=3) for end in ends)  # (T, C, N, 2)
    pose = rig.cam_from_world
    depth = np.moveaxis(np.einsum("cj,tnkj->ctnk", pose[:, 2, :3], truth), 0, 1) + pose[None, :, 2, 3, None, None]
    near = depth.mean(axis=3)
    half_width = BODY_HALF_WIDTH_M * rig.focals_px[None, :, None] / near
    hidden = np.zeros(depth.shape, dtype=np.bool_)
    for other in range(truth.shape[1]):
        axis = (bottom - top)[:, :, other, None, None]
        offset = pixels - top[:, :, other, None, None]
        share = np.clip(np.sum(offset * axis, axis=-1) / np.sum(axis * axis, axis=-1), -0.35, 1.0)
        miss = np.linalg.norm(offset - share[..., None] * axis, axis=-1)
        behind = depth - near[:, :, other, None, None] > BEHIND_M
        covered = (miss < half_width[:, :, other, None, None]) & behind
        covered[:, :, other] = False
        hidden |= covered
    return hidden


def _runs(rng: np.random.Generator, shape: tuple[int, ...], share: float, length: float) -> np.ndarray:
    """Runs of True along the first axis that make up ``share``, of mean ``length`` (a two-state Markov chain)."""
    if share <= 0.0:
        return np.zeros(shape, dtype=np.bool_)
    leave = 1.0 / length
    enter = leave * share / (1.0 - share)
    on = np.empty(shape, dtype=np.bool_)
    on[0] = rng.random(shape[1:]) < share
    chance = rng.random(shape)
    for t in range(1, shape[0]):
        on[t] = np.where(on[t - 1], chance[t] >= leave, chance[t] < enter)
    return on


def _mixed_up(rng: np.random.Generator, xy: FloatArray, swapped: np.ndarray) -> FloatArray:
    """Exchange left and right of detections (T, C, N) in the whole body, the legs or the arms."""
    skeleton = load_skeleton("blazepose33")
    part = rng.choice(3, size=swapped.shape, p=SWAP_PARTS)
    xy = xy.copy()
    for left, right in skeleton.mirror:
        kind = left.removeprefix("left_")
        hit = swapped & ((part == 0) | ((part == 1) & (kind in LEG_PARTS)) | ((part == 2) & (kind in ARM_PARTS)))
        a, b = skeleton.index(left, right)
        first, second = xy[..., a, :].copy(), xy[..., b, :].copy()
        xy[..., a, :] = np.where(hit[..., None], second, first)
        xy[..., b, :] = np.where(hit[..., None], first, second)
    return xy


def _numbers(rng: np.random.Generator, pixels: FloatArray, detected: np.ndarray) -> IntArray:
    """Numbers (T, C, N) of a tracker within each view that forgets, and that mixes up people who meet in it."""
    frames, cameras, people = detected.shape
    number = np.full(detected.shape, -1, dtype=np.int64)
    centre = np.nanmean(pixels, axis=3)
    for c in range(cameras):
        current, following = np.arange(people), people
        unseen = np.zeros(people, dtype=np.int64)
        for t in range(frames):
            seen = detected[t, c]
            for n in np.flatnonzero(seen & (unseen > FORGOTTEN_FRAMES)):
                current[n], following = following, following + 1
            back = np.flatnonzero(seen & (unseen > 0) & (unseen <= FORGOTTEN_FRAMES))
            for n in back:
                gap = np.abs(centre[t, c, :, 0] - centre[t, c, n, 0])
                gap[n] = np.inf
                other = int(np.argmin(gap))
                if gap[other] < 60.0 and rng.random() < 0.3:
                    current[[n, other]] = current[[other, n]]
            unseen = np.where(seen, 0, unseen + 1)
            number[t, c] = np.where(seen, current, -1)
    return number
