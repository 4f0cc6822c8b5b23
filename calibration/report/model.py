"""The report as data: everything that the page shows and the JSON holds."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

from calibration.report.quality import HeldOut, Histogram


class Level(IntEnum):
    """How good something is; the worst decides."""

    GOOD = 0
    CARE = 1
    POOR = 2


@dataclass(frozen=True)
class Finding:
    """One check: its level, what it found, what is to be done about it, and the camera if it is about one."""

    level: Level
    text: str
    advice: str = ""
    camera: str = ""


@dataclass(frozen=True)
class Verdict:
    """The headline and the findings behind it."""

    level: Level
    headline: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a camera as the solve leaves it.

    Attributes
    ----------
    name : str
        ``fx``, ``k1``, ``x`` ...
    value : float
    sigma : float
        One standard deviation; NaN where it is not known.
    unit : str
        ``px``, ``m``, ``°`` or empty.
    held : bool
        The views could not determine it: it was fixed, or kept by its prior.
    """

    name: str
    value: float
    sigma: float
    unit: str = ""
    held: bool = False


@dataclass(frozen=True)
class Arrow:
    """Mean residual in one cell of the picture: seen minus expected, px."""

    x: float
    y: float
    dx: float
    dy: float
    count: int


@dataclass(frozen=True)
class CameraReport:
    """One camera.

    Attributes
    ----------
    name, size_wh, model
    focal_px : float
    rmse_px, heldout_rmse_px : float
        Reprojection error of the corners kept, and of held-out pictures; NaN where not measured.
    kept_share : float
        Share of its corners that the solve kept.
    pictures, corners : int
        How many pictures with the board, and corners in them.
    parameters : tuple of Parameter
    coverage : tuple of rows of int
        Corners seen in each cell of a grid over the picture, from the top left.
    coverage_share : float
        Share of the cells with enough corners.
    tilt_deg : tuple of (float, float)
        For each picture, how the board was turned away from facing the camera: about the vertical of the
        picture (its left or right edge nearer) and about the horizontal (its upper or lower edge nearer).
    tilt_share : float
        Share of the pictures that show the board clearly tilted.
    residuals : Histogram
        Lengths of the residuals of the corners kept, px.
    arrows : tuple of Arrow
        What is left over systematically: a model that fits leaves nothing.
    """

    name: str
    size_wh: tuple[int, int]
    model: str
    focal_px: float
    rmse_px: float
    heldout_rmse_px: float
    kept_share: float
    pictures: int
    corners: int
    parameters: tuple[Parameter, ...]
    coverage: tuple[tuple[int, ...], ...]
    coverage_share: float
    tilt_deg: tuple[tuple[float, float], ...]
    tilt_share: float
    residuals: Histogram
    arrows: tuple[Arrow, ...]

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the parameters that the views could not determine."""
        return tuple(parameter.name for parameter in self.parameters if parameter.held)


@dataclass(frozen=True)
class Pair:
    """Two cameras: instants at which both saw the board, and how well they agree.

    Attributes
    ----------
    epipolar_px : float
        Median distance of a corner from the line on which the other camera sees it; NaN without common
        corners.
    """

    a: str
    b: str
    instants: int
    epipolar_px: float


@dataclass(frozen=True)
class Clock:
    """A camera's clock against the reference camera's.

    Attributes
    ----------
    offset_s, offset_sigma_s : float
        What must be added to this camera's time, s; 0 for the reference.
    rate_ppm, rate_sigma_ppm : float
        How much faster the common clock runs than this one, parts per million; NaN where not estimated.
    frame_s : float
        Time from frame to frame, s.
    reference : bool
    jitter_s : float
        By how much single pictures were taken at other times than their stamps say, rms, s; 0 where their stamps
        were believed.
    """

    camera: str
    offset_s: float
    offset_sigma_s: float
    rate_ppm: float
    rate_sigma_ppm: float
    frame_s: float
    reference: bool = False
    jitter_s: float = 0.0


@dataclass(frozen=True)
class CrossCheckCamera:
    """A camera in another engine's solve, against ours."""

    name: str
    focal_px: float
    own_focal_px: float
    apart_mm: float
    turned_deg: float


@dataclass(frozen=True)
class CrossCheck:
    """The same recording calibrated by another program."""

    engine: str
    rmse_px: float
    heldout_board_error_mm: float
    seconds: float
    cameras: tuple[CrossCheckCamera, ...]


@dataclass(frozen=True)
class CalibrationReport:
    """Everything a person needs to trust a calibration.

    Attributes
    ----------
    rmse_px : float
        Reprojection error of the corners kept, root mean square of their distances.
    kept_share : float
        Share of all corners seen that the solve kept.
    heldout_board_error_mm : float
        Root mean square error of distances on the board in pictures held out of the solve; NaN if none.
    seconds : dict
        By stage.
    """

    engine: str
    rmse_px: float
    rmse_px_per_camera: dict[str, float]
    kept_share: float
    heldout_board_error_mm: float
    heldout: HeldOut | None
    seconds: dict[str, float]
    cameras: tuple[CameraReport, ...]
    pairs: tuple[Pair, ...]
    clocks: tuple[Clock, ...]
    warnings: tuple[str, ...]
    verdict: Verdict
    notes: dict[str, str] = field(default_factory=dict)
    crosscheck: CrossCheck | None = None


def to_json(report: CalibrationReport) -> str:
    """JSON of a report; what was not measured is null, levels are words."""
    return json.dumps(plain(asdict(report)), indent=1, allow_nan=False)


def plain(value: Any) -> Any:
    """Replace what JSON cannot hold: NaN and infinity by None, levels by words."""
    if isinstance(value, Level):
        return value.name.lower()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
