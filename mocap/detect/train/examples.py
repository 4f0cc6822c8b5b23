"""What a network is taught with: crops, where the keypoints in them are, and which belong together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray, ImageArray, IntArray

# How crops are changed while learning, so that few pictures do for many: a little. Larger changes teach what the
# network knows already, and cost what could be learned of the lab.
SCALES = (0.95, 1.05)
LARGEST_TURN_RAD = 0.08
LARGEST_SHIFT = 0.02
# Exposure and contrast of a lab's cameras, by this factor either way.
LARGEST_GAIN = 1.1


@dataclass(frozen=True)
class Examples:
    """Crops with their keypoints.

    Attributes
    ----------
    crops : (N, S, S, 3) uint8
        BGR.
    xy : (N, K, 2)
        Crop px, pixel centres at integers; NaN where a keypoint has no label.
    weight : (N, K)
        How much each label counts, 0 to 1; 0 where it has none.
    instant : (N,) int
        Crops of one instant share their errors.
    view : (N,) int
        The camera.
    """

    crops: ImageArray
    xy: FloatArray
    weight: FloatArray
    instant: IntArray
    view: IntArray

    def __post_init__(self) -> None:
        count, keypoints = self.weight.shape
        fits = (
            self.crops.ndim == 4
            and self.crops.shape[0] == count
            and self.crops.shape[1] == self.crops.shape[2]
            and self.xy.shape == (count, keypoints, 2)
            and self.instant.shape == self.view.shape == (count,)
        )
        if not fits:
            raise ValueError("Examples: the shapes do not fit together")

    def __len__(self) -> int:
        return int(self.weight.shape[0])

    def pick(self, which: NDArray[np.bool_] | IntArray) -> Examples:
        """Only some of them."""
        return Examples(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @property
    def digest(self) -> str:
        """Hash of everything that is learned from."""
        digest = hashlib.sha256()
        for field in fields(self):
            array = np.ascontiguousarray(getattr(self, field.name))
            digest.update(f"{field.name} {array.dtype} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def joined(parts: list[Examples]) -> Examples:
    """All of several, in order."""
    return Examples(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Examples)})


def varied(examples: Examples, partner: IntArray, rng: np.random.Generator) -> Examples:
    """Move, turn, scale, mirror and expose each crop a little differently; the keypoints go with it.

    Parameters
    ----------
    partner : (K,) int
        For each keypoint, the one that it is in a mirror.
    """
    count, size = len(examples), examples.crops.shape[1]
    low, high = np.log(SCALES)
    scale = np.exp(rng.uniform(low, high, count))
    turn = rng.uniform(-LARGEST_TURN_RAD, LARGEST_TURN_RAD, count)
    shift = size * rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, (count, 2))
    mirrored = rng.random(count) < 0.5
    gain, grey = np.exp(rng.uniform(-1.0, 1.0, (2, count)) * np.log(LARGEST_GAIN))
    middle = (size - 1) / 2.0
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)
    linear[mirrored, :, 0] *= -1.0
    offset = middle + shift - linear.sum(axis=2) * middle
    xy = np.einsum("nij,nkj->nki", linear, examples.xy) + offset[:, None]
    xy[mirrored] = xy[mirrored][:, partner]
    weight = examples.weight.copy()
    weight[mirrored] = weight[mirrored][:, partner]
    crops = np.stack(
        [
            _exposed(_moved(crop, np.column_stack([a, b])), float(g), float(c))
            for crop, a, b, g, c in zip(examples.crops, linear, offset, gain, grey, strict=True)
        ]
    )
    return Examples(crops, xy, weight, examples.instant, examples.view)


def _moved(crop: ImageArray, affine: FloatArray) -> ImageArray:
    return np.asarray(cv2.warpAffine(crop, affine, crop.shape[:2]), dtype=np.uint8)


def _exposed(crop: ImageArray, gain: float, contrast: float) -> ImageArray:
    """Scale the values, and their distance from the crop's mean."""
    mean = float(np.mean(crop))
    # By a table: 256 values instead of all pixels, and none wraps around.
    values = np.clip(gain * (mean + contrast * (np.arange(256.0) - mean)), 0.0, 255.0)
    return np.asarray(values.round().astype(np.uint8)[crop])
