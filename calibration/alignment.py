"""Where the world's origin is, which way is up, and how long a metre is.

A solve knows the cameras only relative to each other: its world is the first camera or some board. The
functions here move a rig into a world that people can use (z up, floor at z = 0, metres) and write what was
done, and what was only assumed, into the rig's notes.

The floor is found by a RANSAC of our own in numpy. open3d has one too, but a floor is given by some hundred
to some thousand points (6,500 points: 50 ms here, 7 ms there, once), it knows neither that nothing lies below
a floor nor which way is up, and it would add 900 MB to the installation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration.camera import CameraRig
from calibration.errors import CalibrationError
from calibration.transforms import FloatArray, apply, from_rotation, invert

BoardUp = Literal["auto", "+x", "-x", "+y", "-y", "+z", "-z"]

UP = np.array([0.0, 0.0, 1.0])

# A floor is flat to about this, and so accurate are board corners and foot points of a usable rig, m.
FLOOR_TOLERANCE_M = 0.02
# Half of the points on the floor and 300 draws of three: one draw fails to be all floor with 1e-17.
FLOOR_DRAWS = 300
# A floor that fewer of the points share than this is no floor: three points always share a plane.
FLOOR_LEAST_SHARE = 0.2
# Points below the floor speak against it more than points above it, where feet and boards move.
BELOW_FLOOR_COST = 3.0
# With a hint of which way is up, floors steeper than this to it are not considered: walls.
FLOOR_STEEPEST_RAD = float(np.deg2rad(35.0))
# Three points nearer to a line than this, m, give no plane.
LEAST_SPREAD_M = 0.05

# Cameras on tripods are level within a few degrees; where their right axes all point along one line (cameras
# side by side), up is not determined by them and the pictures' own up is taken.
LEAST_RIGHT_SPREAD = 0.2

# A board lies flat when its normal is this close to the cameras' up, which is itself a guess ...
LYING_TILT_RAD = float(np.deg2rad(15.0))
# ... and lies still when it moves less than this from instant to instant, m: nobody holds it.
LYING_STILL_M = 0.004
# Two still instants on either side tell a board on the floor from a hand that turns round.
LYING_INSTANTS = 2

# A correction of the scale beyond this factor is a confusion of units, not an inaccurate board.
LARGEST_SCALE_CHANGE = 3.0


@dataclass(frozen=True)
class Plane:
    """A plane with what supports it.

    Attributes
    ----------
    normal : (3,)
        Unit vector; for a floor it points up.
    point : (3,)
        A point of the plane: the mean of the points on it, m.
    rms_m : float
        Scatter of the points on it across it, m.
    on : (N,) bool
        Which of the points lie on it.
    """

    normal: FloatArray
    point: FloatArray
    rms_m: float
    on: NDArray[np.bool_]


def move_rig(rig: CameraRig, new_from_old: FloatArray, notes: dict[str, str]) -> CameraRig:
    """Express a rig in another world.

    Parameters
    ----------
    new_from_old : (4, 4)
        A similarity: a rotation times one positive scale, and a translation in the new unit.
    notes : dict
        Added to the rig's notes; a note of the same name is replaced.
    """
    scale = float(np.cbrt(np.linalg.det(new_from_old[:3, :3])))
    rotation = new_from_old[:3, :3] / scale
    old_from_new = invert(from_rotation(rotation, new_from_old[:3, 3]))
    cameras = []
    for camera in rig.cameras:
        scaled = camera.cam_from_world.copy()
        scaled[:3, 3] *= scale
        cameras.append(replace(camera, cam_from_world=scaled @ old_from_new))
    return replace(rig, cameras=tuple(cameras), notes={**rig.notes, **notes})


def align_to_board(
    rig: CameraRig, world_from_board: FloatArray, up: BoardUp = "auto"
) -> tuple[CameraRig, FloatArray]:
    """Put the origin at the board's origin and the axes along the board's.

    Parameters
    ----------
    world_from_board : (4, 4)
        Pose of the board at one instant, in the rig's present world.
    up : str
        Which of the board's axes is up. ``auto`` takes a board that lies on the floor: its normal, on the
        side where the cameras are. For a board that stands on its lower edge, ``-y``, as its y axis runs
        down its print.

    Returns
    -------
    rig : CameraRig
        In the new world: z up, x along the board's x axis (its y axis if x is up). A board on the floor
        makes z = 0 the floor.
    world_from_old : (4, 4)
        The new world from the old one.
    """
    if up == "auto":
        above = np.median(
            [(camera.centre - world_from_board[:3, 3]) @ world_from_board[:3, 2] for camera in rig.cameras]
        )
        axis = "+z" if above >= 0 else "-z"
        how = "that lies flat, up towards the cameras"
    else:
        axis = up
        how = f"with its {up} axis up"
    column = "xyz".index(axis[1])
    z = world_from_board[:3, column] * (1.0 if axis[0] == "+" else -1.0)
    x = world_from_board[:3, 1 if column == 0 else 0]
    old_from_new = from_rotation(np.stack([x, np.cross(z, x), z], axis=1), world_from_board[:3, 3])
    new_from_old = invert(old_from_new)
    notes = {"world": f"Origin and axes from a board {how}; z up, metres."}
    return move_rig(rig, new_from_old, notes), new_from_old


def align_to_floor(
    rig: CameraRig, points: FloatArray, *, up: FloatArray | None = None, seed: int = 0
) -> tuple[CameraRig, FloatArray]:
    """Put the floor at z = 0 and z up; the heading and, seen from above, the origin stay where they were.

    Parameters
    ----------
    points : (N, 3)
        Points most of which lie on the floor (board corners, heels and toes), in the rig's present world, m;
        NaN where missing.
    up : (3,), optional
        Roughly up, in the present world; the cameras' own up if not given.

    Raises
    ------
    CalibrationError
        If the points share no floor.
    """
    floor = fit_floor(points, up_from_cameras(rig)[0] if up is None else up, seed=seed)
    new_from_old = _level(floor.normal, floor.point)
    count = np.count_nonzero(floor.on)
    notes = {
        "world": "z up, floor at z = 0, metres; heading as solved.",
        "floor": f"From {count} of {floor.on.size} points, which scatter by {1000 * floor.rms_m:.1f} mm.",
    }
    return move_rig(rig, new_from_old, notes), new_from_old


def align_to_up(rig: CameraRig, up: FloatArray, origin: FloatArray | None = None) -> tuple[CameraRig, FloatArray]:
    """Turn a rig so that ``up`` (3,) is z, about ``origin`` (3,), which becomes the new origin."""
    new_from_old = _level(up / np.linalg.norm(up), np.zeros(3) if origin is None else origin, keep_origin=True)
    return move_rig(rig, new_from_old, {"world": "z up as given, metres; heading as solved."}), new_from_old


def align_by_default(
    rig: CameraRig, world_from_board: FloatArray, board_points: FloatArray
) -> tuple[CameraRig, FloatArray]:
    """Choose a world when the user says nothing.

    The first of these that the recording allows: an instant at which the board lay still and flat, lower than
    ever else (on the floor, or on a table); otherwise the cameras' own up, with the floor's height unknown.
    The choice is written into ``notes["assumption"]``.

    Parameters
    ----------
    world_from_board : (T, 4, 4)
        Pose of the board at each instant, NaN where it was not seen.
    board_points : (K, 3)
        Its corners, m.
    """
    up, roll_rad = up_from_cameras(rig)
    lying = find_lying_board(world_from_board, board_points, up)
    if lying is not None:
        aligned, new_from_old = align_to_board(rig, world_from_board[lying])
        assumption = (
            f"Nobody said where the floor is: the board lay still and flat at instant {lying + 1}, so the floor "
            "is taken to be there. Give the floor or a board pose if it lay on a table."
        )
        return _note(aligned, "assumption", assumption), new_from_old
    known = np.isfinite(world_from_board).all(axis=(1, 2))
    middle = np.median(apply(world_from_board[known], board_points.mean(axis=0)), axis=0) if known.any() else None
    aligned, new_from_old = align_to_up(rig, up, middle)
    assumption = (
        "Nobody said where the floor is and the board never lay flat and still: up is the cameras' own up "
        f"(they agree within {np.degrees(roll_rad):.1f}°)"
        f"{', the origin is the middle of where the board was' if middle is not None else ''}. The height of the "
        "floor is not known."
    )
    aligned = _note(aligned, "world", "z up, metres; the floor is not at z = 0.")
    return _note(aligned, "assumption", assumption), new_from_old


def scale_rig(rig: CameraRig, measured_m: float, true_m: float, what: str) -> tuple[CameraRig, FloatArray]:
    """Scale a rig so that a length it measures comes out true.

    Parameters
    ----------
    measured_m, true_m : float
        Length of a thing in the rig's present world, and in truth, m.
    what : str
        The thing, for the notes: ``"the wand"``.
    """
    remedy = "Check the unit of the length (metres) and that this thing was measured."
    if not (np.isfinite(measured_m) and np.isfinite(true_m) and measured_m > 0 and true_m > 0):
        raise CalibrationError(f"{what} has no length to scale by: {measured_m} m for {true_m} m.", remedy)
    factor = true_m / measured_m
    new_from_old = np.diag([factor, factor, factor, 1.0])
    note = f"{what} came out as {measured_m:.4f} m, is {true_m:.4f} m long: scaled by {factor:.5f}."
    notes = {"scale": note}
    if not 1.0 / LARGEST_SCALE_CHANGE < factor < LARGEST_SCALE_CHANGE:
        notes["scale_warning"] = f"The scale changed by a factor of {factor:.3g}: check the unit of the length."
    return move_rig(rig, new_from_old, notes), new_from_old


def up_from_cameras(rig: CameraRig) -> tuple[FloatArray, float]:
    """Guess which way is up from cameras that stand upright.

    People level cameras sideways but tilt them up and down, so up is the direction most nearly at right
    angles to all their right axes (Snavely, Seitz and Szeliski, "Photo Tourism", SIGGRAPH 2006, section 4.3)
    and not the mean of their picture's up. Where the right axes do not span a plane, it is that mean.

    Returns
    -------
    up : (3,)
        Unit vector in the world.
    roll_rad : float
        How far a camera's right axis deviates from the horizontal, rms, rad.
    """
    world_from_cam = invert(rig.cam_from_world)
    right, picture_up = world_from_cam[:, :3, 0], -world_from_cam[:, :3, 1]
    mean = picture_up.mean(axis=0)
    if np.linalg.norm(mean) < 1e-6:  # one camera upside down against the other: no up is better than another
        mean = picture_up[0]
    _, spread, axes = np.linalg.svd(right, full_matrices=True)
    spans = len(rig.cameras) > 1 and spread[1] > LEAST_RIGHT_SPREAD * spread[0]
    up = axes[2] * np.sign(axes[2] @ mean or 1.0) if spans else mean
    up = up / np.linalg.norm(up)
    return up, float(np.sqrt(np.mean(np.arcsin(np.clip(right @ up, -1.0, 1.0)) ** 2)))


def find_lying_board(world_from_board: FloatArray, board_points: FloatArray, up: FloatArray) -> int | None:
    """Find an instant at which the board lay still, flat and lower than at any other; None if there is none.

    Parameters
    ----------
    world_from_board : (T, 4, 4)
        NaN where unknown.
    board_points : (K, 3)
        m.
    up : (3,)
        Roughly up.
    """
    instants = world_from_board.shape[0]
    if instants == 0:
        return None
    corners = apply(world_from_board[:, None], board_points)
    flat = np.abs(world_from_board[:, :3, 2] @ up) > np.cos(LYING_TILT_RAD)
    still = np.ones(instants, dtype=bool)
    for lag in range(1, LYING_INSTANTS + 1):
        moved = np.linalg.norm(corners[lag:] - corners[:-lag], axis=-1).max(axis=1, initial=0.0)
        rests = moved < lag * LYING_STILL_M  # False where either is not known
        still[lag:] &= rests
        still[:-lag] &= rests
        still[:lag] = still[-lag:] = False
    height = corners @ up
    lowest = height.min(axis=1)
    candidates = np.flatnonzero(flat & still)
    if candidates.size == 0:
        return None
    best = candidates[np.argmin(lowest[candidates])]
    # Below the board's own plane nothing may ever have been, or it lay on a table.
    normal = world_from_board[best, :3, 2]
    normal = normal * np.sign(normal @ up)
    beneath = (corners[np.isfinite(lowest)] - world_from_board[best, :3, 3]) @ normal
    return int(best) if beneath.min() > -FLOOR_TOLERANCE_M else None


def fit_floor(
    points: FloatArray, up: FloatArray, *, tolerance_m: float = FLOOR_TOLERANCE_M, seed: int = 0
) -> Plane:
    """Find the plane that most points share and none lies below.

    RANSAC (Fischler and Bolles, CACM 1981) whose score counts points on the plane and, against it, points
    below it; then total least squares through the points on it, twice. With NaN rows left out.

    Parameters
    ----------
    points : (N, 3)
        m, NaN where missing.
    up : (3,)
        Roughly up: within 35°.

    Raises
    ------
    CalibrationError
        If no plane is shared by a fifth of the points.
    """
    known = np.isfinite(points).all(axis=1)
    cloud = points[known]
    remedy = "Lay the board flat on the floor at several places, or walk through the whole volume."
    if cloud.shape[0] < 3:
        raise CalibrationError(f"A floor needs three points, there are {cloud.shape[0]}.", remedy)
    up = up / np.linalg.norm(up)
    rng = np.random.default_rng(seed)
    draws = cloud[rng.integers(0, cloud.shape[0], size=(FLOOR_DRAWS, 3))]
    normal = np.cross(draws[:, 1] - draws[:, 0], draws[:, 2] - draws[:, 0])
    size = np.linalg.norm(normal, axis=1)
    sound = size > LEAST_SPREAD_M**2
    normal = normal[sound] / size[sound, None]
    normal *= np.where(normal @ up < 0, -1.0, 1.0)[:, None]
    sound_draws = draws[sound][normal @ up > np.cos(FLOOR_STEEPEST_RAD)]
    normal = normal[normal @ up > np.cos(FLOOR_STEEPEST_RAD)]
    best, best_score = None, -np.inf
    for candidate, through in zip(normal, sound_draws[:, 0], strict=True):
        height = (cloud - through) @ candidate
        below = np.count_nonzero(height < -2.0 * tolerance_m)
        score = float(np.count_nonzero(np.abs(height) < tolerance_m)) - BELOW_FLOOR_COST * below
        if score > best_score:
            best, best_score = (candidate, through), score
    if best is None:
        raise CalibrationError("The floor points lie on one line or one spot.", remedy)
    candidate, through = best
    on = np.abs((cloud - through) @ candidate) < tolerance_m
    for _ in range(2):
        through = cloud[on].mean(axis=0)
        _, _, axes = np.linalg.svd(cloud[on] - through, full_matrices=False)
        candidate = axes[2] * (1.0 if axes[2] @ up >= 0 else -1.0)
        on = np.abs((cloud - through) @ candidate) < tolerance_m
    if np.count_nonzero(on) < max(3, FLOOR_LEAST_SHARE * cloud.shape[0]):
        raise CalibrationError(
            f"Only {np.count_nonzero(on)} of {cloud.shape[0]} points share a plane; that is no floor.", remedy
        )
    height = (cloud[on] - through) @ candidate
    all_on = np.zeros(points.shape[0], dtype=bool)
    all_on[np.flatnonzero(known)[on]] = True
    return Plane(candidate, through, float(np.sqrt(np.mean(height**2))), all_on)


def _level(up: FloatArray, through: FloatArray, keep_origin: bool = False) -> FloatArray:
    """New world from old: ``up`` becomes z, by the shortest turn, so that the heading changes least.

    The height is 0 at ``through``. The new origin is that point, or, by default, the foot of the old
    origin's perpendicular.
    """
    axis = np.cross(up, UP)
    cosine = float(up @ UP)
    if cosine < -1.0 + 1e-12:  # upside down: any half turn about a horizontal axis
        rotation = np.diag([1.0, -1.0, -1.0])
    else:
        skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        rotation = np.eye(3) + skew + skew @ skew / (1.0 + cosine)
    origin = through if keep_origin else (through @ up) * up
    return from_rotation(rotation, -rotation @ origin)


def _note(rig: CameraRig, key: str, text: str) -> CameraRig:
    return replace(rig, notes={**rig.notes, key: text})
