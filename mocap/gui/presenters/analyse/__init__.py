"""The analysis page, without a window."""
