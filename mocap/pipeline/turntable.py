"""The body of a finished run in the round: a film, a picture, a mesh, a point cloud."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from calibration.formats import load_rig
from mocap.core.errors import ExportError
from mocap.core.progress import CancelToken, Progress, silent
from mocap.pipeline.reexport import load_take
from mocap.report.eye import TurntableFilm
from mocap.report.turntable import write_picture, write_solid, write_turntable
from mocap.session import RunFolder


@dataclass(frozen=True)
class TurntableRequest:
    """What to make of a run.

    Attributes
    ----------
    film, picture, mesh, cloud : Path or None
        Files to write (MP4, PNG, PLY, PLY).
    at_s : float
        Which instant the picture, the mesh and the cloud show, s from the first.
    look : TurntableFilm
        Size and length of the film, and what is in it.
    """

    run: Path
    film: Path | None = None
    picture: Path | None = None
    mesh: Path | None = None
    cloud: Path | None = None
    at_s: float = 0.0
    look: TurntableFilm = field(default_factory=TurntableFilm)


# What a file is called, where not as its field.
WORDS = {"film": "video", "cloud": "point cloud"}
# What each file's name must end in: open3d and the players choose by it.
ENDINGS = {"film": ".mp4", "picture": ".png", "mesh": ".ply", "cloud": ".ply"}


def make_turntable(
    request: TurntableRequest, progress: Progress = silent, cancel: CancelToken | None = None
) -> tuple[Path, ...]:
    """Write what is asked for, the film last as it takes the longest.

    Raises
    ------
    MissingExtraError
        If open3d is not installed.
    SessionError
        If this is not a finished run.
    CancelledError
        If stopped; files that are done stay.
    """
    wanted = {name: path for name in ENDINGS if (path := getattr(request, name)) is not None}
    if not wanted:
        raise ExportError("No file is named.", "Name a video, a picture, a mesh or a point cloud.")
    for name, path in wanted.items():
        if path.suffix.lower() != ENDINGS[name]:
            raise ExportError(
                f"The name of the {WORDS.get(name, name)} must end in {ENDINGS[name]}.", "Change the name.", path
            )
    cancel = cancel or CancelToken()
    take = load_take(RunFolder(request.run))
    rig = load_rig(request.run / "rig.toml")
    done = []
    for kind in ("mesh", "cloud"):
        if kind in wanted:
            cancel.check()
            done.append(write_solid(wanted[kind], take.points, take.t_s, request.at_s, kind))
    if request.picture is not None:
        cancel.check()
        done.append(write_picture(request.picture, take.points, take.t_s, rig, request.look, request.at_s))
    if request.film is not None:
        done.append(
            write_turntable(
                request.film, take.points, take.t_s, rig, request.look, progress=progress, cancel=cancel
            )
        )
    return tuple(done)
