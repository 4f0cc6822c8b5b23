"""The capture page, without a window."""
