"""Corrections, without a window."""
