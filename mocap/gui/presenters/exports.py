"""Export by what the files are for: each preset names its formats and says what each holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.core.errors import CancelledError, ExplainedError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.words import Trouble, trouble_of

# What each format holds, for people who do not know its name.
HOLDS = {
    "trc": "Keypoints as markers, mm, Y up. Gaps are left blank.",
    "c3d": "Keypoints (mm, Z up), joint angles, events and the centre of mass.",
    "mot": "Joint angles, degrees. Gaps say nan.",
    "bvh": "Skeleton in motion, cm, Y up, with our names of the bones. Gaps hold the last pose.",
    "bvh:mixamo": "Skeleton in motion, cm, Y up, bones named as Mixamo's. Gaps hold the last pose.",
    "bvh:unreal": "Skeleton in motion, cm, Y up, bones named as Unreal's mannequin. Gaps hold the last pose.",
    "bvh:rigify": "Skeleton in motion, cm, Y up, bones named as Blender's Rigify. Gaps hold the last pose.",
    "bvh:cmu": "Skeleton in motion, cm, Y up, bones named as in the library of Carnegie Mellon.",
    "glb": "Skinned skeleton in motion, m, Y up. Opens with a double click on most computers.",
    "usd": "Skinned skeleton in motion (UsdSkel), m, Y up.",
    "fbx": "Skeleton in motion, m, Y up. Written by Blender, which takes some seconds.",
    "csv": "Keypoints (m), angles (degrees), events and measures, with standard deviations. Gaps are empty cells.",
    "xlsx": "The same as one Excel workbook, a sheet a table.",
    "parquet": "The same as column tables, for statistics with R or Python.",
    "nc": "Keypoints with their uncertainty, for xarray and the package movement.",
    "npz": "Everything, covariances and strides included, as numpy arrays.",
    "json": "Everything, covariances and strides included, as text.",
}


@dataclass(frozen=True)
class ExportPreset:
    """Files for a program: formats, and for each what it holds."""

    name: str
    summary: str
    names: tuple[str, ...]

    @property
    def formats(self) -> tuple[tuple[str, str], ...]:
        """Names of the formats and what each holds."""
        return tuple((name, HOLDS[name]) for name in self.names)


PRESETS = (
    ExportPreset(
        "OpenSim", "Marker positions and joint angles for scaling and inverse kinematics.", ("trc", "mot")
    ),
    ExportPreset("Visual3D", "One C3D file, as motion labs exchange them.", ("c3d",)),
    ExportPreset(
        "Blender / Mixamo",
        "A skeleton in motion, with bones named as Mixamo names them. In Blender's import panel set Scale to 0.01 "
        "and tick Update Scene FPS.",
        ("bvh:mixamo", "glb"),
    ),
    ExportPreset("Unreal", "A skeleton in motion, with bones named as Unreal's mannequin.", ("bvh:unreal",)),
    ExportPreset("Spreadsheet", "Tables for Excel, R or Python, with the uncertainty of every number.", ("csv",)),
)
# Beside the presets: any formats.
OWN_NAME, OWN_SUMMARY = "Own choice", "Tick what you want; each line says what the format holds."


@dataclass(frozen=True)
class Written:
    """What an export came to: files, and what they could not hold."""

    files: tuple[Path, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class RunOutcome:
    """What the export of one run came to."""

    run: Path
    label: str
    folder: Path
    written: Written | None = None
    trouble: Trouble | None = None


def write(
    run: Path,
    preset: ExportPreset,
    folder: Path,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Written:
    """Export a finished run."""
    from mocap.pipeline.reexport import export_run

    results = export_run(run, preset.names, folder, progress, cancel)
    files = tuple(path for done in results.values() for path in done.files)
    return Written(files, tuple(f"{name}: {text}" for name, done in results.items() for text in done.dropped))


def lacking(name: str) -> str:
    """What has to be installed for a format, in words; empty where nothing is missing."""
    from importlib.util import find_spec

    from mocap.export.fbx import find_blender

    needed = {"xlsx": ("openpyxl", "sheets"), "parquet": ("pyarrow", "sheets"), "usd": ("pxr", "usd")}
    if name in needed:
        module, extra = needed[name]
        return "" if find_spec(module) is not None else f'Needs: pip install "openmocap[{extra}]"'
    if name == "fbx":
        try:
            find_blender()
        except ExplainedError:
            return "Needs Blender to be installed."
    return ""


def run_label(run: Path) -> str:
    """What a run is called: its trial, and its session where that is another."""
    trial, session = run.parent.parent.name, run.parents[3].name if len(run.parents) > 3 else ""
    return trial if not session or session == trial else f"{session} · {trial}"


def pace(run: Path) -> str:
    """How many frames a second a run has, in words: other programs ask for it; empty where it cannot be read."""
    from mocap.session import RunFolder, RunManifest, read_manifest

    try:
        rate = read_manifest(RunFolder(run).manifest, RunManifest).summary.rate_hz
    except ExplainedError:
        return ""
    return f"{rate:.2f}".rstrip("0").rstrip(".") + " frames a second"


class Export:
    """The export dialog's state: which runs, which formats, where to, and what came of it."""

    def __init__(self, runs: Path | Sequence[Path]) -> None:
        self.changed = Changes()
        self.runs = (runs,) if isinstance(runs, Path) else tuple(runs)
        self.preset = PRESETS[0]
        self.own: tuple[str, ...] = ("csv",)
        # None: each run's files go beside it.
        self.folder: Path | None = beside(self.runs[0]) if len(self.runs) == 1 else None
        self.outcomes: tuple[RunOutcome, ...] = ()
        self.trouble: Trouble | None = None
        self.stopped = False
        self._progress = (0, 0, 1)
        self._cancel = CancelToken()
        self._work: Later[tuple[RunOutcome, ...]] = Later()
        # What formats lack on this machine; looked up in a thread, as it loads all exporters.
        self.lacks: dict[str, str] = {}
        self._looking: Later[dict[str, str]] = Later()
        self._looking.order(lambda: {name: words for name in HOLDS if (words := lacking(name))})

    def choose(self, index: int) -> None:
        """Take another preset; what the last one wrote is no longer spoken of."""
        own = ExportPreset(OWN_NAME, OWN_SUMMARY, self.own)
        self.preset = PRESETS[index] if index < len(PRESETS) else own
        self._forget()
        self.changed.emit()

    def tick_format(self, name: str, wanted: bool) -> None:
        """Take a format into one's own choice, or leave it out; in the order of the list."""
        chosen = {*self.own, name} if wanted else {*self.own} - {name}
        self.own = tuple(known for known in HOLDS if known in chosen)
        self.choose(len(PRESETS))

    @property
    def choosing(self) -> bool:
        """Whether the formats are the user's own choice."""
        return self.preset.name == OWN_NAME

    @property
    def written(self) -> Written | None:
        """All files of all runs; None while there are none."""
        done = [outcome.written for outcome in self.outcomes if outcome.written is not None]
        if not done:
            return None
        dropped = dict.fromkeys(text for one in done for text in one.dropped)
        return Written(tuple(path for one in done for path in one.files), tuple(dropped))

    @property
    def lost(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What each format could not hold, in sentences; of several runs, which it was unless it was all."""
        done = [outcome for outcome in self.outcomes if outcome.written is not None]
        of: dict[str, dict[str, list[str]]] = {}
        for outcome in done:
            for text in outcome.written.dropped if outcome.written is not None else ():
                form, _, sentence = text.partition(": ")
                of.setdefault(form, {}).setdefault(sentence, []).append(outcome.label)
        return tuple(
            (
                form,
                tuple(
                    sentence if len(labels) == len(done) else f"{', '.join(labels)}: {sentence}"
                    for sentence, labels in sentences.items()
                ),
            )
            for form, sentences in of.items()
        )

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._work.busy

    @property
    def share(self) -> float:
        """Of the work that is done, 0 to 1."""
        number, done, total = self._progress
        return (number + done / max(1, total)) / len(self.runs)

    @property
    def at_work(self) -> str:
        """What is being written."""
        number = min(self._progress[0], len(self.runs) - 1)
        several = f", {number + 1} of {len(self.runs)}" if len(self.runs) > 1 else ""
        words = "Stopping after this file" if self._cancel.cancelled else "Writing"
        return f"{words}: {run_label(self.runs[number])}{several} …"

    @property
    def place(self) -> Path:
        """The folder to show afterwards."""
        return self.folder if self.folder is not None else beside(self.runs[0])

    def folder_of(self, run: Path) -> Path:
        """Where the files of a run go; several runs have a folder each, as trials may be of one name."""
        if self.folder is None:
            return beside(run)
        if len(self.runs) == 1:
            return self.folder
        parts = (run.parents[3].name if len(run.parents) > 3 else "", run.parent.parent.name, run.name)
        return self.folder / "-".join(filter(None, parts))

    def start(self) -> None:
        """Write in a thread."""
        self._forget()
        if not self.preset.names:
            self.trouble = Trouble("No format is ticked.", "Tick at least one.")
            self.changed.emit()
            return
        self._cancel = cancel = CancelToken()
        preset, places = self.preset, [(run, self.folder_of(run)) for run in self.runs]
        self._work.order(lambda: self._write_all(preset, places, cancel))
        self.changed.emit()

    def cancel(self) -> None:
        """Stop after the file that is being written."""
        self._cancel.cancel()
        self.changed.emit()

    def _write_all(
        self, preset: ExportPreset, places: list[tuple[Path, Path]], cancel: CancelToken
    ) -> tuple[RunOutcome, ...]:
        """Write all runs; one that fails does not hold up the others."""
        outcomes = []
        for number, (run, folder) in enumerate(places):
            outcome = RunOutcome(run, run_label(run), folder)
            self._progress = (number, 0, 1)
            try:
                written = write(run, preset, folder, self._note(number), cancel)
                outcomes.append(RunOutcome(run, outcome.label, folder, written))
            except CancelledError:
                self.stopped = True
                break
            except Exception as error:  # shown to the user in words
                outcomes.append(RunOutcome(run, outcome.label, folder, trouble=trouble_of(error)))
        return tuple(outcomes)

    def _note(self, number: int) -> Progress:
        def note(stage: str, done: int, total: int) -> None:
            self._progress = (number, done, total)

        return note

    def _forget(self) -> None:
        self.outcomes, self.trouble, self.stopped, self._progress = (), None, False, (0, 0, 1)

    def tick(self) -> None:
        """Take in what was written; while at work, tell how far it is."""
        if (looked := self._looking.fetch()) is not None:
            self.lacks = looked.result()
            self.changed.emit()
        if (done := self._work.fetch()) is None:
            if self.busy:
                self.changed.emit()
            return
        self.outcomes = done.result()
        failed = [outcome for outcome in self.outcomes if outcome.trouble is not None]
        self.trouble = failed[0].trouble if failed else None
        if failed and len(self.runs) > 1 and self.trouble is not None:
            what = f"{failed[0].label}: {self.trouble.what}"
            rest = f" The same or another thing happened to {len(failed) - 1} more." if len(failed) > 1 else ""
            self.trouble = Trouble(what + rest, self.trouble.remedy, self.trouble.path)
        self.changed.emit()

    def close(self) -> None:
        """Let the writing thread go; a file that is begun is ended or never seen."""
        self._cancel.cancel()
        self._work.close()
        self._looking.close()


def beside(run: Path) -> Path:
    """The folder of a run's exports: beside the runs, which never change."""
    return run.parent.parent / "exports" / run.name
