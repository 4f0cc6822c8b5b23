"""Corrections in the window: real widgets, mouse and keys, on a run in which a knee is misread."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import CameraRig, Intrinsics
from calibration.errors import StorageError
from mocap.core.types import ImageArray
from mocap.detect import ViewPoses, ViewState
from mocap.gui.jobs.correct import CorrectedJob
from mocap.gui.presenters.correct import corrections
from mocap.gui.presenters.correct.correcting import Correcting
from mocap.gui.presenters.correct.guides import guides
from mocap.gui.presenters.correct.words import instant_of, summary, words_of
from mocap.gui.presenters.review.review import Review, open_review
from mocap.gui.presenters.review.viewport import Viewport
from mocap.pipeline.edits.again import process_again
from mocap.pipeline.edits.files import read_edits, working_file
from mocap.pipeline.edits.kinds import (
    AddEvent,
    ChooseSubject,
    DeleteEvent,
    ExchangePeople,
    MaskCamera,
    MoveEvent,
    MovePoint,
    RemovePoint,
    SwapSides,
)
from mocap.pipeline.run import ProcessRequest, process
from mocap.pipeline.settings import load_settings
from mocap.session import RunFolder
from tests.conftest import ring_rig
from tests.gui.conftest import FakeRunner, Wait
from tests.integration.film import SKELETON, KnowingDetector, make_recording, walking

FRAMES, WRONG, INSTANT = 40, range(18, 23), 20
KNEE = SKELETON.keypoints.index("left_knee")
# Cameras that take the same place beside the knee for it, and where that is from there, m: the majority.
MISREAD, OFF_M = (0, 1, 2), np.array([0.15, 0.0, 0.0])
# No turn of the window's loop may take more of its thread's time than this, s.
LONGEST_TURN_S = 0.1
# Those in which it is put right.
DRAGGED = (0, 1)


@dataclass(frozen=True)
class MisreadingDetector(KnowingDetector):
    """Three cameras of four see the left knee too far out for a while."""

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        frame = states[0].frames_since_search
        found, after = super().detect(images, states)
        if frame in WRONG:
            for c in MISREAD:
                right, wrong = (
                    self.rig.cameras[c].project(self.xyz[frame, KNEE] + off)[0] for off in (0.0, OFF_M)
                )
                found[c].xy[0, KNEE] += wrong - right
        return found, after


@dataclass
class Misread:
    """The recording, its detector and its run."""

    base: Path
    rig: CameraRig
    detector: MisreadingDetector
    run: Path

    @property
    def truth(self) -> np.ndarray:
        return walking(FRAMES)[:, KNEE]


@pytest.fixture(scope="module")
def misread(tmp_path_factory: pytest.TempPathFactory) -> Misread:
    base = tmp_path_factory.mktemp("misread")
    rig = make_recording(base / "walk", FRAMES)
    detector = MisreadingDetector(rig, walking(FRAMES), [], noise_px=0.4)
    settings = load_settings("fast")
    output = settings.output.model_copy(update={"overlays": False, "formats": ("csv",)})
    wanted = ProcessRequest(base / "walk", settings.model_copy(update={"output": output}), out=base / "visit")
    return Misread(base, rig, detector, process(wanted, make_detector=detector).folder)


@pytest.fixture
def run(misread: Misread) -> Iterator[Path]:
    """The run, without corrections."""
    yield misread.run
    shutil.rmtree(working_file(RunFolder(misread.run)).parent, ignore_errors=True)


@pytest.fixture
def page(window: Any, run: Path, wait: Wait) -> Any:
    """The run open at the misread instant, the tool in the hand."""
    window.open_run(run)
    made = window.shown
    wait(lambda: made.review is not None)
    made.set_head(made.head.seek(INSTANT))
    made.act("tool move")
    wait(lambda: made.correct.correcting.ready)
    wait(lambda: all(view.drawn_instant == INSTANT for view in made.videos.views))
    window.activateWindow()
    return made


def in_view(view: Any, xy: Any) -> Any:
    from PySide6.QtCore import QPoint

    x, y = view.port.to_widget(np.asarray(xy, dtype=float)).tolist()
    return QPoint(round(x), round(y))


def drag(view: Any, start: Any, end: Any, hold: Callable[[], None] = lambda: None) -> None:
    """Press, move in steps, look, let go."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(view, left, none, in_view(view, start))
    for share in (0.3, 0.7, 1.0):
        QTest.mouseMove(view, in_view(view, (1 - share) * np.asarray(start) + share * np.asarray(end)))
    hold()
    QTest.mouseRelease(view, left, none, in_view(view, end))


def yellow(view: Any) -> int:
    """Pixels in the colour of guides."""
    image = view.grab().toImage()
    return sum(
        (c := image.pixelColor(x, y)).red() > 200 and c.green() > 190 and c.blue() < 110
        for x in range(image.width())
        for y in range(image.height())
    )


def everything(review: Review) -> list[np.ndarray]:
    """Copies of all that a correction may change."""
    take = review.take
    parts = (review.tracks, review.measured, take.points, take.motion, take.angles, take.mass_centre)
    arrays = [v for part in parts for v in vars(part).values() if isinstance(v, np.ndarray)]
    return [array.copy() for array in (*arrays, review.pixels)]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(one, other, strict=True))


def error_mm(page: Any, misread: Misread) -> float:
    """How far the knee is from where it is, mm."""
    return float(1000 * np.linalg.norm(page.review.measured.xyz[INSTANT, 0, KNEE] - misread.truth[INSTANT]))


def test_a_wrong_joint_is_dragged_right_and_all_of_it_undone(page: Any, misread: Misread, wait: Wait) -> None:
    now, views = page.correct.correcting, page.videos.views
    before = everything(page.review)
    hip = page.review.take.angles.names.index("left_hip_rotation")
    angle_before = page.review.take.angles.value[INSTANT, 0, hip]
    curve = page.plots.plots[1]
    curve.choice.setCurrentIndex(curve.choice.findText("Hip rotation"))
    curve.choice.activated.emit(curve.choice.currentIndex())
    wrong_mm = error_mm(page, misread)
    assert wrong_mm > 30
    for c in DRAGGED:
        start = page.review.tracks.xy[INSTANT, c, 0, KNEE].copy()
        right = misread.rig.cameras[c].project(misread.truth[INSTANT])[0]

        def while_held(c: int = c) -> None:
            wait(lambda: not now.busy)
            assert len(now.edits) == c  # nothing is an edit before it is let go
            for other in views:
                guide = now.guide(other.camera)
                assert guide is not None
                assert np.isfinite(guide.line).any() == (other.camera != c)
                assert yellow(other) > 40

        drag(views[c], start, right, while_held)
    wait(lambda: not now.busy)
    assert error_mm(page, misread) < 0.3 * wrong_mm
    # The hip turns back, and with it the instants around that nobody touched: the stiff figure never turned.
    turned = np.degrees(page.review.take.angles.value[:, 0, hip])
    assert abs(turned[INSTANT] - np.degrees(angle_before)) > 8
    assert np.abs(turned[list(WRONG)] - turned[0]).max() < 0.4 * abs(np.degrees(angle_before) - turned[0])
    assert page.correct.pane.list.count() == 2
    # What is drawn is what was solved.
    assert curve._series.title == "Hip rotation"
    assert curve._series.curves[0][1][INSTANT] == pytest.approx(turned[INSTANT])
    on_disk = working_file(RunFolder(misread.run))
    wait(lambda: on_disk.is_file() and len(read_edits(on_disk).edits) == 2)
    after = everything(page.review)
    assert not same(before, after)
    page.act("undo")
    page.act("undo")
    wait(lambda: not now.busy)
    assert same(before, everything(page.review))
    assert not now.edits
    page.act("redo")
    page.act("redo")
    wait(lambda: not now.busy)
    assert same(after, everything(page.review))


def test_applied_corrections_make_another_run(
    page: Any, window: Any, runner: FakeRunner, misread: Misread, wait: Wait
) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    now = page.correct.correcting
    assert not page.correct.pane.apply.isEnabled()
    for c in DRAGGED:
        start = page.review.tracks.xy[INSTANT, c, 0, KNEE].copy()
        drag(page.videos.views[c], start, misread.rig.cameras[c].project(misread.truth[INSTANT])[0])
    wait(lambda: not now.busy)
    assert page.correct.pane.apply.isEnabled()
    QTest.mouseClick(page.correct.pane.apply, Qt.MouseButton.LeftButton)
    (started,) = runner.started
    asked = started.request
    assert isinstance(asked, CorrectedJob)
    assert "2 corrections" in asked.title
    looked = len(misread.detector.calls)
    made = process_again(asked.folder, asked.edits, make_detector=misread.detector)
    assert len(misread.detector.calls) == looked
    review = open_review(made.folder)
    found = review.measured.xyz[INSTANT, 0, KNEE]
    assert 1000 * np.linalg.norm(found - misread.truth[INSTANT]) < 10
    # What was shown at once is what the run came to.
    at_once = page.review.take
    assert np.abs(at_once.points.xyz - review.take.points.xyz)[:, 0, KNEE].max() < 0.01
    value, sure = review.take.angles.value, np.isfinite(review.take.angles.value)
    both = sure & np.isfinite(at_once.angles.value)
    assert np.degrees(np.abs(value - at_once.angles.value)[both]).max() < 2.0
    # The new run knows what it was made with; there, nothing is to be applied until something else is put right.
    window.open_run(made.folder)
    wait(lambda: page.review is not None and page.review.folder == made.folder)
    page.act("tool move")
    wait(lambda: page.correct.correcting.ready)
    assert len(page.correct.correcting.edits) == 2
    assert page.correct.correcting.to_apply() is None
    page.correct.correcting.delete(0)
    wait(lambda: not page.correct.correcting.busy)
    assert error_mm(page, misread) > 10
    shutil.rmtree(made.folder)


def test_corrections_by_buttons_and_keys_are_there_after_a_restart(page: Any, run: Path, wait: Wait) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    now, pane, ruler = page.correct.correcting, page.correct.pane, page.timeline.ruler
    person = int(page.review.tracks.person_ids[0])

    def key(name: str, modifier: str = "NoModifier") -> None:
        ruler.setFocus()
        QTest.keyClick(ruler, getattr(Qt.Key, f"Key_{name}"), getattr(Qt.KeyboardModifier, modifier))

    page.set_head(page.head.seek(5).mark_a().seek(9).mark_b())
    pane.camera.setCurrentIndex(2)
    key("X")
    key("K")
    page.set_head(page.head.seek(INSTANT))
    pane.what.setCurrentIndex(1)
    key("T")
    key("N")
    key("Delete")
    camera = page.review.rig.names[1]
    assert now.edits[:2] == (
        SwapSides(person=person, cameras=(camera,), first=5, last=9),
        MaskCamera(camera=camera, first=5, last=9),
    )
    assert isinstance(now.edits[2], AddEvent)
    assert (now.edits[2].event, now.edits[2].side) == ("foot_off", "left")
    assert isinstance(now.edits[3], RemovePoint)
    wait(lambda: not now.busy)
    assert not page.review.measured.used[5:10, 1].any()
    assert any(event.kind == "foot_off" for event in page.review.take.findings[0].events)
    # A row is taken out of the list by its button.
    row = pane.list.itemWidget(pane.list.item(1))
    QTest.mouseClick(row.findChildren(type(pane.undo))[0], Qt.MouseButton.LeftButton)
    assert not any(isinstance(edit, MaskCamera) for edit in now.edits)
    wait(lambda: not now.busy)
    assert page.review.measured.used[5:10, 1].any()
    edits = now.edits
    page.open_result(run)
    wait(lambda: page.review is not None)
    wait(lambda: now.ready and not now.busy)
    assert now.edits == edits
    assert np.isnan(page.review.tracks.xy[INSTANT, 0, 0, page.review.drawn[0]]).all()


def test_a_view_zooms_at_the_cursor_moves_and_turns(page: Any, wait: Wait, app: Any) -> None:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    view, middle, none = page.videos.views[2], Qt.MouseButton.MiddleButton, Qt.KeyboardModifier.NoModifier
    at = QPointF(view.width() * 0.3, view.height() * 0.4)
    under = view.place_of(at)
    wheel = QWheelEvent(
        at, view.mapToGlobal(at), QPoint(), QPoint(0, 360), Qt.MouseButton.NoButton, none,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, wheel)
    assert view.port.zoom == pytest.approx(1.25**3)
    assert view.place_of(at) == pytest.approx(under, abs=1e-9)
    QTest.mousePress(view, middle, none, at.toPoint())
    QTest.mouseMove(view, at.toPoint() + QPoint(13, -8))
    QTest.mouseRelease(view, middle, none, at.toPoint() + QPoint(13, -8))
    assert view.place_of(at + QPointF(13, -8)) == pytest.approx(under, abs=1.5 / view.port.scale)
    # A turned picture is pointed at as exactly.
    page.correct._camera = 2
    page.act("turn")
    assert view.port.turns == 1
    target = page.review.tracks.xy[INSTANT, 2, 0, KNEE]
    back = view.place_of(QPointF(*view.port.to_widget(target).tolist()))
    assert back == pytest.approx(tuple(target.tolist()), abs=1e-9)
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, none, QPoint(5, 5))
    assert view.port.whole
    # Space held and dragged moves the picture, and does not play.
    view.zoom(3.0)
    view.setFocus()
    QTest.keyPress(view, Qt.Key.Key_Space)
    before = view.port.middle
    QTest.mousePress(view, Qt.MouseButton.LeftButton, none, QPoint(40, 40))
    QTest.mouseMove(view, QPoint(60, 40))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, none, QPoint(60, 40))
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert view.port.middle != before
    assert not page.correct.correcting.edits


def test_a_picture_looked_at_closely_is_decoded_at_full_size(page: Any, wait: Wait) -> None:
    view = page.videos.views[1]
    assert view._sharp is None
    view._image = view._image[::4, ::4].copy()  # as kept of a larger film
    view.zoom(20.0)
    wait(lambda: view._sharp is not None)
    instant, image = view._sharp
    assert instant == INSTANT
    assert image.shape[:2] == view.size_wh[::-1]
    page.act("forward")
    wait(lambda: view.drawn_instant == INSTANT + 1)
    assert view._sharp[0] != view.drawn_instant  # of another instant: it is not shown


def test_dragging_never_holds_the_window(page: Any, misread: Misread, wait: Wait, app: Any) -> None:
    """Turns of the loop while a joint is dragged, by the thread's own time: others work here too."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    view, left, none = page.videos.views[0], Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    start = page.review.tracks.xy[INSTANT, 0, 0, KNEE].copy()
    QTest.mousePress(view, left, none, in_view(view, start))
    turns = []
    for step in range(60):
        begun = time.thread_time()
        QTest.mouseMove(view, in_view(view, start - np.array([0.0, 2.0 * (step % 20)])))
        app.processEvents()
        turns.append(time.thread_time() - begun)
        time.sleep(0.005)
    QTest.mouseRelease(view, left, none, in_view(view, start - 20))
    assert max(turns) < LONGEST_TURN_S
    page.act("undo")
    wait(lambda: not page.correct.correcting.busy)


# The presenters by themselves.


def settled(now: Correcting) -> None:
    end = time.monotonic() + 20
    while now.preparing or now.busy or not now.ready:
        now.tick()
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def correcting(run: Path) -> Iterator[Correcting]:
    made = Correcting()
    made.open(open_review(run))
    made.begin()
    settled(made)
    made.instant, made.tool = INSTANT, "move"
    yield made
    made.close()


def test_only_the_newest_place_is_solved(correcting: Correcting, monkeypatch: pytest.MonkeyPatch) -> None:
    solved, real = [], corrections.solve_all

    def slow(prepared: Any, edits: Any, known: Any) -> Any:
        time.sleep(0.05)
        solved.append(edits[-1].x)
        return real(prepared, edits, known)

    monkeypatch.setattr(corrections, "solve_all", slow)
    assert correcting.review is not None
    x, y = correcting.review.tracks.xy[INSTANT, 0, 0, KNEE].tolist()
    assert correcting.press(0, (x, y), 5.0)
    shown: list[int] = []
    correcting.solved.subscribe(lambda: shown.append(1))
    for step in range(1, 30):
        correcting.drag((x + step, y))
        correcting.tick()
    settled(correcting)
    assert len(solved) < 5
    assert solved[-1] == pytest.approx(x + 29)
    # While the mouse goes on moving, what was solved is shown, again and again.
    shown.clear()
    end = time.monotonic() + 10.0
    while len(shown) < 3:
        correcting.drag((x + 29 + len(shown) + time.monotonic() % 1.0, y))
        correcting.tick()
        time.sleep(0.004)
        assert time.monotonic() < end
    correcting.drag((x + 29, y))
    settled(correcting)
    correcting.release()
    assert [edit.kind for edit in correcting.edits] == ["move point"]
    # A click that moves nothing puts nothing right.
    correcting.press(0, (x + 29, y), 5.0)
    correcting.release()
    assert len(correcting.edits) == 1


def test_a_disk_that_refuses_is_told_and_the_last_word_is_written_at_the_end(
    correcting: Correcting, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = corrections.write_edits

    def refuse(*_: Any) -> None:
        raise StorageError("The disk is full.", "Free some space.", run)

    monkeypatch.setattr(corrections, "write_edits", refuse)
    correcting.mask(1)
    settled(correcting)
    end = time.monotonic() + 5
    while correcting.trouble is None and time.monotonic() < end:
        correcting.tick()
        time.sleep(0.002)
    assert correcting.trouble is not None
    assert correcting.trouble.what == "The disk is full."
    assert not correcting.kept
    assert "not on disk" in summary(correcting.edits, False, False, correcting.kept)
    monkeypatch.setattr(corrections, "write_edits", real)
    correcting.mask(2)
    correcting.close()
    assert correcting.kept
    assert len(read_edits(working_file(RunFolder(run))).edits) == 2


def test_closing_on_a_full_disk_ends_in_a_line_of_the_log(
    correcting: Correcting, run: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise StorageError("The disk is full.", "Free some space.", run)

    monkeypatch.setattr(corrections, "write_edits", refuse)
    correcting.mask(1)
    correcting.close()
    assert "disk is full" in caplog.text


def test_damaged_edits_are_told_in_words(run: Path) -> None:
    path = working_file(RunFolder(run))
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    now = Correcting()
    now.open(open_review(run))
    end = time.monotonic() + 10
    while now.trouble is None and time.monotonic() < end:
        now.tick()
        time.sleep(0.002)
    assert now.trouble is not None
    assert "not understood" in now.trouble.what
    assert not now.ready
    now.close()
    assert path.read_text() == "{}"  # nothing is written over what was not read


def test_events_are_marked_moved_and_taken_away(correcting: Correcting) -> None:
    correcting.mark("foot_strike", "left")
    settled(correcting)
    assert correcting.review is not None
    first = correcting.nearest_event("foot_strike", "left")
    assert first == pytest.approx(correcting.review.take.t_s[INSTANT])
    correcting.instant = INSTANT + 3
    correcting.move_event("foot_strike", "left")
    settled(correcting)
    assert len(correcting.edits) == 1  # what was marked by hand is marked elsewhere
    assert correcting.nearest_event("foot_strike", "left") == pytest.approx(
        correcting.review.take.t_s[INSTANT + 3]
    )
    correcting.delete_event("foot_strike", "left")
    settled(correcting)
    assert correcting.nearest_event("foot_strike", "left") is None
    correcting.delete_event("foot_strike", "left")
    assert len(correcting.edits) == 2


def test_a_sigma_of_the_hand_can_be_said(correcting: Correcting) -> None:
    assert correcting.review is not None
    x, y = correcting.review.tracks.xy[INSTANT, 0, 0, KNEE].tolist()
    correcting.press(0, (x, y), 5.0)
    correcting.drag((x, y - 40))
    correcting.release()
    edit = correcting.edit_at_selected()
    assert edit is not None
    assert 1.0 <= edit.sigma_px < 10.0
    correcting.set_sigma(25.0)
    settled(correcting)
    assert correcting.review.tracks.sigma_px[INSTANT, 0, 0, KNEE] == 25.0
    correcting.nudge(1.0, -2.0)
    moved = correcting.edit_at_selected()
    assert moved is not None
    assert (moved.x, moved.y, moved.sigma_px) == (edit.x + 1.0, edit.y - 2.0, 25.0)


def test_guides_lead_to_the_joint_and_bend_with_the_lens() -> None:
    rig = ring_rig()
    bent = tuple(
        replace(
            camera,
            intrinsics=Intrinsics(
                camera.intrinsics.size_wh, camera.intrinsics.K, np.array([-0.28, 0.07, 0.001, -0.0005, 0.0])
            ),
        )
        for camera in rig.cameras
    )
    rig = CameraRig(bent)
    point = np.array([0.3, -0.2, 1.9])
    seen = [camera.project(point)[0] for camera in rig.cameras]
    lines = guides(rig, 0, (float(seen[0][0]), float(seen[0][1])))
    assert np.isnan(lines[0]).all()
    bends = []
    for c in range(1, len(bent)):
        line = lines[c][np.isfinite(lines[c]).all(axis=1)]
        a, b = line[:-1], line[1:]
        along = np.clip(
            np.sum((seen[c] - a) * (b - a), axis=1) / np.maximum(np.sum((b - a) ** 2, axis=1), 1e-12), 0, 1
        )
        assert np.linalg.norm(a + along[:, None] * (b - a) - seen[c], axis=1).min() < 0.2
        chord = (line[-1] - line[0]) / np.linalg.norm(line[-1] - line[0])
        across = (line - line[0]) @ np.array([-chord[1], chord[0]])
        bends.append(np.abs(across).max())
    assert max(bends) > 3.0


@pytest.mark.parametrize("turns", range(4))
def test_places_are_exact_there_and_back(turns: int) -> None:
    port = Viewport((1088.0, 1920.0), (333.0, 481.0), turns=turns)
    places = np.random.default_rng(turns).uniform(0, 1000, size=(50, 2))
    for way in (port, port.zoomed(7.3, np.array([40.0, 300.0])), port.zoomed(30, np.array([9.0, 9.0])).moved(
        np.array([55.0, -20.0]))):  # fmt: skip
        np.testing.assert_allclose(way.to_picture(way.to_widget(places)), places, atol=1e-9)
    # The whole picture fits, its middle in the middle.
    corners = port.to_widget(np.array([[-0.5, -0.5], [1087.5, 1919.5]]))
    assert corners.min() >= -1e-9
    assert (corners.max(axis=0) <= np.array([333.0, 481.0]) + 1e-9).all()
    np.testing.assert_allclose(corners.mean(axis=0), [166.5, 240.5])
    # A turn clockwise takes what is right to below.
    right = Viewport((100.0, 100.0), (100.0, 100.0), turns=turns).to_widget(np.array([59.5, 49.5])) - 50.0
    np.testing.assert_allclose(right, [[10, 0], [0, 10], [-10, 0], [0, -10]][turns], atol=1e-9)
    assert port.zoomed(0.01, np.zeros(2)).whole


def test_edits_are_said_in_words() -> None:
    edits = (
        MovePoint(camera="cam_1", instant=30, person=3, keypoint="left_knee", x=1, y=2, sigma_px=2),
        RemovePoint(camera="cam_2", instant=30, person=3, keypoint="left_knee"),
        SwapSides(person=3, first=30, last=60),
        MaskCamera(camera="cam_3", first=30, last=30),
        ChooseSubject(camera="cam_1", instant=30, x=1, y=2),
        ExchangePeople(one=1, other=2, first=30, last=60),
        AddEvent(person=3, event="heel lift", t_s=0.5),
        MoveEvent(person=3, event="foot_strike", side="left", t_s=0.5, to_s=0.6),
        DeleteEvent(person=3, event="foot_strike", side="left", t_s=0.5),
    )
    said = [words_of(edit, 60.0) for edit in edits]
    assert said[0] == ("Left knee moved", "cam_1, 0.500 s")
    assert said[2] == ("Left and right swapped", "all cameras, 0.500 to 1.000 s")
    assert said[3] == ("Camera cam_3 not used", "at 0.500 s")
    assert said[6] == ("Heel lift marked", "0.500 s")
    assert said[7] == ("Left foot strike moved", "0.500 s to 0.600 s")
    assert len(set(said)) == len(said)
    assert {instant_of(edit, 0.0, 60.0) for edit in edits} == {30}
    assert summary((), False, True) == "Nothing is corrected."
    assert "Apply" not in summary(edits, False, True)
    assert "solving" in summary(edits, True, False)
