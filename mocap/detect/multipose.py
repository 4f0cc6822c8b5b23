"""MoveNet MultiPose: finds up to six people in a whole picture, roughly.

Network: MoveNet MultiPose Lightning, model card of 2021 (Apache-2.0). Its keypoints serve only to place the
crops of the landmark network.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray, ImageArray
from mocap.detect.crop import upright_region

OUTPUT_SHAPE = (1, 6, 56)
KEYPOINTS = 17
# COCO's order.
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 5, 6, 11, 12

# A person below this score is mostly a piece of furniture or another person's shadow.
PERSON_SCORE = 0.2
# A keypoint below this score says nothing about how far the body reaches.
REACH_SCORE = 0.1
# Arms and legs that were not found still need room: a body reaches at least this many trunk lengths from the hip.
REACH_PER_TRUNK = 1.6
# The landmark network was trained on squares of this side over the reach.
SIDE_PER_REACH = 2.5


def prepare(image: ImageArray, long_side: int, multiple_of: int) -> tuple[NDArray[np.uint8], FloatArray]:
    """Scale a picture down for the network and fill it up to whole multiples.

    Parameters
    ----------
    image : (H, W, 3) uint8 BGR
    long_side : int
        Px.
    multiple_of : int
        The network's stride, px.

    Returns
    -------
    tensor : (1, h, w, 3) uint8 RGB
    size : (2,)
        Width and height of the tensor in the picture's pixels, by which its normalised x and y are scaled.
    """
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    # Area averaging when shrinking: bilinear sampling would drop lines and add moire.
    small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR)
    fill_w, fill_h = -w % multiple_of, -h % multiple_of
    small = cv2.copyMakeBorder(small, 0, fill_h, 0, fill_w, cv2.BORDER_CONSTANT)
    size = np.array([(w + fill_w) * width / w, (h + fill_h) * height / h])
    return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[None].astype(np.uint8), size


def decode(output: NDArray[np.float32], size: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Read the people out of the network's answer.

    Parameters
    ----------
    output : (1, 6, 56)
        Per person 17 x (y, x, score), then the box (y, x, y, x) and the person's score; 0 to 1.
    size : (2,)
        From `prepare`, px.

    Returns
    -------
    xy : (M, 17, 2)
        Keypoints, px, best person first.
    score : (M, 17)
    person_score : (M,)
    """
    people = output[0].astype(np.float64)
    people = people[np.isfinite(people).all(axis=1) & (people[:, 55] > PERSON_SCORE)]
    people = people[np.argsort(-people[:, 55], kind="stable")]
    points = people[:, :51].reshape(-1, KEYPOINTS, 3)
    # The network's 0 is the picture's edge, half a pixel before the first pixel's centre.
    return points[..., [1, 0]] * size - 0.5, points[..., 2], people[:, 55]


def region(xy: FloatArray, score: FloatArray) -> FloatArray:
    """Crop that holds one person.

    Parameters
    ----------
    xy : (17, 2)
        px.
    score : (17,)

    Returns
    -------
    (4,) region: centre, side, angle
    """
    hip = (xy[LEFT_HIP] + xy[RIGHT_HIP]) / 2.0
    shoulder = (xy[LEFT_SHOULDER] + xy[RIGHT_SHOULDER]) / 2.0
    reach = REACH_PER_TRUNK * float(np.linalg.norm(shoulder - hip))
    seen = score > REACH_SCORE
    if seen.any():
        reach = max(reach, float(np.linalg.norm(xy[seen] - hip, axis=1).max()))
    return upright_region(hip, shoulder, reach, SIDE_PER_REACH)
