"""Verdicts in plain words: what is good passes, what is wrong is named with its remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import CalibrationError, CameraRig
from calibration.alignment import move_rig
from calibration.report import CalibrationReport, Clock, Level, build_report, choose_heldout, parameters_of, verify
from calibration.report.advice import empty_regions, missing_tilts, name_regions, suggest_views
from calibration.report.model import CameraReport, Pair, Verdict
from calibration.report.numbers import NOT_MEASURED, number, percent, with_sigma
from calibration.report.verdict import groups, judge
from calibration.sightings import Sightings
from calibration.transforms import from_rvec_tvec
from tests.conftest import ring_rig
from tests.unit.test_calibration_report_quality import make_sightings

SIGMA = {"fx": 0.8, "fy": 0.8, "x": 0.001, "y": 0.001, "z": 0.001}


@pytest.fixture(scope="module")
def good() -> CalibrationReport:
    rig = ring_rig()
    sightings = make_sightings(rig, 80, 0.25)
    held = choose_heldout(sightings, 0.2)
    report = build_report(
        rig,
        sightings.at(~held),
        heldout=sightings.at(held),
        parameters={camera.name: parameters_of(camera, SIGMA) for camera in rig.cameras},
    )
    # A board that filled the pictures.
    cameras = tuple(replace(c, coverage_share=0.8, coverage=((9,) * 12,) * 9) for c in report.cameras)
    report = replace(report, cameras=cameras)
    return replace(report, verdict=judge(report))


def with_camera(report: CalibrationReport, **changes: object) -> Verdict:
    """Verdict where the second camera is otherwise."""
    cameras = list(report.cameras)
    cameras[1] = replace(cameras[1], **changes)  # type: ignore[arg-type]
    return judge(replace(report, cameras=tuple(cameras)))


def with_sigmas(camera: CameraReport, **sigma: float) -> CameraReport:
    parameters = tuple(replace(p, sigma=sigma.get(p.name, p.sigma)) for p in camera.parameters)
    return replace(camera, parameters=parameters)


def said(verdict: Verdict) -> str:
    return " ".join(f"{f.level.name} {f.text} {f.advice}" for f in verdict.findings if f.level > Level.GOOD)


def test_a_good_calibration_is_good_for_gait(good: CalibrationReport) -> None:
    assert good.verdict.headline == "Good for gait"
    assert good.verdict.level is Level.GOOD
    assert said(good.verdict) == ""


def test_lengths_that_err_are_poor_whatever_the_pixels_say(good: CalibrationReport) -> None:
    assert good.heldout is not None
    for rms, level in ((2.9, Level.GOOD), (3.1, Level.CARE), (10.1, Level.POOR), (float("nan"), Level.CARE)):
        lengths = replace(good.heldout.lengths, rms_mm=rms)
        verdict = judge(replace(good, heldout=replace(good.heldout, lengths=lengths)))
        assert verdict.level is level
    assert (
        "Do not rely"
        in judge(
            replace(good, heldout=replace(good.heldout, lengths=replace(good.heldout.lengths, rms_mm=20.0)))
        ).headline
    )


def test_a_wrong_scale_is_said_with_its_direction(good: CalibrationReport) -> None:
    assert good.heldout is not None
    short = replace(good.heldout, lengths=replace(good.heldout.lengths, scale_error=-0.012))
    assert "1.2\u202f% too short" in said(judge(replace(good, heldout=short)))
    assert "ruler" in said(judge(replace(good, heldout=short)))


def test_nothing_held_out_is_never_good(good: CalibrationReport) -> None:
    verdict = judge(replace(good, heldout=None))
    assert verdict.level is Level.CARE
    assert "nothing here was checked" in said(verdict)


def test_a_camera_that_does_not_fit_is_named(good: CalibrationReport) -> None:
    verdict = with_camera(good, rmse_px=2.2)
    assert verdict.level is Level.POOR
    assert verdict.headline == "Recalibrate cam_2"
    assert "was not moved" in said(verdict)
    assert judge(replace(good, cameras=tuple(replace(c, rmse_px=2.2) for c in good.cameras))).level is Level.POOR


def test_pixels_mean_more_with_a_short_lens(good: CalibrationReport) -> None:
    assert with_camera(good, rmse_px=1.0).level is Level.CARE
    assert with_camera(good, rmse_px=1.0, focal_px=1400.0).level is Level.GOOD


def test_a_solve_that_followed_noise_is_noticed(good: CalibrationReport) -> None:
    assert good.heldout is not None
    verdict = judge(replace(good, heldout=replace(good.heldout, rmse_px=2 * good.rmse_px)))
    assert "follow noise" in said(verdict)


def test_corners_left_out_count(good: CalibrationReport) -> None:
    assert judge(replace(good, kept_share=0.9)).level is Level.CARE
    assert judge(replace(good, kept_share=0.5)).level is Level.POOR


def test_a_camera_without_a_link_is_named(good: CalibrationReport) -> None:
    pairs = tuple(replace(p, instants=0) if "cam_3" in (p.a, p.b) else p for p in good.pairs)
    verdict = judge(replace(good, pairs=pairs))
    assert verdict.level is Level.POOR
    assert verdict.headline == "Recalibrate cam_3"
    assert "cam_3 saw the board together with the other cameras hardly ever" in said(verdict)
    chain = tuple(
        p for p in good.pairs if (p.a, p.b) in (("cam_1", "cam_2"), ("cam_2", "cam_3"), ("cam_3", "cam_4"))
    )
    assert judge(replace(good, pairs=chain)).level is Level.GOOD


def test_groups_of_cameras() -> None:
    pairs = (Pair("a", "b", 9, 0.1), Pair("c", "d", 9, 0.1), Pair("b", "e", 9, 0.1), Pair("a", "c", 1, 0.1))
    assert groups(("a", "b", "c", "d", "e"), pairs, 2) == [["a", "b", "e"], ["c", "d"]]
    assert len(groups(("a", "b", "c", "d", "e"), pairs, 1)) == 1


def test_pictures_held_out_that_fit_worse_have_a_reason(good: CalibrationReport) -> None:
    assert good.heldout is not None
    worse = replace(good, heldout=replace(good.heldout, rmse_px=3.0 * good.rmse_px))
    assert any("follow noise" in finding.text for finding in judge(worse).findings)
    first = Clock("cam_1", 0.0, 0.0, 0.0, 0.0, 1 / 30, reference=True)
    late = Clock("cam_2", 0.03, 1e-4, 0.0, 1.0, 1 / 30, jitter_s=0.004)
    found = [f for f in judge(replace(worse, clocks=(first, late))).findings if "fit worse" in f.text]
    assert "4.0\u202fms" in found[0].text or "4.0 ms" in found[0].text
    assert "noise" not in found[0].text
    assert "trigger" in found[0].advice


def test_an_uncertain_focal_length_makes_thin_views_worse(good: CalibrationReport) -> None:
    thin = {"coverage_share": 0.2, "coverage": ((9,) * 4 + (0,) * 8,) * 9}
    assert with_camera(good, **thin).level is Level.CARE
    unsure = with_sigmas(good.cameras[1], fx=15.0)
    rest = (good.cameras[0], *good.cameras[2:])
    verdict = judge(replace(good, cameras=(*rest, replace(unsure, **thin))))  # type: ignore[arg-type]
    assert verdict.level is Level.POOR
    assert "Hold the board at the centre and the right side" in said(verdict)
    assert "focal length is uncertain by 2.14" in said(verdict)
    far = with_sigmas(good.cameras[1], x=0.04)
    assert judge(replace(good, cameras=(*rest, far))).level is Level.POOR


def test_a_board_seen_from_one_side_only_is_told(good: CalibrationReport) -> None:
    verdict = with_camera(good, tilt_deg=((40.0, 3.0),) * 30, tilt_share=1.0)
    assert "seen from one side only" in said(verdict) or "saw the board from one side only" in said(verdict)
    assert "left, upper and lower edges" in said(verdict)
    assert verdict.headline == "Usable for gait; better with more views of cam_2"


def test_a_board_that_always_faces_the_camera_is_told(good: CalibrationReport) -> None:
    verdict = with_camera(good, tilt_deg=((4.0, 3.0),) * 30, tilt_share=0.0)
    assert "Tilt the board" in said(verdict)


def test_too_few_pictures(good: CalibrationReport) -> None:
    assert "4 pictures only" in said(with_camera(good, pictures=4))
    assert "focal" not in said(with_camera(good, pictures=0))


@pytest.mark.parametrize(
    ("sigma_s", "level"), [(0.001, "GOOD"), (0.005, "CARE"), (0.02, "POOR"), (np.nan, "CARE")]
)
def test_clocks_need_to_be_known(good: CalibrationReport, sigma_s: float, level: str) -> None:
    first = Clock("cam_1", 0.0, 0.0, 0.0, 0.0, 1 / 30, reference=True)
    verdict = judge(replace(good, clocks=(first, Clock("cam_2", 0.03, sigma_s, 0.0, 1.0, 1 / 30))))
    assert verdict.level.name == level
    assert any("lock offset" in f.text for f in verdict.findings)


def test_warnings_are_passed_on(good: CalibrationReport) -> None:
    assert "the video is cut" in said(judge(replace(good, warnings=("the video is cut",))))


def test_regions_have_names() -> None:
    every = [(r, c) for r in range(3) for c in range(3)]
    assert name_regions(tuple(rc for rc in every if rc[1] == 0)) == "the left side"
    assert name_regions(((0, 0), (0, 1), (0, 2), (2, 2))) == "the upper edge and the lower right corner"
    assert name_regions(((1, 1),)) == "the very middle"
    assert name_regions(((1, 0), (2, 1))) == "the middle of the left side and the middle of the lower edge"
    assert name_regions(tuple(every)) == "the left side, the centre and the right side"


def test_suggested_views_lie_where_nothing_was_seen(good: CalibrationReport) -> None:
    camera = replace(good.cameras[0], coverage=((0,) * 4 + (9,) * 8,) * 9, tilt_deg=((-30.0, 0.0),) * 9)
    assert empty_regions(camera) == ((0, 0), (1, 0), (2, 0))
    assert missing_tilts(camera) == ("right", "upper", "lower")
    views = suggest_views(camera)
    assert len(views) == 3
    assert all(view.x < 1 / 3 for view in views)
    assert {(np.sign(v.about_vertical_deg), np.sign(v.about_horizontal_deg)) for v in views} == {
        (1, 0), (0, -1), (0, 1)
    }  # fmt: skip
    full = replace(camera, coverage=((9,) * 12,) * 9)
    assert len(suggest_views(full)) == 3
    assert len({(view.x, view.y) for view in suggest_views(full)}) == 3


def wand(rig: CameraRig, length_m: float = 0.5, instants: int = 60, seed: int = 0) -> Sightings:
    """Two points on a wand that is waved about."""
    rng = np.random.default_rng(seed)
    ends = np.array([[0.0, 0, 0], [0.5, 0, 0]])
    direction = rng.normal(size=(instants, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    middle = rng.uniform([-0.8, -0.8, 0.6], [0.8, 0.8, 1.5], (instants, 3))
    points = middle[:, None] + np.array([-0.5, 0.5])[:, None] * length_m * direction[:, None]
    xy = np.moveaxis(rig.project(points)[0], 0, 1) + rng.normal(0, 0.2, (instants, len(rig.cameras), 2, 2))
    shape = xy.shape[:2]
    sizes = np.array([c.intrinsics.size_wh for c in rig.cameras], dtype=np.int64)
    return Sightings(rig.names, sizes, ends, xy, np.zeros(shape), np.zeros(shape, dtype=np.int64))


def test_a_wand_confirms_a_right_rig() -> None:
    check = verify(ring_rig(), wand(ring_rig()))
    assert check.verdict.level is Level.GOOD
    assert "still measures right" in check.verdict.headline
    assert check.measured_m == pytest.approx(0.5, abs=0.001)
    assert check.true_m == 0.5
    assert check.lengths.rms_mm < 2.0
    assert 1.0 < check.volume_m[0] < 1.7


def test_a_wand_finds_a_wrong_scale() -> None:
    check = verify(move_rig(ring_rig(), np.diag([1.03, 1.03, 1.03, 1.0]), {}), wand(ring_rig()))
    assert check.verdict.level is Level.POOR
    assert check.lengths.scale_error == pytest.approx(0.03, abs=0.002)
    assert any("too long" in f.text and "length of the target" in f.advice for f in check.verdict.findings)


def test_a_wand_finds_a_bumped_camera() -> None:
    rig = ring_rig()
    cameras = list(rig.cameras)
    bump = from_rvec_tvec([0.0, 0.03, 0.01], [0, 0, 0])
    cameras[2] = replace(cameras[2], cam_from_world=bump @ cameras[2].cam_from_world)
    check = verify(CameraRig(tuple(cameras)), wand(rig))
    assert check.verdict.level is not Level.GOOD
    assert [finding.camera for finding in check.verdict.findings if finding.camera] == ["cam_3"]
    assert check.miss_px_without["cam_3"] < 0.3 < 1.0 < check.miss_px


def test_mistaken_points_are_told() -> None:
    sightings = wand(ring_rig())
    rng = np.random.default_rng(0)
    xy = sightings.xy.copy()
    wrong = rng.random(xy.shape[:3]) < 0.05
    xy[wrong] += rng.normal(0, 60, (np.count_nonzero(wrong), 2))
    check = verify(ring_rig(), replace(sightings, xy=xy))
    assert check.lengths.rms_mm < 3.0
    assert check.lengths.left_out_share == pytest.approx(wrong.mean(), abs=0.02)
    assert any("no camera was moved" in finding.advice for finding in check.verdict.findings)


def test_a_wand_in_one_place_proves_little() -> None:
    check = verify(ring_rig(), wand(ring_rig(), instants=5))
    assert check.verdict.level is Level.CARE
    assert any("whole volume" in finding.advice for finding in check.verdict.findings)


def test_a_wand_that_nobody_saw_twice_is_explained() -> None:
    sightings = wand(ring_rig())
    alone = sightings.xy.copy()
    alone[:, 1:] = np.nan
    with pytest.raises(CalibrationError, match="No length could be measured"):
        verify(ring_rig(), replace(sightings, xy=alone))


def test_numbers_do_not_pretend() -> None:
    assert number(float("nan"), 1, "mm") == NOT_MEASURED
    assert number(-0.001, 1) == "0.0"
    assert percent(0.9999) == ">\u202f99\u202f%"
    assert percent(1.0) == "100\u202f%"
    assert percent(0.0001) == "<\u202f1\u202f%"
    assert percent(0.0) == "0\u202f%"
    assert with_sigma(912.3456, 0.2149) == ("912.35", "0.21")
    assert with_sigma(-0.12345, 0.0021) == ("\u22120.1235", "0.0021")
    assert with_sigma(1234.5, 130.0) == ("1234", "130")
    assert with_sigma(0.5, float("nan")) == ("0.50000", NOT_MEASURED)
