"""Export by what the files are for: each preset names its formats and says what each holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.words import Trouble, trouble_of


@dataclass(frozen=True)
class ExportPreset:
    """Files for a program: formats, and for each what it holds."""

    name: str
    summary: str
    formats: tuple[tuple[str, str], ...]


PRESETS = (
    ExportPreset(
        "OpenSim",
        "Marker positions and joint angles for scaling and inverse kinematics.",
        (
            ("trc", "Keypoints as markers, mm, Y up. Gaps are left blank."),
            ("mot", "Joint angles, degrees. Gaps say nan."),
        ),
    ),
    ExportPreset(
        "Visual3D",
        "One C3D file, as motion labs exchange them.",
        (("c3d", "Keypoints (mm, Z up), joint angles, events and the centre of mass."),),
    ),
    ExportPreset(
        "Blender / Mixamo",
        "A skeleton in motion, with bones named as Mixamo names them.",
        (
            ("bvh:mixamo", "Skeleton in motion, cm, Y up. Gaps hold the last pose."),
            ("glb", "Skinned skeleton in motion, m, Y up. Opens with a double click."),
        ),
    ),
    ExportPreset(
        "Unreal",
        "A skeleton in motion, with bones named as Unreal's mannequin.",
        (("bvh:unreal", "Skeleton in motion, cm, Y up. Gaps hold the last pose."),),
    ),
    ExportPreset(
        "Spreadsheet",
        "Tables for Excel, R or Python, with the uncertainty of every number.",
        (("csv", "Keypoints (m) and angles (degrees) with standard deviations. Gaps are empty cells."),),
    ),
)


@dataclass(frozen=True)
class Written:
    """What an export came to: files, and what they could not hold."""

    files: tuple[Path, ...]
    dropped: tuple[str, ...]


def write(run: Path, preset: ExportPreset, folder: Path) -> Written:
    """Export a finished run."""
    from mocap.pipeline.reexport import export_run

    results = export_run(run, tuple(name for name, _ in preset.formats), folder)
    files = tuple(path for done in results.values() for path in done.files)
    return Written(files, tuple(f"{name}: {text}" for name, done in results.items() for text in done.dropped))


class Export:
    """The export dialog's state: which run, which preset, where to, and what came of it."""

    def __init__(self, run: Path) -> None:
        self.changed = Changes()
        self.run, self.preset, self.folder = run, PRESETS[0], run.parent.parent / "exports" / run.name
        self.written: Written | None = None
        self.trouble: Trouble | None = None
        self._work: Later[Written] = Later()

    def choose(self, index: int) -> None:
        """Take another preset; what the last one wrote is no longer spoken of."""
        self.preset, self.written, self.trouble = PRESETS[index], None, None
        self.changed.emit()

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._work.busy

    def start(self) -> None:
        """Write in a thread."""
        run, preset, folder = self.run, self.preset, self.folder
        self.written = self.trouble = None
        self._work.order(lambda: write(run, preset, folder))
        self.changed.emit()

    def tick(self) -> None:
        """Take in what was written."""
        if (done := self._work.fetch()) is None:
            return
        try:
            self.written = done.result()
        except Exception as error:  # shown to the user in words
            self.trouble = trouble_of(error)
        self.changed.emit()

    def close(self) -> None:
        """Let the writing thread go."""
        self._work.close()
