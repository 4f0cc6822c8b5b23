"""The review page, without a window."""
