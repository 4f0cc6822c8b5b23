"""The library, without a window."""
