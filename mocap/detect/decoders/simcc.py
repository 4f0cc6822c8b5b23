"""SimCC: each keypoint as one curve along x and one along y.

Li et al. 2022, "SimCC: a simple coordinate classification perspective for human pose estimation"; Jiang et al.
2023, "RTMPose"; reference: MMPose, ``SimCCLabel`` and ``get_simcc_maximum``. RTMPose, RTMW and DWPose answer
so. Bin n lies at n / bins_per_px from the first pixel's centre, because MMPose's labels pass through the same
affine map as the pixels of its crop.
"""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray
from mocap.detect.decoders.common import HALF_HEIGHT_LINE, Keypoints, Outputs, blank, take


def decode_simcc(outputs: Outputs, bins_per_px: float) -> Keypoints:
    """Read keypoints out of curves along x and y.

    Parameters
    ----------
    outputs : dict
        ``x`` (B, K, width * bins_per_px) and ``y`` (B, K, height * bins_per_px): as the network gives them,
        a curve like the Gaussian it was trained to draw, of height 1 where it is sure.
    bins_per_px : float

    Returns
    -------
    Keypoints
        The score is the lower of the two peaks, as in MMPose; the variance that of the peak's upper half.

    Notes
    -----
    The reference takes the highest bin. Half bins are a quarter of an input pixel; a parabola through the
    highest bin and its neighbours finds the top of the trained Gaussian (6 bins wide) to 0.01 bin.
    """
    curves = (take(outputs, "x", None, None, None), take(outputs, "y", None, None, None))
    (at_x, peak_x, var_x), (at_y, peak_y, var_y) = (_peak(curve) for curve in curves)
    xy = np.stack([at_x, at_y], axis=-1) / bins_per_px
    return blank(
        Keypoints(
            xy=xy,
            variance=(var_x + var_y) / 2.0 / bins_per_px**2,
            score=np.minimum(peak_x, peak_y),
            presence=np.full(xy.shape[0], np.nan),
        )
    )


def _peak(curve: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Place, height and variance of the highest peak along the last axis, bins; NaN where there is none."""
    width = curve.shape[-1]
    # A curve with a hole has no peak: NaN goes through as NaN and never wins silently.
    whole = np.asarray(np.isfinite(curve).all(axis=-1))
    solid = np.where(whole[..., None], curve, 0.0)
    top = solid.argmax(axis=-1)
    inner = np.clip(top, 1, width - 2)
    before, middle, after = (np.take_along_axis(solid, (inner + n)[..., None], -1)[..., 0] for n in (-1, 0, 1))
    bend = 2.0 * middle - before - after
    step = np.divide(after - before, 2.0 * bend, out=np.zeros_like(bend), where=(bend > 0.0) & (inner == top))
    height = solid.max(axis=-1)
    place = np.where(height > 0.0, top + np.clip(step, -0.5, 0.5), np.nan)

    bins = np.arange(width)
    weight = np.where(solid >= height[..., None] / 2.0, solid, 0.0)
    total = weight.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (weight * (bins - place[..., None]) ** 2).sum(axis=-1) / total / HALF_HEIGHT_LINE
    missing = ~whole | ~(height > 0.0)
    return (
        np.where(missing, np.nan, place),
        np.where(missing, np.nan, height),
        np.where(missing, np.nan, variance),
    )
