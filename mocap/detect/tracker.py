"""Which found body is which of the people known in a view: pure functions on slots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.core.types import FloatArray, IntArray
from mocap.detect.blazepose import Landmarks
from mocap.detect.pace import Pacing, Past, foreseen, next_pace, no_past, surprise
from mocap.detect.protocol import BoolArray, ViewPoses, ViewState

# COCO's keypoints among BlazePose's landmarks, in COCO's order.
BLAZEPOSE_OF_COCO: IntArray = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
# Trunk and limbs tell bodies apart; a face is too small to.
BODY: IntArray = np.array([11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
HIPS: IntArray = np.array([23, 24])

# The network's own threshold for "somebody is there".
PRESENT = 0.5
# Nor is anybody there if the best half of trunk and limbs is guessed.
MIN_BODY_SCORE = 0.1
# Two bodies whose joints lie this close together on the whole (share of the crop's side, about 1.4 body
# heights) are one. People who hug come to about twice this.
SAME_BODY = 0.05
# A body is doubtful below these: worth a second look from a fresh crop. A crop that follows a half-hidden body
# drifts off it, and the next one further; MultiPose sees the whole picture and does not.
SURE_PRESENCE = 0.9
SURE_BODY_SCORE = 0.5
# Hips this close (share of the crop's side) may be of one person whose joints were not found well.
NEAR = 0.15
# The network's 256 px crop of a person smaller than this is mostly invented, px.
MIN_SIDE_PX = 48.0
# The hips may lie outside the picture by this share of the crop's side: the upper body is still in view.
MAX_BEYOND = 0.25
# A crop larger than this many picture diagonals is a guess gone wild.
MAX_SIDE_PER_DIAGONAL = 4.0


EVERY_PICTURE = Pacing()


@dataclass(frozen=True)
class Body:
    """One person found in one picture.

    Attributes
    ----------
    landmarks : Landmarks
    region : (4,)
        The crop it was found in.
    slot, track : int
        -1 where the person is new.
    """

    landmarks: Landmarks
    region: FloatArray
    slot: int = -1
    track: int = -1


def usable_region(region: FloatArray, picture_wh: tuple[int, int]) -> bool:
    """Whether a crop is of a size, and at a place, at which looking makes sense."""
    width, height = picture_wh
    if not np.isfinite(region).all():
        return False
    beyond = MAX_BEYOND * region[2]
    inside = -beyond <= region[0] <= width + beyond and -beyond <= region[1] <= height + beyond
    return bool(inside and MIN_SIDE_PX <= region[2] <= MAX_SIDE_PER_DIAGONAL * float(np.hypot(width, height)))


def body_distance(a: FloatArray, b: FloatArray) -> float:
    """Median distance of the joints of two bodies (N, 2), px; infinite where they share none.

    The median lets a crossed pair of legs or a lost arm pass.
    """
    distance = np.linalg.norm(a - b, axis=1)
    distance = distance[np.isfinite(distance)]
    return float(np.median(distance)) if distance.size else np.inf


def body_score(landmarks: Landmarks) -> float:
    """Median score of trunk and limbs; 0 where none was found."""
    score = landmarks.score[BODY]
    return float(np.nanmedian(score)) if np.isfinite(score).any() else 0.0


def quality(body: Body) -> float:
    """How well a body was seen, 0 to 1."""
    return body.landmarks.presence * body_score(body.landmarks)


def is_person(landmarks: Landmarks) -> bool:
    """Whether a crop holds a person at all."""
    return landmarks.presence >= PRESENT and body_score(landmarks) >= MIN_BODY_SCORE


def is_doubtful(body: Body) -> bool:
    """Whether a second look is worth its time."""
    return body.landmarks.presence < SURE_PRESENCE or body_score(body.landmarks) < SURE_BODY_SCORE


def is_same(coco_xy: FloatArray, side: float, body: Body) -> bool:
    """Whether a person of the whole-picture search (17, 2) px with a crop of ``side`` px is this body."""
    rows = np.isin(BLAZEPOSE_OF_COCO, BODY)
    apart = body_distance(coco_xy[rows], body.landmarks.xy[BLAZEPOSE_OF_COCO[rows]])
    return apart < SAME_BODY * max(side, float(body.region[2]))


def is_near(region: FloatArray, other: FloatArray) -> bool:
    """Whether two crops are around the same hips."""
    return bool(np.linalg.norm(region[:2] - other[:2]) < NEAR * max(region[2], other[2]))


def _drift(body: Body) -> float:
    """How far the body lies from where it was expected, in shares of the crop's side."""
    hip = body.landmarks.xy[HIPS].mean(axis=0)
    distance = float(np.linalg.norm(hip - body.region[:2]) / body.region[2])
    return distance if np.isfinite(distance) else np.inf


def without_duplicates(bodies: list[Body]) -> list[Body]:
    """Leave one of each group of bodies that are the same person.

    When one person passes before another, both crops come to show the one in front. The slot that had to
    move the furthest is the intruder; a known person is preferred to a new one.
    """
    order = sorted(range(len(bodies)), key=lambda n: (bodies[n].track < 0, _drift(bodies[n]), bodies[n].track))
    kept: list[int] = []
    for n in order:
        one = bodies[n]
        same = any(
            body_distance(one.landmarks.xy[BODY], bodies[m].landmarks.xy[BODY])
            < SAME_BODY * max(one.region[2], bodies[m].region[2])
            for m in kept
        )
        if not same:
            kept.append(n)
    return [bodies[n] for n in sorted(kept)]


def settle(
    bodies: list[Body],
    state: ViewState,
    keypoints: int,
    picture_wh: tuple[int, int],
    since_search: int,
    allowed: Pacing = EVERY_PICTURE,
) -> tuple[ViewPoses, ViewState]:
    """Put the bodies into slots and say where and when to look next.

    Known people keep their slot; new ones take the free slots in the order given, and those beyond the
    last slot are left out. People whose turn it is not are where they were foreseen.

    Parameters
    ----------
    bodies : list of Body
        Who was found.
    state : ViewState
        Before this frame; `waiting` of it says whose turn it is not.
    keypoints : int
    picture_wh : (int, int)
        px.
    since_search : int
        Goes into the new state.
    allowed : Pacing
        How seldom people may be looked at.
    """
    slots = state.track.shape[0]
    before = state.past or no_past(slots, keypoints)
    waits = waiting(state)
    next_track = state.next_track
    placed: dict[int, Body] = {b.slot: b for b in bodies if b.slot >= 0}
    free = [s for s in range(slots) if s not in placed and not waits[s]]
    for body, slot in zip([b for b in bodies if b.slot < 0], free, strict=False):
        placed[slot] = replace(body, slot=slot, track=next_track)
        next_track += 1

    poses, past = nobody(slots, keypoints), no_past(slots, keypoints)
    roi = np.full((slots, 4), np.nan)
    for slot in [s for s in range(slots) if waits[s] and s not in placed]:
        age = int(before.age[slot]) + 1
        poses.track[slot], roi[slot] = state.track[slot], state.roi[slot]
        poses.xy[slot], poses.score[slot] = foreseen(before, slot, age), before.score[slot]
        poses.sigma_px[slot] = before.sigma_px[slot]
        for name in ("xy", "velocity", "sigma_px", "score", "pace"):
            getattr(past, name)[slot] = getattr(before, name)[slot]
        past.age[slot] = age
    looked = np.zeros(slots, dtype=np.bool_)
    for slot, body in placed.items():
        found = body.landmarks
        poses.track[slot], looked[slot] = body.track, True
        poses.xy[slot], poses.score[slot], poses.sigma_px[slot] = found.xy, found.score, found.sigma_px
        _remember(past, before, slot, found, known=body.track == state.track[slot], allowed=allowed)
        if usable_region(found.next_region, picture_wh):
            roi[slot] = found.next_region
    # A slot whose next crop is unknown is free from the next frame on, though its pose counts in this one.
    goes_on = np.where(np.isfinite(roi[:, 0]), poses.track, -1)
    return replace(poses, looked=looked), ViewState(roi, goes_on, next_track, since_search, past)


def waiting(state: ViewState) -> BoolArray:
    """Slots (P,) of the people who need not be looked at in the next picture."""
    if state.past is None:
        return np.zeros(state.track.shape[0], dtype=np.bool_)
    return np.asarray((state.track >= 0) & (state.past.age + 1 < state.past.pace))


def awaited(state: ViewState) -> list[Body]:
    """People whose turn it is not, as they are foreseen in the next picture."""
    if state.past is None:
        return []
    past, found = state.past, []
    for slot in np.flatnonzero(waiting(state)).tolist():
        xy, region = foreseen(past, slot, int(past.age[slot]) + 1), expected_region(state, slot)
        landmarks = Landmarks(xy, past.sigma_px[slot], past.score[slot], 1.0, region)
        found.append(Body(landmarks, region, slot, int(state.track[slot])))
    return found


def unseen(state: ViewState) -> ViewState:
    """State after an instant of which the view has no picture."""
    past = state.past
    if past is not None:
        past = replace(past, age=past.age + (state.track >= 0))
    return replace(state, frames_since_search=state.frames_since_search + 1, past=past)


def all_due(state: ViewState) -> ViewState:
    """Return the state with everybody to be looked at in the next picture, however well they are foreseen."""
    past = state.past
    return state if past is None else replace(state, past=replace(past, pace=np.ones_like(past.pace)))


def expected_region(state: ViewState, slot: int) -> FloatArray:
    """Crop (4,) in which to look for a known person in the next picture: moved on as the hips moved."""
    region = state.roi[slot].copy()
    if state.past is not None:
        shift = (state.past.age[slot] + 1) * state.past.velocity[slot, HIPS].mean(axis=0)
        region[:2] += np.where(np.isfinite(shift), shift, 0.0)
    return np.asarray(region)


def _remember(past: Past, before: Past, slot: int, found: Landmarks, known: bool, allowed: Pacing) -> None:
    """Write into ``past`` what a look at a person tells of their motion."""
    past.xy[slot], past.sigma_px[slot], past.score[slot] = found.xy, found.sigma_px, found.score
    if not known or not np.isfinite(before.xy[slot]).any():
        return
    frames = int(before.age[slot]) + 1
    past.velocity[slot] = (found.xy - before.xy[slot]) / frames
    off = surprise(found.xy[BODY], foreseen(before, slot, frames)[BODY], found.sigma_px[BODY])
    past.pace[slot] = next_pace(frames, off, allowed)


def nobody(slots: int, keypoints: int) -> ViewPoses:
    """Poses of a view in which nobody was found."""
    return ViewPoses(
        xy=np.full((slots, keypoints, 2), np.nan),
        sigma_px=np.full((slots, keypoints), np.nan),
        score=np.full((slots, keypoints), np.nan),
        track=np.full(slots, -1, dtype=np.int64),
    )
