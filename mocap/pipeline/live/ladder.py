"""How often live capture looks, and with which network, so that it never falls behind.

No queue can build up, because only the newest pictures are looked at; what remains to be chosen is an even rate
and a network that the machine carries. First the rate is lowered, then the network, then the rate again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Share of the time between two poses that work may fill: the rest is for the system, and for slow frames.
FULL = 0.9
# Below this rate a lighter network is better than fewer poses: movements of 5 Hz need more than ten a second.
LEAST_RATE_HZ = 12.0
# Most of the time from glass to pose that work alone may take, s: pictures wait besides.
MOST_WORK_S = 0.15
# Seconds that a choice is watched before the next one.
WATCH_S = 1.5
# Seconds after which a better network is tried again; doubled each time that it proved too much.
FIRST_RETRY_S, LAST_RETRY_S = 20.0, 320.0
# A step up must leave this share free: what was too much by a little would come straight back down.
SPARE = 0.75


@dataclass(frozen=True)
class Rung:
    """A choice of rate and network.

    Attributes
    ----------
    model : int
        0 is the best one.
    every : int
        One instant in so many of the cameras' is looked at.
    since_s : float
        When it was chosen, s on any clock.
    retry_s : float
        How long to wait before a better network is tried.
    """

    model: int
    every: int
    since_s: float
    retry_s: float


def first_rung(now_s: float) -> Rung:
    """The best network, every picture."""
    return Rung(0, 1, now_s, FIRST_RETRY_S)


def next_rung(rung: Rung, models: int, work_s: float, interval_s: float, now_s: float) -> Rung:
    """Choose anew from how long the work on a frame takes.

    Parameters
    ----------
    rung : Rung
        The choice so far; returned as it is where it is still good.
    models : int
        Networks to choose from.
    work_s : float
        What four of five frames stay within, from the newest pictures in hand to the pose, s.
    interval_s : float
        Between two pictures of a camera, s.
    now_s : float
    """
    if now_s - rung.since_s < WATCH_S or not (math.isfinite(work_s) and math.isfinite(interval_s)):
        return rung
    every = max(1, math.ceil(work_s / (FULL * interval_s)))
    too_seldom = 1.0 / (every * interval_s) < min(LEAST_RATE_HZ, 1.0 / interval_s)
    if (too_seldom or work_s > MOST_WORK_S) and rung.model + 1 < models:
        return replace(rung, model=rung.model + 1, every=1, since_s=now_s)
    if rung.model > 0 and now_s - rung.since_s >= rung.retry_s and _has_room(work_s, interval_s):
        # Each attempt that fails comes back here after twice the time.
        later = min(LAST_RETRY_S, 2.0 * rung.retry_s)
        return Rung(rung.model - 1, 1, now_s, later)
    if every > rung.every:
        return replace(rung, every=every, since_s=now_s)
    # Upwards only where it would hold: one step at a time.
    if every < rung.every and work_s <= SPARE * FULL * (rung.every - 1) * interval_s:
        return replace(rung, every=rung.every - 1, since_s=now_s)
    return rung


def _has_room(work_s: float, interval_s: float) -> bool:
    """Whether a network of twice the work would do; neighbours differ by two to three times."""
    return 2.0 * work_s <= min(FULL * max(interval_s, 1.0 / LEAST_RATE_HZ), MOST_WORK_S)
