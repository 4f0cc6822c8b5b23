"""The whole way on a small recording: results, resuming, and every mishap explained."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.formats import load_rig, save_rig
from mocap.core.errors import (
    CalibrationError,
    CancelledError,
    ExplainedError,
    InputError,
    SessionError,
    StorageError,
    VideoError,
)
from mocap.core.progress import CancelToken
from mocap.core.types import Points3D
from mocap.pipeline.reexport import export_run
from mocap.pipeline.run import ProcessRequest, ProcessResult, process
from mocap.pipeline.settings import PipelineSettings, load_settings
from mocap.presets import read_toml
from mocap.session import load
from tests.integration.film import RATE_HZ, KnowingDetector, make_recording, walking, write_video

FRAMES = 80


def settings(overlays: bool = False) -> PipelineSettings:
    base = load_settings()
    return base.model_copy(update={"output": base.output.model_copy(update={"overlays": overlays})})


@pytest.fixture
def film(tmp_path: Path) -> tuple[ProcessRequest, KnowingDetector]:
    rig = make_recording(tmp_path / "walk", FRAMES)
    return ProcessRequest(tmp_path / "walk", settings(), out=tmp_path / "out"), KnowingDetector(
        rig, walking(FRAMES), []
    )


def run(film: tuple[ProcessRequest, KnowingDetector], **changes: object) -> ProcessResult:
    request, detector = film
    return process(replace(request, **changes), make_detector=detector)  # type: ignore[arg-type]


def test_videos_to_files(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    request, detector = film
    result = run(film, settings=settings(overlays=True))
    summary = result.summary
    assert summary.frames == summary.frames_3d == FRAMES
    assert 0.5 < summary.reproj_px_median < 2.5
    assert summary.bone_variation_percent < 2.0
    stored = load(result.folder / "points3d.npz", Points3D)
    assert stored is not None
    error = np.linalg.norm(stored.result.xyz[:, 0] - detector.xyz, axis=-1)
    assert np.nanmedian(error) < 0.01
    for kind, file in summary.files.items():
        assert (result.folder / file).stat().st_size > 0, kind
    assert {"trc", "c3d", "bvh", "report", "overlay cam_1"} <= set(summary.files)
    manifest = read_toml(result.folder / "run.toml")
    assert manifest["inputs"]["detector"] == "knowing 1"
    assert set(manifest["inputs"]) == {
        "video cam_1",
        "video cam_2",
        "video cam_3",
        "video cam_4",
        "times",
        "calibration",
        "detector",
    }
    assert manifest["settings"]["fit"]["cutoff_hz"] == request.settings.fit.cutoff_hz


def test_a_finished_run_is_not_computed_again(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    first = run(film)
    count = len(film[1].calls)
    again = run(film)
    assert again.reused
    assert again.folder == first.folder
    assert again.summary == first.summary
    assert len(film[1].calls) == count
    fresh = run(film, fresh=True)
    assert not fresh.reused
    assert fresh.folder != first.folder
    assert len(film[1].calls) == 2 * count


def test_other_settings_take_over_the_detections(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    first = run(film)
    count = len(film[1].calls)
    base = film[0].settings
    smoother = base.model_copy(update={"fit": base.fit.model_copy(update={"cutoff_hz": 3.0})})
    second = run(film, settings=smoother)
    assert second.folder != first.folder
    assert len(film[1].calls) == count


def test_stopped_run_goes_on_where_it_was(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    request, detector = film
    whole = process(replace(request, out=request.path.parent / "whole"), make_detector=detector)
    detector.calls.clear()
    cancel = CancelToken()

    def stop_at_70(stage: str, done: int, total: int) -> None:
        if stage == "detect" and done == 70:
            cancel.cancel()

    with pytest.raises(CancelledError):
        process(request, stop_at_70, cancel, detector)
    assert detector.calls == list(range(70))
    result = run(film)
    assert detector.calls == list(range(FRAMES))
    ours, theirs = (load(r.folder / "points3d.npz", Points3D) for r in (result, whole))
    assert ours is not None
    assert theirs is not None
    np.testing.assert_array_equal(ours.result.xyz, theirs.result.xyz)
    assert not (result.folder / "poses2d.parts").exists()


def test_export_again(film: tuple[ProcessRequest, KnowingDetector], tmp_path: Path) -> None:
    result = run(film)
    written = export_run(result.folder, ("trc",), tmp_path / "elsewhere")
    first = (result.folder / result.summary.files["trc"]).read_text().splitlines()[1:]
    assert written["trc"].files[0].read_text().splitlines()[1:] == first
    with pytest.raises(SessionError, match="not a finished run"):
        export_run(tmp_path, ("trc",), tmp_path / "elsewhere")


def explain(film: tuple[ProcessRequest, KnowingDetector], kind: type[ExplainedError], **changes: object) -> str:
    with pytest.raises(kind) as caught:
        run(film, **changes)
    assert caught.value.remedy
    return str(caught.value)


def test_no_folder(film: tuple[ProcessRequest, KnowingDetector], tmp_path: Path) -> None:
    assert "no such folder" in explain(film, InputError, path=tmp_path / "gone")


def test_no_video(film: tuple[ProcessRequest, KnowingDetector], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "No video" in explain(film, InputError, path=tmp_path / "empty")


def test_one_camera(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    for number in (2, 3, 4):
        (film[0].path / f"cam_{number}.mp4").unlink()
    assert "at least two cameras" in explain(film, InputError)


def test_no_calibration(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    (film[0].path / "calibration.toml").unlink()
    assert "--calibration" in explain(film, InputError)


def test_camera_names_that_do_not_match(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    for number, name in enumerate(("north", "east", "south", "west"), start=1):
        (film[0].path / f"cam_{number}.mp4").rename(film[0].path / f"{name}.mp4")
    words = explain(film, CalibrationError)
    assert "cam_1" in words
    assert "north" in words


def test_truncated_mp4(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    video = film[0].path / "cam_2.mp4"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert "cam_2.mp4" in explain(film, VideoError)


def test_shorter_video_is_used_as_far_as_it_goes(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    write_video(film[0].path / "cam_2.mp4", 30)
    result = run(film)
    assert result.summary.frames_3d == FRAMES
    stored = load(result.folder / "points3d_raw.npz", Points3D)
    assert stored is not None
    assert not stored.result.used[30:, 1].any()


def test_text_named_mp4(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    (film[0].path / "cam_3.mp4").write_text("this is no film")
    words = explain(film, VideoError)
    assert "cam_3.mp4" in words
    assert "not a video" in words


def test_calibration_of_another_shape(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    write_video(film[0].path / "cam_1.mp4", FRAMES, size_wh=(640, 240))
    words = explain(film, CalibrationError)
    assert "cam_1" in words
    assert "640x480" in words


def test_calibration_of_another_size_is_scaled(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    request, _detector = film
    rig = load_rig(request.path / "calibration.toml")
    half = [replace(c, intrinsics=c.intrinsics.for_size((320, 240))) for c in rig.cameras]
    save_rig(replace(rig, cameras=tuple(half)), request.path / "calibration.toml", "anipose")
    summary = run(film).summary
    assert summary.reproj_px_median < 2.5
    assert any("320x240" in warning for warning in summary.warnings)


def test_nobody_in_view(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    request, detector = film
    assert "Nobody was found" in explain((request, replace(detector, xyz=np.empty((0, 33, 3)))), InputError)


def test_full_disk(film: tuple[ProcessRequest, KnowingDetector], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        assert "disk is full" in explain(film, StorageError)
    assert run(film).summary.frames_3d == FRAMES  # nothing half-written is in the way


def test_videos_moved_away(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    run(film)
    film[0].path.rename(film[0].path.with_name("moved"))
    words = explain(film, InputError, path=film[0].out, out=None)
    assert "gone" in words
    assert "trial.toml" in words


def test_a_changed_calibration_is_another_run(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    first = run(film)
    path = film[0].path / "calibration.toml"
    rig = load_rig(path)
    moved = rig.cameras[0].cam_from_world.copy()
    moved[0, 3] += 0.3
    save_rig(
        replace(rig, cameras=(replace(rig.cameras[0], cam_from_world=moved), *rig.cameras[1:])), path, "anipose"
    )
    second = run(film)
    assert not second.reused
    assert second.folder != first.folder
    assert second.summary.reproj_px_median > first.summary.reproj_px_median


def test_a_calibration_in_several_files_can_be_used(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    request, _detector = film
    folder = request.path.parent / "opencv"
    save_rig(load_rig(request.path / "calibration.toml"), folder, "opencv")
    assert run(film, calibration=folder).summary.reproj_px_median < 2.5


def test_recordings_of_one_name_are_kept_apart(
    film: tuple[ProcessRequest, KnowingDetector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCAP_SESSIONS", str(tmp_path / "sessions"))
    make_recording(tmp_path / "other" / "walk", FRAMES)
    first = run(film, out=None)
    second = run(film, out=None, path=tmp_path / "other" / "walk")
    assert first.folder.parents[3].name == "walk"
    assert second.folder.parents[3].name == "walk-2"
    assert run(film, out=None).folder == first.folder
    words = explain(film, InputError, path=tmp_path / "other" / "walk", out=first.folder.parents[3])
    assert "another recording" in words


def test_detections_that_vanish_are_not_made_up(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    request, detector = film

    def remove_parts(stage: str, done: int, total: int) -> None:
        if stage == "detect" and done == 70:
            for part in request.path.parent.glob("out/trials/*/runs/*/poses2d.parts/*.npz"):
                part.unlink()

    with pytest.raises(SessionError, match="missing from frame 0"):
        process(request, remove_parts, make_detector=detector)
    assert run(film).summary.frames_3d == FRAMES


def test_damage_in_another_run_is_no_obstacle(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    first = run(film)
    (first.folder / "poses2d.npz").write_bytes(b"half")
    base = film[0].settings
    smoother = base.model_copy(update={"fit": base.fit.model_copy(update={"cutoff_hz": 3.0})})
    assert run(film, settings=smoother).summary.frames_3d == FRAMES


def test_a_damaged_record_says_what_to_do(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    first = run(film)
    (first.folder / "run.toml").write_text("half = ")
    assert "--fresh" in explain(film, SessionError)


def test_lost_files_are_written_again(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    first = run(film)
    count = len(film[1].calls)
    (first.folder / "report.html").unlink()
    again = run(film)
    assert (again.folder / "report.html").is_file()
    assert again.folder == first.folder
    assert len(film[1].calls) == count


def test_a_slower_camera_is_told_of(film: tuple[ProcessRequest, KnowingDetector]) -> None:
    write_video(film[0].path / "cam_4.mp4", FRAMES // 2, rate_hz=15)
    summary = run(film).summary
    assert summary.rate_hz == pytest.approx(15, rel=0.01)
    assert any("cam_1" in warning and "15 of them" in warning for warning in summary.warnings)


def test_times_beside_the_videos_bring_cameras_to_one_instant(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    rig = make_recording(folder, FRAMES)
    late = (0.0, 0.45, 0.2, -0.0)
    # Fast enough that half a frame shows: 0.2 m at 1.5 Hz is 1.9 m/s.
    figure = walking(FRAMES) - walking(FRAMES)[:1]
    figure = walking(FRAMES)[:1] + figure * 2.0
    detector = KnowingDetector(rig, figure, [], noise_px=0.2, late=late)

    def reprojection(out: str) -> float:
        request = ProcessRequest(folder, settings(), out=tmp_path / out)
        return process(request, make_detector=detector).summary.reproj_px_p90

    blind = reprojection("blind")
    rows = [
        f"{camera.name},{(frame + late[c]) / RATE_HZ:.6f}"
        for c, camera in enumerate(rig.cameras)
        for frame in range(FRAMES)
    ]
    (folder / "timestamps.csv").write_text("cam_id,frame_time\n" + "\n".join(rows) + "\n")
    told = reprojection("told")
    assert blind > 2.0
    assert told < 1.0

    (folder / "timestamps.csv").write_text("cam_id,frame_time\nx,0.0\nx,0.1\n")
    request = ProcessRequest(folder, settings(), out=tmp_path / "others")
    summary = process(request, make_detector=detector).summary
    assert any("are not those of the videos" in warning for warning in summary.warnings)
