"""Points cleaned, and the body laid through them, as the settings ask for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mocap.core.types import Motion, Points3D
from mocap.fit import (
    BodySettings,
    FilterSettings,
    fill_gaps,
    filtered,
    fit_body,
    remove_spikes,
    residual_cutoff,
)
from mocap.pipeline.settings import FitSettings

BoolArray = NDArray[np.bool_]


def clean(measured: Points3D, rate_hz: float, wanted: FitSettings, trusted: BoolArray | None = None) -> Points3D:
    """Remove spikes, fill short gaps and filter; ``trusted`` (T, N, K) points are no spikes."""
    clear = remove_spikes(measured, rate_hz, wanted.spikes_s, trusted)
    filled = fill_gaps(clear, rate_hz, wanted.max_gap_s)
    cutoff_hz = residual_cutoff(filled, rate_hz, wanted.order) if wanted.cutoff_hz == "auto" else wanted.cutoff_hz
    return filtered(filled, rate_hz, FilterSettings(wanted.filter, cutoff_hz, wanted.order))


def body_of(measured: Points3D, rate_hz: float, wanted: FitSettings, trusted: BoolArray | None = None) -> Motion:
    """Fit the body to the points as measured; it smooths and bridges by itself. See ``fit_body``."""
    clear = remove_spikes(measured, rate_hz, wanted.spikes_s, trusted)
    return fit_body(clear, rate_hz, BodySettings(wanted.max_gap_s, wanted.contact), trusted)
