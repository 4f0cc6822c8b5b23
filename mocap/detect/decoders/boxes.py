"""Boxes around people.

Sources: Lyu et al. 2022, RTMDet, and MMDeploy's exports with the suppression inside; Ge et al. 2021, YOLOX
(section 2: the anchor-free head gives offsets in cells and logarithms of sizes); Ultralytics' documentation of
its exports.
"""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray
from mocap.detect.decoders.common import Boxes, Origin, OutputError, Outputs, from_origin, suppress, take

# Input pixels a cell of the three levels of YOLOX's pyramid.
STRIDES = (8, 16, 32)


def decode_boxes(
    outputs: Outputs, min_score: float, most_overlap: float, class_index: int, origin: Origin
) -> list[Boxes]:
    """Read boxes whose suppression the network has done itself.

    Parameters
    ----------
    outputs : dict
        ``boxes`` (B, N, 5): left, top, right, bottom, score; and where there are several classes ``labels``
        (B, N).
    min_score, most_overlap : float
        Suppression is repeated: exports differ in how much of it they do.
    class_index : int
        The class of people.
    origin : Origin

    Returns
    -------
    list of Boxes, one a picture
    """
    table = take(outputs, "boxes", None, None, 5)
    score = table[..., 4].copy()
    if "labels" in outputs:
        labels = take(outputs, "labels", table.shape[0], table.shape[1])
        score[labels != class_index] = np.nan
    return [_kept(b, s, min_score, most_overlap, origin) for b, s in zip(table[..., :4], score, strict=True)]


def decode_yolox(
    outputs: Outputs,
    input_wh: tuple[int, int],
    min_score: float,
    most_overlap: float,
    class_index: int,
    origin: Origin,
) -> list[Boxes]:
    """Read boxes of a YOLOX export that leaves the grid to us.

    Parameters
    ----------
    outputs : dict
        ``boxes`` (B, N, 5 + classes) over the cells of strides 8, 16, 32 in turn: x and y in cells from the
        cell, logarithms of width and height in cells, the score of an object and of each class.
    input_wh : (int, int)
        px.
    """
    table = take(outputs, "boxes", None, None, None)
    if table.shape[-1] <= 5 + class_index:
        raise OutputError(f"the output 'boxes' has {table.shape[-1]} columns where at least {6 + class_index} are")
    corners, stride = _cells(input_wh)
    if table.shape[1] != len(stride):
        raise OutputError(f"the output 'boxes' has {table.shape[1]} rows where the grid has {len(stride)} cells")
    centre = (table[..., :2] + corners) * stride[:, None]
    with np.errstate(over="ignore"):  # an infinite box is dropped with the others that are not finite
        half = np.exp(table[..., 2:4]) * stride[:, None] / 2.0
    score = table[..., 4] * table[..., 5 + class_index]
    xyxy = np.concatenate([centre - half, centre + half], axis=-1)
    return [_kept(b, s, min_score, most_overlap, origin) for b, s in zip(xyxy, score, strict=True)]


def decode_yolo(
    outputs: Outputs, min_score: float, most_overlap: float, class_index: int, origin: Origin
) -> list[Boxes]:
    """Read boxes of an Ultralytics detection export (v8 to v12).

    Parameters
    ----------
    outputs : dict
        ``boxes`` (B, 4 + classes, N): centre x and y, width, height, px, and the score of each class.
    """
    table = np.moveaxis(take(outputs, "boxes", None, None, None), 1, 2)
    if table.shape[-1] <= 4 + class_index:
        raise OutputError(f"the output 'boxes' has {table.shape[-1]} rows where at least {5 + class_index} are")
    xyxy, score = centre_to_corners(table[..., :4]), table[..., 4 + class_index]
    return [_kept(b, s, min_score, most_overlap, origin) for b, s in zip(xyxy, score, strict=True)]


def decode_middles(
    outputs: Outputs, box_px: float, min_score: float, most_overlap: float, origin: Origin
) -> list[Boxes]:
    """Read middles of animals or people as boxes (sleap-nn's exports of a centroid model).

    Parameters
    ----------
    outputs : dict
        ``middles`` (B, N, 2), px, and ``scores`` (B, N); those that are none have a score of 0 or NaN.
    box_px : float
        Side of the square around a middle, input px.
    """
    middle = take(outputs, "middles", None, None, 2)
    score = take(outputs, "scores", middle.shape[0], middle.shape[1])
    xyxy = np.concatenate([middle - box_px / 2.0, middle + box_px / 2.0], axis=-1)
    return [_kept(b, s, min_score, most_overlap, origin) for b, s in zip(xyxy, score, strict=True)]


def centre_to_corners(boxes: FloatArray) -> FloatArray:
    """Turn centre, width and height (..., 4) into left, top, right, bottom."""
    half = boxes[..., 2:] / 2.0
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def _cells(input_wh: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Corner (N, 2) in cells and stride (N,) in px of every cell of the pyramid, row by row."""
    corners, strides = [], []
    for stride in STRIDES:
        columns, rows = input_wh[0] // stride, input_wh[1] // stride
        x, y = np.meshgrid(np.arange(columns), np.arange(rows))
        corners.append(np.stack([x.ravel(), y.ravel()], axis=-1))
        strides.append(np.full(columns * rows, float(stride)))
    return np.concatenate(corners).astype(np.float64), np.concatenate(strides)


def _kept(xyxy: FloatArray, score: FloatArray, min_score: float, most_overlap: float, origin: Origin) -> Boxes:
    keep = suppress(xyxy, score, min_score, most_overlap)
    return Boxes(from_origin(xyxy[keep], origin), score[keep])
