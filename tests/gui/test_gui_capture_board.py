"""The board is found while it is filmed: what each camera has seen of it, and what is still missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mocap.capture.backlog import Timed
from mocap.capture.source import Picture
from mocap.gui.presenters.calibrate.look import CameraLook
from mocap.gui.presenters.capture.board import BoardWatcher, board_file
from mocap.gui.presenters.capture.capturing import Capturing
from mocap.gui.presenters.capture.sources import Ears
from mocap.gui.presenters.capture.words import BoardSeen, CameraEntry, EndBoard, LookForBoard, Said, Tiding
from mocap.studio import sample_dir
from tests.gui.test_gui_capture_known import FakeLink, capturing, link  # noqa: F401

BOARD_FILM = sample_dir() / "calibration"
PATIENCE_S = 20.0


def wait(so: Callable[[], object], work: Callable[[], None]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < end, "it did not come about"
        work()
        time.sleep(0.02)


@pytest.fixture
def told() -> list[Tiding]:
    return []


@pytest.fixture
def cameras() -> tuple[CameraEntry, ...]:
    films = sorted((BOARD_FILM / "videos").glob("*.mp4"))[:2]
    return tuple(CameraEntry(n, str(film), film.stem, "film") for n, film in enumerate(films))


@pytest.fixture
def show(cameras: tuple[CameraEntry, ...]) -> Iterator[Callable[[Ears], None]]:
    """Plays the shipped board film to whoever listens, a picture a camera at each call."""
    films = {entry.name: cv2.VideoCapture(entry.address) for entry in cameras}

    def play(ears: Ears) -> None:
        for name, film in films.items():
            good, image = film.read()
            if not good:
                film.set(cv2.CAP_PROP_POS_FRAMES, 0)
                good, image = film.read()
            now = time.monotonic_ns()
            picture = Picture(now, None, (image.shape[1], image.shape[0]), np.asarray(image))
            ears.overhear(name, Timed(picture, now))

    yield play
    for film in films.values():
        film.release()


@pytest.mark.parametrize("board", [BOARD_FILM / "board.toml", None])
def test_the_board_is_found_while_it_is_waved(
    board: Path | None, told: list[Tiding], cameras: tuple[CameraEntry, ...], show: Callable[[Ears], None]
) -> None:
    ears = Ears()
    watcher = BoardWatcher(told.append, ears)
    watcher.start(LookForBoard(board), cameras)
    looks: dict[str, CameraLook] = {}

    def play() -> None:
        show(ears)
        looks.update({t.look.camera: t.look for t in told if isinstance(t, BoardSeen)})

    wait(lambda: len(looks) == 2 and all(look.seen >= 2 for look in looks.values()), play)
    watcher.stop()
    assert any(isinstance(t, Said) and "recognised" in t.text for t in told) == (board is None)
    for look in looks.values():
        assert (look.coverage > 0).any()
        assert look.picture == b""  # previews show the picture already
    count = len(told)
    for _ in range(5):
        show(ears)
        time.sleep(0.1)
    assert len(told) == count  # nobody looks any more


def test_a_board_file_that_cannot_be_read_is_said_and_done_without(
    tmp_path: Path, told: list[Tiding], cameras: tuple[CameraEntry, ...]
) -> None:
    broken = tmp_path / "board.toml"
    broken.write_text("squares = [4,")
    watcher = BoardWatcher(told.append, Ears())
    watcher.start(LookForBoard(broken), cameras)
    wait(lambda: told, lambda: None)
    watcher.stop()
    assert isinstance(told[0], Said)
    assert "recognised" in told[0].text


def test_only_a_take_for_calibration_looks_for_the_board(
    capturing: Capturing,  # noqa: F811
    link: FakeLink,  # noqa: F811
    tmp_path: Path,
) -> None:
    assert capturing.search is None
    (tmp_path / "visit" / "calibration").mkdir(parents=True)
    board = tmp_path / "visit" / "calibration" / "board.toml"
    board.write_text((BOARD_FILM / "board.toml").read_text())
    assert board_file(tmp_path / "visit") == board
    capturing.set_plan(replace(capturing.plan, calibrates=True))
    assert link.orders[-1] == LookForBoard(board)
    assert capturing.search is not None
    look = CameraLook("left", (640, 480), b"", np.ones((12, 2), np.float32), 40, 20, np.ones((7, 10), np.int64))
    link.told += [BoardSeen(look), BoardSeen(replace(look, camera="nobody"))]
    capturing.tick()
    assert set(capturing.search.looks) == {"left"}
    capturing.set_plan(replace(capturing.plan, calibrates=False))
    assert link.orders[-1] == EndBoard()
    assert capturing.search is None
