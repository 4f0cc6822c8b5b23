"""What a person needs to trust a calibration."""

from calibration.report.build import build_report, cross_check, parameters_of
from calibration.report.from_bundle import report_from_bundle
from calibration.report.model import (
    CalibrationReport,
    Clock,
    CrossCheck,
    Finding,
    Level,
    Parameter,
    Verdict,
    plain,
    to_json,
)
from calibration.report.page import render_html, write_html
from calibration.report.quality import HeldOut, at_common_times, choose_heldout, measure_heldout
from calibration.report.verify import LengthCheck, verify

__all__ = [
    "CalibrationReport",
    "Clock",
    "CrossCheck",
    "Finding",
    "HeldOut",
    "LengthCheck",
    "Level",
    "Parameter",
    "Verdict",
    "at_common_times",
    "build_report",
    "choose_heldout",
    "cross_check",
    "measure_heldout",
    "parameters_of",
    "plain",
    "render_html",
    "report_from_bundle",
    "to_json",
    "verify",
    "write_html",
]
