"""What an exporter is, which there are, and the one function that runs them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mocap.core.errors import ExportError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.core.types import Take
from mocap.export.arrays import JsonExporter, NetcdfExporter, NpzExporter
from mocap.export.bvh import BvhExporter, load_name_preset
from mocap.export.c3d import C3dExporter
from mocap.export.csv import CsvExporter
from mocap.export.fbx import FbxExporter
from mocap.export.glb import GlbExporter
from mocap.export.mot import MotExporter
from mocap.export.sheets import ParquetExporter, XlsxExporter
from mocap.export.trc import TrcExporter
from mocap.export.usd import UsdExporter
from mocap.export.written import Written

# Formats that hold events and measures, and those that hold the strides that were cut by them as well.
WITH_EVENTS = ("c3d", "csv", "xlsx", "parquet", "npz", "json")
WITH_STRIDES = ("npz", "json")

# Characters that some file system or some program that opens the file does not take in a name.
UNSAFE = re.compile(r"[^\w.-]+")


class Exporter(Protocol):
    """Writes one person of a take in one format."""

    @property
    def title(self) -> str:
        """What the format is, for a person to read."""
        ...

    def write(self, take: Take, person: int, folder: Path, stem: str) -> Written:
        """Write the files of one person, named after ``stem``, and say what the format could not hold."""
        ...


@dataclass(frozen=True)
class ExportResult:
    """What was written in one format.

    Attributes
    ----------
    files : tuple of Path
    dropped : tuple of str
        What the format could not hold, one sentence each.
    """

    files: tuple[Path, ...]
    dropped: tuple[str, ...]


EXPORTERS: dict[str, Exporter] = {
    "trc": TrcExporter(),
    "c3d": C3dExporter(),
    "bvh": BvhExporter(),
    "csv": CsvExporter(),
    "mot": MotExporter(),
    "glb": GlbExporter(),
    "usd": UsdExporter(),
    "fbx": FbxExporter(),
    "xlsx": XlsxExporter(),
    "parquet": ParquetExporter(),
    "npz": NpzExporter(),
    "json": JsonExporter(),
    "nc": NetcdfExporter(),
}


def export(
    take: Take,
    formats: Sequence[str],
    folder: Path,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, ExportResult]:
    """Write a take in several formats.

    All of these formats are written one person a file: ``<trial>.<suffix>`` where there is one person,
    ``<trial>.<person>.<suffix>`` where there are more.

    Raises
    ------
    ExportError
        If there is no such format, or the take cannot be written in it.
    StorageError
        If the disk refuses.
    CancelledError
        If somebody asked to stop; files that are done stay, and each is whole.
    """
    stems, wanted = file_stems(take), tuple(dict.fromkeys(formats))
    exporters = {name: exporter_of(name) for name in wanted}
    results = {}
    for number, name in enumerate(wanted):
        written = []
        for person, stem in enumerate(stems):
            if cancel is not None:
                cancel.check()
            progress("export", number * len(stems) + person, len(wanted) * len(stems))
            done = exporters[name].write(take, person, folder, stem)
            written.append(replace(done, dropped=(*done.dropped, *_findings_lost(take, person, name))))
        sentences = [
            sentence if len(stems) == 1 else f"{label}: {sentence}"
            for label, done in zip(take.people, written, strict=True)
            for sentence in done.dropped
        ]
        results[name] = ExportResult(tuple(path for done in written for path in done.files), tuple(sentences))
    progress("export", len(wanted) * len(stems), len(wanted) * len(stems))
    return results


def _findings_lost(take: Take, person: int, name: str) -> tuple[str, ...]:
    """What a format does not hold of what was read out of the motion."""
    found, form = take.findings[person], name.partition(":")[0]
    if form not in WITH_EVENTS and (found.events or found.measures or take.mass_centre is not None):
        return ("Events, measures and the centre of mass: see csv, xlsx, json or npz.",)
    if form not in WITH_STRIDES and found.cycles:
        return ("Strides cut out and stretched to 101 points: see json or npz.",)
    return ()


def exporter_of(name: str) -> Exporter:
    """Exporter of a format, or of a format with other names for the joints: ``bvh:mixamo``.

    Raises
    ------
    ExportError
        If there is no such format.
    InputError
        If there are no such names.
    """
    form, _, names = name.partition(":")
    if form not in EXPORTERS:
        raise ExportError(f"There is no export format '{name}'.", f"Choose among: {', '.join(EXPORTERS)}.")
    if not names:
        return EXPORTERS[form]
    if form != "bvh":
        raise ExportError(f"The format '{form}' has no presets of names.", f"Write '{form}', or 'bvh:{names}'.")
    return BvhExporter(load_name_preset(names))


def file_stems(take: Take) -> tuple[str, ...]:
    """File name without suffix for each person, safe on every system and each another."""
    trial = UNSAFE.sub("_", take.name).strip("._") or "take"
    if len(take.people) == 1:
        return (trial,)
    names = [UNSAFE.sub("_", person).strip("._") or "person" for person in take.people]
    # Some file systems do not tell upper from lower case.
    seen = [name.casefold() for name in names]
    return tuple(
        f"{trial}.{name}" if seen.count(low) == 1 else f"{trial}.{name}_{n + 1}"
        for n, (name, low) in enumerate(zip(names, seen, strict=True))
    )
