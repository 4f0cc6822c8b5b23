"""Recordings that are to be processed together: each with its calibration, and what is there of it already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.process.machine import Machine, look_at_machine
from mocap.gui.presenters.process.newrun import Survey, missing, presets, surveys
from mocap.gui.presenters.process.settings import Draft, FieldPath, save_preset
from mocap.gui.presenters.words import Trouble, trouble_of

if TYPE_CHECKING:
    from mocap.pipeline.foresee import Foresight, Opened
    from mocap.pipeline.settings import PipelineSettings

SEX: FieldPath = ("kinematics", "sex")

# Ticks of the window's clock without a change before it is looked up what is there already.
STILL_TICKS = 3


@dataclass(frozen=True)
class Recording:
    """One recording of the queue.

    Attributes
    ----------
    chosen : Path or None
        Calibration that the user chose in place of the one that was found.
    foresight : Foresight or None
        What is there already; None while nobody looked.
    """

    survey: Survey
    wanted: bool = True
    chosen: Path | None = None
    foresight: Foresight | None = None
    unlooked: Trouble | None = None

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.survey.folder

    @property
    def name(self) -> str:
        """What it is called."""
        return self.survey.folder.resolve().name

    @property
    def calibration(self) -> Path | None:
        """The calibration that counts."""
        return self.chosen or self.survey.calibration

    @property
    def trouble(self) -> Trouble | None:
        """What stands in the way."""
        return missing(self.survey, self.chosen) or self.unlooked

    @property
    def about(self) -> str:
        """Cameras and calibration, in words."""
        count = len(self.survey.videos)
        cameras = f"{count} cameras" if count != 1 else "1 camera"
        if self.survey.sex != "unknown":
            cameras = f"{self.survey.sex.capitalize()}  ·  {cameras}"
        if self.chosen is not None:
            return f"{cameras}  ·  calibration {self.chosen.name}, chosen"
        found = self.survey.calibration
        return f"{cameras}  ·  calibration {found.name}" if found else f"{cameras}  ·  no calibration"

    @property
    def to_do(self) -> str:
        """What is done again and what is not, in words."""
        seen = self.foresight
        if self.trouble is not None:
            return self.trouble.what
        if seen is None:
            return "Looking what is there …"
        if seen.need == "nothing":
            return "Was done before with these settings: opens at once"
        if seen.need == "no detection":
            return "People are found already: only what follows is done again"
        if seen.begun:
            return "Was stopped before: goes on there if the settings are the same"
        return "Everything is done anew"


class NewRuns:
    """The dialog's state: recordings, preset, what was changed, and what would be done."""

    def __init__(self, paths: Sequence[Path] = (), own_presets: Path | None = None) -> None:
        self.changed = Changes()
        self._own = own_presets
        self.presets = presets(own_presets)
        self.preset = self.presets[0]
        self.machine: Machine | None = None
        self.draft: Draft | None = None
        self.recordings: tuple[Recording, ...] = ()
        self.trouble: Trouble | None = None
        self._paths: list[Path] = []
        self._removed: set[Path] = set()
        self._opened: dict[tuple[Path, Path | None], Opened] = {}
        self._still = 0
        self._stale = True
        self._learning: Later[Machine] = Later()
        self._surveying: Later[tuple[Survey, ...]] = Later()
        self._foreseeing: Later[dict[Path, Foresight | Trouble]] = Later()
        known = self.presets
        self._learning.order(lambda: look_at_machine(known))
        self.add(paths)

    def add(self, paths: Sequence[Path]) -> None:
        """Look into further folders; what is there already is not taken twice."""
        if not paths:
            return
        self._paths += [path for path in paths if path not in self._paths]
        self._removed -= set(paths)
        every = tuple(self._paths)
        self._surveying.order(lambda: tuple(one for path in every for one in surveys(path)))
        self.changed.emit()

    def remove(self, folder: Path) -> None:
        """Take a recording out of the list."""
        self.recordings = tuple(one for one in self.recordings if one.folder != folder)
        self._removed.add(folder)
        self.changed.emit()

    def want(self, folder: Path, wanted: bool) -> None:
        """Process a recording, or leave it be."""
        self._put(folder, wanted=wanted)

    def calibrate_by(self, folder: Path | None, calibration: Path | None) -> None:
        """Choose the calibration of a recording, or of all."""
        for one in self.recordings:
            if folder is None or one.folder == folder:
                self._put(one.folder, chosen=calibration, unlooked=None, foresight=None)
        self._touch()

    def _put(self, folder: Path, **changes: Any) -> None:
        self.recordings = tuple(
            replace(one, **changes) if one.folder == folder else one for one in self.recordings
        )
        self.changed.emit()

    def choose_preset(self, index: int) -> None:
        """Take another preset; what was changed is given up."""
        self.preset = self.presets[index]
        self._take_draft()
        self._touch()

    def _take_draft(self) -> None:
        if self.machine is not None:
            self.draft = self.machine.drafts.get(self.preset.name)
            self.trouble = self.machine.unread.get(self.preset.name)

    def put(self, path: FieldPath, value: Any) -> None:
        """Change a setting."""
        if self.draft is not None:
            self.draft = self.draft.put(path, value)
            self._touch()

    def reset(self, path: FieldPath | None = None) -> None:
        """Take a setting, or all, back to the preset."""
        if self.draft is not None:
            self.draft = self.draft.reset(path)
            self._touch()

    def save(self, name: str) -> None:
        """Keep the settings as a preset of one's own, and choose it."""
        assert self.draft is not None
        try:
            path = save_preset(name, self.draft.settings(), self._own)
        except Exception as error:  # shown to the user in words
            self.trouble = trouble_of(error)
            self.changed.emit()
            return
        self.presets = presets(self._own)
        self.preset = next(one for one in self.presets if one.name == str(path))
        known = self.presets
        self._learning.order(lambda: look_at_machine(known))
        self._touch()

    def _touch(self) -> None:
        """What is there has to be looked up again, once nothing changes for a moment."""
        self._still, self._stale = 0, True
        self.recordings = tuple(replace(one, foresight=None) for one in self.recordings)
        self.changed.emit()

    @property
    def looking(self) -> bool:
        """Whether folders or settings are still being read."""
        return self._surveying.busy or self._learning.busy

    @property
    def chosen(self) -> tuple[Recording, ...]:
        """Recordings that are to be processed."""
        return tuple(one for one in self.recordings if one.wanted)

    @property
    def customised(self) -> bool:
        """Whether anything differs from the preset."""
        return self.draft is not None and bool(self.draft.changes)

    @property
    def obstacle(self) -> Trouble | None:
        """What stands in the way of starting; None while nothing is known."""
        if self.trouble is not None:
            return self.trouble
        if self.draft is not None and (wrong := self.draft.trouble) is not None:
            return wrong
        if (clash := self._clash()) is not None:
            return clash
        of_one = [(one, one.trouble) for one in self.chosen if one.trouble is not None]
        if not of_one:
            return None
        one, trouble = of_one[0]
        if len(self.recordings) == 1 or trouble is None:
            return trouble
        return Trouble(f"{one.name}: {trouble.what}", f"{trouble.remedy} Or untick it.", trouble.path)

    def _clash(self) -> Trouble | None:
        """Settings that do not go together."""
        if self.draft is None or self.machine is None:
            return None
        first = next(iter(self.draft.value(("detect", "landmarks"))), "")
        if not first or first in self.machine.mirror_networks:
            return None
        lost = [
            words
            for path, words in ((("detect", "flip"), "mirror images"), (("detect", "parts"), "hands and face"))
            if self.draft.value(path)
        ]
        if not lost:
            return None
        return Trouble(
            f"The network '{first}' does not go together with {' and '.join(lost)}.",
            "Take the network of the preset, or switch that off under More settings.",
        )

    @property
    def ready(self) -> bool:
        """Whether it can start."""
        return self.draft is not None and bool(self.chosen) and not self.looking and self.obstacle is None

    @property
    def summary(self) -> str:
        """What Start does, in a sentence."""
        chosen = self.chosen
        if not chosen:
            return "Nothing is chosen."
        needs: list[str] = [one.foresight.need for one in chosen if one.foresight is not None]
        words = f"{len(chosen)} recordings" if len(chosen) > 1 else "1 recording"
        parts = [
            f"{needs.count(need)} {text}"
            for need, text in (
                ("everything", "anew"),
                ("no detection", "with the people found before"),
                ("nothing", "done before"),
            )
            if needs.count(need)
        ]
        return f"{words}: {', '.join(parts)}" if parts and len(chosen) > 1 else words

    def jobs(self) -> tuple[ProcessJob, ...]:
        """One job a recording, in the order of the list."""
        assert self.draft is not None
        way = f"{self.preset.title}, changed" if self.customised else self.preset.title
        names = [one.name for one in self.chosen]
        return tuple(
            ProcessJob(
                f"{_called(one, names)} · {way}",
                one.folder,
                self.preset.name,
                one.chosen,
                None,
                settings_for(self.draft, one),
            )
            for one in self.chosen
        )

    def tick(self) -> None:
        """Take in what was read."""
        told = False
        if (learned := self._learning.fetch()) is not None:
            told = True
            try:
                self.machine = learned.result()
                self._take_draft()
                self._stale = True
            except Exception as error:  # shown to the user in words
                self.trouble = trouble_of(error)
        if (surveyed := self._surveying.fetch()) is not None:
            told = True
            try:
                self._take_surveys(surveyed.result())
            except Exception as error:  # shown to the user in words
                self.trouble = trouble_of(error)
        if (foreseen := self._foreseeing.fetch()) is not None:
            told = True
            if not self._stale:  # else it is of settings that are no longer there
                self._take_foresight(foreseen.result())
        self._still += 1
        if self._stale and self._still > STILL_TICKS and not self.looking and not self._foreseeing.busy:
            self._foresee()
        if told:
            self.changed.emit()

    def _take_surveys(self, found: tuple[Survey, ...]) -> None:
        known = {one.folder: one for one in self.recordings}
        rows = {one.folder: replace(known[one.folder], survey=one) if one.folder in known else Recording(one)
                for one in found if one.folder not in self._removed}  # fmt: skip
        # A recording that cannot be processed does not hold up the others.
        several = len(rows) > 1
        self.recordings = tuple(
            replace(one, wanted=one.wanted and not (several and one.folder not in known and one.survey.trouble))
            for one in rows.values()
        )
        self._stale = True

    def _foresee(self) -> None:
        """Look up what is there already, in a thread."""
        self._stale = False
        draft, opened = self.draft, self._opened
        asked = [one for one in self.recordings if missing(one.survey, one.chosen) is None]
        if draft is None or not asked:
            return

        def work() -> dict[Path, Foresight | Trouble]:
            from mocap.pipeline.foresee import Opened
            from mocap.pipeline.inputs import open_trial

            found: dict[Path, Foresight | Trouble] = {}
            for one in asked:
                folder, calibration = one.folder, one.chosen
                try:
                    # Opening a recording once is enough for all settings.
                    settings = settings_for(draft, one)
                    if (folder, calibration) not in opened:
                        opened[folder, calibration] = Opened(open_trial(folder, calibration, make_place=False))
                    found[folder] = opened[folder, calibration].foresee(settings)
                except Exception as error:  # told beside the recording
                    found[folder] = trouble_of(error)
            return found

        self._foreseeing.order(work)

    def _take_foresight(self, found: Mapping[Path, Foresight | Trouble]) -> None:
        for folder, seen in found.items():
            if isinstance(seen, Trouble):
                # What is wrong with the settings is told once, not beside each recording.
                wrong = self.draft is not None and self.draft.trouble is not None
                self._put(folder, foresight=None, unlooked=None if wrong else seen)
            else:
                self._put(folder, foresight=seen, unlooked=None)

    def close(self) -> None:
        """Let the threads go."""
        for later in (self._learning, self._surveying, self._foreseeing):
            later.close()


def settings_for(draft: Draft, one: Recording) -> PipelineSettings:
    """The settings for a recording: the sex is the session's, unless it was set here.

    Raises
    ------
    InputError
        If a value is not allowed.
    """
    if draft.value(SEX) == "unknown" and one.survey.sex != "unknown":
        draft = draft.put(SEX, one.survey.sex)
    return draft.settings()


def _called(one: Recording, names: Sequence[str]) -> str:
    """A recording's name; with its session where two have the same."""
    place = one.folder.resolve()
    if names.count(one.name) < 2:
        return one.name
    session = place.parents[1] if place.parent.name == "trials" else place.parent
    return f"{session.name}, {one.name}"
