from dataclasses import replace

import numpy as np
import pytest

from mocap.core.types import FloatArray, SyncTable, Tracks2D
from mocap.presets import load_skeleton
from mocap.sync import at_instants

RATE = 30.0
FRAMES = 90
SKELETON = load_skeleton("blazepose33")


def table(lag: FloatArray) -> SyncTable:
    """Two cameras, the second ``lag`` (T,) late."""
    frames = np.repeat(np.arange(FRAMES)[:, None], 2, axis=1)
    sync = SyncTable.of_one_clock(("a", "b"), np.arange(FRAMES) / RATE, frames)
    return replace(sync, lag_s=np.stack([np.zeros(FRAMES), lag], axis=1))


def path(t: FloatArray) -> FloatArray:
    """A keypoint that swings at 2 Hz, px."""
    return np.stack([400 + 100 * np.sin(4 * np.pi * t), 300 + 50 * np.cos(4 * np.pi * t)], axis=-1)


def tracks(sync: SyncTable) -> Tracks2D:
    """What the cameras see of it at the times they really take their pictures."""
    taken = sync.t_s[:, None] + sync.lag_s
    xy = np.repeat(path(taken)[:, :, None, None], len(SKELETON.keypoints), axis=3)
    shape = xy.shape[:-1]
    return Tracks2D(sync.cameras, SKELETON, xy, np.ones(shape), np.ones(shape), np.array([0]))


@pytest.mark.parametrize("share", [-0.5, -0.2, 0.3, 0.5])
def test_a_late_camera_is_brought_to_the_instant(share: float) -> None:
    sync = table(np.full(FRAMES, share / RATE))
    seen = tracks(sync)
    moved = at_instants(seen, sync)
    truth = path(sync.t_s)
    before = np.abs(seen.xy[:, 1, 0, 0] - truth).max()
    after = np.abs(moved.xy[:, 1, 0, 0] - truth)
    assert before > 7.0
    assert after[2:-2].max() < 0.2  # the cubic
    assert after.max() < 0.5 * before  # a line at the ends
    np.testing.assert_array_equal(moved.xy[:, 0], seen.xy[:, 0])
    np.testing.assert_array_equal(moved.score, seen.score)


def test_times_that_jitter_are_taken_as_they_are() -> None:
    jitter = np.random.default_rng(3).uniform(-0.45, 0.45, FRAMES) / RATE
    sync = table(jitter)
    moved = at_instants(tracks(sync), sync)
    assert np.abs(moved.xy[3:-3, 1, 0, 0] - path(sync.t_s)[3:-3]).max() < 1.0


def test_the_lower_rows_of_a_rolling_shutter_come_later() -> None:
    row = 2e-5
    sync = replace(table(np.zeros(FRAMES)), row_time_s=np.array([0.0, row]))
    # The row and the time it is read at depend on each other; a few turns settle it.
    y, taken = np.full(FRAMES, 300.0), sync.t_s
    for _ in range(20):
        taken = sync.t_s + row * y
        y = path(taken)[:, 1]
    seen = tracks(sync)
    xy = seen.xy.copy()
    xy[:, 1] = path(taken)[:, None, None]
    moved = at_instants(replace(seen, xy=xy), sync)
    assert np.abs(xy[:, 1, 0, 0] - path(sync.t_s)).max() > 7.0
    assert np.abs(moved.xy[2:-2, 1, 0, 0] - path(sync.t_s)[2:-2]).max() < 0.2


def test_gaps_stay_gaps_and_a_lonely_sample_is_not_believed() -> None:
    sync = table(np.full(FRAMES, 0.4 / RATE))
    seen = tracks(sync)
    xy = seen.xy.copy()
    xy[40:45, 1] = np.nan
    xy[60:, 1, 0, 7] = np.nan
    xy[70, 1, 0, 7] = 123.0
    moved = at_instants(replace(seen, xy=xy), sync)
    assert np.isnan(moved.xy[40:45, 1]).all()
    assert np.isfinite(moved.xy[[39, 45], 1]).all()
    assert np.abs(moved.xy[[39, 45], 1, 0, 0] - path(sync.t_s)[[39, 45]]).max() < 4.0
    assert np.isnan(moved.xy[70, 1, 0, 7]).all()
    assert np.isnan(moved.sigma_px[70, 1, 0, 7])


def test_uncertainty_never_falls_by_interpolating() -> None:
    sync = table(np.full(FRAMES, 0.5 / RATE))
    moved = at_instants(tracks(sync), sync)
    assert moved.sigma_px[:, 1].min() >= 1.0 - 1e-12
    assert moved.sigma_px[0, 1, 0, 0] > 1.5  # beyond the first sample the line is a lever


def test_genlocked_cameras_come_back_untouched() -> None:
    sync = table(np.zeros(FRAMES))
    seen = tracks(sync)
    assert at_instants(seen, sync) is seen


def test_tracks_of_other_cameras_are_refused() -> None:
    sync = table(np.zeros(FRAMES))
    with pytest.raises(ValueError, match="not of this table"):
        at_instants(tracks(sync), replace(sync, cameras=("a", "c")))
