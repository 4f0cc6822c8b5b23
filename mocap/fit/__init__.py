"""From points to a clean signal and a body of constant bone lengths."""

from mocap.fit.body import BodySettings, body_points, fit_body
from mocap.fit.butterworth import smooth
from mocap.fit.gaps import fill_gaps

__all__ = ["BodySettings", "body_points", "fill_gaps", "fit_body", "smooth"]
