"""Aligning by hand: frames at one instant, offsets, undo, matching curves, the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mocap.gui.presenters.align.aligning import Aligning, open_aligning
from mocap.gui.presenters.align.curves import Curve, picture_curves, scaled, sound_curve
from mocap.pipeline.sync.synchronise import SyncRequest, synchronise
from mocap.studio.encode import write_video
from mocap.studio.sound import RATE_HZ
from mocap.sync import SYNC_FILE, Clocks, read_clocks, read_told, write_clocks

FPS = 20.0
CLAP_S = 1.0
# Clocks of the two cameras against the common one, s.
OFFSETS_S = (0.0, 0.35)


def film(path: Path, offset_s: float, with_sound: bool = True) -> None:
    """Two seconds of a square that jumps, and a clap, at CLAP_S of the common clock."""
    rng = np.random.default_rng(int(1000 * offset_s))
    frames = []
    for n in range(40):
        picture = np.full((64, 96, 3), 40, dtype=np.uint8)
        left = 60 if n / FPS - offset_s >= CLAP_S else 10
        picture[20:44, left : left + 24] = 220
        frames.append((n / FPS, picture))
    t = np.arange(2 * RATE_HZ) / RATE_HZ - offset_s - CLAP_S
    burst = np.random.default_rng(1).standard_normal(RATE_HZ)[: RATE_HZ // 20] * np.exp(
        -np.arange(RATE_HZ // 20) / 400
    )
    sound = 0.002 * rng.standard_normal(2 * RATE_HZ)
    first = int(np.searchsorted(t, 0.0))
    sound[first : first + burst.size] += 0.3 * burst
    write_video(path, frames, (96, 64), FPS, 20, np.clip(sound, -1, 1) if with_sound else None)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aligning")
    for n, offset in enumerate(OFFSETS_S):
        film(folder / f"cam_{n + 1}.mp4", offset)
    return folder


@pytest.fixture
def aligning(recording: Path) -> Aligning:
    (recording / SYNC_FILE).unlink(missing_ok=True)
    return open_aligning(recording)


def test_frames_of_one_instant_follow_the_offset(aligning: Aligning) -> None:
    aligning.seek(1.0)
    assert (aligning.frame_of(0), aligning.frame_of(1)) == (20, 20)
    aligning.set_offset(1, 0.35)
    assert (aligning.frame_of(0), aligning.frame_of(1)) == (20, 27)
    aligning.set_offset(1, 0.37)
    assert aligning.lag_s(1) == pytest.approx(-0.02)
    aligning.set_offset(1, 5.0)
    assert aligning.frame_of(1) == -1
    assert np.isnan(aligning.lag_s(1))


def test_words_say_who_began_first_and_how_well_that_is_known(aligning: Aligning) -> None:
    assert "Not set yet" in aligning.trust_words(1)
    aligning.nudge(2.0)
    assert aligning.start_words(1) == "Begins 0.100 s before cam_1"
    assert "Set by hand, ± 14 ms" in aligning.trust_words(1)


def test_steps_are_taken_back_and_a_drag_is_one_step(aligning: Aligning) -> None:
    for n in range(5):
        aligning.set_offset(1, 0.1 * n, merge=("drag", 1))
    aligning.set_offset(1, 0.9, merge=("drag", 2))
    assert aligning.dirty
    aligning.undo()
    assert aligning.clocks.offset_s[1] == pytest.approx(0.4)
    aligning.undo()
    assert aligning.clocks.offset_s[1] == 0.0
    assert not aligning.can_undo
    assert not aligning.dirty
    aligning.redo()
    assert aligning.clocks.offset_s[1] == pytest.approx(0.4)
    aligning.nudge(1.0)
    assert not aligning.can_redo


def test_the_first_camera_is_the_clock_and_nonsense_is_not_taken(aligning: Aligning) -> None:
    aligning.set_offset(0, 1.0)
    aligning.set_offset(1, float("nan"))
    assert not aligning.can_undo


def test_what_is_saved_is_what_the_command_line_saves(aligning: Aligning, recording: Path, tmp_path: Path) -> None:
    aligning.nudge(7.0)
    saved = aligning.save()
    assert saved == recording / SYNC_FILE
    assert not aligning.dirty
    by_command = synchronise(
        SyncRequest(recording, methods=(), by_hand=(("cam_2", 0.35),), out=tmp_path / "s.toml")
    )
    ours = read_clocks(saved, aligning.cameras, (40, 40))
    theirs = read_clocks(by_command.file, aligning.cameras, (40, 40))
    np.testing.assert_allclose(ours.offset_s, theirs.offset_s, atol=1e-9)
    np.testing.assert_allclose(ours.sigma_s, theirs.sigma_s, atol=1e-9)
    np.testing.assert_allclose(ours.rate, theirs.rate)
    again = open_aligning(recording)
    assert "Set by hand" in again.trust_words(1)


def test_what_a_method_found_is_taken_over_and_shown_with_its_error(
    aligning: Aligning, recording: Path, tmp_path: Path
) -> None:
    found = synchronise(SyncRequest(recording, methods=("sound",), out=tmp_path / "found.toml"))
    aligning.take(found.file)
    assert aligning.clocks.offset_s[1] == pytest.approx(0.35, abs=2e-3)
    assert aligning.trust_words(1).startswith("Found by sound, ±")
    assert any(line.startswith("sound: cam_1 to cam_2") for line in aligning.found_words())
    aligning.nudge(1.0)
    aligning.save()
    told = read_told(recording / SYNC_FILE)
    assert list(told.found_by) == ["by hand: cam_1 to cam_2"]
    assert list(told.left_out) == ["sound: cam_1 to cam_2"]


def test_a_curve_is_matched_about_the_playhead(aligning: Aligning, recording: Path) -> None:
    curves = tuple(sound_curve(recording / f"cam_{n}.mp4", f"cam_{n}", lambda t: t) for n in (1, 2))
    aligning.seek(1.0)
    assert aligning.match(curves)
    assert aligning.clocks.offset_s[1] == pytest.approx(0.35, abs=2e-3)
    silent = Curve(np.zeros(0), np.zeros(0), "no sound")
    assert not aligning.match((curves[0], silent))


def test_movement_shows_when_the_square_jumps(recording: Path) -> None:
    curves = picture_curves(recording / "cam_2.mp4", "cam_2", np.arange(40) / FPS)
    moved = curves["movement"]
    assert moved.t_s[int(moved.value.argmax())] == pytest.approx(CLAP_S + 0.35, abs=0.5 / FPS + 1e-6)


def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    film(tmp_path / "mute.mp4", 0.0, with_sound=False)
    assert "no sound" in sound_curve(tmp_path / "mute.mp4", "mute", lambda t: t).words


def test_a_damaged_file_is_said_and_replaced(recording: Path) -> None:
    (recording / SYNC_FILE).write_text("version = 1\n")
    opened = open_aligning(recording)
    assert any("is not used" in line for line in opened.found_words())
    (recording / SYNC_FILE).unlink()


def test_a_file_of_other_videos_is_refused(aligning: Aligning, tmp_path: Path) -> None:
    from mocap.core.errors import InputError

    one = np.ones(2)
    write_clocks(tmp_path / "x.toml", Clocks(aligning.cameras, 0 * one, one, 0 * one, one, one), (3, 3))
    with pytest.raises(InputError, match="frames"):
        aligning.take(tmp_path / "x.toml")


def test_a_clap_is_seen_however_little_of_the_curve_is_drawn() -> None:
    value = np.full(10_000, 0.01)
    value[[5_040, 5_041, 5_042, 5_043]] = 1.0
    curve = Curve(np.arange(10_000) * 1e-3, scaled(value))
    few = curve.over(np.linspace(0.0, 10.0, 101))
    assert few.argmax() == 50
    assert few[50] == 1.0
    assert few[40] < 0.1
    many = curve.over(np.linspace(5.039, 5.045, 601))
    assert many.max() == 1.0
