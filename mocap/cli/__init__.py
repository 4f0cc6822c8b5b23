"""The command line: one face of the pipeline. It computes nothing itself."""

from __future__ import annotations

import sys

UNLOADABLE = """A library that this software needs cannot be loaded: {error}.
On Debian and Ubuntu: sudo apt-get install libgl1 libglib2.0-0
Elsewhere, or if that does not mend it: pip install --force-reinstall openmocap
"""


def main() -> None:
    """Run the command line."""
    try:
        from mocap.cli.app import run
    except ImportError as error:  # OpenCV without the system's libraries, most often
        sys.stderr.write(UNLOADABLE.format(error=error))
        sys.exit(1)
    run()


__all__ = ["main"]
