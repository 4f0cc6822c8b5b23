"""One person from frame to frame: filtered points, and the body once its bones are known.

The bones are learned from the first seconds in view, beside the other work, and once more when more has been seen.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import numpy as np

from mocap.core.errors import InputError
from mocap.core.skeleton import Skeleton
from mocap.core.types import FloatArray, Motion, Points3D
from mocap.fit import BodySettings, LiveBody, LiveState, follow, start_live
from mocap.fit.filters import OneEuroState, one_euro_step

# Bones are learned from so long a time in view, s, and again from the longer one, of at least so many frames.
LEARN_S, LEARN_AGAIN_S, LEARN_FRAMES = 1.5, 5.0, 12
# Seconds that are remembered for that.
REMEMBERED_S = 6.0
# Steps in which a body that was learned late catches up, s.
CATCH_UP_S = 0.2
# A body that nothing was seen of for longer starts anew: its speed says nothing any more.
FORGET_S = 1.0
# A body farther from the hips that are seen than this, for so long, is not that person's any more.
ASTRAY_M, ASTRAY_S = 0.3, 0.5


@dataclass(frozen=True)
class _Glimpse:
    """One frame of a person: time, s, and points as measured (K, 3), m, with covariance."""

    t_s: float
    xyz: FloatArray
    cov: FloatArray


@dataclass
class Followed:
    """One person while they are in view.

    Attributes
    ----------
    xyz : (K, 3)
        Keypoints of the last frame, filtered, m.
    body : LiveBody or None
        None until the bones are known.
    motion : Motion or None
        Of the last frame.
    relearned : bool
        Whether the bones come from the longer time.
    """

    skeleton: Skeleton
    settings: BodySettings
    xyz: FloatArray
    body: LiveBody | None = None
    motion: Motion | None = None
    relearned: bool = False
    _state: LiveState | None = None
    _t_s: float = float("nan")
    _euro: OneEuroState | None = None
    _euro_t_s: float = float("nan")
    _astray_s: float = 0.0
    _past: deque[_Glimpse] = field(default_factory=deque)
    _learning: Future[tuple[LiveBody, LiveState]] | None = None
    _learned_t_s: float = float("nan")

    def filter(self, t_s: float, xyz: FloatArray, cutoff_hz: float) -> FloatArray:
        """Filter the points (K, 3) of the next frame by One-Euro; see ``one_euro_step``."""
        dt = t_s - self._euro_t_s
        state = self._euro if 0.0 < dt <= FORGET_S else None
        self._euro, self.xyz = one_euro_step(state, xyz, dt, cutoff_hz)
        self._euro_t_s = t_s
        return self.xyz

    def move(self, t_s: float, xyz: FloatArray, cov: FloatArray) -> Motion | None:
        """Lay the body through the points (K, 3) of the next frame; None while the bones are not known."""
        self._remember(t_s, xyz, cov)
        self._take_learned()
        if self.body is None or self._state is None:
            self.motion = None
            return None
        dt = t_s - self._t_s
        if not 0.0 < dt <= FORGET_S or self._is_astray(xyz, dt):
            self.forget_body()
            return None
        self._state, self.motion = follow(self.body, self._state, xyz, cov, dt)
        self._t_s = t_s
        return self.motion

    def forget_body(self) -> None:
        """Begin to learn the body again."""
        self.body, self._state, self.motion, self.relearned = None, None, None, False
        self._past.clear()
        self._astray_s, self._learning = 0.0, None

    def learn(self, worker: Executor) -> bool:
        """Start to learn the bones if it is time; returns whether it did."""
        if self._learning is not None or self.relearned or not self._past:
            return False
        span_s = self._past[-1].t_s - self._past[0].t_s
        wanted_s = LEARN_S if self.body is None else LEARN_AGAIN_S
        if span_s < wanted_s or len(self._past) < LEARN_FRAMES:
            return False
        rate_hz = (len(self._past) - 1) / span_s
        self._learned_t_s = self._past[-1].t_s
        self._learning = worker.submit(start_live, self._points(), rate_hz, 0, self.settings)
        return True

    def _take_learned(self) -> None:
        """Take over what was learned, if it is done."""
        if self._learning is None or not self._learning.done():
            return
        done, self._learning = self._learning, None
        try:
            body, state = done.result()
        except InputError:  # the hips were not seen: more is needed
            self._past.clear()
            return
        # Where the body is followed already it goes on from there, with better bones.
        self.relearned, self.body = self.body is not None, body
        if self._state is None:
            self._catch_up(body, state)

    def _catch_up(self, body: LiveBody, state: LiveState) -> None:
        """Follow what was seen while the bones were learned, in steps as wide as will do."""
        self._t_s = self._learned_t_s
        for one in list(self._past)[:-1]:
            if one.t_s - self._t_s >= CATCH_UP_S:
                state, _ = follow(body, state, one.xyz, one.cov, one.t_s - self._t_s)
                self._t_s = one.t_s
        self._state = state

    def _remember(self, t_s: float, xyz: FloatArray, cov: FloatArray) -> None:
        if self.relearned:
            self._past.clear()
            return
        if self._past and not 0.0 < t_s - self._past[-1].t_s <= FORGET_S:
            self._past.clear()
        self._past.append(_Glimpse(t_s, xyz, cov))
        while t_s - self._past[0].t_s > REMEMBERED_S:
            self._past.popleft()

    def _is_astray(self, xyz: FloatArray, dt: float) -> bool:
        """Whether the body has stayed away from the hips that are seen."""
        if self.motion is None:
            return False
        root = self.skeleton.joints[0].keypoints
        hips = xyz[self.skeleton.index(*root)].mean(axis=0)
        off = float(np.linalg.norm(hips - self.motion.root_xyz[0, 0]))
        self._astray_s = self._astray_s + dt if off > ASTRAY_M else 0.0
        return self._astray_s > ASTRAY_S

    def _points(self) -> Points3D:
        """What is remembered, as points of one person."""
        xyz = np.stack([one.xyz for one in self._past])[:, None]
        cov = np.stack([one.cov for one in self._past])[:, None]
        known = np.isfinite(xyz).all(axis=-1)
        views = np.where(known, 2, 0).astype(np.int64)
        miss = np.full((xyz.shape[0], 1, *known.shape[1:]), np.nan)
        return Points3D(self.skeleton, xyz, cov, views, miss, np.zeros(miss.shape, dtype=np.bool_))
