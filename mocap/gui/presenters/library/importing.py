"""Taking a folder or films into the library: what they are, which film is which camera's, copy or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from calibration.errors import CalibrationError
from mocap.gui.jobs.importing import ImportJob
from mocap.gui.presenters.changes import Changes, Later
from mocap.gui.presenters.words import Trouble, trouble_of
from mocap.pipeline.foreign import Foreign, ForeignTrial, recognise
from mocap.pipeline.taking import TakeRequest, bytes_of, manifest_for, on_another_disk
from mocap.session import SessionManifest

GIGABYTE = 1e9


def size_in_words(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE / 10 else f"{max(1, round(count / 1e6))} MB"


def matched(files: Mapping[str, Path], cameras: tuple[str, ...]) -> dict[str, Path]:
    """Films by the names of the calibrated cameras, as far as their names say; else by their own."""
    from mocap.capture import match_names

    if not cameras:
        return dict(files)
    try:
        camera_of = match_names(cameras, tuple(files))
    except CalibrationError:
        if len(files) != len(cameras):
            return dict(files)
        return dict(zip(cameras, files.values(), strict=True))
    return {camera_of[name]: path for name, path in files.items()}


def given(videos: Mapping[str, Path], film: Path, camera: str) -> dict[str, Path]:
    """Give a film to a camera; the camera's film before goes the other way, so that none is lost."""
    before = next(name for name, path in videos.items() if path == film)
    changed = {name: path for name, path in videos.items() if name not in (before, camera)}
    if camera in videos:
        changed[before] = videos[camera]
    changed[camera] = film
    return dict(sorted(changed.items()))


class Importing:
    """What the import dialog shows and asks; ``tick`` is called by a timer."""

    def __init__(self, paths: tuple[Path, ...], home: Path, into: Path | None = None) -> None:
        self.into = into
        self.changed = Changes()
        self.found: Foreign | None = None
        self.trouble: Trouble | None = None
        self.size, self.elsewhere = 0, False
        self.name, self.participant, self.copy = "", "", False
        self._paths, self._home = paths, home
        self._work: Later[tuple[Foreign, int, bool]] = Later()
        self.look(paths)

    def look(self, paths: tuple[Path, ...]) -> None:
        """Look at other files."""
        self._paths, self.found, self.trouble, home = paths, None, None, self._home

        def work() -> tuple[Foreign, int, bool]:
            found = recognise(paths)
            trials = tuple(replace(t, videos=matched(t.videos, found.cameras)) for t in found.trials)
            return replace(found, trials=trials), bytes_of(found), on_another_disk(found, home)

        self._work.order(work)

    @property
    def looking(self) -> bool:
        """Whether it is not known yet what the files are."""
        return self._work.busy

    def tick(self) -> None:
        """Take in what was found."""
        if (done := self._work.fetch()) is None:
            return
        try:
            self.found, self.size, self.elsewhere = done.result()
        except Exception as error:  # shown to the user in words
            self.trouble = trouble_of(error)
        else:
            self.name, self.participant = self.found.name, self.found.subject
            # Films on a disk that may be taken away are better copied.
            self.copy = self.elsewhere or self.found.kind == "openmocap"
        self.changed.emit()

    def give(self, trial: int, film: Path, camera: str) -> None:
        """Put a film right that was taken for another camera's."""
        if self.found is None:
            return
        trials: list[ForeignTrial] = list(self.found.trials)
        trials[trial] = replace(trials[trial], videos=given(trials[trial].videos, film, camera))
        self.found = replace(self.found, trials=tuple(trials))
        self.changed.emit()

    def cameras(self, trial: int) -> tuple[str, ...]:
        """Cameras that the films of a trial may be of."""
        if self.found is None:
            return ()
        own = tuple(self.found.trials[trial].videos)
        return tuple(dict.fromkeys((*self.found.cameras, *own)))

    @property
    def place_words(self) -> str:
        """What the choice to copy or not means here."""
        if self.copy:
            return f"The videos ({size_in_words(self.size)}) are copied into the library; the originals stay."
        if self.elsewhere:
            return "The videos lie on another disk. If it is taken away, they are gone: better copy them."
        return "The videos stay where they are and must not be moved or renamed."

    def job(self) -> ImportJob | Trouble:
        """What is to be done, or what stands in the way."""
        if self.found is None:
            return self.trouble or Trouble("Still looking.", "Wait a moment.")
        try:
            told: SessionManifest = manifest_for(self.found, " ".join(self.participant.split()))
            told = told.model_copy(update={"id": self.name.strip() or told.id})
        except Exception as error:  # shown to the user in words
            return trouble_of(error)
        request = TakeRequest(self.found, self._home, told, self.copy, into=self.into)
        return ImportJob(f"Import {told.id}", request)

    def close(self) -> None:
        """Let the thread go."""
        self._work.close()
