"""Calibrating, and what is done with calibrations."""
