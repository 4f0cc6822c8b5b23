"""Parts of live capture by themselves: which rate and network, targets, one instant, the newest pictures."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from mocap.capture.events import CameraState
from mocap.core.errors import InputError
from mocap.core.types import Frame
from mocap.detect import ViewPoses
from mocap.pipeline.live.events import FeedbackEvent
from mocap.pipeline.live.feedback import CountTarget, Progressed, RangeTarget, Target, advance, parse_target
from mocap.pipeline.live.instant import at_one_instant, nothing_seen
from mocap.pipeline.live.ladder import FIRST_RETRY_S, Rung, first_rung, next_rung
from mocap.pipeline.live.newest import Newest
from mocap.pipeline.live.who import Who
from mocap.presets import load_skeleton
from tests.live_rig import numbered

CAMERA_S = 1.0 / 30.0


def chosen(work_s: list[float], seconds: float, start: Rung | None = None) -> list[tuple[int, int]]:
    """Networks and rates that are taken one after the other."""
    rung = start or first_rung(0.0)
    taken = [(rung.model, rung.every)]
    for now in range(1, round(seconds) + 1):
        rung = next_rung(rung, len(work_s), work_s[rung.model], CAMERA_S, float(now))
        if taken[-1] != (rung.model, rung.every):
            taken.append((rung.model, rung.every))
    return taken


def test_a_machine_that_keeps_up_stays_where_it_is() -> None:
    assert chosen([0.02, 0.01, 0.005], 600) == [(0, 1)]


def test_first_the_rate_gives_way_then_the_network_then_the_rate_again() -> None:
    assert chosen([0.05, 0.02, 0.01], 15) == [(0, 1), (0, 2)]
    assert chosen([0.2, 0.05, 0.02], 15) == [(0, 1), (1, 1), (1, 2)]
    assert chosen([0.4, 0.3, 0.2], 15) == [(0, 1), (1, 1), (2, 1), (2, 7)]


def test_a_better_network_is_tried_ever_more_seldom() -> None:
    rungs = chosen([0.2, 0.035, 0.02], 600)
    tries = sum(rung == (0, 1) for rung in rungs) - 1
    assert 1 <= tries <= 5
    assert rungs[-1][0] == 1


def test_it_comes_back_up_when_the_machine_is_free_again() -> None:
    busy = Rung(2, 5, 0.0, FIRST_RETRY_S)
    assert chosen([0.02, 0.01, 0.005], 120, busy)[-1] == (0, 1)


def test_what_is_not_known_changes_nothing() -> None:
    rung = first_rung(0.0)
    assert next_rung(rung, 3, float("nan"), CAMERA_S, 100.0) is rung
    assert next_rung(rung, 3, 1.0, CAMERA_S, 0.5) is rung  # it has only just begun


def happenings(target: Target, values: list[float]) -> list[FeedbackEvent]:
    so_far, happened = Progressed(), []
    for i, value in enumerate(values):
        so_far, event = advance(target, so_far, value, i)
        happened += [event] if event is not None else []
    return happened


def test_a_range_is_entered_and_left_without_flicker() -> None:
    events = happenings(RangeTarget("knee", 60.0, 90.0), [20, 59, 61, 59, 61, 75, float("nan"), 75, 91, 95, 70])
    assert [(event.kind, event.t_ns, event.count) for event in events] == [
        ("entered", 2, 1), ("left", 9, 1), ("entered", 10, 2),
    ]  # fmt: skip


def test_repetitions_are_counted_once_whatever_the_noise() -> None:
    t = np.linspace(0.0, 5.0, 500)
    angle = 40.0 - 40.0 * np.cos(2.0 * np.pi * t) + np.random.default_rng(2).normal(scale=3.0, size=t.size)
    angle[::17] = np.nan
    events = happenings(CountTarget("knee", 20.0), angle.tolist())
    assert [event.count for event in events] == [1, 2, 3, 4, 5]
    assert all(70.0 < event.value_deg < 95.0 for event in events)
    assert not happenings(CountTarget("knee", 100.0), angle.tolist())


def test_targets_are_read() -> None:
    assert parse_target("left_knee_flexion:60:90") == RangeTarget("left_knee_flexion", 60.0, 90.0)
    assert parse_target("left_knee_flexion:30") == CountTarget("left_knee_flexion", 30.0)
    assert parse_target("left_knee_flexion") == CountTarget("left_knee_flexion")
    for wrong in ("left_knee_flexion:90:60", "left_knee_flexion:x", "left_knee_flexion:1:2:3"):
        with pytest.raises(InputError):
            parse_target(wrong)


def test_views_of_different_times_meet_at_one_instant() -> None:
    skeleton = load_skeleton("blazepose33")
    k = len(skeleton.keypoints)
    start, speed = np.random.default_rng(1).uniform(100, 400, (2, k, 2))

    def view(t_s: float, track: int = 0) -> ViewPoses:
        xy = start + speed * t_s
        return ViewPoses(xy[None], np.ones((1, k)), np.ones((1, k)), np.array([track]))

    before = nothing_seen(3, 1, k)
    first = np.array([0.0, 0.01, 0.02])
    _, before = at_one_instant([view(t) for t in first], first, 0.01, before, ("a", "b", "c"), skeleton)
    now = first + 0.04
    views = [view(now[0]), view(now[1]), view(now[2], track=5)]
    poses, _ = at_one_instant(views, now, 0.05, before, ("a", "b", "c"), skeleton)
    np.testing.assert_allclose(poses.xy[0, 0, 0], start + speed * 0.05)
    np.testing.assert_allclose(poses.sigma_px[0, 0, 0], np.hypot(1.25, 0.25))
    np.testing.assert_allclose(poses.xy[0, 1, 0], start + speed * 0.05)
    assert (poses.sigma_px[0, 1, 0] == 1.0).all()
    # Somebody else in the same slot did not come from there.
    np.testing.assert_allclose(poses.xy[0, 2, 0], start + speed * 0.06)


def frame(camera: str, index: int, t_s: float) -> Frame:
    return Frame(camera, index, round(1e9 * t_s), numbered(index, (64, 48)))


def test_only_the_newest_pictures_are_kept_and_each_is_used_once() -> None:
    newest = Newest(("a", "b"))
    for camera in ("a", "b"):
        newest.set_state(camera, CameraState.READY)
        for i in range(5):
            newest.put(frame(camera, i, i / 30))
    taken = newest.take(0, 0.0)
    assert [one.index for one in taken if one is not None] == [4, 4]
    assert newest.take(0, 0.0) == (None, None)
    assert newest.interval_s() == pytest.approx(1 / 30)
    told = newest.cameras()[0]
    assert (told.arrived, told.used) == (5, 1)


def test_pictures_before_the_instant_that_is_due_do_not_count() -> None:
    newest = Newest(("a",))
    newest.set_state("a", CameraState.READY)
    newest.put(frame("a", 0, 1.0))
    assert newest.take(round(1.1e9), 0.0) == (None,)
    newest.put(frame("a", 1, 1.2))
    assert newest.take(round(1.1e9), 0.0)[0] is not None


def test_a_camera_that_is_late_is_waited_for_by_one_interval_and_no_more() -> None:
    newest = Newest(("a", "b"))
    for camera in ("a", "b"):
        newest.set_state(camera, CameraState.READY)
    newest.put(frame("b", 0, 0.0))
    newest.take(0, 0.0)
    newest.put(frame("a", 1, 0.05))
    start = time.monotonic()
    taken = newest.take(1, 5.0)
    assert taken[0] is not None
    assert taken[1] is None
    assert 0.02 < time.monotonic() - start < 1.0
    # One that comes within that time is waited for.
    newest.put(frame("a", 2, 0.08))
    threading.Timer(0.01, newest.put, [frame("b", 2, 0.08)]).start()
    assert None not in newest.take(round(0.06e9), 5.0)


def test_pictures_of_other_instants_are_left_out() -> None:
    newest = Newest(("a", "b"))
    for camera in ("a", "b"):
        newest.set_state(camera, CameraState.READY)
    newest.put(frame("a", 0, 0.0))
    newest.put(frame("b", 9, 0.3))
    assert [one.index for one in newest.take(0, 0.0) if one is not None] == [9]


def test_a_clock_that_jumps_back_starts_anew() -> None:
    newest = Newest(("a",))
    newest.set_state("a", CameraState.READY)
    for t in (10.0, 10.1, 10.2, 3.0, 3.1, 3.2, 3.3):
        newest.put(frame("a", 0, t))
    assert newest.interval_s() == pytest.approx(0.1)
    lost = replace(frame("a", 8, 3.4))
    newest.put(lost)
    newest.set_state("a", CameraState.LOST)
    assert newest.take(0, 0.0) == (None,)  # its last picture is not shown as new


def test_somebody_found_anew_where_they_were_lost_keeps_their_number() -> None:
    who = Who()
    here, there = np.zeros(3), np.array([3.0, 0.0, 0.0])
    assert who.name([0, 1], np.stack([here, there]), 0.0) == [0, 1]
    # Association loses the first and takes them for a third.
    assert who.name([2, 1], np.stack([here + 0.4, there]), 0.3) == [0, 1]
    # For a while it has both; the one nearer to where the person was counts.
    assert who.name([0, 2, 1], np.stack([here, here + 0.35, there]), 0.6) == [None, 0, 1]
    # Far away, or after long, it is somebody else; so is one who comes close to somebody who is there.
    assert who.name([3, 1], np.stack([here + 5.0, there]), 0.7) == [2, 1]
    assert who.name([4, 1], np.stack([there + 0.1, there]), 0.8) == [3, 1]
    assert who.name([5], here[None], 60.0) == [4]
    assert who.name([], np.zeros((0, 3)), 61.0) == []
