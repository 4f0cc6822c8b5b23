"""Detection over a trial: views side by side, parts that can be taken up again, pictures that were passed over."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.capture import probe
from mocap.core.ahead import Ahead
from mocap.core.errors import CancelledError
from mocap.core.progress import CancelToken, silent
from mocap.core.skeleton import Skeleton
from mocap.core.types import ImageArray, Poses2D, SyncTable
from mocap.detect import ViewDetector, ViewPoses, ViewState
from mocap.detect.pace import no_past
from mocap.pipeline import detection
from mocap.pipeline.detection import detect_trial
from mocap.presets import load_skeleton
from mocap.session import RunFolder

FRAMES = 20
SKELETON = load_skeleton("blazepose33")


class Brightness:
    """Sees one person, at the picture's brightness; looks at every third picture and at the last."""

    skeleton: Skeleton = SKELETON
    max_people = 1
    identity = "brightness"

    def __init__(self, fails_at: int = -1) -> None:
        self.fails_at = fails_at
        self.threads: set[str] = set()

    def initial_state(self) -> ViewState:
        return ViewState(np.zeros((1, 4)), np.zeros(1, dtype=np.int64), 1, 0, no_past(1, 33))

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        raise AssertionError("views that know nothing of each other are asked one by one")

    def detect_view(self, image: ImageArray | None, state: ViewState) -> tuple[ViewPoses, ViewState]:
        self.threads.add(threading.current_thread().name)
        n = state.frames_since_search
        if n == self.fails_at:
            raise RuntimeError("broken")
        assert image is not None
        assert state.past is not None
        looked = np.array([n % 3 == 0 or state.past.pace[0] == 1])
        xy = np.full((1, 33, 2), float(image.mean()) if looked[0] else -1.0)
        ones = np.ones((1, 33))
        past = replace(state.past, pace=np.array([3]))
        return ViewPoses(xy, ones, ones, np.zeros(1, dtype=np.int64), looked), replace(
            state, frames_since_search=n + 1, past=past
        )


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("videos")
    found = []
    for c in range(3):
        path = folder / f"cam{c}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
        for t in range(FRAMES):
            writer.write(np.full((48, 64, 3), 10 + 60 * c + 2 * t, dtype=np.uint8))
        writer.release()
        found.append(probe(path, f"cam{c}"))
    return tuple(found)


@pytest.fixture
def sync(videos: tuple) -> SyncTable:
    index = np.repeat(np.arange(FRAMES)[:, None], len(videos), axis=1)
    return SyncTable.of_one_clock(tuple(v.camera for v in videos), np.arange(FRAMES) / 30.0, index)


def run(videos: tuple, sync: SyncTable, folder: Path, detector: Brightness, **more: object) -> Poses2D:
    progress, cancel = more.get("progress", silent), more.get("cancel", CancelToken())
    return detect_trial(videos, sync, detector, RunFolder(folder), "key", progress, cancel).result  # type: ignore


def detecting_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(("detect", "decode"))]


def test_views_run_side_by_side_and_passed_over_pictures_are_filled(
    videos: tuple, sync: SyncTable, tmp_path: Path
) -> None:
    detector = Brightness()
    assert isinstance(detector, ViewDetector)
    poses = run(videos, sync, tmp_path, detector)
    true = 10.0 + 60 * np.arange(3) + 2 * np.arange(FRAMES)[:, None]
    np.testing.assert_allclose(poses.xy[:, :, 0, 5, 0], true, atol=2.0)  # the codec rounds
    assert (poses.track == 0).all()
    assert detector.threads == {"detect cam0", "detect cam1", "detect cam2"}
    assert detecting_threads() == []


class Together(Brightness):
    """The same, asked for all views at once."""

    detect_view = None  # type: ignore[assignment]

    def detect(
        self, images: Sequence[ImageArray | None], states: Sequence[ViewState]
    ) -> tuple[list[ViewPoses], list[ViewState]]:
        pairs = [Brightness.detect_view(self, image, state) for image, state in zip(images, states, strict=True)]
        return [poses for poses, _ in pairs], [state for _, state in pairs]


def test_a_detector_that_wants_all_views_at_once_gets_them(videos: tuple, sync: SyncTable, tmp_path: Path) -> None:
    together = Together()
    assert not isinstance(together, ViewDetector)
    one, other = (run(videos, sync, tmp_path / str(n), d) for n, d in enumerate((together, Brightness())))
    assert np.isfinite(one.xy).all()
    np.testing.assert_array_equal(one.xy, other.xy)
    assert together.threads == {"MainThread"}


def test_a_stopped_run_goes_on_and_comes_to_the_same(
    videos: tuple, sync: SyncTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "PART_LENGTH", 4)
    whole = run(videos, sync, tmp_path / "whole", Brightness())
    cancel, stages = CancelToken(), []

    def stop(stage: str, done: int, total: int) -> None:
        stages.append(done)
        if done == 7:
            cancel.cancel()

    with pytest.raises(CancelledError):
        run(videos, sync, tmp_path / "parts", Brightness(), progress=stop, cancel=cancel)
    assert detecting_threads() == []
    assert stages == list(range(1, 8))
    again = run(videos, sync, tmp_path / "parts", Brightness(), progress=lambda s, d, t: stages.append(d))
    assert stages[7:] == list(range(8, FRAMES + 1))
    for name in ("xy", "sigma_px", "score", "track"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_what_breaks_in_one_view_reaches_the_caller_and_ends_all(
    videos: tuple, sync: SyncTable, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        run(videos, sync, tmp_path, Brightness(fails_at=9))
    assert detecting_threads() == []


def test_work_runs_ahead_only_so_far() -> None:
    made, closed, release = [], threading.Event(), threading.Event()

    def numbers():  # type: ignore[no-untyped-def]
        try:
            for n in range(100):
                made.append(n)
                if n == 3:
                    release.set()
                yield n
        finally:
            closed.set()

    with Ahead(numbers(), 2, "numbers") as ahead:
        assert next(ahead) == 0
        assert release.wait(5.0)
        assert len(made) <= 4  # one taken, two waiting, one in hand
    assert closed.is_set()
