"""Landmarks given outright, as places in the crop: MediaPipe's hand and face networks, and SLEAP's exports.

Zhang et al. 2020, "MediaPipe Hands"; Kartynnik et al. 2019, "Real-time facial surface geometry from monocular
video on mobile GPUs". Places count in input pixels from the crop's corner.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from mocap.detect.decoders.common import Keypoints, Origin, OutputError, Outputs, blank, from_origin, sigmoid, take

Activation = Literal["none", "sigmoid"]


def decode_points(
    outputs: Outputs, keypoints: int, origin: Origin, presence_activation: Activation = "none"
) -> Keypoints:
    """Read landmarks that the network gives outright.

    Parameters
    ----------
    outputs : dict
        ``points``: 3 K numbers a crop in any shape that starts with B: x, y, z, px; and ``presence``: one
        number a crop.
    keypoints : int
        K.
    presence_activation
        Whether the presence is a logit.

    Returns
    -------
    Keypoints
        Each score is the presence: the network does not say more.
    """
    for role in ("points", "presence"):
        if role not in outputs:
            raise OutputError(f"the output '{role}' is missing; there are: {', '.join(outputs) or 'none'}")
    batch = outputs["points"].shape[0]
    numbers = np.asarray(outputs["points"], dtype=np.float64).reshape(batch, -1)
    said = np.asarray(outputs["presence"], dtype=np.float64).reshape(batch, -1)
    if numbers.shape[1] != 3 * keypoints or said.shape[1] != 1:
        raise OutputError(
            f"the outputs give {numbers.shape[1]} and {said.shape[1]} numbers a crop where {3 * keypoints} and 1 "
            "are expected"
        )
    presence = sigmoid(said[:, 0]) if presence_activation == "sigmoid" else said[:, 0]
    xy = from_origin(numbers.reshape(batch, keypoints, 3)[..., :2], origin)
    score = np.repeat(presence[:, None], keypoints, axis=1)
    return blank(Keypoints(xy, np.full(score.shape, np.nan), score, presence))


def decode_peaks(outputs: Outputs, keypoints: int, origin: Origin) -> Keypoints:
    """Read keypoints whose peaks the network has found itself (sleap-nn's exports of one animal or of a crop).

    Parameters
    ----------
    outputs : dict
        ``keypoints`` (B, K, 2), px, NaN where there is none, and ``scores`` (B, K).
    keypoints : int
        K.
    """
    xy = from_origin(take(outputs, "keypoints", None, keypoints, 2), origin)
    score = take(outputs, "scores", xy.shape[0], keypoints)
    return blank(Keypoints(xy, np.full(score.shape, np.nan), score, presence=np.full(len(xy), np.nan)))
