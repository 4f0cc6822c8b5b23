"""The command line: one face of the pipeline. It computes nothing itself."""

from mocap.cli.app import main

__all__ = ["main"]
