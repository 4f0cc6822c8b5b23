"""From pictures to what a network eats, and back: crops, scaling, colours, as a model card describes them.

A region is (centre x, centre y, height, angle) as in `mocap.detect.crop`: px, px, px, rad; its width follows from
the shape of the network's input. Pixel centres are at integers in the picture and in the crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mocap.core.types import FloatArray, ImageArray
from mocap.detect.specs import InputSpec


def picture_from_input(region: FloatArray, wh: tuple[int, int]) -> FloatArray:
    """Affine map (2, 3) from input pixels to picture pixels.

    The input's edges lie half a pixel outside its outermost pixel centres.
    """
    x, y, height, angle = region
    scale = height / wh[1]
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = (np.array(wh, dtype=np.float64) - 1.0) / 2.0
    return np.column_stack([linear, np.array([x, y]) - linear @ middle])


def to_picture(xy: FloatArray, region: FloatArray, wh: tuple[int, int]) -> FloatArray:
    """Map points (..., 2) from input pixels to picture pixels."""
    affine = picture_from_input(region, wh)
    return np.asarray(xy @ affine[:, :2].T + affine[:, 2])


def whole_region(picture_wh: tuple[int, int], spec: InputSpec) -> FloatArray:
    """Region (4,) in which a whole picture fills the input without changing its shape.

    The rest of the input, right and below or on both sides, is fill.
    """
    picture, size = np.array(picture_wh, dtype=np.float64), np.array(spec.wh, dtype=np.float64)
    scale = float((picture / size).max())
    # The edge of the picture is half a pixel before its first centre.
    centre = (picture if spec.placing == "middle" else scale * size) / 2.0 - 0.5
    return np.array([centre[0], centre[1], scale * size[1], 0.0])


def box_region(xyxy: FloatArray, spec: InputSpec) -> FloatArray:
    """Regions (N, 4) around boxes (N, 4), padded and of the input's shape."""
    width, height = spec.wh
    size = np.clip(xyxy[:, 2:] - xyxy[:, :2], 0.0, None)
    tall = spec.padding * np.maximum(size[:, 1], size[:, 0] * height / width)
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2.0
    return np.column_stack([centre, tall, np.zeros(len(tall))])


def region_box(region: FloatArray, spec: InputSpec) -> FloatArray:
    """Box (..., 4) that the upright region around it comes from."""
    tall = region[..., 2] / spec.padding
    half = np.stack([tall * spec.wh[0] / spec.wh[1], tall], axis=-1) / 2.0
    return np.concatenate([region[..., :2] - half, region[..., :2] + half], axis=-1)


def cut(image: ImageArray, region: FloatArray, spec: InputSpec) -> ImageArray:
    """Cut a region out of a picture (H, W, 3) BGR: (h, w, 3), bilinearly, filled up outside."""
    crop = cv2.warpAffine(
        image,
        picture_from_input(region, spec.wh),
        spec.wh,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(spec.fill,) * 3,
    )
    return np.asarray(crop, dtype=np.uint8)


def to_tensor(crops: Sequence[ImageArray], spec: InputSpec) -> NDArray[Any]:
    """Bring B crops (h, w, 3) BGR into the order, the range and the type that the network wants."""
    batch = np.stack(crops)
    if spec.channels == "gray":
        batch = np.stack([cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[..., None] for crop in batch])
    elif spec.channels == "rgb":
        batch = batch[..., ::-1]
    plain = spec.divide_by == 1.0 and spec.mean == (0.0, 0.0, 0.0) and spec.std == (1.0, 1.0, 1.0)
    tensor: NDArray[Any] = batch
    if not plain:
        channels = batch.shape[-1]
        factor = 1.0 / (spec.divide_by * np.array(spec.std[:channels]))
        shift = np.array(spec.mean[:channels]) / np.array(spec.std[:channels])
        tensor = batch * factor.astype(np.float32) - shift.astype(np.float32)
    if spec.layout == "nchw":
        tensor = tensor.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(tensor, dtype=spec.dtype)
