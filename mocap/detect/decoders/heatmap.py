"""Heat maps: each keypoint as a hill over a coarse grid.

Sources: Zhang et al. 2020, "Distribution-aware coordinate representation" (DARK: one Newton step on the
logarithm of the smoothed map); Huang et al. 2020, "The devil is in the details" (UDP: cells and pixels share
their first and last centres); Xu et al. 2022, ViTPose; reference MMPose, ``UDPHeatmap``. Mathis et al. 2018,
DeepLabCut, after Insafutdinov et al. 2016, DeeperCut (location refinement: the cell says how far off the
keypoint lies). Pereira et al. 2022, SLEAP (centre of mass around the peak).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mocap.core.types import FloatArray
from mocap.detect.decoders.common import (
    HALF_HEIGHT_PLANE,
    HALF_PIXEL,
    Boxes,
    Keypoints,
    OutputError,
    Outputs,
    Tensor,
    blank,
    sigmoid,
    suppress,
    take,
)

# Where cell n lies on the input, s input pixels a cell: ``index`` at n s (MSRA maps of MMPose, SLEAP), ``aligned``
# at n (W - 1) / (w - 1) (UDP, ViTPose), ``half`` at n s + s / 2 (DeepLabCut), ``centre`` at the cell's middle,
# (n + 1/2) s - 1/2.
Grid = Literal["index", "aligned", "half", "centre"]
Refine = Literal["dark", "integral", "offset", "none"]
Layout = Literal["nchw", "nhwc"]
Activation = Literal["none", "sigmoid"]

# Cells on each side that DARK's smoothing reaches, in its standard deviations; at 2.5 the top is off by 0.06 px.
REACH = 3.5
# The logarithm is taken of no less than this share of the peak: MMPose's 0.001 on maps of height 1.
LOG_FLOOR = 1e-3
# Cells on each side over which SLEAP takes the centre of mass.
INTEGRAL_HALF = 2
# Two hills whose tops are neighbours are one: no cell of a hill is higher than its top.
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def channels_first(tensor: Tensor, layout: Layout) -> Tensor:
    """Bring maps (B, H, W, K) into the order (B, K, H, W)."""
    return np.moveaxis(tensor, -1, 1) if layout == "nhwc" and tensor.ndim == 4 else tensor


def cells_to_px(cells: FloatArray, cells_wh: tuple[int, int], input_wh: tuple[int, int], grid: Grid) -> FloatArray:
    """Map places (..., 2) on the grid of cells to input px."""
    size, count = np.array(input_wh, dtype=np.float64), np.array(cells_wh, dtype=np.float64)
    if grid == "aligned":
        return np.asarray(cells * (size - 1.0) / np.maximum(count - 1.0, 1.0))
    step = size / count
    if grid == "half":
        return np.asarray((cells + 0.5) * step)
    return np.asarray((cells + 0.5) * step - HALF_PIXEL if grid == "centre" else cells * step)


def decode_heatmap(
    outputs: Outputs,
    input_wh: tuple[int, int],
    grid: Grid,
    refine: Refine,
    layout: Layout = "nchw",
    activation: Activation = "none",
    blur_cells: float = 2.0,
    offset_px: float = 1.0,
) -> Keypoints:
    """Read the keypoint of each map.

    Parameters
    ----------
    outputs : dict
        ``heatmap`` (B, K, H, W), and for ``offset`` ``offsets`` (B, 2 K, H, W): x and y of each keypoint in
        turn, in units of ``offset_px``. With layout ``nhwc`` the channels come last.
    input_wh : (int, int)
        px.
    grid, refine, layout, activation
        How the network counts, how the top is found within a cell, the order of axes, and whether the maps
        are logits.
    blur_cells : float
        Smoothing of DARK, standard deviation, cells: the width of the Gaussian that was trained.
    offset_px : float
        Unit of the offsets, px (DeepLabCut's ``locref_stdev``).

    Returns
    -------
    Keypoints
        The score is the height of the peak; the variance that of the map's upper half, so that a second hill
        counts.
    """
    maps = channels_first(outputs["heatmap"], layout) if "heatmap" in outputs else None
    maps = take({} if maps is None else {"heatmap": maps}, "heatmap", None, None, None, None)
    whole = np.asarray(np.isfinite(maps).all(axis=(-2, -1)))
    maps = np.where(whole[..., None, None], maps, 0.0)
    maps = sigmoid(maps) if activation == "sigmoid" else maps
    batch, count, rows, columns = maps.shape
    row, column = np.divmod(maps.reshape(batch, count, -1).argmax(axis=-1), columns)
    height = maps.max(axis=(-2, -1))
    cells = np.stack([column, row], axis=-1).astype(np.float64)
    if refine == "dark":
        cells += _newton(maps, row, column, height, blur_cells)
    elif refine == "integral":
        cells += _centre_of_mass(maps, row, column)
    xy = cells_to_px(cells, (columns, rows), input_wh, grid)
    if refine == "offset":
        xy += offset_px * _offsets(outputs, layout, (batch, count, rows, columns), row, column)

    variance = _spread(maps, xy_cells=cells, height=height) * np.prod(
        np.array(input_wh) / np.array([columns, rows])
    )
    missing = ~whole | ~(height > 0.0)
    score = np.where(missing, np.nan, height)
    return blank(Keypoints(xy, variance, score, presence=np.full(batch, np.nan)))


def decode_centroids(
    outputs: Outputs,
    input_wh: tuple[int, int],
    box_px: float,
    min_score: float,
    grid: Grid = "index",
    layout: Layout = "nchw",
) -> list[Boxes]:
    """Find animals or people by a map of their middles (SLEAP's centroid model).

    Parameters
    ----------
    outputs : dict
        ``heatmap`` (B, 1, H, W).
    input_wh : (int, int)
        px.
    box_px : float
        Side of the square around a middle, input px.
    min_score : float
        Lowest top that counts.
    """
    maps = channels_first(outputs["heatmap"], layout) if "heatmap" in outputs else None
    hills = take({} if maps is None else {"heatmap": maps}, "heatmap", None, 1, None, None)[:, 0]
    rows, columns = hills.shape[1:]
    border = np.pad(hills, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    around = np.stack([border[:, 1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns] for dy, dx in NEIGHBOURS])
    tops = (hills >= min_score) & (hills >= around.max(axis=0))
    found = []
    for one, top in zip(hills, tops, strict=True):
        row, column = np.nonzero(top)
        step = _centre_of_mass(one[None, None], row[None], column[None])[0]
        xy = cells_to_px(np.stack([column, row], axis=-1) + step, (columns, rows), input_wh, grid)
        xyxy = np.concatenate([xy - box_px / 2.0, xy + box_px / 2.0], axis=-1)
        score = one[row, column]
        # Equal neighbours on a flat top are one middle.
        keep = suppress(xyxy, score, min_score, most_overlap=0.5)
        found.append(Boxes(xyxy[keep], np.clip(score[keep], 0.0, 1.0)))
    return found


def _windows(maps: FloatArray, row: Tensor, column: Tensor, half: int) -> FloatArray:
    """Squares of 2 half + 1 cells around a cell of each map: (B, K, n, n); 0 beyond the map."""
    padded = np.pad(maps, ((0, 0), (0, 0), (half, half), (half, half)))
    span = np.arange(2 * half + 1)
    # One place on each of K maps, or K places on one map: the axis of length 1 stretches.
    b, k = np.arange(maps.shape[0])[:, None, None, None], np.arange(maps.shape[1])[None, :, None, None]
    return np.asarray(padded[b, k, row[..., None, None] + span[:, None], column[..., None, None] + span[None, :]])


def _newton(maps: FloatArray, row: Tensor, column: Tensor, height: FloatArray, blur: float) -> FloatArray:
    """Step (B, K, 2) in cells from the highest cell to the top of the smoothed hill (DARK, eq. 9)."""
    half = int(np.ceil(REACH * blur)) + 1
    window = _windows(maps, row, column, half)
    span = np.arange(-half, half + 1)
    # Only the nine cells around the peak are needed: three shifted Gaussians on each side.
    shifted = np.exp(-0.5 * ((span[None, :] - np.arange(-1, 2)[:, None]) / blur) ** 2)
    shifted /= shifted.sum(axis=1, keepdims=True)
    smooth = np.einsum("in,bknm,jm->bkij", shifted, window, shifted, optimize=True)
    peak = smooth[..., 1, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(
            (peak > 0.0)[..., None, None], np.log(np.maximum(smooth, LOG_FLOOR * peak[..., None, None])), 0.0
        )
    dx = (log[..., 1, 2] - log[..., 1, 0]) / 2.0
    dy = (log[..., 2, 1] - log[..., 0, 1]) / 2.0
    dxx = log[..., 1, 2] - 2.0 * log[..., 1, 1] + log[..., 1, 0]
    dyy = log[..., 2, 1] - 2.0 * log[..., 1, 1] + log[..., 0, 1]
    dxy = (log[..., 2, 2] - log[..., 2, 0] - log[..., 0, 2] + log[..., 0, 0]) / 4.0
    determinant = dxx * dyy - dxy**2
    # Elsewhere the surface has no top to step to, and the highest cell stands.
    hill = (height > 0.0) & (determinant > 0.0) & (dxx < 0.0)
    safe = np.where(hill, determinant, 1.0)
    step = np.stack([(dxy * dy - dyy * dx) / safe, (dxy * dx - dxx * dy) / safe], axis=-1)
    return np.clip(np.where(hill[..., None], step, 0.0), -1.0, 1.0)


def _centre_of_mass(maps: FloatArray, row: Tensor, column: Tensor) -> FloatArray:
    """Step (B, K, 2) in cells from the highest cell to the centre of mass of the cells around it."""
    window = np.clip(_windows(maps, row, column, INTEGRAL_HALF), 0.0, None)
    span = np.arange(-INTEGRAL_HALF, INTEGRAL_HALF + 1)
    total = np.maximum(window.sum(axis=(-2, -1)), np.finfo(np.float64).tiny)
    return np.asarray(
        np.stack([window.sum(axis=-2) @ span, window.sum(axis=-1) @ span], axis=-1) / total[..., None]
    )


def _offsets(
    outputs: Outputs, layout: Layout, shape: tuple[int, int, int, int], row: Tensor, column: Tensor
) -> FloatArray:
    """Location refinement (B, K, 2) at the highest cells, in the network's unit."""
    if "offsets" not in outputs:
        raise OutputError("the output 'offsets' is missing")
    batch, count, rows, columns = shape
    table = take(
        {"offsets": channels_first(outputs["offsets"], layout)}, "offsets", batch, 2 * count, rows, columns
    ).reshape(batch, count, 2, rows, columns)
    b, k = np.arange(batch)[:, None], np.arange(count)[None, :]
    return np.asarray(table[b, k, :, row, column])


def _spread(maps: FloatArray, xy_cells: FloatArray, height: FloatArray) -> FloatArray:
    """Variance (B, K) per direction of the upper half of each map around the keypoint, cells^2."""
    weight = np.where(maps >= height[..., None, None] / 2.0, np.clip(maps, 0.0, None), 0.0)
    total = np.maximum(weight.sum(axis=(-2, -1)), np.finfo(np.float64).tiny)
    rows, columns = np.arange(maps.shape[-2]), np.arange(maps.shape[-1])
    x = (weight.sum(axis=-2) * (columns - xy_cells[..., :1]) ** 2).sum(axis=-1)
    y = (weight.sum(axis=-1) * (rows - xy_cells[..., 1:]) ** 2).sum(axis=-1)
    return np.asarray((x + y) / 2.0 / total / HALF_HEIGHT_PLANE)
