"""What lies in a folder of another program: FreeMoCap, Caliscope, Pose2Sim, OpenCap, or plain videos.

Where they keep things: docs of FreeMoCap 1.6 and Caliscope 0.11, Pose2Sim 0.10's demos, opencap-core. Nothing is
changed and no video is decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from calibration.errors import CalibrationError
from calibration.formats import find_rig, load_rig
from mocap.capture import find_videos, match_names
from mocap.capture.find import VIDEO_FOLDERS, VIDEO_SUFFIXES, camera_names, natural_key
from mocap.core.errors import InputError
from mocap.poseio import POSE_FORMATS
from mocap.presets import read_toml
from mocap.session import SessionFolder
from mocap.sync import TIMESTAMPS_FILE

Kind = Literal["openmocap", "opencap", "caliscope", "freemocap", "pose2sim", "videos"]

TITLES: dict[Kind, str] = {
    "openmocap": "A session of this program",
    "opencap": "An OpenCap session",
    "caliscope": "A Caliscope project",
    "freemocap": "A FreeMoCap recording",
    "pose2sim": "A Pose2Sim project",
    "videos": "Video files",
}

BOARD_FILES = ("board.toml", "charuco.toml")
# Where each program keeps films of its board, from the project's folder.
BOARD_FILMS = ("calibration/extrinsic", "calibration/extrinsics", "calibration/videos")
# Detections of these trials, from the trial's folder: Pose2Sim, FreeMoCap, Caliscope.
POSE_PLACES = ("pose", "output_data/raw_data", "output_data", ".", "*")
# OpenCap's own trials of its board, which show nobody moving.
BOARD_TRIALS = ("calibration", "extrinsics")


@dataclass(frozen=True)
class ForeignTrial:
    """One recording of another program.

    Attributes
    ----------
    name : str
    videos : mapping of str to Path
        By camera; none where only detections are there.
    timestamps : Path or None
        When each picture was taken, as the recorder wrote it down.
    poses : Path or None
        Detections that the program made, of a format that ``mocap.poseio`` reads.
    pose_format : str
    """

    name: str
    videos: Mapping[str, Path]
    timestamps: Path | None = None
    poses: Path | None = None
    pose_format: str = ""


@dataclass(frozen=True)
class Foreign:
    """What a folder holds.

    Attributes
    ----------
    calibration : Path or None
        Of the cameras, in whatever format.
    cameras : tuple of str
        Names in the calibration; none where there is none that can be read.
    board : Path or None
        What the board looks like.
    board_films : Path or None
        Folder of the films that show it.
    subject, height_m, mass_kg, sex
        What the program knew of the person; "" and None where it did not.
    notes : tuple of str
        What was found and cannot be used, in sentences.
    """

    kind: Kind
    folder: Path
    name: str
    trials: tuple[ForeignTrial, ...]
    calibration: Path | None = None
    cameras: tuple[str, ...] = ()
    board: Path | None = None
    board_films: Path | None = None
    subject: str = ""
    height_m: float | None = None
    mass_kg: float | None = None
    sex: Literal["female", "male", "unknown"] = "unknown"
    notes: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """What it is, for people."""
        return TITLES[self.kind]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that a copy takes along."""
        if self.kind == "openmocap":
            return tuple(path for path in sorted(self.folder.rglob("*")) if path.is_file())
        of_trials = [path for t in self.trials for path in (*t.videos.values(), t.timestamps) if path is not None]
        films = sorted(p for p in self.board_films.iterdir() if p.is_file()) if self.board_films else []
        return (*of_trials, *films)


def recognise(paths: Sequence[Path]) -> Foreign:
    """Find out what a folder, or several files, are.

    Raises
    ------
    InputError
        If there is nothing to import, with what was looked for.
    """
    gone = [path for path in paths if not path.exists()]
    if not paths or gone:
        raise InputError(
            "There is no such file or folder.",
            "Check the path; was it moved or renamed?",
            gone[0] if gone else None,
        )
    if any(path.is_file() for path in paths):
        return _with_rig(_files([path for path in paths if path.is_file()]))
    folder = paths[0]
    for kind, fits, read in READERS:
        if fits(folder):
            found = _with_rig(replace(read(folder), kind=kind))
            if found.trials or found.board_films or found.calibration:
                return found
    return _with_rig(_plain(folder))


def _files(paths: Sequence[Path]) -> Foreign:
    """Video files chosen one by one."""
    videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    if not videos:
        raise InputError(
            f"'{paths[0].name}' is no video.", f"Choose videos ({', '.join(VIDEO_SUFFIXES)}).", paths[0]
        )
    folder = videos[0].parent
    names = camera_names([video.stem for video in videos])
    if len(set(names)) < len(names):
        names = tuple(video.stem for video in videos)
    by_camera = dict(sorted(zip(names, videos, strict=True), key=lambda pair: natural_key(pair[0])))
    name = _name_of(folder)
    return Foreign("videos", folder, name, (ForeignTrial(name, by_camera, _timestamps(videos[0])),))


def _name_of(folder: Path) -> str:
    """Name of a recording by its folder, or the folder above one that is only called ``videos`` or the like."""
    return folder.resolve().parent.name if folder.name.lower() in VIDEO_FOLDERS else folder.resolve().name


def _plain(folder: Path) -> Foreign:
    """A folder of videos, or a folder of such folders, each a recording."""
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] not in ".@"]
    trials: list[ForeignTrial] = []
    try:
        trials = [_trial(folder, _name_of(folder))]
    except InputError as error:
        for place in inner:
            try:
                trials.append(_trial(place, place.name))
            except InputError:
                continue
        if not trials:
            raise InputError(
                f"Nothing to import was found: {error.what}",
                "Choose a folder of videos, or one of FreeMoCap, Caliscope, Pose2Sim or OpenCap.",
                folder,
            ) from error
    return Foreign("videos", folder, _name_of(folder), tuple(trials))


def _trial(folder: Path, name: str) -> ForeignTrial:
    """Read one recording in a folder of its own."""
    videos = find_videos(folder)
    first = next(iter(videos.values()))
    return _with_poses(ForeignTrial(name, videos, _timestamps(first)), folder)


def _trials_in(folders: Sequence[Path]) -> tuple[ForeignTrial, ...]:
    """Those of the folders that hold a recording, by name; detections alone are one, too."""
    trials = []
    for folder in sorted(folders, key=lambda path: natural_key(path.name)):
        try:
            trials.append(_trial(folder, folder.name))
        except InputError:
            bare = _with_poses(ForeignTrial(folder.name, {}), folder)
            trials += [bare] if bare.poses is not None else []
    return tuple(trials)


def _with_poses(trial: ForeignTrial, folder: Path) -> ForeignTrial:
    """Look for detections of a recording."""
    for pattern in POSE_PLACES:
        for place in sorted(folder.glob(pattern)) if pattern != "." else [folder]:
            form = next(
                (name for name, form in POSE_FORMATS.items() if place.is_dir() and form.recognises(place)), ""
            )
            if form:
                return replace(trial, poses=place, pose_format=form)
    return trial


def _timestamps(video: Path) -> Path | None:
    path = video.parent / TIMESTAMPS_FILE
    return path if path.is_file() else None


def _with_rig(found: Foreign) -> Foreign:
    """Add the calibration, the board and its films, as far as they lie where they usually do."""
    path = found.calibration or find_rig(found.folder)
    if path is None and found.folder.name.lower() in VIDEO_FOLDERS:  # ``raw`` of a trial of a session of ours
        path = find_rig(found.folder.resolve().parent)
    board = next((b for base in (found.folder, found.folder / "calibration") for n in BOARD_FILES
                  if (b := base / n).is_file()), None)  # fmt: skip
    films = next(
        (place for name in BOARD_FILMS if (place := found.folder / name).is_dir() and _holds_films(place)), None
    )
    films = (
        None if any(films == video.parent for trial in found.trials for video in trial.videos.values()) else films
    )
    found = replace(found, board=board, board_films=films)
    if path is None:
        return replace(found, notes=(*found.notes, "No calibration was found: the cameras have to be calibrated."))
    try:
        names = load_rig(path).names
    except CalibrationError as error:
        note = f"The calibration {path.name} cannot be used: {error.what}"
        return replace(found, calibration=None, notes=(*found.notes, note))
    notes = found.notes
    for trial in found.trials:
        try:
            match_names(names, tuple(trial.videos))
        except CalibrationError:
            cameras = ", ".join(names)
            notes = (*notes, f"The videos of '{trial.name}' are not named as the calibrated cameras ({cameras}).")
    return replace(found, calibration=path, cameras=names, notes=notes)


def _holds_films(folder: Path) -> bool:
    return any(path.suffix.lower() in VIDEO_SUFFIXES for path in folder.iterdir())


def _is_opencap(folder: Path) -> bool:
    cameras = list(folder.glob("Videos/Cam*"))
    return bool(cameras) and any((c / "InputMedia").is_dir() or any(c.glob("*.pickle")) for c in cameras)


def _read_opencap(folder: Path) -> Foreign:
    """``Videos/Cam0/InputMedia/<trial>/<id>.mov`` and ``sessionMetadata.yaml``."""
    trials: dict[str, dict[str, Path]] = {}
    for camera in sorted(folder.glob("Videos/Cam*"), key=lambda path: natural_key(path.name)):
        for place in sorted(camera.glob("InputMedia/*")):
            if place.is_dir() and place.name.lower() not in BOARD_TRIALS and (video := _opencap_video(place)):
                trials.setdefault(place.name, {})[camera.name] = video
    meta = folder / "sessionMetadata.yaml"
    words = meta.read_text(encoding="utf-8", errors="replace") if meta.is_file() else ""
    sex = {"f": "female", "m": "male"}.get(_yaml(words, "gender_mf").lower()[:1], "unknown")
    return Foreign(
        "opencap",
        folder,
        folder.name,
        tuple(ForeignTrial(name, videos) for name, videos in sorted(trials.items())),
        subject=_yaml(words, "subjectID"),
        height_m=_number(_yaml(words, "height_m")),
        mass_kg=_number(_yaml(words, "mass_kg")),
        sex=sex,  # type: ignore[arg-type]
        notes=("OpenCap's phones start on their own: bring the films together in time before processing.",),
    )


def _opencap_video(place: Path) -> Path | None:
    """The film of a trial; the one cut to a common start where there are several."""
    films = [path for path in sorted(place.iterdir()) if path.suffix.lower() in VIDEO_SUFFIXES]
    return next((path for path in films if "sync" in path.stem.lower()), films[0] if films else None)


def _yaml(text: str, key: str) -> str:
    """Value of a plain key on a line of its own, which is all that is needed of the file."""
    found = re.search(rf"^\s*{key}\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    return found.group(1).strip("'\"") if found else ""


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_caliscope(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("camera_array.toml", "capture_volume.toml"))


def _read_caliscope(folder: Path) -> Foreign:
    """``recordings/<name>/cam_0.mp4``, ``timestamps.csv`` and ``camera_array.toml``."""
    return Foreign("caliscope", folder, folder.name, _trials_in(_folders(folder / "recordings")))


def _is_freemocap(folder: Path) -> bool:
    recordings = (folder, *_folders(folder))
    return any((place / "synchronized_videos").is_dir() for place in recordings)


def _read_freemocap(folder: Path) -> Foreign:
    """A recording with ``synchronized_videos``, or a session of several."""
    single = (folder / "synchronized_videos").is_dir()
    inside = [folder] if single else [f for f in _folders(folder) if (f / "synchronized_videos").is_dir()]
    rig = next(
        (path for place in (folder, *inside) for path in sorted(place.glob("*_camera_calibration.toml"))), None
    )
    return Foreign("freemocap", folder, folder.name, _trials_in(inside), calibration=rig)


def _is_pose2sim(folder: Path) -> bool:
    config = folder / "Config.toml"
    return config.is_file() and any(
        (place / name).is_dir() for place in (folder, *_folders(folder)) for name in ("videos", "pose")
    )


def _read_pose2sim(folder: Path) -> Foreign:
    """``Config.toml`` with ``videos`` and ``pose``, or a session of several such trials."""
    places = [place for place in (folder, *_folders(folder)) if _is_trial_of_pose2sim(place)]
    project = read_toml(folder / "Config.toml").get("project", {})
    return Foreign(
        "pose2sim",
        folder,
        folder.name,
        _trials_in(places),
        height_m=_number(project.get("participant_height")),
        mass_kg=_number(project.get("participant_mass")),
    )


def _is_trial_of_pose2sim(folder: Path) -> bool:
    return folder.name != "calibration" and any((folder / name).is_dir() for name in ("videos", "pose"))


def _read_own(folder: Path) -> Foreign:
    """A session of this program, in another data folder."""
    return Foreign(
        "openmocap", folder, folder.name, _trials_in([trial.root for trial in SessionFolder(folder).trials])
    )


def _folders(folder: Path) -> tuple[Path, ...]:
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return tuple(path for path in inside if path.is_dir() and path.name[0] not in ".@")


# Tried in this order: each by what only it has.
READERS: tuple[tuple[Kind, Callable[[Path], bool], Callable[[Path], Foreign]], ...] = (
    ("openmocap", lambda folder: SessionFolder(folder).manifest.is_file(), _read_own),
    ("opencap", _is_opencap, _read_opencap),
    ("caliscope", _is_caliscope, _read_caliscope),
    ("freemocap", _is_freemocap, _read_freemocap),
    ("pose2sim", _is_pose2sim, _read_pose2sim),
)
