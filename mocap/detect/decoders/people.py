"""Everybody's keypoints from a whole picture at once.

Sources: Ultralytics' documentation of its pose exports (Maji et al. 2022, "YOLO-Pose"); Lu et al. 2024, RTMO,
as MMDeploy exports it; MoveNet's model cards of 2021.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mocap.core.types import FloatArray
from mocap.detect.decoders.boxes import centre_to_corners
from mocap.detect.decoders.common import (
    Boxes,
    Keypoints,
    Origin,
    OutputError,
    Outputs,
    People,
    blank,
    from_origin,
    suppress,
    take,
)

YoloLayout = Literal["raw", "suppressed"]


def decode_yolo_pose(
    outputs: Outputs,
    keypoints: int,
    min_score: float,
    most_overlap: float,
    origin: Origin,
    layout: YoloLayout,
    class_index: int = 0,
) -> list[People]:
    """Read a YOLO-pose export (v8, v11, v26 and their kin).

    Parameters
    ----------
    outputs : dict
        ``people``: ``raw`` (B, 4 + classes + 3 K, N): centre, width and height of the box, px, class scores,
        and x, y, score of each keypoint; ``suppressed`` (B, N, 6 + 3 K): left, top, right, bottom, score,
        class, keypoints, as exported with the suppression inside.
    keypoints : int
        K.

    Returns
    -------
    list of People, one a picture
    """
    table = take(outputs, "people", None, None, None)
    points = 3 * keypoints
    if layout == "suppressed":
        if table.shape[-1] != 6 + points:
            raise OutputError(f"the output 'people' has {table.shape[-1]} columns where {6 + points} are expected")
        xyxy, score = table[..., :4], np.where(table[..., 5] == class_index, table[..., 4], np.nan)
    else:
        table = np.moveaxis(table, 1, 2)
        classes = table.shape[-1] - 4 - points
        if classes <= class_index:
            least = 5 + class_index + points
            raise OutputError(
                f"the output 'people' has {table.shape[-1]} rows where at least {least} are expected"
            )
        xyxy, score = centre_to_corners(table[..., :4]), table[..., 4 + class_index]
    pose = table[..., -points:].reshape(*table.shape[:2], keypoints, 3)
    return [_kept(b, s, p, min_score, most_overlap, origin) for b, s, p in zip(xyxy, score, pose, strict=True)]


def decode_rtmo(
    outputs: Outputs, keypoints: int, min_score: float, most_overlap: float, origin: Origin
) -> list[People]:
    """Read an RTMO export.

    Parameters
    ----------
    outputs : dict
        ``boxes`` (B, N, 5): left, top, right, bottom, px, and score; ``keypoints`` (B, N, K, 3): x, y, score.
    """
    boxes = take(outputs, "boxes", None, None, 5)
    pose = take(outputs, "keypoints", boxes.shape[0], boxes.shape[1], keypoints, 3)
    return [_kept(b[:, :4], b[:, 4], p, min_score, most_overlap, origin) for b, p in zip(boxes, pose, strict=True)]


def decode_instances(
    outputs: Outputs, keypoints: int, min_score: float, most_overlap: float, origin: Origin
) -> list[People]:
    """Read everybody's keypoints where each body has one score (sleap-nn's exports of a top-down pair).

    Parameters
    ----------
    outputs : dict
        ``keypoints`` (B, N, K, 2), px, ``scores`` (B, N, K), and ``bodies`` (B, N), the score of each.

    Returns
    -------
    list of People, one a picture
        Each box is that of the keypoints.
    """
    xy = take(outputs, "keypoints", None, None, keypoints, 2)
    score = take(outputs, "scores", xy.shape[0], xy.shape[1], keypoints)
    bodies = take(outputs, "bodies", xy.shape[0], xy.shape[1])
    seen = np.isfinite(xy).all(axis=-1) & (score > 0.0)
    low = np.where(seen[..., None], xy, np.inf).min(axis=2)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=2)
    pose = np.concatenate([xy, score[..., None]], axis=-1)
    pose[~seen] = np.nan
    return [
        _kept(b, s, p, min_score, most_overlap, origin)
        for b, s, p in zip(np.concatenate([low, high], axis=-1), bodies, pose, strict=True)
    ]


def decode_movenet_multi(
    outputs: Outputs, input_wh: tuple[int, int], keypoints: int, min_score: float, most_overlap: float
) -> list[People]:
    """Read MoveNet MultiPose.

    Parameters
    ----------
    outputs : dict
        ``people`` (B, 6, 3 K + 5): per keypoint y, x and score, then the box's y, x, y, x and the person's
        score; shares of the input, counted from its edge.
    input_wh : (int, int)
        px.
    """
    table = take(outputs, "people", None, None, 3 * keypoints + 5)
    size = np.array(input_wh, dtype=np.float64)
    pose = table[..., : 3 * keypoints].reshape(*table.shape[:2], keypoints, 3)
    pose = np.concatenate([pose[..., [1, 0]] * size, pose[..., 2:]], axis=-1)
    xyxy = table[..., [-4, -5, -2, -3]] * np.tile(size, 2)
    return [
        _kept(b, s, p, min_score, most_overlap, "corner")
        for b, s, p in zip(xyxy, table[..., -1], pose, strict=True)
    ]


def decode_movenet_single(outputs: Outputs, input_wh: tuple[int, int], keypoints: int) -> Keypoints:
    """Read MoveNet Lightning or Thunder: one person a crop.

    Parameters
    ----------
    outputs : dict
        ``keypoints`` (B, 1, K, 3): y, x and score; shares of the input, counted from its edge.
    input_wh : (int, int)
        px.
    """
    pose = take(outputs, "keypoints", None, 1, keypoints, 3)[:, 0]
    xy = from_origin(pose[..., [1, 0]] * np.array(input_wh, dtype=np.float64), "corner")
    return blank(Keypoints(xy, np.full(xy.shape[:2], np.nan), pose[..., 2], presence=np.full(xy.shape[0], np.nan)))


def _kept(
    xyxy: FloatArray,
    score: FloatArray,
    pose: FloatArray,
    min_score: float,
    most_overlap: float,
    origin: Origin,
) -> People:
    """People of one picture: boxes (N, 4), scores (N,) and keypoints (N, K, 3) after suppression."""
    keep = suppress(xyxy, score, min_score, most_overlap)
    xy, points = from_origin(pose[keep, :, :2], origin), pose[keep, :, 2]
    bad = ~(np.isfinite(xy).all(axis=-1) & np.isfinite(points))
    xy, points = np.where(bad[..., None], np.nan, xy), np.where(bad, np.nan, np.clip(points, 0.0, 1.0))
    return People(Boxes(from_origin(xyxy[keep], origin), score[keep]), xy, points)
