"""``mocap doctor``: what is installed, what works, what to do."""

from __future__ import annotations

from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from mocap.cli.console import FAILED, explained, out, print_json
from mocap.cli.options import JsonOption

COLOURS = {"ok": "green", "missing": "yellow", "broken": "red"}


@explained
def doctor(json_output: JsonOption = False) -> None:
    """Say what is installed, what works, and what to do about the rest."""
    import typer

    from mocap.pipeline.doctor import examine

    findings = examine()
    if json_output:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        table = Table()
        for heading in ("What", "State", "Detail", "What to do"):
            table.add_column(heading)
        for finding in findings:
            state = f"[{COLOURS[finding.state]}]{finding.state}[/]"
            table.add_row(finding.name, state, escape(finding.detail), escape(finding.remedy))
        out.print(table)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(FAILED)
