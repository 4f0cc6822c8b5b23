"""People of one view in slots, whatever their skeleton: who is who from frame to frame, and who is found twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mocap.core.types import FloatArray, IntArray
from mocap.detect.decoders.common import overlap
from mocap.detect.protocol import ViewPoses, ViewState
from mocap.detect.tracker import body_distance, usable_region

# Boxes that share this much of their union are of the same person from frame to frame, and in two searches.
SAME_BOX = 0.3
# Joints this close on the whole (share of the crop's height) are of one person, seen in two crops.
SAME_BODY = 0.05


@dataclass(frozen=True)
class Person:
    """One person found in one picture.

    Attributes
    ----------
    xy : (K, 2)
        px.
    sigma_px, score : (K,)
    presence : float
        How sure it is that somebody is there, 0 to 1.
    region, next_region : (4,)
        Crop they were found in, and the one for the next frame; NaN where it cannot be told.
    slot, track : int
        -1 where the person is new.
    """

    xy: FloatArray
    sigma_px: FloatArray
    score: FloatArray
    presence: float
    region: FloatArray
    next_region: FloatArray
    slot: int = -1
    track: int = -1


def match_slots(boxes: FloatArray, expected: FloatArray, track: IntArray) -> list[int]:
    """Slot of the known person who is expected where each box is; -1 where nobody is.

    Parameters
    ----------
    boxes : (N, 4)
        Found, px.
    expected : (P, 4)
        Of the slots, px; NaN where free.
    track : (P,)
        Of the slots; -1 where free.
    """
    shared = overlap(boxes, np.nan_to_num(expected))
    shared[:, track < 0] = 0.0
    slots = [-1] * len(boxes)
    while shared.size and shared.max() >= SAME_BOX:  # one step a person
        n, slot = np.unravel_index(int(shared.argmax()), shared.shape)
        slots[int(n)] = int(slot)
        shared[n, :], shared[:, slot] = 0.0, 0.0
    return slots


def distinct(people: list[Person], core: IntArray) -> list[Person]:
    """Leave one of several findings of the same person: the known one, then the surest."""
    kept: list[Person] = []
    for one in sorted(people, key=lambda p: (p.slot < 0, -p.presence)):
        apart = [body_distance(one.xy[core], other.xy[core]) for other in kept]
        if all(d >= SAME_BODY * one.region[2] for d in apart):
            kept.append(one)
    return kept


def settle(
    people: list[Person], state: ViewState, keypoints: int, picture_wh: tuple[int, int], since_search: int
) -> tuple[ViewPoses, ViewState]:
    """Put people into slots and say where to look in the next frame.

    Known people keep their slot; new ones take the free slots in the order given, and those beyond the last
    slot are left out. ``since_search`` goes into the new state.
    """
    slots = state.track.shape[0]
    poses = empty_poses(slots, keypoints)
    placed = {person.slot: person for person in people if person.slot >= 0}
    free = [slot for slot in range(slots) if slot not in placed]
    next_track = state.next_track
    for person, slot in zip([p for p in people if p.slot < 0], free, strict=False):
        placed[slot] = replace(person, slot=slot, track=next_track)
        next_track += 1
    roi = np.full((slots, 4), np.nan)
    for slot, person in placed.items():
        poses.track[slot], poses.xy[slot] = person.track, person.xy
        poses.sigma_px[slot], poses.score[slot] = person.sigma_px, person.score
        if usable_region(person.next_region, picture_wh):
            roi[slot] = person.next_region
    # A slot whose next crop is unknown is free from the next frame on, though its pose counts in this one.
    goes_on = np.where(np.isfinite(roi[:, 0]), poses.track, -1)
    return poses, ViewState(roi, goes_on, next_track, since_search)


def empty_poses(slots: int, keypoints: int) -> ViewPoses:
    """Poses of a view in which nobody was found."""
    return ViewPoses(
        xy=np.full((slots, keypoints, 2), np.nan),
        sigma_px=np.full((slots, keypoints), np.nan),
        score=np.full((slots, keypoints), np.nan),
        track=np.full(slots, -1, dtype=np.int64),
    )
