"""A new session: who, with which cameras, and where the films come from; checked as it is typed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from calibration.formats import load_rig, save_rig
from mocap.core.errors import ExplainedError, InputError
from mocap.gui.jobs.importing import ImportJob
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.library.deeds import split_tags
from mocap.gui.presenters.library.entries import SessionEntry
from mocap.gui.presenters.library.importing import given, matched
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.pipeline.foreign import Foreign, ForeignTrial, recognise
from mocap.pipeline.taking import TakeRequest
from mocap.session import SessionFolder, SessionManifest, check_name, free_name, write_manifest

Sex = Literal["female", "male", "unknown"]
Source = Literal["record", "films", "later"]
Lens = Literal["earlier", "file", "new"]

STEPS = ("Person", "Cameras", "Videos")
SEXES: tuple[tuple[Sex, str], ...] = (("unknown", "Not said"), ("female", "Female"), ("male", "Male"))
# Above this a height is in centimetres.
METRES_UP_TO = 3.0
# Two words that begin with capitals look like somebody's name.
LIKE_A_NAME = re.compile(r"^[A-ZÀ-Þ][a-zß-ÿ'’]+[\s,]+[A-ZÀ-Þ][\w'’-]+$")


@dataclass(frozen=True)
class PersonText:
    """The form about the person as it is typed."""

    participant: str = ""
    day: str = ""
    tags: str = ""
    sex: Sex = "unknown"
    height: str = ""
    mass: str = ""
    notes: str = ""


def text_of(told: SessionManifest) -> PersonText:
    """The form of a session that is there."""
    return PersonText(
        told.participant,
        str(told.recorded_on or ""),
        ", ".join(told.tags),
        told.sex,
        "" if told.height_m is None else f"{100 * told.height_m:g}",
        "" if told.mass_kg is None else f"{told.mass_kg:g}",
        told.notes,
    )


def privacy_hint(participant: str) -> tuple[str, bool]:
    """What to say of a pseudonym, and whether it may be a real name."""
    if LIKE_A_NAME.match(participant.strip()):
        return "This looks like a real name. Better a pseudonym such as P01: it goes into files and reports.", True
    return "A pseudonym such as P01. Keep the list of real names somewhere else.", False


def told_of(text: PersonText, before: SessionManifest) -> SessionManifest:
    """What the form says, on top of what was known.

    Raises
    ------
    InputError
        If a date or a number is none.
    """
    day = None
    if text.day.strip():
        try:
            day = date.fromisoformat(text.day.strip())
        except ValueError as error:
            raise InputError(
                f"'{text.day}' is no date.", f"Write year, month, day: {date.today():%Y-%m-%d}."
            ) from error
    height = _number(text.height, "height")
    if height is not None and height > METRES_UP_TO:
        height /= 100
    update = {
        "participant": " ".join(text.participant.split()) or "unnamed",
        "recorded_on": day,
        "tags": split_tags(text.tags),
        "sex": text.sex,
        "height_m": height,
        "mass_kg": _number(text.mass, "mass"),
        "notes": text.notes.strip(),
    }
    try:
        return SessionManifest.model_validate({**before.model_dump(), **update})
    except ValidationError as error:
        where = str(error.errors()[0]["loc"][0])
        name, unit = {"height_m": ("height", "centimetres"), "mass_kg": ("mass", "kilograms")}.get(
            where, (where, "")
        )
        raise InputError(f"The {name} cannot be right.", f"Write it in {unit}, or leave it empty.") from error


def _number(text: str, name: str) -> float | None:
    words = text.strip().lower().removesuffix("cm").removesuffix("kg").removesuffix("m").strip().replace(",", ".")
    if not words:
        return None
    try:
        value = float(words)
    except ValueError as error:
        raise InputError(f"'{text}' is no {name}.", "Write a number, or leave it empty.") from error
    if not math.isfinite(value):
        raise InputError(f"'{text}' is no {name}.", "Write a number, or leave it empty.")
    return value


@dataclass(frozen=True)
class Draft:
    """Everything that was chosen so far."""

    name: str = ""
    person: PersonText = PersonText()
    lens: Lens = "new"
    earlier: Path | None = None
    rig_file: Path | None = None
    source: Source = "record"
    trial: str = "trial_1"
    videos: tuple[tuple[str, Path], ...] = ()

    @property
    def rig(self) -> Path | None:
        """The calibration that is taken over."""
        if self.lens == "earlier":
            return self.earlier
        return self.rig_file if self.lens == "file" else None


class NewSession:
    """The wizard's state."""

    def __init__(self, home: Path, sessions: tuple[SessionEntry, ...], today: date) -> None:
        self.changed = Changes()
        self.home = home
        # The newest calibration first: most likely nobody moved the cameras since.
        with_rig = [s for s in sessions if s.calibrated]
        self.earlier = tuple(sorted(with_rig, key=lambda s: s.date, reverse=True))
        self.draft = Draft(
            person=PersonText(day=f"{today:%Y-%m-%d}"),
            lens="earlier" if self.earlier else "new",
            earlier=SessionFolder(self.earlier[0].folder).rig if self.earlier else None,
        )
        self.step = 0
        self.trouble: Trouble | None = None
        self.cameras: tuple[str, ...] = ()
        self._films: Later[tuple[Foreign, tuple[str, ...]]] = Later()
        self._rig: Later[tuple[str, ...]] = Later()
        self._look_at_rig()

    def set(self, **changes: object) -> None:
        """Choose something else."""
        rig = self.draft.rig
        self.draft = replace(self.draft, **changes)  # type: ignore[arg-type]
        self.trouble = None
        if self.draft.rig != rig:
            self._look_at_rig()
        self.changed.emit()

    @property
    def suggested(self) -> str:
        """A name for the session from participant and date."""
        person = self.draft.person
        words = "_".join(filter(None, (person.participant.strip().replace(" ", "_"), person.day.strip())))
        return words or "session"

    def choose_films(self, paths: tuple[Path, ...]) -> None:
        """Look at films, or at a folder of them."""
        cameras = self.cameras
        self._films.order(lambda: (recognise(paths), cameras))
        self.changed.emit()

    @property
    def looking(self) -> bool:
        """Whether something is looked at."""
        return self._films.busy or self._rig.busy

    def tick(self) -> None:
        """Take in what was found."""
        if (rig := self._rig.fetch()) is not None:
            try:
                self.cameras = rig.result()
            except Exception as error:  # shown to the user in words
                self.cameras, self.trouble = (), trouble_of(error)
            self._match()
            self.changed.emit()
        if (films := self._films.fetch()) is not None:
            try:
                found, _ = films.result()
                if len(found.trials) != 1:
                    raise InputError(
                        f"This folder holds {len(found.trials)} recordings.",
                        "Choose the folder of one of them, or close this and choose Import.",
                        found.folder,
                    )
                (trial,) = found.trials
                self.draft = replace(self.draft, videos=tuple(trial.videos.items()), trial=trial.name)
                self.trouble = None
                if found.calibration is not None and self.draft.lens == "new":
                    self.set(lens="file", rig_file=found.calibration)
                self._match()
            except Exception as error:  # shown to the user in words
                self.trouble = trouble_of(error)
            self.changed.emit()

    def give(self, film: Path, camera: str) -> None:
        """Put a film right that was taken for another camera's."""
        self.set(videos=tuple(given(dict(self.draft.videos), film, camera).items()))

    @property
    def choices(self) -> tuple[str, ...]:
        """Cameras that the films may be of."""
        return tuple(dict.fromkeys((*self.cameras, *(name for name, _ in self.draft.videos))))

    def go_on(self) -> bool:
        """To the next step, if nothing stands in the way; True after the last one."""
        self.trouble = self.missing()
        if self.trouble is None:
            if self.step == len(STEPS) - 1:
                return True
            self.step += 1
        self.changed.emit()
        return False

    def go_back(self) -> None:
        """To the step before."""
        self.step, self.trouble = max(0, self.step - 1), None
        self.changed.emit()

    def missing(self) -> Trouble | None:
        """What stands in the way of this step."""
        draft = self.draft
        try:
            if self.step == 0:
                if not draft.person.participant.strip():
                    raise InputError("There is no participant yet.", "Type a pseudonym such as P01.")
                check_name(draft.name or self.suggested)
                told_of(draft.person, SessionManifest(id="new"))
            elif self.step == 1 and draft.lens != "new" and (draft.rig is None or not draft.rig.is_file()):
                raise InputError("There is no calibration chosen.", "Choose one, or calibrate anew.", draft.rig)
            elif self.step == 2 and draft.source == "films":
                check_name(draft.trial)
                if len(draft.videos) < 2:
                    raise InputError(
                        "There are fewer than two videos.", "Choose the videos of all cameras, two at least."
                    )
        except ExplainedError as error:
            return trouble_of(error)
        return None

    @property
    def next_page(self) -> str:
        """Page that goes on with the session, "" for none."""
        if self.draft.lens == "new" and self.draft.source != "films":
            return "calibrate"
        return "capture" if self.draft.source == "record" else ""

    def make(self) -> tuple[Path, ImportJob | None]:
        """Make the session, and the job that brings the films into it.

        Raises
        ------
        ExplainedError
            If the disk refuses, or the calibration cannot be read.
        """
        draft = self.draft
        name = free_name(self.home, check_name(draft.name or self.suggested))
        told = told_of(draft.person, SessionManifest(id=name))
        session = SessionFolder(self.home / name)
        rig = load_rig(draft.rig) if draft.rig is not None else None
        write_manifest(session.manifest, told)
        if rig is not None:
            save_rig(rig, session.rig, "anipose")
        if draft.source != "films":
            return session.root, None
        folder = draft.videos[0][1].parent
        trial = ForeignTrial(draft.trial, dict(draft.videos))
        found = Foreign("videos", folder, name, (trial,))
        return session.root, ImportJob(f"Import {name}", TakeRequest(found, self.home, told, into=session.root))

    def close(self) -> None:
        """Let the threads go."""
        self._films.close()
        self._rig.close()

    def _look_at_rig(self) -> None:
        path = self.draft.rig
        if path is None:
            self.cameras = ()
            self._match()
        else:
            self._rig.order(lambda: load_rig(path).names)

    def _match(self) -> None:
        if self.draft.videos:
            videos = matched({path.stem: path for _, path in self.draft.videos}, self.cameras)
            if not self.cameras:
                videos = dict(self.draft.videos)
            self.draft = replace(self.draft, videos=tuple(videos.items()))
