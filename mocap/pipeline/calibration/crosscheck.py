"""A second opinion: the same sightings solved by aniposelib."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration import Camera, CameraRig, Intrinsics
from calibration.bundle import BundleResult
from calibration.formats.anipose import from_camera_group, to_camera_group
from calibration.report import CrossCheck, at_common_times, cross_check
from calibration.report.from_bundle import true_times
from calibration.sightings import Sightings
from mocap.core.errors import CalibrationError, MissingExtraError
from mocap.core.types import FloatArray, IntArray

ENGINE = "aniposelib"
# aniposelib takes a board into account from so many corners on; below, a pose would be chance.
LEAST_CORNERS = 8
# cv2.initCameraMatrix2D, which aniposelib starts from, needs views of a plane.
FLATNESS = 1e-3


@dataclass(frozen=True)
class _Board:
    """The target as aniposelib's calibration asks for it; detection was done before.

    Attributes
    ----------
    points : (K, 3)
        m.
    """

    points: FloatArray

    def get_object_points(self) -> FloatArray:
        """Corners (K, 3), m."""
        return self.points

    def get_empty_detection(self) -> FloatArray:
        """A picture (K, 1, 2) without corners."""
        return np.full((len(self.points), 1, 2), np.nan)

    def get_all_calibration_points(self, rows: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
        """Corners on the board (n, 3) and in the picture (n, 2), for each picture."""
        objects = [self.points[row["ids"]].astype(np.float32) for row in rows]
        return objects, [row["corners"].reshape(-1, 2).astype(np.float32) for row in rows]

    def estimate_pose_rows(self, camera: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add each picture's pose of the board; None where there is none, which aniposelib leaves out."""
        for row in rows:
            found, rvec, tvec = cv2.solvePnP(
                self.points[row["ids"]], row["corners"], camera.get_camera_matrix(), camera.get_distortions()
            )
            row["rvec"], row["tvec"] = (rvec, tvec) if found else (None, None)
        return rows


def require_aniposelib() -> None:
    """Say at once that aniposelib is not there, rather than after minutes of detection.

    Raises
    ------
    MissingExtraError
    """
    if importlib.util.find_spec(ENGINE) is None:
        raise MissingExtraError(f"This needs the package '{ENGINE}'.", "anipose")


def solve_with_aniposelib(sightings: Sightings) -> tuple[CameraRig, float]:
    """Calibrate with aniposelib, from our detections: its own detector would take minutes and see less.

    aniposelib draws pictures at random and stops early: two solves of the same sightings differ, on
    Caliscope's charuco_calibration by 1 mm and 1.5 px of focal length, with or without a seed.

    Parameters
    ----------
    sightings : Sightings
        Of a flat target.

    Returns
    -------
    rig : CameraRig
        In a world near the first camera's, m.
    seconds : float
        What aniposelib's solve took, without its import.

    Raises
    ------
    MissingExtraError
        If aniposelib is not installed.
    CalibrationError
        If it gives up.
    """
    if np.abs(sightings.points[:, 2]).max() > FLATNESS:
        raise CalibrationError(
            "aniposelib calibrates with flat boards only; this target is not flat.",
            "Use --engine own.",
        )
    group = to_camera_group(_blank_rig(sightings))
    rows = [_rows(sightings, c) for c in range(len(sightings.cameras))]
    if empty := [name for name, some in zip(sightings.cameras, rows, strict=True) if not some]:
        raise CalibrationError(
            f"aniposelib has nothing to go on for {', '.join(empty)}: no picture with {LEAST_CORNERS} corners.",
            "Use --engine own, or record more pictures.",
        )
    start = time.perf_counter()
    try:
        with _quiet():
            group.calibrate_rows(rows, _Board(sightings.points), verbose=False)
    except (ValueError, IndexError, AssertionError, np.linalg.LinAlgError, cv2.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CalibrationError(
            f"aniposelib gave up on this recording: {reason}.", "Use --engine own, or record more pictures."
        ) from error
    seconds = time.perf_counter() - start
    group.metadata = {"unit": "m"}
    rig = from_camera_group(group)
    return CameraRig(rig.cameras, {"source": ENGINE}), seconds


def cross_check_with_aniposelib(
    result: BundleResult, sightings: Sightings, heldout: NDArray[np.bool_], rig: CameraRig
) -> CrossCheck:
    """Solve what our solve was given with aniposelib as well, and compare on what was held out of both.

    Parameters
    ----------
    result : BundleResult
        Of ``sightings.at(~heldout)``.
    heldout : (T,) bool
    rig : CameraRig
        Our result in the world it is used in.
    """
    other, seconds = solve_with_aniposelib(sightings.at(~heldout))
    common = sightings
    if result.clock_offset_s.any() or result.clock_rate.any():
        common = at_common_times(sightings, true_times(result, sightings.t_s))
    seen = int(np.count_nonzero(sightings.at(~heldout).seen))
    return cross_check(
        rig,
        other,
        common.at(~heldout),
        common.at(heldout) if heldout.any() else None,
        engine=ENGINE,
        seconds=seconds,
        kept_share=float(np.count_nonzero(result.inlier)) / max(1, seen),
    )


def _blank_rig(sightings: Sightings) -> CameraRig:
    """Cameras of the right names and sizes; aniposelib finds all else by itself."""
    cameras = []
    for name, (width, height) in zip(sightings.cameras, sightings.sizes_wh.tolist(), strict=True):
        focal = float(max(width, height))
        K = np.array([[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]])
        cameras.append(Camera(name, Intrinsics((width, height), K, np.zeros(5)), np.eye(4)))
    return CameraRig(tuple(cameras))


def _rows(sightings: Sightings, camera: int) -> list[dict[str, Any]]:
    """Pictures of one camera in aniposelib's terms; the instants stand for its frame numbers."""
    rows = []
    for instant in np.flatnonzero(sightings.corners_seen[:, camera] >= LEAST_CORNERS):
        xy = sightings.xy[instant, camera]
        ids: IntArray = np.flatnonzero(sightings.seen[instant, camera]).astype(np.int64)
        rows.append({"framenum": int(instant), "corners": xy[ids, None], "ids": ids, "filled": xy[:, None]})
    return rows


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep aniposelib's prints and its compiler's remarks from the user's terminal, where JSON may go."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
