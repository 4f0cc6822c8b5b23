"""Frozen types that the stages pass on. No files, no Qt, no torch."""
