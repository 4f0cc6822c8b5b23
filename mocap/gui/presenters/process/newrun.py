"""A new run: what lies in a folder that somebody dropped, and what is missing before it can be processed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mocap.core.errors import ExplainedError
from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.process.settings import own_presets_dir
from mocap.gui.presenters.words import Trouble, title, trouble_of
from mocap.presets import preset_names, preset_path, read_toml

FEWEST_VIDEOS = 2
FIRST_CHOICE = "balanced"


@dataclass(frozen=True)
class Preset:
    """A way to process, with what it is good for."""

    name: str
    title: str
    description: str


@dataclass(frozen=True)
class Survey:
    """What a folder holds.

    Attributes
    ----------
    videos : tuple of (camera, path)
    calibration : Path or None
        Found beside the videos.
    sex : str
        Of the person, as the session says.
    trouble : Trouble or None
        Why it cannot be processed as it is.
    """

    folder: Path
    videos: tuple[tuple[str, Path], ...] = ()
    calibration: Path | None = None
    trouble: Trouble | None = None
    sex: str = "unknown"


def presets(own: Path | None = None) -> tuple[Preset, ...]:
    """Presets of the pipeline, the usual one first, then one's own; the live one is for cameras, not for files.

    Parameters
    ----------
    own : Path, optional
        Folder of the user's own presets.
    """
    names = sorted(set(preset_names("pipelines")) - {"live"}, key=lambda name: (name != FIRST_CHOICE, name))
    read = {name: read_toml(preset_path("pipelines", name)) for name in names}
    shipped = [Preset(name, title(name), str(read[name]["description"])) for name in names]
    folder = own or own_presets_dir()
    kept = [Preset(str(path), path.stem, "One of your own") for path in sorted(folder.glob("*.toml"))]
    return (*shipped, *kept)


def survey(path: Path) -> Survey:
    """Look into a folder; a video stands for the folder it lies in."""
    from calibration.formats import find_rig
    from mocap.capture import find_videos
    from mocap.session import SessionFolder, TrialFolder

    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        gone = Trouble("There is no such folder.", "Check the path; was it moved or renamed?", folder)
        return Survey(folder, trouble=gone)
    try:
        trials = SessionFolder(folder).trials
        if len(trials) > 1:
            names = ", ".join(trial.name for trial in trials)
            many = Trouble(f"This session holds {len(trials)} trials.", f"Choose one of them: {names}.", folder)
            return Survey(folder, trouble=many)
        source = trials[0].root if trials else folder
        if TrialFolder(source).manifest.is_file():
            from mocap.gui.presenters.library.library import trial_videos

            videos = dict(trial_videos(TrialFolder(source)))
        else:
            videos = find_videos(source)
        rig = find_rig(source)
    except (ExplainedError, OSError) as error:
        return Survey(folder, trouble=trouble_of(error))
    found = tuple(videos.items())
    if len(found) < FEWEST_VIDEOS:
        few = Trouble(
            "There is only one video here." if found else "There are no videos here.",
            "Three dimensions need two cameras or more: put the videos of all cameras into one folder.",
            folder,
        )
        return Survey(folder, found, rig, few)
    return Survey(folder, found, rig, sex=_sex_of(source))


def _sex_of(trial: Path) -> str:
    """Sex of the person as the trial's session says; not known where there is none."""
    from mocap.session import SessionFolder, SessionManifest, read_manifest

    place = trial.resolve()
    session = SessionFolder(place.parent.parent)
    if place.parent.name != "trials" or not session.manifest.is_file():
        return "unknown"
    try:
        return read_manifest(session.manifest, SessionManifest).sex
    except ExplainedError:  # the library tells of it; the films can be processed all the same
        return "unknown"


def surveys(path: Path) -> tuple[Survey, ...]:
    """Look into a folder that may hold several recordings: a session, or folders with videos side by side."""
    from mocap.capture import find_videos
    from mocap.session import SessionFolder

    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        return (survey(path),)
    trials = SessionFolder(folder).trials
    if len(trials) > 1:
        return tuple(survey(trial.root) for trial in trials)
    if not trials:
        inner = []
        for below in sorted(folder.iterdir()):
            try:
                if below.is_dir() and below.name[0] not in ".@" and len(find_videos(below)) >= FEWEST_VIDEOS:
                    inner.append(below)
            except (ExplainedError, OSError):  # no videos, or not to be read: not a recording
                continue
        own = survey(path)
        if inner and own.trouble is not None:
            return tuple(survey(below) for below in inner)
        return (own,)
    return (survey(path),)


def missing(found: Survey, calibration: Path | None) -> Trouble | None:
    """What stands in the way of a run, None where nothing does."""
    if found.trouble is not None:
        return found.trouble
    chosen = calibration or found.calibration
    if chosen is None:
        return Trouble(
            "There is no calibration beside the videos.",
            "Choose the calibration file of these cameras below, or make one with mocap calibrate.",
            found.folder,
        )
    if not chosen.exists():
        return Trouble("The calibration is not there.", "Choose another file.", chosen)
    return None


def request(found: Survey, preset: str, calibration: Path | None) -> ProcessJob:
    """The job that processes what was found."""
    return ProcessJob(f"{found.folder.name} · {title(preset)}", found.folder, preset, calibration)
