"""The calibration page, without a window."""
