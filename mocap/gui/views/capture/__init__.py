"""The capture page."""
