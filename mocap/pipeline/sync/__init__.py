"""Clocks of cameras: found, set by hand, used."""
