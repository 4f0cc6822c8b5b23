"""Origin, axes and floor of a calibration chosen by pointing: every step can be undone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from calibration import CameraRig
from calibration.alignment import (
    FLOOR_STEEPEST_RAD,
    LYING_TILT_RAD,
    BoardUp,
    align_to_board,
    align_to_floor,
    align_to_up,
    move_rig,
    up_from_cameras,
)
from calibration.formats import save_rig
from calibration.report.points import triangulate
from calibration.transforms import from_rotation, invert
from mocap.core.errors import CalibrationError
from mocap.core.progress import CancelToken, silent
from mocap.core.types import FloatArray
from mocap.gui.presenters.calibrate.result import Result, report_file
from mocap.gui.presenters.calibrate.seen import Seen

FEWEST_FLOOR_POINTS = 3
RIG_FILE = "rig.toml"
# A ray is followed this far from its camera to show where it runs in another picture, m.
RAY_M = (0.2, 30.0)
RAY_STEPS = 200
# The floor is drawn into the pictures this far around the origin, m, a line every so often.
GRID_REACH_M, GRID_STEP_M, GRID_SAMPLE_M = 3.0, 0.5, 0.05
AXIS_M = 0.5
# A click that the other view contradicts by more than this, px, is of another point.
APART_PX = 12.0


@dataclass(frozen=True)
class Mark:
    """A point that somebody clicked, in one view or more: px by camera."""

    xy: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A world that was tried: the rig in it, and how it was made."""

    rig: CameraRig
    said: str


@dataclass(frozen=True)
class WorldEdit:
    """Worlds that were tried, one after the other; ``at`` is the one that is shown.

    Attributes
    ----------
    result : Result
        The calibration as it is on the disk.
    marks : tuple of Mark
        Points that were clicked so far, of the present pictures.
    """

    result: Result
    steps: tuple[Step, ...]
    at: int = 0
    marks: tuple[Mark, ...] = ()

    @property
    def rig(self) -> CameraRig:
        """The rig in the world that is shown."""
        return self.steps[self.at].rig

    @property
    def seen(self) -> Seen | None:
        """Where the board was, in the world that is shown."""
        return self.result.seen.within(self.rig) if self.result.seen is not None else None

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return self.at > 0

    @property
    def can_redo(self) -> bool:
        """Whether something was undone."""
        return self.at + 1 < len(self.steps)

    def undo(self) -> WorldEdit:
        """One step back: the last click, else the last world."""
        if self.marks:
            last = self.marks[-1]
            rest = dict(list(last.xy.items())[:-1])
            return replace(self, marks=(*self.marks[:-1], *((Mark(rest),) if rest else ())))
        return replace(self, at=max(0, self.at - 1))

    def redo(self) -> WorldEdit:
        """One step forth."""
        return replace(self, at=min(len(self.steps) - 1, self.at + 1))

    def _with(self, rig: CameraRig, said: str) -> WorldEdit:
        notes = {key: note for key, note in rig.notes.items() if key != "assumption"}
        step = Step(replace(rig, notes=notes), said)
        return replace(self, steps=(*self.steps[: self.at + 1], step), at=self.at + 1, marks=())

    # Clicks

    def clicked(self, camera: str, xy: tuple[float, float]) -> WorldEdit:
        """Take a click: it belongs to the last point where that lacks this view, else it begins another."""
        if self.marks and camera not in self.marks[-1].xy and len(self.marks[-1].xy) < 2:
            done = Mark({**self.marks[-1].xy, camera: xy})
            return replace(self, marks=(*self.marks[:-1], done))
        if self.marks and len(self.marks[-1].xy) < 2:
            return replace(self, marks=(*self.marks[:-1], Mark({camera: xy})))
        return replace(self, marks=(*self.marks, Mark({camera: xy})))

    def points(self) -> FloatArray:
        """The clicked points (N, 3), m; NaN where a point was clicked in one view only, or the views disagree."""
        xy = np.full((len(self.marks), len(self.rig.cameras), 2), np.nan)
        for row, mark in enumerate(self.marks):
            for name, place in mark.xy.items():
                xy[row, self.rig.names.index(name)] = place
        points = triangulate(self.rig, xy).points
        back = np.moveaxis(self.rig.project(points)[0], 0, 1)
        off = np.linalg.norm(back - xy, axis=-1)
        wrong = np.nan_to_num(off).max(axis=1, initial=0.0) > APART_PX
        points[wrong] = np.nan
        return points

    def guide(self, camera: str) -> FloatArray:
        """Where the point that waits for its second view may be in this camera's picture (N, 2), px."""
        waits = bool(self.marks) and len(self.marks[-1].xy) == 1 and camera not in self.marks[-1].xy
        if not waits:
            return np.zeros((0, 2))
        (name, xy), *_ = self.marks[-1].xy.items()
        source = self.rig.cameras[self.rig.names.index(name)]
        ray = np.append(source.intrinsics.undistort(np.array([xy]))[0], 1.0)
        depths = np.geomspace(*RAY_M, RAY_STEPS)
        world = invert(source.cam_from_world)
        points = (depths[:, None] * ray) @ world[:3, :3].T + world[:3, 3]
        return _in_view(self.rig, camera, points)

    def hint(self) -> str:
        """What to click next, in words."""
        whole = sum(len(mark.xy) > 1 for mark in self.marks)
        if self.marks and len(self.marks[-1].xy) == 1:
            return "Now click the same point in the other picture; it lies on the line."
        if bool(self.marks) and not np.isfinite(self.points()).all():
            return "The two pictures disagree on the last point: undo, and click it again."
        if whole < FEWEST_FLOOR_POINTS:
            left = FEWEST_FLOOR_POINTS - whole
            which = "three points" if left == 3 else "two more points" if left == 2 else "one more point"
            return f"Click {which} on the floor, far apart, each in both pictures."
        return "Enough for a floor; more points make it surer."

    # Worlds

    def floor_from_points(self, origin_too: bool) -> WorldEdit:
        """Put the floor through the clicked points; the first is the origin and x runs to the second, if asked."""
        points = self.points()
        known = points[np.isfinite(points).all(axis=1)]
        if len(known) < FEWEST_FLOOR_POINTS:
            raise CalibrationError(
                f"A floor needs three points, there are {len(known)}.", "Click each point in two pictures."
            )
        rig, move = align_to_floor(self.rig, known)
        said = f"Floor through {len(known)} clicked points"
        if origin_too:
            placed = known @ move[:3, :3].T + move[:3, 3]
            along = placed[1] - placed[0]
            rig = _headed(rig, placed[0], float(np.arctan2(along[1], along[0])))
            said += "; the first is the origin, x runs to the second"
            rig = _noted(rig, "Origin and x axis from clicked points, floor at z = 0, z up, metres.")
        return self._with(rig, said)

    def origin_from_point(self) -> WorldEdit:
        """Put the origin below or above the last clicked point; the floor stays."""
        points = self.points()
        if not len(points) or not np.isfinite(points[-1]).all():
            raise CalibrationError("No point is clicked in two pictures.", "Click the origin in both pictures.")
        where = points[-1] * np.array([1.0, 1.0, 0.0])
        return self._with(_headed(self.rig, where, 0.0), "Origin at a clicked point")

    def board_is_origin(self, instant: int, up: BoardUp = "auto") -> WorldEdit:
        """Put origin and axes where the board was at an instant."""
        seen = self._seen()
        if up == "auto":
            self._must_lie((instant,), LYING_TILT_RAD)
        pose = seen.world_from_board[instant]
        return self._with(align_to_board(self.rig, pose, up)[0], "Origin and axes from the board")

    def boards_are_floor(self, instants: tuple[int, ...]) -> WorldEdit:
        """Put the floor where the board lay at these instants; the heading stays."""
        seen = self._seen()
        self._must_lie(instants, FLOOR_STEEPEST_RAD)
        corners = seen.corners()[list(instants)].reshape(-1, 3)
        rig = align_to_floor(self.rig, corners)[0]
        count = len(instants)
        return self._with(rig, f"Floor from the board at {count} {'place' if count == 1 else 'places'}")

    def feet_are_floor(self, run: Path) -> WorldEdit:
        """Put the floor under the feet of somebody on foot; takes some seconds."""
        from mocap.pipeline.calibration.align import AlignRequest, floor_points, slope_warnings

        request = AlignRequest(self.result.rig_file, self.result.rig_file, floor=run)
        points, _ = floor_points(request, silent, CancelToken())
        move = self._from_disk()
        points = points @ move[:3, :3].T + move[:3, 3]
        rig, step = align_to_floor(self.rig, points)
        warned = slope_warnings(points @ step[:3, :3].T + step[:3, 3])
        said = " ".join(("Floor under the feet of a run.", *warned))
        note = f"{rig.notes['floor']} They are heels and toes, which detectors see some centimetres up."
        return self._with(replace(rig, notes={**rig.notes, "floor": note}), said)

    def cameras_are_level(self) -> WorldEdit:
        """Take the cameras' own up; the height of the floor stays unknown."""
        return self._with(align_to_up(self.rig, up_from_cameras(self.rig)[0])[0], "Up is the cameras' own up")

    def turned(self, degrees: float) -> WorldEdit:
        """Turn the axes about z, counterclockwise from above."""
        return self._with(_headed(self.rig, np.zeros(3), float(np.radians(degrees))), f"Turned by {degrees:g}°")

    def raised(self, metres: float) -> WorldEdit:
        """Put the floor this much higher (a board is as thick as it is, and may have lain on a mat)."""
        move = from_rotation(np.eye(3), [0.0, 0.0, -metres])
        return self._with(move_rig(self.rig, move, {}), f"Floor {1000 * metres:+.0f} mm")

    def _must_lie(self, instants: tuple[int, ...], most_rad: float) -> None:
        """Refuse boards that were tilted; only the cameras' own up tells, so some tilt is allowed."""
        tilts = self._seen().tilt_deg(up_from_cameras(self.rig)[0])[list(instants)]
        if np.radians(tilts.max()) > most_rad:
            raise CalibrationError(
                f"The board did not lie flat then: it was tilted by {tilts.max():.0f}°.",
                "Choose an instant at which it lies. To put the origin where it stood, say which edge was up.",
            )

    def _seen(self) -> Seen:
        if (seen := self.seen) is None:
            raise CalibrationError(
                "Where the board was is not kept for this calibration.",
                "Calibrate again in this app, or click three points on the floor.",
            )
        return seen

    def _from_disk(self) -> FloatArray:
        """The world that is shown from the one on the disk (4, 4)."""
        old, new = self.result.rig.cameras[0].cam_from_world, self.rig.cameras[0].cam_from_world
        return np.asarray(invert(new) @ old)

    def lying(self) -> tuple[int, ...]:
        """Instants at which the board lay flat, the lowest first; for whoever looks for the floor."""
        if (seen := self.seen) is None:
            return ()
        up = up_from_cameras(self.rig)[0]
        height = (seen.corners() @ up).mean(axis=1)
        flat = np.flatnonzero(seen.tilt_deg(up) < np.degrees(LYING_TILT_RAD))
        return tuple(int(i) for i in flat[np.argsort(height[flat])])

    # Pictures

    def floor_lines(self, camera: str) -> tuple[FloatArray, ...]:
        """Lines of the floor as a camera sees them, each (N, 2) px."""
        ends = np.arange(-GRID_REACH_M, GRID_REACH_M + 1e-9, GRID_STEP_M)
        along = np.arange(-GRID_REACH_M, GRID_REACH_M + 1e-9, GRID_SAMPLE_M)
        lines = []
        for end in ends:
            fixed, zero = np.full_like(along, end), np.zeros_like(along)
            for line in (np.stack([fixed, along, zero], 1), np.stack([along, fixed, zero], 1)):
                lines += _pieces(self.rig, camera, line)
        return tuple(lines)

    def axes(self, camera: str) -> tuple[FloatArray, ...]:
        """The axes x, y, z at the origin as a camera sees them, each (N, 2) px; empty where not in view."""
        steps = np.linspace(0.0, AXIS_M, 20)
        return tuple(_in_view(self.rig, camera, steps[:, None] * axis) for axis in np.eye(3))


def begin(result: Result) -> WorldEdit:
    """Nothing is changed yet."""
    return WorldEdit(result, (Step(result.rig, "As it is"),))


def save(edit: WorldEdit) -> Path:
    """Write the calibration in its new world; the former stays beside it under a number.

    Raises
    ------
    ExplainedError
        If the disk refuses.
    """
    return _take_place(edit.result.rig_file, lambda path: save_rig(edit.rig, path, "anipose"))


def keep_former(former: Path) -> Path:
    """Make a calibration of before the present one; the present one stays under a number."""
    content = former.read_bytes()
    return _take_place(former, lambda path: path.write_bytes(content))


def _take_place(source: Path, write: Callable[[Path], object]) -> Path:
    """Write the calibration of a folder anew, with the report of its source; the former one is kept."""
    rig_file = source.with_name(RIG_FILE)
    # How well the cameras are known does not depend on the world: the report holds for the new file, too.
    reports = [
        (report_file(source).with_suffix(s), report_file(rig_file).with_suffix(s)) for s in (".json", ".html")
    ]
    kept = [(target, path.read_bytes()) for path, target in reports if path.is_file()]
    replace_rig(rig_file, write)
    for target, data in kept:
        target.write_bytes(data)
    return rig_file


def replace_rig(rig_file: Path, write: Callable[[Path], object]) -> None:
    """Write a calibration in the place of the former, which is kept under a number.

    The new one is whole before the former leaves its place: a full disk must not leave a session with none.
    """
    from mocap.pipeline.calibration.calibrate import put_aside

    draft = rig_file.with_name(f".{RIG_FILE}")
    try:
        write(draft)
        put_aside(rig_file)
        os.replace(draft, rig_file)
    finally:
        draft.unlink(missing_ok=True)


def _headed(rig: CameraRig, origin: FloatArray, angle_rad: float) -> CameraRig:
    """The origin elsewhere, the axes turned about z."""
    c, s = np.cos(-angle_rad), np.sin(-angle_rad)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return move_rig(rig, from_rotation(turn, -turn @ origin), {})


def _noted(rig: CameraRig, world: str) -> CameraRig:
    return replace(rig, notes={**rig.notes, "world": world})


def _in_view(rig: CameraRig, camera: str, points: FloatArray) -> FloatArray:
    """Points (N, 3) as a camera sees them, those in its picture (M, 2) px."""
    return np.concatenate([np.zeros((0, 2)), *_pieces(rig, camera, points)])


def _pieces(rig: CameraRig, camera: str, points: FloatArray) -> list[FloatArray]:
    """A line through points (N, 3) as a camera sees it: the pieces within its picture."""
    seen = rig.cameras[rig.names.index(camera)]
    xy, valid = seen.project(points)
    inside = valid & (xy > -1.0).all(axis=1) & (xy < np.array(seen.intrinsics.size_wh)).all(axis=1)
    # Far outside of the picture the lens model folds back; only neighbours that are both inside are joined.
    breaks = np.flatnonzero(np.diff(inside.astype(int)) != 0) + 1
    return [part for part, keep in zip(np.split(xy, breaks), np.split(inside, breaks), strict=True) if keep.all()]
