"""Aligning cameras by hand, without a window."""
