"""Wrong options explained the way other errors are: under ``--json`` as an object on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from mocap.cli.console import STOPPED, print_json

# Newer typers bring click along under a name of their own; in all, a bad parameter is a usage error.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
WRONG_USAGE = 2


class Commands(TyperGroup):
    """The commands; with ``--json`` among the arguments, no error is told in words alone."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit."""
        given = sys.argv[1:] if args is None else list(args)
        as_json = standalone_mode and "--json" in given
        try:
            code = super().main(
                args, prog_name, complete_var, standalone_mode and not as_json, windows_expand_args, **extra
            )
        except USAGE_ERROR as error:
            if not as_json:
                raise
            _refuse(error)
        except typer.Abort:
            if not as_json:
                raise
            _tell("Stopped.", "Run the command again.")
            sys.exit(STOPPED)
        if as_json:
            sys.exit(code if isinstance(code, int) else 0)
        return code


def _refuse(error: Exception) -> NoReturn:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "mocap"
    words = error.format_message() if hasattr(error, "format_message") else str(error)
    _tell(words, f"See {command} --help.")
    sys.exit(WRONG_USAGE)


def _tell(what: str, remedy: str) -> None:
    print_json({"error": {"what": what, "remedy": remedy, "path": None}})
