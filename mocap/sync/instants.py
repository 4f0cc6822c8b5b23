"""Tracks of cameras that are not genlocked, brought to common instants.

Webcams take their pictures when they please: up to half a period before or after the instant they are filed
under, and a rolling shutter takes the lower rows later than the upper ones. Each keypoint of each view is
therefore interpolated along its own track, by the cubic through the four samples around the instant
(Lagrange), or by the line through two where there are no four.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mocap.core.types import FloatArray, SyncTable, Tracks2D

# At 10 m/s, the speed of a fast hand, this is a millimetre.
NEGLIGIBLE_S = 1e-4
# Samples around the one filed under the instant that may take part.
REACH = 2


def at_instants(tracks: Tracks2D, sync: SyncTable) -> Tracks2D:
    """Take every view's keypoints at the very instants of the table.

    A view whose frames lie on the instants comes back as it is. A keypoint that was seen in no neighbouring
    frame and is not on the instant is missing: nobody knows how it moved. The uncertainty is the larger of
    what errors without and with full correlation from frame to frame give.

    Parameters
    ----------
    tracks : Tracks2D
        Cameras in the order of ``sync``.
    sync : SyncTable

    Returns
    -------
    Tracks2D
        Keypoints at ``sync.t_s``; ``tracks`` itself where every frame is on its instant already.

    Raises
    ------
    ValueError
        If cameras or instants differ.
    """
    if tracks.cameras != sync.cameras or tracks.xy.shape[0] != sync.t_s.shape[0]:
        raise ValueError(f"tracks of {tracks.cameras} over {tracks.xy.shape[0]} instants are not of this table")
    xy, sigma = tracks.xy.copy(), tracks.sigma_px.copy()
    row_time = np.nan_to_num(sync.row_time_s)
    changed = False
    for c in range(len(sync.cameras)):
        lag = sync.lag_s[:, c, None, None] + row_time[c] * tracks.xy[:, c, ..., 1]
        if np.any(np.abs(lag) > NEGLIGIBLE_S):
            changed = True
            xy[:, c], sigma[:, c] = _shifted(sync.t_s, lag, tracks.xy[:, c], tracks.sigma_px[:, c])
    return replace(tracks, xy=xy, sigma_px=sigma) if changed else tracks


def _shifted(t_s: FloatArray, lag: FloatArray, xy: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Keypoints (T, N, K, 2) taken ``lag`` (T, N, K) s after the instants (T,), brought to them."""
    # Offsets from the instant of all samples in reach, (5, T, N, K): NaN where there is none.
    steps = range(-REACH, REACH + 1)
    offset = np.stack([_neighbour(t_s[:, None, None] + lag, step) for step in steps]) - t_s[:, None, None]
    near_xy = np.stack([_neighbour(xy, step) for step in steps])
    near_sigma = np.stack([_neighbour(sigma, step) for step in steps])
    known = np.isfinite(offset) & np.isfinite(near_xy).all(axis=-1)

    weights = np.where(np.abs(lag) <= NEGLIGIBLE_S, 1.0, np.nan) * _indicator(known, (0,))
    # From the poorest to the best: a line beyond the last sample, a line between two, the cubic. The sample of
    # the instant itself comes after it where the lag is positive, so that its partners lie before.
    for before, after in (((0, 1), (-1, 0)), ((-1, 0), (0, 1)), ((-2, -1, 0, 1), (-1, 0, 1, 2))):
        for partners, applies in ((before, lag > NEGLIGIBLE_S), (after, lag < -NEGLIGIBLE_S)):
            found = _lagrange(offset, known, partners)
            weights = np.where(applies & np.isfinite(found[REACH]), found, weights)
    weights = np.where(known, weights, np.where(np.isnan(weights), np.nan, 0.0))
    taken = np.where(known, near_sigma, 0.0)
    moved = np.sum(weights[..., None] * np.where(known[..., None], near_xy, 0.0), axis=0)
    together = np.abs(np.sum(weights * taken, axis=0))
    apart = np.sqrt(np.sum((weights * taken) ** 2, axis=0))
    missing = ~known[REACH]
    return np.where(missing[..., None], np.nan, moved), np.where(missing, np.nan, np.maximum(together, apart))


def _neighbour(values: FloatArray, step: int) -> FloatArray:
    """Values (T, ...) of the frame ``step`` later; NaN beyond the ends."""
    moved = np.full_like(values, np.nan)
    count = values.shape[0]
    if abs(step) < count:
        moved[max(0, -step) : count - max(0, step)] = values[max(0, step) : count - max(0, -step)]
    return moved


def _indicator(known: np.ndarray, partners: tuple[int, ...]) -> FloatArray:
    """1 at the partners (5, T, N, K) and 0 elsewhere; NaN where a partner is not known."""
    chosen = np.zeros(known.shape)
    rows = [REACH + step for step in partners]
    chosen[rows] = 1.0
    return np.where(known[rows].all(axis=0), chosen, np.nan)


def _lagrange(offset: FloatArray, known: np.ndarray, partners: tuple[int, ...]) -> FloatArray:
    """Weights (5, T, N, K) of the polynomial through the partners, taken at offset 0; NaN where one is missing."""
    weights = _indicator(known, partners)
    rows = [REACH + step for step in partners]
    for i in rows:
        for j in rows:
            if i != j:
                with np.errstate(divide="ignore", invalid="ignore"):
                    weights[i] *= -offset[j] / (offset[i] - offset[j])
    return weights
