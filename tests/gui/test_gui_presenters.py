"""What the app knows and decides, without a window."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mocap.core.errors import SessionError
from mocap.gui.jobs.process import ProcessJob
from mocap.gui.presenters.exports import PRESETS, Export, write
from mocap.gui.presenters.jobs import Failed, Finished, Jobs, Step, Stopped, share_of
from mocap.gui.presenters.library.library import Library, read_library
from mocap.gui.presenters.process.newrun import missing, presets, request, survey
from mocap.gui.presenters.review.film import Film, read_index
from mocap.gui.presenters.review.frames import FrameStore
from mocap.gui.presenters.review.playhead import Playhead
from mocap.gui.presenters.review.previews import Previews
from mocap.gui.presenters.review.review import LEFT, MIDDLE, RIGHT, open_review
from mocap.gui.presenters.words import STAGES, Trouble, time_left, trouble_of
from mocap.gui.scene.content import floor_lines, frusta
from mocap.gui.scene.orbit import Orbit
from tests.conftest import ring_rig
from tests.gui.conftest import FakeRunner
from tests.integration.film import write_video

ASK = ProcessJob("walk", Path("walk"), "balanced")


def until(so: Callable[[], object]) -> None:
    end = time.monotonic() + 20.0
    while not so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_a_full_disk_is_no_defect_of_the_software() -> None:
    full = trouble_of(OSError(errno.ENOSPC, "No space left on device", "/data/take.npz"))
    assert full.what == "The disk is full."
    assert full.path == Path("/data/take.npz")
    gone = trouble_of(FileNotFoundError(errno.ENOENT, "No such file or directory", "/data/take.npz"))
    assert "gone" in gone.what
    assert "defect" in trouble_of(KeyError("lag_s")).what


def test_jobs_run_one_after_the_other(runner: FakeRunner) -> None:
    jobs = Jobs(runner)
    over: list[str] = []
    jobs.over.subscribe(lambda job: over.append(job.state))
    first, second = jobs.add(ASK), jobs.add(ASK)
    assert [job.state for job in jobs.jobs] == ["waiting", "running"]
    runner.started[0].said.append(Finished(Path("run"), False, ("look here",)))
    jobs.tick()
    assert over == ["done"]
    done = next(job for job in jobs.jobs if job.id == first)
    assert done.result == Path("run")
    assert any("look here" in line for line in done.log)
    assert len(runner.started) == 2
    jobs.cancel(second)
    assert runner.started[1].cancelled
    assert jobs.jobs[0].state == "stopping"
    runner.started[1].said.append(Stopped())
    jobs.tick()
    assert [job.state for job in jobs.jobs] == ["stopped", "done"]
    assert not jobs.active


def test_a_waiting_job_is_stopped_without_being_started(runner: FakeRunner) -> None:
    jobs = Jobs(runner)
    jobs.add(ASK)
    jobs.cancel(jobs.add(ASK))
    runner.started[0].said.append(Failed(Trouble("The disk is full.", "Free some space.")))
    jobs.tick()
    assert len(runner.started) == 1
    assert [job.state for job in jobs.jobs] == ["stopped", "failed"]
    assert jobs.jobs[1].trouble == Trouble("The disk is full.", "Free some space.")


def test_the_time_left_leaves_out_what_was_there_before(runner: FakeRunner) -> None:
    now = [0.0]
    jobs = Jobs(runner, clock=lambda: now[0])
    jobs.add(ASK)
    # A run that goes on in the middle of the detection.
    runner.started[0].said.append(Step("detect", 200, 400))
    jobs.tick()
    assert np.isnan(jobs.jobs[0].left_s)
    now[0] = 10.0
    runner.started[0].said.append(Step("detect", 300, 400))
    jobs.tick()
    gained = share_of(Step("detect", 300, 400), STAGES) - share_of(Step("detect", 200, 400), STAGES)
    expected = 10.0 / gained * (1 - share_of(Step("detect", 300, 400), STAGES))
    assert jobs.jobs[0].left_s == pytest.approx(expected)
    # Another stage at its beginning must not turn the bar back.
    runner.started[0].said.append(Step("detect", 100, 400))
    jobs.tick()
    assert jobs.jobs[0].share == share_of(Step("detect", 300, 400), STAGES)


def test_shares_of_the_stages_are_the_whole() -> None:
    assert sum(share for _, share in STAGES.values()) == pytest.approx(1.0)
    shares = [share_of(Step(stage, 1, 1), STAGES) for stage in STAGES]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(12, "about 10 s left"), (61, "about 2 min left"), (7200, "about 2.0 h left")]
)
def test_time_left_is_as_coarse_as_it_is_known(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_playing_loops_over_the_range() -> None:
    head = Playhead(100, 50.0).seek(20).mark_a().seek(29).mark_b().seek(20).toggle()
    assert head.advance(0.1).instant == 25
    assert head.advance(0.2).instant == 20
    assert head.advance(0.25).instant == 22
    once = head.toggle().seek(28)
    assert not once.playing
    from dataclasses import replace

    ended = replace(once, playing=True, loop=False).advance(1.0)
    assert (ended.instant, ended.playing) == (29, False)
    assert ended.toggle().instant == 20
    assert head.clear().last == 99


def test_slow_playing_loses_no_fraction() -> None:
    head = Playhead(100, 60.0).faster(-9).toggle()
    assert head.speed == 0.1
    for _ in range(100):
        head = head.advance(0.01)
    assert head.instant in (5, 6)  # one second at a tenth of 60 a second
    assert head.step(-1).instant in (4, 5)
    assert not head.step(1).playing


def test_the_library_reads_what_lies_there(library_root: Path, tmp_path: Path) -> None:
    (entry,) = read_library(library_root)
    assert (entry.name, entry.session, entry.state) == ("walk", "visit", "Ready to review")
    assert entry.best is not None
    assert len(entry.videos) == 4
    broken = tmp_path / "data"
    shutil.copytree(library_root, broken)
    next(broken.rglob("run.toml")).unlink()
    assert read_library(broken)[0].state == "Unfinished run"
    (broken / "visit" / "session.toml").write_text("schema_version = 99\n")
    (unread,) = read_library(broken)
    assert unread.state == "Unreadable"
    assert unread.trouble is not None
    assert "newer version" in unread.trouble.what
    assert read_library(tmp_path / "nowhere") == ()


def test_the_library_is_searched_and_sorted(library_root: Path, tmp_path: Path) -> None:
    shutil.copytree(library_root / "visit", tmp_path / "data" / "visit")
    shutil.copytree(library_root / "visit", tmp_path / "data" / "second")
    (tmp_path / "data" / "second" / "session.toml").write_text('id = "second"\nparticipant = "P07"\n')
    library = Library(tmp_path / "data")
    library.refresh()
    until(lambda: library.tick() or library.read_once)
    assert library.count == 2
    library.sort(0, False)
    assert [row.session for row in library.rows] == ["second", "visit"]
    library.sort(0, True)
    assert [row.session for row in library.rows] == ["visit", "second"]
    library.search("p07 WALK")
    assert [row.session for row in library.rows] == ["second"]
    library.search("nobody")
    assert library.rows == ()
    library.close()


def test_a_folder_is_looked_into_before_a_run(tmp_path: Path) -> None:
    assert survey(tmp_path / "gone").trouble is not None
    for name in ("cam_1", "cam_2"):
        write_video(tmp_path / f"{name}.mp4", 3)
        if name == "cam_1":
            alone = survey(tmp_path / "cam_1.mp4")
            assert alone.trouble is not None
            assert "cameras" in alone.trouble.remedy
    found = survey(tmp_path)
    assert len(found.videos) == 2
    lacking = missing(found, None)
    assert lacking is not None
    assert "calibration" in lacking.what
    rig = tmp_path / "elsewhere.toml"
    assert missing(found, rig) is not None
    rig.write_text("")
    assert missing(found, rig) is None
    asked = request(found, "fast", rig)
    assert (asked.path, asked.preset, asked.calibration) == (tmp_path, "fast", rig)
    assert presets()[0].name == "balanced"
    assert all(preset.description for preset in presets())


def test_a_run_is_opened_as_arrays(run_folder: Path) -> None:
    review = open_review(run_folder)
    assert len(review.videos) == 4
    marks = review.marks(0, 5)
    assert marks.seen.shape == marks.reprojected.shape == (len(review.bones), 2, 2)
    # The film's figure is known: what was seen and what was measured lie upon each other.
    assert np.nanmedian(np.abs(marks.seen - marks.reprojected)) < 3.0
    assert set(review.bone_sides.tolist()) == {LEFT, RIGHT, MIDDLE}
    pieces, sides = review.trail(20)
    assert len(pieces) == len(sides) > 0
    knee = next(series for series in review.angles() if series.title == "Knee flexion")
    assert [side for side, _, _ in knee.curves] == [LEFT, RIGHT]
    assert dict(review.readout(5))["Joints in 3D"] == "12 of 12"


def test_what_is_no_finished_run_is_not_opened(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SessionError):
        open_review(tmp_path)
    part = tmp_path / "run"
    shutil.copytree(run_folder, part)
    (part / "tracks2d.npz").unlink()
    with pytest.raises(SessionError, match="gone"):
        open_review(part)


def test_export_presets_write_what_they_say(run_folder: Path, tmp_path: Path) -> None:
    for preset in PRESETS:
        written = write(run_folder, preset, tmp_path / preset.name.replace("/", "-"))
        assert written.files
        assert all(path.stat().st_size > 0 for path in written.files)
        assert {path.suffix[1:] for path in written.files} >= {name.split(":")[0] for name, _ in preset.formats}


def marked_video(path: Path, frames: int) -> None:
    """Each picture's brightness is its number."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "1", "g": "25"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            image = np.full((48, 64, 3), 20 + 2 * i, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def test_pictures_are_those_of_their_instants_within_the_memory_given(tmp_path: Path) -> None:
    marked_video(tmp_path / "a.mp4", 100)
    frames = np.arange(100, dtype=np.int64)
    frames[7] = -1
    size = 48 * 64 * 3
    small = Previews((100,), budget=20 * 1000)
    store = FrameStore((tmp_path / "a.mp4",), frames[:, None], budget=20 * size, previews=small)
    try:
        for wanted in (0, 60, 10, 59, 95, 3):
            store.want(wanted)
            until(lambda w=wanted: store.get(0, w) is not None)
            image = store.get(0, wanted)
            assert image is not None
            assert float(image.mean()) == pytest.approx(20 + 2 * wanted, abs=1.5)
            assert store.nbytes <= 20 * size + 20 * 1000
        until(lambda: store.get(0, 8) is not None)
        assert store.get(0, 7) is None
        assert not store.filled or len(store.decoded(0)) < 100
    finally:
        store.close()


def test_far_from_all_that_is_known_the_way_there_is_shown_and_never_taken_for_the_place(tmp_path: Path) -> None:
    marked_video(tmp_path / "a.mp4", 100)
    index = read_index(tmp_path / "a.mp4")
    film, key = Film(tmp_path / "a.mp4", index), index.key_before(70)
    assert 25 < key < 70
    passed: list[tuple[int, float]] = []
    image = film.picture(70, 64, passing=lambda number, shown: passed.append((number, float(shown.mean()))))
    film.close()
    assert image is not None
    # Decoding begins at a key picture; that one is passed on before all others.
    assert passed[0] == (key, pytest.approx(20 + 2 * key, abs=1.5))
    assert image.mean() == pytest.approx(20 + 2 * 70, abs=1.5)
    # Few previews are kept here: what is far away is had only as coarse, with the distance.
    frames = np.arange(100, dtype=np.int64)[:, None]
    previews = Previews((100,), budget=20 * 1000)
    previews.add(0, 0, np.full((48, 64, 3), 20, dtype=np.uint8))
    store = FrameStore((tmp_path / "a.mp4",), frames, previews=previews)
    try:
        seen = []
        store.want(59)
        while (found := store.get(0, 59)) is None:
            seen.append(store.coarse(0, 59))
        assert found.mean() == pytest.approx(20 + 2 * 59, abs=1.5)
        for one in filter(None, seen):
            assert one[1].mean() == pytest.approx(20 + 2 * (59 + one[0]), abs=1.5)
    finally:
        store.close()


def test_a_video_that_is_gone_is_told_of(tmp_path: Path) -> None:
    store = FrameStore((tmp_path / "gone.mp4",), np.zeros((5, 1), dtype=np.int64))
    until(lambda: store.trouble(0) is not None)
    store.close()


def test_the_eye_sees_what_lies_before_it() -> None:
    orbit = Orbit(np.array([1.0, 2.0, 1.0]), 5.0, 30.0, 20.0)
    centre, valid = orbit.project(orbit.centre, (400, 300))
    assert valid
    assert centre == pytest.approx([200, 150])
    above, _ = orbit.project(orbit.centre + np.array([0, 0, 1.0]), (400, 300))
    assert above[1] < 150
    assert above[0] == pytest.approx(200)
    _, valid = orbit.project(orbit.centre - 10 * orbit.axes()[2], (400, 300))
    assert not valid
    assert abs(orbit.turned(0, 1e6).elevation) < 90
    assert orbit.zoomed(1).distance < orbit.distance


def test_cameras_and_floor_stand_where_they_are() -> None:
    rig = ring_rig()
    pieces = frusta(rig).reshape(len(rig.cameras), -1, 2, 3)
    for camera, piece in zip(rig.cameras, pieces, strict=True):
        assert piece[0, 0] == pytest.approx(camera.centre)
        looked, valid = camera.project(piece[:4, 1])
        assert valid.all()
        # Edges of the pyramid run through the corners of the picture (bent by the lens).
        assert np.abs(looked - camera.intrinsics.distort((piece[:4, 1] @ np.eye(3))[:, :2] * 0)).min() > 100
    floor = floor_lines(np.array([-1.0, -1.0, 0.0]), np.array([1.0, 1.0, 1.8]))
    assert (floor[..., 2] == 0).all()
    assert np.abs(floor[..., :2]).max() == pytest.approx(2.0)


def test_exports_are_not_taken_for_runs(library_root: Path, run_folder: Path) -> None:
    folder = Export(run_folder).folder
    assert folder.parent != run_folder.parent
    write(run_folder, PRESETS[-1], folder)
    assert len(read_library(library_root)[0].runs) == 1
