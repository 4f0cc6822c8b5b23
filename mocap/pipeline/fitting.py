"""Points cleaned, and the body laid through them, as the settings ask for."""

from __future__ import annotations

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


def clean(measured: Points3D, rate_hz: float, wanted: FitSettings) -> Points3D:
    """Remove spikes, fill short gaps and filter."""
    filled = fill_gaps(remove_spikes(measured, rate_hz, wanted.spikes_s), rate_hz, wanted.max_gap_s)
    cutoff_hz = residual_cutoff(filled, rate_hz, wanted.order) if wanted.cutoff_hz == "auto" else wanted.cutoff_hz
    return filtered(filled, rate_hz, FilterSettings(wanted.filter, cutoff_hz, wanted.order))


def body_of(measured: Points3D, rate_hz: float, wanted: FitSettings) -> Motion:
    """Fit the body to the points as measured; it smooths and bridges by itself."""
    clear = remove_spikes(measured, rate_hz, wanted.spikes_s)
    return fit_body(clear, rate_hz, BodySettings(wanted.max_gap_s, wanted.contact))
