"""A video that turns around the body of a run: what ``mocap turntable`` makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mocap.core.progress import CancelToken
from mocap.gui.presenters.jobs import Finished, Stages, Tell, steps

# In place of a page: the file is shown by whatever program the computer has for it.
FILE = "file"


@dataclass(frozen=True)
class TurntableJob:
    """A video of one run, and what else is asked for.

    Attributes
    ----------
    film, picture, mesh : Path or None
        Files to write.
    at_s : float
        The instant of picture and mesh, s from the first.
    size_wh : (int, int)
        px.
    seconds : float or None
        Length of the video; None: the motion's.
    """

    title: str
    run_folder: Path
    film: Path
    picture: Path | None = None
    mesh: Path | None = None
    at_s: float = 0.0
    size_wh: tuple[int, int] = (1280, 720)
    seconds: float | None = None
    trails: bool = False
    cameras: bool = True
    stages: ClassVar[Stages] = {"turntable": ("Drawing the video", 1.0)}

    def run(self, tell: Tell, cancel: CancelToken) -> Finished:
        """Draw it."""
        from mocap.pipeline.turntable import TurntableRequest, make_turntable
        from mocap.report.eye import TurntableFilm

        look = TurntableFilm(self.size_wh, self.seconds, self.trails, self.cameras)
        request = TurntableRequest(self.run_folder, self.film, self.picture, self.mesh, at_s=self.at_s, look=look)
        make_turntable(request, steps(tell), cancel)
        return Finished(self.film, opens=FILE)
