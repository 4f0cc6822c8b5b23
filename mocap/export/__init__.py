"""Files that other programs open, one module a format."""
