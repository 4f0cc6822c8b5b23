"""Pieces of tracks: what a pass over the frames noted of each person while it followed them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mocap.associate.identity import Ends, joins
from mocap.associate.measure import VOTE_S
from mocap.associate.plan import PARTS, BodyPlan, BoolArray
from mocap.associate.rays import FLOOR_M
from mocap.associate.settings import AssociationSettings
from mocap.associate.sides import swap
from mocap.associate.state import People, Step
from mocap.core.types import FloatArray, IntArray

# Time over which the speed at the end of a piece is taken, s.
SPEED_S = 0.4
# Share of the longest sum of votes from which sides were surely named rightly.
SURE_SHARE = 0.5
# Somebody in two views may miss them by this many times what others miss theirs.
LOOSE = 1.5


@dataclass
class Piece:
    """One person from being found to being lost.

    Attributes
    ----------
    frames : list of int
    sources : list of (C, K) int16
        See ``Step.source``.
    centres : list of (3,)
        Middle of the body, m.
    together : list of bool
        Whether two views showed the person.
    views : list of int
        How many views showed them.
    misses_m : list of float
        See ``Step.miss_m``.
    votes : list of (F,)
        See ``People.vote_s``.
    bone_m, bone_count : (B,)
        As last known.
    epoch : (F,) int
        From which entry on the parts' left and right are as they are named now.
    """

    uid: int
    bone_m: FloatArray
    bone_count: FloatArray
    frames: list[int] = field(default_factory=list)
    sources: list[IntArray] = field(default_factory=list)
    centres: list[FloatArray] = field(default_factory=list)
    together: list[bool] = field(default_factory=list)
    views: list[int] = field(default_factory=list)
    misses_m: list[float] = field(default_factory=list)
    votes: list[FloatArray] = field(default_factory=list)
    epoch: IntArray = field(default_factory=lambda: np.zeros(len(PARTS), dtype=np.int64))

    def turn_round(self, flipped: BoolArray, plan: BodyPlan) -> None:
        """Exchange left and right of parts back to where the views began to speak for it."""
        for part in np.flatnonzero(flipped):
            votes = np.array([vote[part] for vote in self.votes[self.epoch[part] :]])
            # The sum of votes was largest where all was still well. Where it never was large, the body was named
            # wrongly from the start: it is followed, and does not turn into its mirror image on the way.
            well = votes.size and votes.max() > SURE_SHARE * VOTE_S
            start = int(self.epoch[part]) + (int(votes.size - np.argmax(votes[::-1])) if well else 0)
            one = np.arange(len(PARTS)) == part
            for index in range(start, len(self.sources)):
                turned = swap(self.sources[index][..., None], one, plan)[..., 0]
                self.sources[index] = turned.astype(np.int16)
            self.epoch[part] = len(self.sources)

    @property
    def span(self) -> tuple[int, int]:
        """First and last entry at which two views showed the person."""
        there = np.flatnonzero(self.together)
        return int(there[0]), int(there[-1])


def note(pieces: dict[int, Piece], frame: int, people: People, step: Step, plan: BodyPlan) -> None:
    """Add one frame to the pieces of the people in it."""
    # Keypoints never seen must not pull the middle about.
    centre = np.nanmean(people.points[:, plan.core], axis=1) if people.uid.size else people.points[:, 0]
    source = step.source.astype(np.int16)
    for n, uid in enumerate(people.uid.tolist()):
        piece = pieces.get(uid)
        if piece is None:
            piece = pieces[uid] = Piece(uid, people.bone_m[n], people.bone_count[n])
        elif step.flipped[n].any():
            piece.turn_round(step.flipped[n], plan)
        piece.bone_m, piece.bone_count = people.bone_m[n], people.bone_count[n]
        piece.frames.append(frame)
        piece.sources.append(source[n])
        piece.centres.append(centre[n])
        piece.together.append(bool(people.lost_s[n] == 0.0))
        piece.views.append(int(step.views[n]))
        piece.misses_m.append(float(step.miss_m[n]))
        piece.votes.append(people.vote_s[n])


def join_pieces(pieces: list[Piece], t_s: FloatArray, hidden_s: float) -> list[list[Piece]]:
    """Put together the pieces of each person, in the order of time."""
    pieces = [piece for piece in pieces if any(piece.together)]
    if not pieces:
        return []
    before, after = joins(_ends(pieces, t_s, last=True), _ends(pieces, t_s, last=False), hidden_s)
    follower = dict(zip(before.tolist(), after.tolist(), strict=True))
    chains = []
    for start in sorted(set(range(len(pieces))) - set(follower.values())):
        chain, at = [pieces[start]], start
        while at in follower:
            at = follower[at]
            chain.append(pieces[at])
        chains.append(chain)
    return chains


def believable(
    chains: list[list[Piece]], step_s: float, frames: int, cameras: int, settings: AssociationSettings
) -> list[list[Piece]]:
    """Leave out those who are there too briefly, and bodies that chance puts together.

    Any two views of two people may agree for a while. Where there are more than two, somebody whom never more than
    two show on the whole must be there for longer, and fit these two as well as others fit three.
    """
    least = min(settings.min_support_s, 0.5 * frames * step_s)
    least_of_two = min(settings.min_support_of_two_s, 0.5 * frames * step_s)
    figures = [
        np.array([row for piece in chain for row in zip(piece.views, piece.misses_m, strict=True)])[
            np.concatenate([piece.together for piece in chain])
        ]
        for chain in chains
    ]
    shown = np.concatenate(figures) if figures else np.zeros((0, 2))
    usual = float(np.median(shown[shown[:, 0] >= 3, 1])) if (shown[:, 0] >= 3).any() else np.inf
    kept = []
    for chain, figure in zip(chains, figures, strict=True):
        two = cameras > 2 and np.median(figure[:, 0]) <= 2
        support = step_s * figure.shape[0] + 1e-9
        fits = not two or np.median(figure[:, 1]) <= max(LOOSE * usual, FLOOR_M)
        if fits and support >= (least_of_two if two else least):
            kept.append(chain)
    return kept


def _ends(pieces: list[Piece], t_s: FloatArray, last: bool) -> Ends:
    places = [_end(piece, t_s, last) for piece in pieces]
    return Ends(
        t_s=np.array([place[0] for place in places]),
        centre=np.stack([place[1] for place in places]),
        speed=np.stack([place[2] for place in places]),
        bone_m=np.stack([piece.bone_m for piece in pieces]),
        bone_count=np.stack([piece.bone_count for piece in pieces]),
    )


def _end(piece: Piece, t_s: FloatArray, last: bool) -> tuple[float, FloatArray, FloatArray]:
    """Time, place and speed at an end of a piece."""
    there = np.flatnonzero(piece.together)
    t = t_s[np.array(piece.frames)[there]]
    end = t[-1] if last else t[0]
    near = np.abs(t - end) <= SPEED_S
    centre = np.stack([piece.centres[i] for i in there[near]])
    since = t[near] - t[near].mean()
    spread = float(np.sum(since**2))
    # Less than half of that time tells noise rather than a speed.
    known = np.ptp(t[near]) >= 0.5 * SPEED_S
    speed = since @ (centre - centre.mean(axis=0)) / spread if known else np.zeros(3)
    return float(end), centre[-1] if last else centre[0], speed
