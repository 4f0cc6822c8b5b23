"""What a run came to, in figures: printed by ``--json``, stored in run.toml, shown in the report."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TruthErrors:
    """Errors against known truth, where the recording comes from the studio.

    Attributes
    ----------
    mpjpe_mm : float
        Mean per-joint position error over frames and core joints, mm.
    mpjpe_mm_per_joint : dict
        The same for each joint.
    angle_rms_deg : dict
        Root mean square error of each joint angle, degrees.
    missing_share : float
        Share of core joints without a 3D position; these are not in the means.
    laid_over : bool
        Whether positions were compared after the one turn and shift of everything, at all instants, that lays
        them over the truth: cameras that were calibrated anew have a world of their own.
    """

    mpjpe_mm: float
    mpjpe_mm_per_joint: dict[str, float]
    angle_rms_deg: dict[str, float]
    missing_share: float
    laid_over: bool = False


@dataclass(frozen=True)
class MeasureFigure:
    """A measure in short: its mean, its standard deviation (None for fewer than two), and how many there are."""

    mean: float
    n: int
    unit: str
    sd: float | None = None


@dataclass(frozen=True)
class RunSummary:
    """The figures of one run.

    Attributes
    ----------
    frames, frames_3d : int
        Common instants, and those with at least half of the core keypoints in 3D.
    reproj_px_median, reproj_px_p90 : float
        Over the core keypoints of all detections of the subject, those that were rejected included, px.
    reproj_px_per_camera : dict
        Median per camera, px.
    rejected_share_per_camera : dict
        Share of the subject's core keypoints per camera that the triangulation left out.
    bone_variation_percent : float
        Median over the limb bones of the standard deviation of their length over its mean.
    bone_length_m : dict
        Mean length of each bone and its standard deviation, m.
    seconds : dict
        Wall time per stage, s.
    frames_per_s, views_per_s : float
        Instants and single pictures processed per second of the whole run.
    warnings : tuple of str
        What the user should know, in sentences.
    dropped : tuple of str
        What the exported formats cannot hold, in sentences.
    events : dict
        Times of each person's events by side and kind, s.
    measures : dict
        Figures of each person by side and name; see ``MeasureFigure``.
    """

    trial: str
    run_id: str
    cameras: tuple[str, ...]
    frames: int
    frames_3d: int
    rate_hz: float
    reproj_px_median: float
    reproj_px_p90: float
    reproj_px_per_camera: dict[str, float]
    rejected_share_per_camera: dict[str, float]
    bone_variation_percent: float
    bone_length_m: dict[str, tuple[float, float]]
    sigma_mm_median: float
    seconds: dict[str, float]
    frames_per_s: float
    views_per_s: float
    detector: str
    calibration: str
    files: dict[str, str]
    warnings: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    truth: TruthErrors | None = None
    events: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    measures: dict[str, dict[str, MeasureFigure]] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
