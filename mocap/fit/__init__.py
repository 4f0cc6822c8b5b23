"""From points to a clean signal and a body of constant bone lengths."""

from mocap.fit.body import BodySettings, body_points, fit_body, fit_body_to_views
from mocap.fit.butterworth import smooth
from mocap.fit.filters import FILTERS, FilterSettings, filtered, residual_cutoff
from mocap.fit.gaps import fill_gaps
from mocap.fit.live import LiveBody, LiveState, follow, start_live
from mocap.fit.spikes import remove_spikes

__all__ = [
    "FILTERS",
    "BodySettings",
    "FilterSettings",
    "LiveBody",
    "LiveState",
    "body_points",
    "fill_gaps",
    "filtered",
    "fit_body",
    "fit_body_to_views",
    "follow",
    "remove_spikes",
    "residual_cutoff",
    "smooth",
    "start_live",
]
