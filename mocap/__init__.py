"""Open motion capture from ordinary cameras."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("openmocap")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0+checkout"

__all__ = ["__version__"]
