"""The report's data and page: right figures, self-contained, escaped, honest about what was not measured."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import Camera, CameraRig
from calibration.alignment import move_rig
from calibration.bundle import BundleSettings, adjust
from calibration.bundle.synthetic import Scene, disturb, record
from calibration.errors import StorageError
from calibration.report import (
    CalibrationReport,
    Clock,
    Parameter,
    build_report,
    choose_heldout,
    cross_check,
    parameters_of,
    render_html,
    report_from_bundle,
    to_json,
    write_html,
)
from calibration.report.build import board_tilts, coverage_grid, epipolar_px, mean_residuals, pan_tilt_roll
from calibration.report.from_bundle import true_times
from calibration.sightings import Sightings
from calibration.transforms import from_rvec_tvec
from tests.conftest import ring_rig
from tests.unit.test_calibration_report_quality import BOARD, board_path, make_sightings

NASTY = "<script>alert('x')</script> & \"cam\""


@cache
def good() -> tuple[CalibrationReport, Sightings, CameraRig]:
    """A report of a right rig, with everything in it."""
    rig = replace(ring_rig(), notes={"world": "Origin and axes from a board.", "assumption": "Guessed <up>."})
    sightings = make_sightings(rig, 80, 0.25)
    held = choose_heldout(sightings, 0.2)
    train, test = sightings.at(~held), sightings.at(held)
    sigma = {"fx": 0.8, "fy": 0.8, "cx": 0.5, "cy": 0.5, "k1": 0.002, "x": 0.001, "y": 0.001, "z": 0.001}
    clocks = tuple(
        Clock(n, 0.004 * i, 1e-4 * (i > 0), 3.0, 1.0, 1 / 30, i == 0, 0.002 * i) for i, n in enumerate(rig.names)
    )
    report = build_report(
        rig,
        train,
        heldout=test,
        parameters={camera.name: parameters_of(camera, sigma, {"k3"}) for camera in rig.cameras},
        clocks=clocks,
        seconds={"detect": 3.0, "bundle adjustment": 0.5},
        crosscheck=cross_check(rig, rig, train, test, engine="aniposelib", seconds=20.0),
    )
    return report, train, rig


class Page(HTMLParser):
    """Tags that are opened and closed, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    assert page.open == []
    return page


def test_the_figures_are_those_of_the_noise() -> None:
    report, train, rig = good()
    assert report.rmse_px == pytest.approx(0.25 * np.sqrt(2), rel=0.05)
    assert set(report.rmse_px_per_camera) == set(rig.names)
    assert report.kept_share == 1.0
    assert 0.2 < report.heldout_board_error_mm < 2.5
    assert len(report.pairs) == 6
    assert all(pair.epipolar_px < 0.5 for pair in report.pairs)
    for c, camera in enumerate(report.cameras):
        assert camera.corners == np.count_nonzero(train.seen[:, c]) == np.sum(camera.coverage)
        assert sum(camera.residuals.counts) == camera.corners
        assert camera.held == ("k3",)


def test_what_was_not_kept_does_not_count() -> None:
    rig = ring_rig()
    sightings = make_sightings(rig, 30, 0.2)
    xy = sightings.xy.copy()
    xy[:, 1, 0] += 50.0
    kept = sightings.seen.copy()
    kept[:, 1, 0] = False
    report = build_report(
        rig, replace(sightings, xy=xy), world_from_board=board_path(sightings.t_s[:, 0]), kept=kept
    )
    assert report.rmse_px == pytest.approx(0.2 * np.sqrt(2), rel=0.05)
    assert report.kept_share == pytest.approx(kept.sum() / sightings.seen.sum())
    assert report.cameras[1].kept_share < report.cameras[0].kept_share == 1.0


def test_json_is_strict_and_whole() -> None:
    rig = ring_rig().select(("cam_1",))
    report = build_report(rig, make_sightings(rig, 20))
    data = json.loads(to_json(report), parse_constant=lambda name: pytest.fail(name))
    assert data["heldout_board_error_mm"] is None
    assert data["verdict"]["level"] in ("good", "care", "poor")
    assert set(asdict(report)) == set(data)
    for key in ("rmse_px", "rmse_px_per_camera", "kept_share", "seconds", "cameras", "warnings"):
        assert data[key] is not None


def test_the_page_says_what_the_report_says() -> None:
    report, train, rig = good()
    text = parsed(render_html(report, train, rig, title="Lab <1>")).text
    assert "Lab <1>" in text
    assert "Guessed <up>." in text
    assert report.verdict.headline in text
    for finding in report.verdict.findings:
        assert finding.text in text
        assert finding.advice in text
    for name in rig.names:
        assert name in text
    assert f"{report.heldout_board_error_mm:.2f}\u202fmm" in text
    assert "solved by aniposelib" in text
    assert "held" in text


def test_the_page_needs_nothing_from_anywhere() -> None:
    report, train, rig = good()
    html = render_html(report, train, rig)
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)\s*=|https?://|@import|url\(", html)
    assert len(html) < 400_000


def test_names_cannot_become_markup() -> None:
    report, train, rig = good()
    cameras = (replace(rig.cameras[0], name=NASTY), *rig.cameras[1:])
    rig = CameraRig(cameras, {"note </script>": NASTY})
    train = replace(train, cameras=rig.names)
    clocks = tuple(replace(clock, camera=name) for clock, name in zip(report.clocks, rig.names, strict=True))
    report = build_report(rig, train, clocks=clocks, warnings=(NASTY,), seconds={NASTY: 1.0})
    html = render_html(report, train, rig, title=NASTY)
    page = parsed(html)
    assert page.scripts == 2
    assert "<script>alert" not in html
    assert page.text.count("alert") > 5
    data = json.loads(html.split('id="data">')[1].split("</script>")[0])
    assert data["cameras"][0]["name"] == NASTY


def nothing_seen(sightings: Sightings) -> Sightings:
    return replace(sightings, xy=np.full_like(sightings.xy, np.nan))


@pytest.mark.parametrize("case", ["one camera", "nothing seen", "one corner", "portrait", "no instants"])
def test_odd_recordings_have_a_page_too(case: str) -> None:
    rig = ring_rig()
    sightings = make_sightings(rig, 6)
    if case == "one camera":
        rig = rig.select(("cam_2",))
        sightings = make_sightings(rig, 6)
    elif case == "nothing seen":
        sightings = nothing_seen(sightings)
    elif case == "one corner":
        xy = nothing_seen(sightings).xy
        xy[2, 1, 5] = [20.0, 30.0]
        sightings = replace(sightings, xy=xy)
    elif case == "portrait":
        cameras = [replace(c, intrinsics=replace(c.intrinsics, size_wh=(360, 1280))) for c in rig.cameras]
        rig = CameraRig(tuple(cameras))
    else:
        sightings = sightings.at(np.zeros(6, dtype=bool))
    report = build_report(rig, sightings, heldout=sightings)
    html = render_html(report, sightings, rig)
    page = parsed(html)
    assert "nan" not in page.text.lower()
    assert "NaN" not in html.split("<script>")[0]
    json.loads(to_json(report))
    if case in ("nothing seen", "one corner", "no instants"):
        assert report.verdict.level.name == "POOR"
        assert np.isnan(report.heldout_board_error_mm)


def test_the_file_is_whole_or_not_there(tmp_path: Path) -> None:
    report, train, rig = good()
    write_html(tmp_path / "new" / "report.html", report, train, rig)
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_html(tmp_path / "file" / "report.html", report, train, rig)


def test_coverage_counts_the_outermost_pixels() -> None:
    corners = np.array([[0.0, 0.0], [639.0, 0.0], [-0.4, 479.4], [639.4, 479.4], [320.0, 240.0]])
    grid = coverage_grid(corners, (640, 480))
    assert grid.shape == (8, 10)
    assert grid.sum() == 5
    assert grid[0, 0] == grid[0, -1] == grid[-1, 0] == grid[-1, -1] == 1
    assert coverage_grid(corners[:1], (480, 640)).shape == (10, 8)


def test_tilt_tells_the_edge_that_is_away() -> None:
    camera = Camera("c", ring_rig().cameras[0].intrinsics, np.eye(4))
    centred = BOARD - BOARD.mean(axis=0)
    turns = {"right": [0, -0.5, 0], "left": [0, 0.5, 0], "lower": [0.5, 0, 0], "upper": [-0.5, 0, 0]}
    poses = np.stack([from_rvec_tvec(turn, [0, 0, 2]) for turn in turns.values()])
    # The edges are where they are said to be: the board's right edge has x > 0 and is farther away.
    assert (poses[0] @ [1.0, 0, 0, 1])[2] > 2.0
    assert (poses[2] @ [0.0, 1, 0, 1])[2] > 2.0
    expected = np.degrees([[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]])
    np.testing.assert_allclose(board_tilts(camera, poses, centred), expected, atol=1e-6)
    flipped = poses @ np.diag([1.0, -1, -1, 1])  # the other side of the board
    np.testing.assert_allclose(board_tilts(camera, flipped, centred), expected, atol=1e-6)


def test_a_board_that_faces_the_camera_from_the_corner_has_no_tilt() -> None:
    camera = Camera("c", ring_rig().cameras[0].intrinsics, np.eye(4))
    sight = np.array([0.6, 0.4, 2.0])
    ahead = sight / np.linalg.norm(sight)
    right = np.cross([0, 1.0, 0], ahead)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    pose[:3, 3] = sight
    np.testing.assert_allclose(board_tilts(camera, pose[None], BOARD - BOARD.mean(axis=0)), 0.0, atol=1e-6)


def test_arrows_show_what_is_systematic() -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform([0, 0], [640, 480], (200, 20, 2))
    residual = rng.normal(0, 0.3, xy.shape) + np.where(xy[..., :1] > 320, [[1.0, 0.0]], [[0.0, -2.0]])
    residual[0] = np.nan
    for arrow in mean_residuals(xy, residual, (640, 480)):
        expected = [1.0, 0.0] if arrow.x > 320 else [0.0, -2.0]
        np.testing.assert_allclose([arrow.dx, arrow.dy], expected, atol=0.3)
    assert len(mean_residuals(xy, residual, (640, 480))) == 80


def test_cameras_that_disagree_miss_their_epipolar_lines() -> None:
    rig = ring_rig()
    points = np.random.default_rng(0).uniform([-0.5, -0.5, 0.5], [0.5, 0.5, 1.5], (100, 3))
    xy, _ = rig.project(points)
    a, b = rig.cameras[:2]
    assert epipolar_px(a, b, xy[0], xy[1]) < 1e-6
    moved = xy[1] + [0.0, 3.0]
    assert 1.0 < epipolar_px(a, b, xy[0], moved) <= 3.0
    assert np.isnan(epipolar_px(a, b, xy[0, :0], xy[1, :0]))


def test_where_a_camera_looks() -> None:
    # Looks along -y, level; then tilted up by 20 degrees; then with the right edge of the picture up.
    rotation = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
    np.testing.assert_allclose(pan_tilt_roll(rotation), [-90, 0, 0], atol=1e-9)
    up = from_rvec_tvec([np.radians(-20), 0, 0], [0, 0, 0])[:3, :3]
    np.testing.assert_allclose(pan_tilt_roll(up @ rotation), [-90, 20, 0], atol=1e-9)
    assert pan_tilt_roll(from_rvec_tvec([0, 0, 0.2], [0, 0, 0])[:3, :3] @ rotation)[2] == pytest.approx(
        np.degrees(0.2)
    )


def test_the_cross_check_lays_one_rig_onto_the_other() -> None:
    report, train, rig = good()
    moved = move_rig(rig, from_rvec_tvec([0.3, 1.0, -0.5], [4.0, 5.0, 6.0]), {})
    cameras = list(moved.cameras)
    shift = from_rvec_tvec([0, 0, 0], [0.02, 0, 0])
    cameras[1] = replace(cameras[1], cam_from_world=shift @ cameras[1].cam_from_world)
    found = cross_check(rig, CameraRig(tuple(cameras)), train, None, engine="other", seconds=1.0)
    apart = {camera.name: camera.apart_mm for camera in found.cameras}
    assert apart["cam_2"] == pytest.approx(15.0, abs=0.5)  # three quarters, the mean follows by one
    assert max(camera.turned_deg for camera in found.cameras) < 0.01
    assert np.isnan(found.heldout_board_error_mm)
    assert found.rmse_px > 2 * report.rmse_px
    half = cross_check(rig, rig, train, None, engine="other", seconds=1.0, kept_share=0.5)
    assert half.rmse_px < 0.8 * report.rmse_px


@cache
def solved() -> dict[str, Any]:
    scene = Scene(instants=120, clock_offset_s=(0.0, 0.02, -0.03, 0.01), swing_m=0.6)
    recording = record(scene, seed=1)
    start, poses = disturb(recording)
    held = choose_heldout(recording.sightings, 0.15)
    result = adjust(recording.sightings.at(~held), start, poses[~held], BundleSettings(clocks="estimated"))
    return {"recording": recording, "held": held, "result": result}


def test_a_bundle_adjustment_in_the_terms_of_the_report() -> None:
    given = solved()
    result, sightings, held = given["result"], given["recording"].sightings, given["held"]
    report = report_from_bundle(result, sightings, held)
    assert report.rmse_px == pytest.approx(result.rmse_px, rel=1e-6)
    assert report.heldout is not None
    assert report.heldout.rmse_px < 1.5 * report.rmse_px
    assert report.heldout_board_error_mm < 2.0
    assert [clock.reference for clock in report.clocks] == [True, False, False, False]
    assert report.clocks[1].offset_s == pytest.approx(0.02, abs=0.001)
    assert report.clocks[1].frame_s == pytest.approx(1 / 30, rel=1e-6)
    assert all(pair.epipolar_px < 0.5 for pair in report.pairs)
    # Seen minus projected, as the page says: the same arrows as from the pictures themselves.
    exact = adjust(sightings.at(~held), result.rig, result.world_from_board)
    own = report_from_bundle(exact, sightings, held)
    assert own.cameras[0].arrows
    same = build_report(exact.rig, sightings.at(~held), world_from_board=exact.world_from_board, kept=exact.inlier)
    ours, theirs = (np.array([[a.dx, a.dy] for a in r.cameras[0].arrows]) for r in (own, same))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    first, second = report.cameras[:2]
    sigma = {parameter.name: parameter.sigma for parameter in second.parameters}
    assert sigma["fx"] == pytest.approx(result.sigmas[1].lens["f"])
    np.testing.assert_allclose([sigma[axis] for axis in "xyz"], result.sigmas[1].centre_m, rtol=1e-9)
    assert all(p.sigma == 0.0 for p in first.parameters if p.name in ("x", "y", "z", "pan", "tilt", "roll"))
    parsed(render_html(report, sightings.at(~held), result.rig, world_from_board=result.world_from_board))


def test_a_rig_that_was_moved_and_scaled_has_the_same_report() -> None:
    given = solved()
    result, sightings, held = given["result"], given["recording"].sightings, given["held"]
    move = from_rvec_tvec([0, 0, np.pi / 2], [1.0, 2.0, 3.0])
    move[:3, :3] *= 2.0
    report = report_from_bundle(result, sightings, held)
    moved = report_from_bundle(result, sightings, held, rig=move_rig(result.rig, move, {}), world_from_solve=move)
    assert moved.rmse_px == report.rmse_px
    for before, after in zip(report.cameras, moved.cameras, strict=True):
        old = {p.name: p for p in before.parameters}
        new = {p.name: p for p in after.parameters}
        assert new["y"].sigma == pytest.approx(2.0 * old["x"].sigma)
        assert new["z"].value == pytest.approx(2.0 * old["z"].value + 3.0)
        assert (new["pan"].value - old["pan"].value) % 360 == pytest.approx(90.0)
        assert new["pan"].sigma == pytest.approx(old["pan"].sigma, rel=1e-3)
        np.testing.assert_allclose(after.tilt_deg, before.tilt_deg, atol=1e-6)


def test_pan_sigma_is_that_of_a_turn_about_the_vertical() -> None:
    given = solved()
    result = given["result"]
    true = true_times(result, given["recording"].sightings.t_s)
    assert np.abs(np.diff(true[0])).max() < 0.06
    camera = result.rig.cameras[2]
    covariance = result.covariance.of_camera(2)[:3, :3]
    rng = np.random.default_rng(0)
    turns = rng.multivariate_normal(np.zeros(3), covariance, 4000)
    drawn = [pan_tilt_roll(from_rvec_tvec(w, [0, 0, 0])[:3, :3] @ camera.cam_from_world[:3, :3]) for w in turns]
    report = report_from_bundle(result, given["recording"].sightings, given["held"])
    sigma = {p.name: p.sigma for p in report.cameras[2].parameters}
    np.testing.assert_allclose(
        [sigma["pan"], sigma["tilt"], sigma["roll"]], np.std(drawn, axis=0), rtol=0.08, atol=1e-9
    )


def test_parameters_without_sigmas_say_so() -> None:
    parameters = parameters_of(ring_rig().cameras[0])
    assert all(np.isnan(p.sigma) and not p.held for p in parameters)
    assert [p.name for p in parameters][:5] == ["fx", "fy", "cx", "cy", "k1"]
    assert isinstance(parameters[0], Parameter)
