"""What the calibration page knows and decides, without a window."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration import CameraRig
from calibration.alignment import move_rig
from calibration.formats import load_rig, save_rig
from calibration.targets import Detection, read_target
from calibration.transforms import from_rvec_tvec
from mocap.core.errors import CalibrationError, ExplainedError, InputError, SessionError
from mocap.core.progress import CancelToken, silent
from mocap.gui.jobs.calibrate import RefineJob, VerifyJob
from mocap.gui.presenters.calibrate.boards import (
    BoardChoice,
    board_presets,
    measured,
    own_board,
    page_of,
    paper_for,
    write_board,
)
from mocap.gui.presenters.calibrate.calibrating import Calibrating, look_into, rigs_of
from mocap.gui.presenters.calibrate.compare import compare
from mocap.gui.presenters.calibrate.files import export_choices, export_rig, import_rig
from mocap.gui.presenters.calibrate.look import EVERY_S, UNSEEN_PICTURES, CameraLook, Looker, Search
from mocap.gui.presenters.calibrate.refine import accept, load_refined, refine_job, reject, waiting
from mocap.gui.presenters.calibrate.result import COLUMNS, load_report, load_result
from mocap.gui.presenters.calibrate.seen import load_seen
from mocap.gui.presenters.calibrate.stills import StillReader, source_in, source_of
from mocap.gui.presenters.calibrate.world import WorldEdit, begin, keep_former, save
from mocap.gui.presenters.jobs import Failed, Finished, Jobs, Message, Preview, Step, Stopped
from mocap.gui.presenters.words import Trouble
from mocap.pipeline.calibration.align import AlignRequest, floor_points
from mocap.session import SessionFolder, SessionManifest, write_manifest
from mocap.studio import sample_dir
from tests.gui.conftest import FakeRunner
from tests.gui.test_gui_presenters import until
from tests.integration.film import write_video

PICTURE = np.full((480, 640, 3), 90, dtype=np.uint8)


def shown(x: float, y: float) -> Detection:
    """A board of nine corners around a place."""
    grid = np.stack(np.meshgrid([-20.0, 0.0, 20.0], [-20.0, 0.0, 20.0]), axis=-1).reshape(-1, 2)
    return Detection(grid + np.array([x, y]))


NOTHING = Detection(np.full((9, 2), np.nan))


# The search


def test_every_picture_counts_and_some_are_told() -> None:
    now, told = [0.0], []
    looker = Looker(told.append, clock=lambda: now[0])
    for instant in range(20):
        now[0] = instant * EVERY_S / 4
        looker.watch("a", instant, PICTURE, shown(100, 100) if instant % 2 else NOTHING)
    assert len(told) == 5
    looker.tell_all()
    last: CameraLook = told[-1]
    assert (last.looked, last.seen) == (20, 10)
    assert last.coverage.sum() == 90
    assert last.coverage[:3, :3].sum() == 90  # the board was in the upper left only
    picture = cv2.imdecode(np.frombuffer(told[0].picture, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (360, 480, 3)
    # What is told at the end brings no picture; the one before stays.
    search = Search(("a", "b")).told(told[0]).told(last)
    assert search.looks["a"].picture == told[0].picture
    assert search.looks["a"].looked == 20


def test_the_two_cameras_that_must_see_the_board_together_are_named() -> None:
    told: list[CameraLook] = []
    looker = Looker(told.append)
    for instant in range(2 * UNSEEN_PICTURES):
        first = instant < UNSEEN_PICTURES
        place = shown(60 + 9 * (instant % 60), 60 + 6 * (instant % 60))
        looker.watch("a", instant, PICTURE, place if first else NOTHING)
        looker.watch("b", instant, PICTURE, place if first else NOTHING)
        looker.watch("c", instant, PICTURE, place if not first or instant == 3 else NOTHING)
        looker.watch("d", instant, PICTURE, NOTHING)
    looker.tell_all()
    search = Search(("a", "b", "c", "d"))
    for look in told:
        search = search.told(look)
    assert search.links()["a", "b"] == UNSEEN_PICTURES
    assert search.links()["a", "c"] == 1
    assert search.parts() == [["a", "b"], ["c"], ["d"]]
    hints = search.hints()
    assert hints[0] == "d has not seen the board yet."
    assert hints[1].startswith("c and ")
    assert "seen the board together once only" in hints[1]
    assert any("corner" in hint or "edge" in hint or "side" in hint for hint in hints[2:])
    assert Search(("a", "b")).hints() == ()


# Folders


def test_a_folder_is_looked_into_before_a_calibration(
    tmp_path: Path, calibrated_once: tuple[Path, object]
) -> None:
    gone = look_into(tmp_path / "gone")
    assert gone.trouble is not None
    assert "no such folder" in gone.trouble.what
    empty = look_into(tmp_path)
    assert empty.trouble is not None
    write_video(tmp_path / "cam_1.mp4", 3)
    alone = look_into(tmp_path / "cam_1.mp4")
    assert alone.trouble is not None
    assert "one camera" in alone.trouble.what
    found = look_into(calibrated_once[0])
    assert found.trouble is None
    assert found.cameras == tuple((f"cam_{n}", 60) for n in range(1, 5))
    assert found.board is not None
    assert found.rigs == (calibrated_once[0] / "calibration" / "rig.toml",)
    assert "60 pictures each" in found.words


def test_a_new_session_waits_for_films_without_trouble(tmp_path: Path) -> None:
    session = SessionFolder(tmp_path / "visit")
    write_manifest(session.manifest, SessionManifest(id="visit"))
    found = look_into(session.root)
    assert found.waits
    assert found.trouble is None
    assert "record a take" in found.words
    calibrating = Calibrating()
    calibrating.choose(session.root)
    until(lambda: (calibrating.tick() or True) and calibrating.found is not None)
    assert not calibrating.ready
    assert calibrating.request() is None
    # A folder of videos that holds none is wrong, whoever made it.
    (session.root / "calibration" / "videos").mkdir(parents=True)
    assert look_into(session.root).trouble is not None
    calibrating.close()


def test_former_calibrations_are_listed_newest_first(tmp_path: Path) -> None:
    for name in ("rig.toml", "rig-2.toml", "rig-10.toml", "rig-1.toml"):
        (tmp_path / name).write_text("")
    assert [path.name for path in rigs_of(tmp_path)] == ["rig.toml", "rig-10.toml", "rig-2.toml", "rig-1.toml"]


def chosen(folder: Path) -> Calibrating:
    calibrating = Calibrating()
    calibrating.choose(folder)
    until(lambda: calibrating.tick() or calibrating.found is not None)
    return calibrating


def test_a_calibration_goes_from_folder_to_result(
    calibrated_once: tuple[Path, tuple[Message, ...]], runner: FakeRunner, tmp_path: Path
) -> None:
    folder, said = calibrated_once
    fresh = tmp_path / "visit"
    shutil.copytree(folder / "calibration" / "videos", fresh / "calibration" / "videos")
    calibrating, jobs = chosen(fresh), Jobs(runner)
    assert calibrating.ready
    assert calibrating.result is None
    calibrating.set_options(measured_mm=34.5, lens="pinhole", floor_by_board=True)
    request = calibrating.request()
    assert request is not None
    assert (request.square_m, request.lens, request.floor_by_board) == (pytest.approx(0.0345), "pinhole", True)
    jobs.previews.subscribe(calibrating.previewed)
    jobs.over.subscribe(calibrating.over)
    jobs.changed.subscribe(lambda: calibrating.jobs_changed(jobs.jobs))
    jobs.add(request)
    assert calibrating.running
    assert not calibrating.ready
    assert calibrating.request() is None
    # What the real job said, with the result where the fake one would have put it.
    runner.started[0].said.extend(message for message in said[:-1])
    jobs.tick()
    assert set(calibrating.search.looks) == {"cam_1", "cam_2", "cam_3", "cam_4"}
    assert all(look.looked == 60 for look in calibrating.search.looks.values())
    assert calibrating.job is not None
    assert 0.5 < calibrating.job.share < 1.0
    shutil.copytree(folder / "calibration", fresh / "calibration", dirs_exist_ok=True)
    rig_file = fresh / "calibration" / "rig.toml"
    runner.started[0].said.append(Finished(rig_file, opens="calibrate"))
    jobs.tick()
    until(lambda: calibrating.tick() or calibrating.result is not None)
    assert calibrating.result is not None
    assert calibrating.result.rig_file == rig_file
    assert calibrating.found is not None
    assert calibrating.found.rigs == (rig_file,)
    assert not calibrating.running
    calibrating.close()


def test_what_goes_wrong_is_said_and_a_stop_changes_nothing(calibrated: Path, runner: FakeRunner) -> None:
    calibrating, jobs = chosen(calibrated), Jobs(runner)
    until(lambda: calibrating.tick() or calibrating.result is not None)
    jobs.over.subscribe(calibrating.over)
    jobs.changed.subscribe(lambda: calibrating.jobs_changed(jobs.jobs))
    for message in (Failed(Trouble("No camera sees the board.", "Name the right board.")), Stopped()):
        request = calibrating.request()
        assert request is not None
        jobs.add(request)
        runner.started[-1].said.append(message)
        jobs.tick()
        assert calibrating.ready
    assert jobs.jobs[1].trouble is not None
    assert calibrating.trouble is None
    assert calibrating.result is not None
    other = replace(request, folder=calibrated / "elsewhere")
    jobs.add(other)
    runner.started[-1].said.append(Failed(Trouble("The disk is full.", "Free some space.")))
    jobs.tick()
    assert calibrating.trouble is None
    calibrating.close()


def test_a_folder_that_vanished_is_said(calibrated: Path) -> None:
    calibrating = chosen(calibrated)
    rig_file = calibrated / "calibration" / "rig.toml"
    shutil.rmtree(calibrated)
    calibrating.open_rig(rig_file)
    until(lambda: calibrating.tick() or calibrating.trouble is not None)
    assert calibrating.trouble is not None
    assert "no such calibration" in calibrating.trouble.what
    calibrating.close()


def test_the_real_job_explains_a_wrong_board(calibrated: Path) -> None:
    from mocap.gui.jobs.calibrate import CalibrateJob

    (calibrated / "calibration" / "board.toml").write_text(
        'kind = "charuco"\nsquares = [5, 7]\nsquare_m = 0.035\nmarker_m = 0.026\ndictionary = "DICT_6X6_50"\n'
    )
    with pytest.raises(CalibrationError, match="No camera sees") as caught:
        CalibrateJob("visit", calibrated).run(lambda message: None, CancelToken())
    assert caught.value.remedy
    assert rigs_of(calibrated)  # the calibration of before is as it was


# Results


def test_a_result_says_what_the_report_says(calibrated_once: tuple[Path, object]) -> None:
    result = load_result(calibrated_once[0] / "calibration" / "rig.toml")
    assert result.report is not None
    told = json.loads((calibrated_once[0] / "calibration" / "report.json").read_text())
    assert (result.level, result.headline) == (told["verdict"]["level"], told["verdict"]["headline"])
    figures = dict(result.figures())
    assert figures["Reprojection error"] == f"{result.report.rmse_px:.2f} px"
    assert result.report.heldout_mm < 2.5
    assert all(len(row) == len(COLUMNS) for row in result.rows())
    assert result.rows()[0][1] == str(result.report.cameras[0].pictures)
    assert "±" in result.rows()[1][2]
    assert {finding.level for finding in result.to_do()} <= {"care", "poor"}
    assert result.report.html is not None


def test_a_calibration_from_elsewhere_has_no_verdict(calibrated: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "rig.toml"
    alone.parent.mkdir()
    shutil.copyfile(calibrated / "calibration" / "rig.toml", alone)
    result = load_result(alone)
    assert result.report is None
    assert result.seen is None
    assert result.level == "care"
    assert result.rows()[0][1] == "–"
    # A report that is damaged is as none; one of other cameras is not taken.
    alone.with_name("report.json").write_text("{")
    assert load_report(alone) is None
    report = (calibrated / "calibration" / "report.json").read_text().replace('"cam_1"', '"else"')
    alone.with_name("report.json").write_text(report)
    assert load_result(alone).report is None


def test_boards_follow_their_rig_into_another_world_and_no_other_rig(calibrated: Path) -> None:
    folder = calibrated / "calibration"
    rig = load_rig(folder / "rig.toml")
    seen = load_seen(rig, folder)
    assert seen is not None
    assert np.nanmedian(seen.error_px) < 0.5
    move = from_rvec_tvec(np.array([0.2, -0.4, 1.0]), np.array([1.0, 2.0, 0.3]))
    elsewhere = load_seen(move_rig(rig, move, {}), folder)
    assert elsewhere is not None
    assert elsewhere.world_from_board == pytest.approx(move @ seen.world_from_board, abs=1e-6)
    one = rig.cameras[1]
    bumped = replace(
        one, cam_from_world=from_rvec_tvec(np.zeros(3), np.array([0.0, 0.0, 0.05])) @ one.cam_from_world
    )
    other = replace(rig, cameras=(rig.cameras[0], bumped, *rig.cameras[2:]))
    assert load_seen(other, folder) is None
    # The boards are where the cameras see them.
    corners = seen.corners()
    for c, camera in enumerate(rig.cameras):
        there = np.isfinite(seen.xy[:, c]).all(axis=-1)
        back = camera.project(corners[there])[0]
        assert np.median(np.linalg.norm(back - seen.xy[:, c][there], axis=1)) < 1.0


# Worlds


@pytest.fixture
def edit(calibrated: Path) -> WorldEdit:
    return begin(load_result(calibrated / "calibration" / "rig.toml"))


def click(edit: WorldEdit, point: np.ndarray, cameras: tuple[str, str] = ("cam_1", "cam_2")) -> WorldEdit:
    """Click a point of the shown world in two views."""
    for name in cameras:
        xy, valid = edit.rig.cameras[edit.rig.names.index(name)].project(point)
        assert valid
        edit = edit.clicked(name, (float(xy[0]), float(xy[1])))
    return edit


def test_a_floor_is_put_through_clicked_points(edit: WorldEdit) -> None:
    points = np.array([[0.1, 0.0, 0.05], [0.6, 0.1, 0.06], [0.0, 0.5, 0.04], [0.3, 0.3, 0.05]])
    assert "three points" in edit.hint()
    for point in points[:3]:
        edit = click(edit, point)
    assert edit.points() == pytest.approx(points[:3], abs=1e-4)
    assert "Enough" in edit.hint()
    done = edit.floor_from_points(origin_too=True)
    assert done.changed
    assert not done.marks
    move = np.linalg.inv(done.rig.cameras[0].cam_from_world) @ edit.rig.cameras[0].cam_from_world
    placed = points[:3] @ move[:3, :3].T + move[:3, 3]
    assert placed[:, 2] == pytest.approx(0.0, abs=1e-3)
    assert placed[0] == pytest.approx(0.0, abs=1e-3)
    assert placed[1, 1] == pytest.approx(0.0, abs=1e-3)
    assert placed[1, 0] > 0.4
    assert (np.stack([camera.centre for camera in done.rig.cameras])[:, 2] > 0).all()  # cameras are above
    assert done.undo().rig is edit.rig
    assert done.undo().redo().rig is done.rig


def test_a_click_shows_its_line_in_the_other_view_and_a_wrong_one_is_refused(edit: WorldEdit) -> None:
    point = np.array([0.2, 0.1, 0.1])
    first = edit.rig.cameras[0].project(point)[0]
    other = edit.rig.cameras[1].project(point)[0]
    half = edit.clicked("cam_1", (float(first[0]), float(first[1])))
    assert "other picture" in half.hint()
    guide = half.guide("cam_2")
    assert np.linalg.norm(guide - other, axis=1).min() < 6.0
    assert len(half.guide("cam_1")) == 0
    # A second click into the same view takes the place of the first.
    assert half.clicked("cam_1", (5.0, 5.0)).marks[0].xy == {"cam_1": (5.0, 5.0)}
    across = np.array([-(guide[-1] - guide[0])[1], (guide[-1] - guide[0])[0]])
    off = other + 60 * across / np.linalg.norm(across)
    wrong = half.clicked("cam_2", (float(off[0]), float(off[1])))
    assert np.isnan(wrong.points()).all()
    assert "disagree" in wrong.hint()
    assert wrong.undo().marks[0].xy == half.marks[0].xy
    with pytest.raises(CalibrationError, match="three points"):
        click(edit, point).floor_from_points(False)
    with pytest.raises(CalibrationError):
        half.origin_from_point()


def test_the_board_says_where_the_floor_is(edit: WorldEdit) -> None:
    seen = edit.result.seen
    assert seen is not None
    tilt = seen.tilt_deg(np.array([0.0, 0.0, 1.0]))
    steep = int(np.argmax(tilt))
    for refused in (lambda: edit.board_is_origin(steep), lambda: edit.boards_are_floor((steep,))):
        with pytest.raises(CalibrationError, match="did not lie flat"):
            refused()
    stood = edit.board_is_origin(steep, "-y")
    assert stood.seen is not None
    assert stood.seen.world_from_board[steep][:3, 3] == pytest.approx(0.0, abs=1e-9)
    # Two boards that nearly lie, at two heights.
    poses = seen.world_from_board.copy()
    poses[4] = from_rvec_tvec(np.array([np.pi - 0.05, 0.0, 0.0]), np.array([0.1, 0.2, -1.2]))
    poses[9] = from_rvec_tvec(np.array([np.pi - 0.05, 0.0, 0.0]), np.array([0.1, 0.2, -0.6]))
    edit = begin(replace(edit.result, seen=replace(seen, world_from_board=poses)))
    lying = edit.lying()
    assert lying.index(4) < lying.index(9)
    floor = edit.boards_are_floor((4,))
    assert floor.seen is not None
    assert np.abs(floor.seen.corners()[4][:, 2]).max() < 1e-6
    assert floor.seen.corners()[9][:, 2].mean() > 0.5
    turned = floor.turned(90.0).raised(0.02)
    assert turned.seen is not None
    assert turned.seen.corners()[4][:, 2] == pytest.approx(floor.seen.corners()[4][:, 2] - 0.02)
    assert turned.steps[-1].said == "Floor +20 mm"
    at_board = edit.board_is_origin(4)
    assert at_board.seen is not None
    assert at_board.seen.world_from_board[4][:3, 3] == pytest.approx(0.0, abs=1e-9)
    assert all(camera.centre[2] > 0 for camera in at_board.rig.cameras)


def test_the_floor_is_drawn_where_the_cameras_see_it(edit: WorldEdit) -> None:
    lines = edit.floor_lines("cam_1")
    assert lines
    for line in lines:
        assert (line > -2).all()
        assert (line < (642, 482)).all()
    axes = edit.axes("cam_1")
    origin = edit.rig.cameras[0].project(np.zeros(3))[0]
    assert axes[0][0] == pytest.approx(origin)


def test_a_world_is_saved_and_the_former_kept_and_taken_back(edit: WorldEdit) -> None:
    folder = edit.result.rig_file.parent
    before = edit.result.rig_file.read_bytes()
    path = save(edit.turned(90.0))
    assert path == folder / "rig.toml"
    assert (folder / "rig-1.toml").read_bytes() == before
    assert [p.name for p in rigs_of(folder.parent)] == ["rig.toml", "rig-1.toml"]
    now = load_result(path)
    assert now.report is not None
    assert now.report.html is not None
    assert now.seen is not None
    assert load_result(folder / "rig-1.toml").report is not None
    back = keep_former(folder / "rig-1.toml")
    assert back.read_bytes() == before
    assert (folder / "rig-2.toml").is_file()


def test_feet_of_a_run_are_the_floor(run_folder: Path, library_root: Path, tmp_path: Path) -> None:
    rig_file = tmp_path / "rig.toml"
    save_rig(load_rig(library_root.parent / "walk"), rig_file, "anipose")
    lifted = move_rig(load_rig(rig_file), from_rvec_tvec(np.array([0.1, 0.0, 0.0]), np.array([0.0, 0.0, 0.7])), {})
    save_rig(lifted, rig_file, "anipose")
    done = begin(load_result(rig_file)).feet_are_floor(run_folder)
    assert "slope may be off" in done.steps[-1].said  # it is one straight walk
    save_rig(done.rig, rig_file, "anipose")
    feet, _ = floor_points(AlignRequest(rig_file, rig_file, floor=run_folder), silent, CancelToken())
    assert np.median(np.abs(feet[:, 2])) < 0.02


# Pictures


def test_stills_are_those_of_their_instant(calibrated: Path) -> None:
    seen = load_result(calibrated / "calibration" / "rig.toml").seen
    assert seen is not None
    reader = StillReader()
    reader.open(
        source_of(
            replace(seen, films={n: (calibrated / "calibration" / "videos" / f"{n}.mp4",) for n in seen.cameras})
        )
    )
    got = []
    for instant in (0, 20, 3):
        reader.want(instant)
        until(lambda: (still := reader.fetch()) is not None and got.append(still) is None)
    assert [still.instant for still in got] == [0, 20, 3]
    assert all(set(still.pictures) == set(seen.cameras) for still in got)
    assert got[0].pictures["cam_1"].shape == (480, 640, 3)
    target = read_target(calibrated / "calibration" / "board.toml")
    # The board lies in the picture where it was found when the rig was calibrated.
    again = target.detect(got[1].pictures["cam_1"]).xy
    both = np.isfinite(again).all(axis=1) & np.isfinite(seen.xy[20, 0]).all(axis=1)
    if both.any():
        assert np.median(np.linalg.norm((again - seen.xy[20, 0])[both], axis=1)) < 1.0
    shutil.rmtree(calibrated / "calibration" / "videos")
    fresh = StillReader()
    fresh.open(reader.source)
    fresh.want(0)
    gone = []
    until(lambda: (still := fresh.fetch()) is not None and gone.append(still) is None)
    assert gone[0].trouble is not None
    assert "gone" in gone[0].trouble.what
    reader.close()
    fresh.close()


def test_pictures_of_a_trial_serve_too(library_root: Path) -> None:
    source = source_in(library_root.parent / "walk")
    assert source.count > 0
    assert len(source.films) == 4
    with pytest.raises(ExplainedError):
        source_in(library_root)


# Comparing


def bumped(rig: CameraRig, index: int, shift_m: float) -> CameraRig:
    camera = rig.cameras[index]
    pose = camera.cam_from_world.copy()
    pose[:3, 3] -= pose[:3, :3] @ np.array([shift_m, 0.0, 0.0])
    return replace(
        rig, cameras=(*rig.cameras[:index], replace(camera, cam_from_world=pose), *rig.cameras[index + 1 :])
    )


def test_the_camera_that_was_moved_is_named(calibrated: Path) -> None:
    folder = calibrated / "calibration"
    new = load_result(folder / "rig.toml")
    move = from_rvec_tvec(np.array([0.0, 0.0, 1.0]), np.array([0.5, 0.0, 0.0]))
    save_rig(move_rig(bumped(new.rig, 2, 0.08), move, {}), folder / "rig-1.toml", "anipose")
    found = compare(new, load_result(folder / "rig-1.toml"))
    assert [camera.level for camera in found.cameras] == ["good", "good", "poor", "good"]
    # One camera of four changes half of all distances, which must not count as another scale.
    assert max(camera.moved_mm for camera in found.cameras if camera.name != "cam_3") < 1.0
    moved = found.cameras[2]
    assert moved.moved_mm == pytest.approx(80.0, abs=8.0)
    assert "cam_3 was moved" in found.verdict
    assert found.level == "poor"
    assert found.ghost.cameras[0].centre == pytest.approx(new.rig.cameras[0].centre, abs=0.02)
    same = compare(new, new)
    assert same.level == "good"
    assert same.cameras[0].sigma_mm > 0
    assert same.scale_percent == pytest.approx(0.0, abs=1e-6)
    two = replace(new, rig=new.rig.select(("cam_1", "cam_2")))
    pair = compare(two, load_result(folder / "rig-1.toml"))
    assert pair.missing == ("cam_3", "cam_4")
    other = replace(new, rig=CameraRig(tuple(replace(c, name=f"x{c.name}") for c in new.rig.cameras), {}))
    assert compare(new, other).cameras == ()


# Boards


def test_boards_are_written_to_print(tmp_path: Path) -> None:
    assert board_presets()[0].name == "a4"
    for preset in board_presets():
        choice = BoardChoice(preset.target, paper_for(preset.target))
        page = page_of(choice)
        assert page.layers
        assert preset.description
    choice = BoardChoice(own_board("charuco", 4, 6, 30.0, "DICT_4X4_50", 0))
    for suffix in (".pdf", ".png"):
        board = write_board(choice, tmp_path / f"board{suffix}")
        assert read_target(board) == choice.target
        assert (tmp_path / f"board{suffix}").stat().st_size > 1000
    with pytest.raises(InputError, match="docx"):
        write_board(choice, tmp_path / "board.docx")
    with pytest.raises(ExplainedError, match="too large"):
        page_of(replace(choice, target=own_board("checkerboard", 9, 6, 90.0, "", 0)))


@pytest.mark.parametrize(("typed", "mm"), [("29.7", 29.7), ("29,7 mm", 29.7), ("", None)])
def test_a_square_is_measured(typed: str, mm: float | None) -> None:
    choice = BoardChoice(own_board("charuco", 4, 6, 30.0, "DICT_4X4_50", 0))
    assert measured(choice, typed).measured_mm == mm


@pytest.mark.parametrize("typed", ["3", "three", "300", "-30"])
def test_a_square_that_cannot_be_is_refused(typed: str) -> None:
    choice = BoardChoice(own_board("charuco", 4, 6, 30.0, "DICT_4X4_50", 0))
    with pytest.raises(InputError):
        measured(choice, typed)


# Other programs


def test_calibrations_go_to_other_programs_and_come_back(calibrated: Path, tmp_path: Path) -> None:
    rig_file = calibrated / "calibration" / "rig.toml"
    rig = load_rig(rig_file)
    for number, choice in enumerate(export_choices()):
        target = tmp_path / f"out{number}" / choice.default_path(rig_file).name
        export_rig(rig_file, choice, target)
        taken = import_rig(target, tmp_path / f"in{number}")
        back = load_rig(taken)
        assert back.names == rig.names
        centres = [np.stack([camera.centre for camera in one.cameras]) for one in (back, rig)]
        apart = [np.linalg.norm(c[:, None] - c[None], axis=-1) for c in centres]
        assert apart[0] == pytest.approx(apart[1], abs=1e-3)
    with pytest.raises(ExplainedError, match="itself"):
        export_rig(rig_file, export_choices()[0], rig_file)
    import_rig(rig_file, calibrated)
    assert [path.name for path in rigs_of(calibrated)] == ["rig.toml", "rig-1.toml"]
    with pytest.raises(ExplainedError):
        import_rig(calibrated / "calibration" / "board.toml", calibrated)


# A person, and a board of known size


def test_a_refinement_waits_to_be_accepted(run_folder: Path, library_root: Path, tmp_path: Path) -> None:
    rig_file = tmp_path / "visit" / "calibration" / "rig.toml"
    save_rig(bumped(load_rig(library_root.parent / "walk"), 1, 0.15), rig_file, "anipose")
    before = rig_file.read_bytes()
    job = refine_job(rig_file, run_folder)
    assert isinstance(job, RefineJob)
    said: list[Message] = []
    done = job.run(said.append, CancelToken())
    assert any(isinstance(message, Step) for message in said)
    assert rig_file.read_bytes() == before
    assert done.result == waiting(rig_file)
    assert done.result is not None
    refined = load_refined(done.result)
    assert refined.improved
    assert refined.of == rig_file
    moved = {row[0]: float(row[3].split()[0]) for row in refined.rows}
    assert max(moved, key=lambda name: moved[name]) == load_rig(rig_file).names[1]
    assert accept(refined) == rig_file
    assert rig_file.with_name("rig-1.toml").read_bytes() == before
    assert waiting(rig_file) is None
    reject(refined)
    with pytest.raises(SessionError):
        load_refined(done.result)


def test_a_disk_that_fills_up_leaves_the_present_calibration_in_its_place(
    calibrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig_file = calibrated / "calibration" / "rig.toml"
    before = sorted((path.name, path.read_bytes()) for path in rig_file.parent.iterdir() if path.is_file())

    def full(rig: CameraRig, path: Path, name: str) -> None:
        path.write_bytes(b"half of")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("mocap.gui.presenters.calibrate.world.save_rig", full)
    monkeypatch.setattr("mocap.gui.presenters.calibrate.files.save_rig", full)
    with pytest.raises(OSError, match="No space"):
        save(begin(load_result(rig_file)))
    with pytest.raises(OSError, match="No space"):
        import_rig(rig_file, calibrated)
    assert sorted((path.name, path.read_bytes()) for path in rig_file.parent.iterdir() if path.is_file()) == before


def test_a_check_is_shown_with_the_calibration_it_is_of(calibrated: Path) -> None:
    rig_file = calibrated / "calibration" / "rig.toml"
    assert load_result(rig_file).verified == ()
    VerifyJob("check", rig_file, calibrated).run(lambda message: None, CancelToken())
    result = load_result(rig_file)
    assert result.verified[0].level in ("good", "care")
    assert "Lengths err" in " ".join(finding.text for finding in result.verified)
    save(begin(result).turned(90.0))
    assert load_result(rig_file).verified == ()


def test_previews_are_for_the_page_only(runner: FakeRunner, calibrated: Path) -> None:
    calibrating, jobs = chosen(calibrated), Jobs(runner)
    request = calibrating.request()
    assert request is not None
    jobs.previews.subscribe(calibrating.previewed)
    jobs.add(request)
    runner.started[0].said.append(Preview("something else"))
    jobs.tick()
    assert calibrating.search.looks == {}
    assert len(jobs.jobs[0].log) == 1
    calibrating.close()


def test_pictures_of_a_calibration_made_elsewhere_are_found_beside_it(tmp_path: Path) -> None:
    from mocap.gui.presenters.calibrate.stills import source_near

    near = source_near(sample_dir() / "calibration")
    assert near is not None
    assert len(near.films) == 4
    assert near.count > 10
    (tmp_path / "calibration").mkdir()
    assert source_near(tmp_path / "calibration") is None
