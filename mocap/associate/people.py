"""Association: from people found in each view to people in the room, each with one identity."""

from __future__ import annotations

import numpy as np

from calibration.camera import CameraRig
from mocap.associate.pieces import Piece, believable, join_pieces, note
from mocap.associate.plan import plan_of
from mocap.associate.rays import ray_block
from mocap.associate.settings import AssociationSettings
from mocap.associate.state import nobody
from mocap.associate.tracks import follow
from mocap.core.errors import InputError
from mocap.core.types import IntArray, Poses2D, SyncTable, Tracks2D

# Frames whose rays are made in one go: bounds the memory.
FRAMES_AT_ONCE = 256
# Time step of a recording with one frame, s.
LONE_STEP_S = 1.0 / 30.0


def associate(
    poses: Poses2D, rig: CameraRig, sync: SyncTable, settings: AssociationSettings | None = None
) -> Tracks2D:
    """Find out who is who across views and over time.

    People are followed in space from frame to frame; pieces of tracks are then joined looking both ways. Left and
    right are put right, and keypoints that are not the person's are left out. Memory besides the result does not
    depend on the length of the recording.

    Parameters
    ----------
    poses : Poses2D
        People found in every view, in any order, numbered or not; cameras in the order of the rig.
    rig : CameraRig
    sync : SyncTable
        Times of the frames.
    settings : AssociationSettings, optional

    Returns
    -------
    Tracks2D
        People in the order of their appearance; NaN where a view does not show somebody.

    Raises
    ------
    InputError
        If nobody is seen by two cameras at once, or no two views ever agree; the reason is told apart.
    """
    settings = settings or AssociationSettings()
    check_cameras(poses, rig)
    _require_people(poses)
    plan = plan_of(poses.skeleton)
    steps = np.diff(sync.t_s)
    usual = float(np.median(steps)) if steps.size else LONE_STEP_S
    steps = np.concatenate([[usual], steps])
    pieces: dict[int, Piece] = {}
    people = nobody(plan, len(rig.cameras))
    for start in range(0, steps.size, FRAMES_AT_ONCE):
        frames = slice(start, min(start + FRAMES_AT_ONCE, steps.size))
        block = ray_block(poses, rig, frames, settings.min_score, settings.min_keypoints, plan)
        for t in range(frames.start, frames.stop):
            seen = block.at(t - start)
            people, step = follow(people, seen, float(steps[t]), len(rig.cameras), plan, settings)
            note(pieces, t, people, step, plan)
    chains = join_pieces(list(pieces.values()), sync.t_s, settings.hidden_s)
    chains = believable(chains, usual, steps.size, len(rig.cameras), settings)
    if not chains:
        raise InputError(
            "People were found, but no two cameras agree on where anybody stands.",
            "Check that each video carries the name of its own camera, that the calibration is of this "
            "recording, and that the videos start together.",
        )
    chains.sort(key=lambda chain: (chain[0].frames[chain[0].span[0]], chain[0].uid))
    return pick(poses, [_source_of(chain, poses) for chain in chains], np.arange(len(chains)))


def check_cameras(poses: Poses2D, rig: CameraRig) -> None:
    """Raise ValueError unless poses and rig are of the same cameras."""
    if poses.cameras != rig.names:
        raise ValueError(f"poses are of cameras {poses.cameras}, the rig has {rig.names}")


def _require_people(poses: Poses2D) -> None:
    """Raise InputError unless two cameras see somebody at the same instant at least once."""
    seen = (poses.track >= 0).any(axis=2)
    if not seen.any():
        raise InputError(
            "Nobody was found in any video.", "Check that a person is in view, upright, lit, and not too small."
        )
    if (seen.sum(axis=1) >= 2).any():
        return
    views = [poses.cameras[c] for c in np.flatnonzero(seen.any(axis=0))]
    raise InputError(
        f"Nobody is ever seen by two cameras at once; people were found in {', '.join(views)} only.",
        "Three dimensions need two views: check the aim of the cameras and that the videos start together.",
    )


def _source_of(chain: list[Piece], poses: Poses2D) -> IntArray:
    """Where each keypoint of one person comes from (T, C, K); where pieces overlap, the one in two views."""
    frames, cameras, _, keypoints = poses.score.shape
    source: IntArray = np.full((frames, cameras, keypoints), -1, dtype=np.int16)
    for piece in reversed(chain):
        first, last = piece.span
        # Before and after two views agree there may be one that holds on; a later piece knows better.
        chosen = slice(first, len(piece.frames))
        at = np.array(piece.frames[chosen])
        new = np.stack(piece.sources[chosen])
        blank = (source[at] < 0).all(axis=(1, 2)) | (np.arange(first, first + at.size) <= last)
        source[at[blank]] = new[blank]
    return source


def pick(poses: Poses2D, sources: list[IntArray], ids: IntArray) -> Tracks2D:
    """Pick the keypoints of N people, each with its sources (T, C, K), out of the poses."""
    frames, cameras, slots, keypoints = poses.score.shape
    shape = (frames, cameras, len(sources), keypoints)
    xy, sigma, score = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.zeros(shape)
    flat = (frames, cameras, slots * keypoints)
    for n, source in enumerate(sources):
        there = source >= 0
        index = np.where(there, source, 0).astype(np.intp)
        picked = np.take_along_axis(poses.xy.reshape(*flat, 2), index[..., None], axis=2)
        xy[:, :, n] = np.where(there[..., None], picked, np.nan)
        sigma[:, :, n] = np.where(there, np.take_along_axis(poses.sigma_px.reshape(flat), index, axis=2), np.nan)
        score[:, :, n] = np.where(there, np.take_along_axis(poses.score.reshape(flat), index, axis=2), 0.0)
    return Tracks2D(poses.cameras, poses.skeleton, xy, sigma, score, ids)
