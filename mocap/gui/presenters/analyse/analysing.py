"""The state of the analysis: which run, whom, what it is compared with, what is shown of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mocap.gui.presenters.analyse.cycles import (
    CycleKind,
    CyclePlot,
    cycle_kinds,
    cycle_plots,
    cycles_of,
    overview,
)
from mocap.gui.presenters.analyse.read import MeasureRow, RunReading, measure_rows, no_measure_of, read_run
from mocap.gui.presenters.analyse.tables import Table, TableKind, table_of
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.library.library import TrialEntry, read_library
from mocap.gui.presenters.words import Trouble, title, trouble_of

# All plots together, in place of the name of one.
ALL_ANGLES = ""


@dataclass(frozen=True)
class RunChoice:
    """A finished run that can be opened, or compared with."""

    folder: Path
    label: str


@dataclass(frozen=True, eq=False)
class PersonReading:
    """All numbers of one person of one run."""

    run: RunReading
    person: int
    rows: tuple[MeasureRow, ...]
    kinds: tuple[CycleKind, ...]
    note: str


def read_person(run: RunReading, person: int) -> PersonReading:
    """Work out the numbers of a person; takes a while for a long recording."""
    return PersonReading(
        run, person, measure_rows(run, person), cycle_kinds(run, person), no_measure_of(run, person)
    )


def run_choices(entries: tuple[TrialEntry, ...]) -> tuple[RunChoice, ...]:
    """All finished runs of a library, the newest first."""
    found = [
        (run.made, RunChoice(run.folder, _words(entry, run.made)))
        for entry in entries
        for run in entry.runs
        if run.state == "finished"
    ]
    return tuple(choice for _, choice in sorted(found, key=lambda pair: pair[0], reverse=True))


def _words(entry: TrialEntry, made: datetime) -> str:
    """A run by the names that the library shows."""
    return f"{entry.session_folder.name}  ·  {entry.name}  ·  {made:%d %b %Y, %H:%M}"


class Analysis:
    """What the page shows; all that takes time is done in a thread and fetched by ``tick``."""

    def __init__(self, read: Callable[[Path], RunReading] = read_run) -> None:
        self.changed = Changes()
        self._read = read
        self.choices: tuple[RunChoice, ...] = ()
        self.choices_read = False
        # What was asked for, whether or not it is read yet.
        self.folder: Path | None = None
        self.other_folder: Path | None = None
        self.shown: PersonReading | None = None
        self.other: PersonReading | None = None
        self.trouble: Trouble | None = None
        self.table_kind: TableKind = "measures"
        self.words = ""
        self.kind: CycleKind | None = None
        self.angle = ALL_ANGLES
        self.plots: tuple[CyclePlot, ...] = ()
        # The last table, and what it was made of: made again only where that changed.
        self._made: tuple[tuple[object, ...], Table] | None = None
        self._opening: Later[PersonReading] = Later()
        self._comparing: Later[PersonReading] = Later()
        self._listing: Later[tuple[RunChoice, ...]] = Later()
        self._cutting: Later[tuple[CyclePlot, ...]] = Later()

    def list_runs(self, root: Path) -> None:
        """Look again which runs there are."""
        self._listing.order(lambda: run_choices(read_library(root)))

    def open(self, folder: Path, person: int = 0) -> None:
        """Open a run; it is read in a thread."""
        run = self.shown.run if self.shown is not None and self.shown.run.folder == folder else None
        self._opening.order(lambda: read_person(run or self._read(folder), person))
        self.folder = folder
        if run is None:
            self.shown, self.other, self.other_folder, self.kind, self.plots = None, None, None, None, ()
        self.trouble = None
        self.changed.emit()

    def compare(self, folder: Path | None, person: int = 0) -> None:
        """Compare with another run, or with none."""
        self.other_folder = folder
        if folder is None:
            self.other = None
            if self.table_kind == "compare":
                self.table_kind = "measures"
            self._cut()
        else:
            run = self.other.run if self.other is not None and self.other.run.folder == folder else None
            self._comparing.order(lambda: read_person(run or self._read(folder), person))
        self.changed.emit()

    @property
    def busy(self) -> bool:
        """Whether something is being read."""
        return self._opening.busy or self._comparing.busy

    @property
    def cutting(self) -> bool:
        """Whether cycles are being cut."""
        return self._cutting.busy

    @property
    def table(self) -> Table | None:
        """The table to show."""
        if self.shown is None:
            return None
        asked = (self.table_kind, self.shown, self.other, self.words)
        if self._made is None or self._made[0] != asked:
            other = self.other.rows if self.other is not None else ()
            self._made = (asked, table_of(self.table_kind, self.shown.rows, other, self.words))
        return self._made[1]

    @property
    def drawn(self) -> tuple[CyclePlot, ...]:
        """The plots to show: the chosen one, or the overview."""
        if self.kind is None:
            return ()
        one = tuple(plot for plot in self.plots if plot.name == self.angle)
        return one or overview(self.plots, self.kind.key)

    @property
    def advice(self) -> str:
        """What to say where there are no cycles."""
        if self.shown is None or self.kind is not None:
            return ""
        return (
            "There are no strides and nothing repeats here, so there is no cycle to lay over another. Walking "
            "needs two strikes of one foot, an exercise two repetitions. Mark foot strikes in the review, or "
            "record a longer piece."
        )

    def show_table(self, kind: TableKind) -> None:
        """Show another table."""
        self.table_kind = kind
        self.changed.emit()

    def search(self, words: str) -> None:
        """Show only measures that have all these words."""
        self.words = words
        self.changed.emit()

    def choose_kind(self, key: str) -> None:
        """Show other cycles."""
        kinds = self.shown.kinds if self.shown is not None else ()
        self.kind = next((kind for kind in kinds if kind.key == key), None)
        self._cut()
        self.changed.emit()

    def choose_angle(self, name: str) -> None:
        """Show one angle, or the overview."""
        self.angle = name
        self.changed.emit()

    def tick(self) -> None:
        """Take in what was read."""
        told = False
        if (listed := self._listing.fetch()) is not None:
            self.choices_read, told = True, True
            try:
                self.choices = listed.result()
            except Exception as error:  # shown to the user in words
                self.trouble = trouble_of(error)
        if (opened := self._opening.fetch()) is not None:
            told = True
            try:
                self._take(opened.result())
            except Exception as error:  # shown to the user in words
                self.trouble = trouble_of(error)
        if (compared := self._comparing.fetch()) is not None:
            told = True
            try:
                other = compared.result()
                if other.run.folder == self.other_folder:  # else it is no longer wanted
                    self.other, self.table_kind, self.trouble = other, "compare", None
                    self._cut()
            except Exception as error:  # shown to the user in words
                self.trouble, self.other_folder = trouble_of(error), None
        if (cut := self._cutting.fetch()) is not None:
            self.plots, told = cut.result(), True
        if told:
            self.changed.emit()

    def _take(self, shown: PersonReading) -> None:
        self.shown, self.trouble = shown, None
        keys = [kind.key for kind in shown.kinds]
        key = self.kind.key if self.kind is not None and self.kind.key in keys else next(iter(keys), None)
        self.kind = next((kind for kind in shown.kinds if kind.key == key), None)
        self._cut()

    def _cut(self) -> None:
        """Cut the cycles of both runs."""
        ours, theirs, kind = self.shown, self.other, self.kind
        if ours is None or kind is None:
            self.plots = ()
            return

        def work() -> tuple[CyclePlot, ...]:
            first = cycles_of(ours.run, ours.person, kind.key)
            second = cycles_of(theirs.run, theirs.person, kind.key) if theirs is not None else ()
            return cycle_plots(first, second)

        self._cutting.order(work)

    def person_names(self) -> tuple[str, ...]:
        """People of the shown run."""
        return tuple(title(name) for name in self.shown.run.people) if self.shown is not None else ()

    def close(self) -> None:
        """Let the threads go."""
        for later in (self._opening, self._comparing, self._listing, self._cutting):
            later.close()
