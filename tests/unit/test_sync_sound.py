"""Clocks by sound: known offsets at 0 dB, and all that must be refused."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mocap.core.errors import InputError, VideoError
from mocap.core.types import FloatArray
from mocap.studio.encode import write_video
from mocap.studio.sound import RATE_HZ as FILE_RATE_HZ
from mocap.sync.listen import RATE_HZ, Sound, read_sound
from mocap.sync.sound import compare_sounds

SECONDS = 12.0


def talk(seed: int, seconds: float = SECONDS + 10.0) -> FloatArray:
    """Noise in syllables."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    level = np.repeat(rng.uniform(size=count // 3200 + 1) > 0.4, 3200)[:count]
    return rng.standard_normal(count) * level


def heard(source: FloatArray, start_s: float, rate: float = 1.0, noise: float = 0.0, seed: int = 0) -> FloatArray:
    """What a microphone records whose clock shows 0 at ``start_s`` of the source, with noise of its own."""
    t = start_s + np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ / rate
    clean = np.interp(t, np.arange(source.size) / RATE_HZ, source)
    return clean / clean.std() + noise * np.random.default_rng([seed, 77]).standard_normal(t.size)


def pair(start_s: float, rate: float = 1.0, noise: float = 0.0, seed: int = 0) -> tuple[Sound, Sound]:
    """Two cameras that hear one source; the first begins 5 s into it."""
    source = talk(seed)
    first = heard(source, 5.0, noise=noise, seed=2 * seed)
    return Sound("a", 0.0, first), Sound("b", 0.0, heard(source, start_s, rate, noise, 2 * seed + 1))


@pytest.mark.parametrize("seed", range(4))
def test_offsets_at_0_db_are_found_to_well_below_2_ms(seed: int) -> None:
    start = 5.0 + float(np.random.default_rng(seed).uniform(-3, 3))
    link = compare_sounds(*pair(start, noise=1.0, seed=seed)).link
    assert link.offset_s == pytest.approx(5.0 - start, abs=2e-4)
    assert 1e-6 < link.sigma_s < 2e-3


def test_a_crystal_that_is_off_is_told_from_several_windows() -> None:
    found = compare_sounds(*pair(5.7, rate=1.0 + 1e-4))
    link = found.link
    assert found.at_s.size >= 3
    assert link.drift == pytest.approx(1e-4, abs=2e-5)
    # At the instant that the statement is of: the source's 5 s are 0 on the first clock.
    assert link.offset_s == pytest.approx((link.at_s - 0.7) * (1.0 + 1e-4) - link.at_s, abs=1e-4)


def test_a_track_that_begins_late_keeps_its_time() -> None:
    first, second = pair(6.0)
    late = Sound("b", 2.5, second.samples)
    assert compare_sounds(first, late).link.offset_s == pytest.approx(-1.0 + 2.5, abs=1e-4)


def test_a_clap_is_timed_where_it_is_heard() -> None:
    """With clocks that drift it matters which instant an offset is of."""
    rng = np.random.default_rng(5)
    source = np.zeros(round(25 * RATE_HZ))
    clap = rng.standard_normal(800) * np.exp(-np.arange(800) / 100)
    source[round(9.0 * RATE_HZ) :][: clap.size] = clap
    link = compare_sounds(
        Sound("a", 0.0, heard(source, 5.0, noise=0.01)), Sound("b", 0.0, heard(source, 4.0))
    ).link
    assert link.at_s == pytest.approx(4.0, abs=0.05)
    assert link.offset_s == pytest.approx(1.0, abs=1e-4)
    assert not link.has_drift


@pytest.mark.parametrize("seed", range(6))
def test_microphones_that_hear_nothing_in_common_are_refused(seed: int) -> None:
    one = Sound("a", 0.0, heard(talk(seed), 5.0))
    other = Sound("b", 0.0, heard(talk(seed + 100), 5.0))
    with pytest.raises(InputError, match="do not clearly hear the same"):
        compare_sounds(one, other)


def test_a_sound_that_repeats_itself_is_refused() -> None:
    """A metronome fits at every beat."""
    beat = np.random.default_rng(1).standard_normal(800)
    source = np.zeros(round(25 * RATE_HZ))
    for at in np.arange(0.0, 24.0, 1.0):
        source[round(at * RATE_HZ) :][: beat.size] = beat
    with pytest.raises(InputError, match="repeats itself"):
        compare_sounds(Sound("a", 0.0, heard(source, 5.0)), Sound("b", 0.0, heard(source, 5.3)))


def test_equal_claps_in_an_uneven_rhythm_are_told_apart() -> None:
    clap = np.random.default_rng(1).standard_normal(800)
    source = np.zeros(round(25 * RATE_HZ))
    for at in (6.0, 9.3, 11.2, 16.1):
        source[round(at * RATE_HZ) :][: clap.size] = clap
    link = compare_sounds(Sound("a", 0.0, heard(source, 5.0, 1.0, 0.01)), Sound("b", 0.0, heard(source, 4.6))).link
    assert link.offset_s == pytest.approx(0.4, abs=1e-4)


def test_a_clock_that_jumps_is_refused_and_named() -> None:
    source = talk(3, 60.0)
    first = np.concatenate([heard(source, 5.0), heard(source, 5.0 + SECONDS)])
    second = np.concatenate([heard(source, 5.0), heard(source, 5.8 + SECONDS)])
    with pytest.raises(InputError, match=r"'a' or 'b' jumps by 0\.800 s about 1\d s"):
        compare_sounds(Sound("a", 0.0, first), Sound("b", 0.0, second))


def test_sound_of_a_moment_is_refused() -> None:
    short = Sound("b", 0.0, talk(0)[: RATE_HZ // 4])
    with pytest.raises(InputError, match=r"'b' lasts 0\.2 s only"):
        compare_sounds(Sound("a", 0.0, talk(0)), short)


def film(path: Path, sound: FloatArray | None) -> Path:
    black = np.zeros((64, 64, 3), dtype=np.uint8)
    write_video(path, [(n / 10, black) for n in range(20)], (64, 64), 10.0, 40, sound)
    return path


def test_sound_of_a_file_keeps_its_place(tmp_path: Path) -> None:
    wave = np.zeros(2 * FILE_RATE_HZ)
    wave[FILE_RATE_HZ : FILE_RATE_HZ + 480] = 0.5 * np.random.default_rng(0).standard_normal(480)
    sound = read_sound(film(tmp_path / "a.mp4", wave), "a")
    loud = np.flatnonzero(np.abs(sound.samples) > 0.1)
    assert sound.start_s + loud[0] / RATE_HZ == pytest.approx(1.0, abs=0.003)
    assert sound.seconds == pytest.approx(2.0, abs=0.05)


def test_a_file_without_sound_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'a' has no sound"):
        read_sound(film(tmp_path / "a.mp4", None), "a")


def test_silence_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'a' is silent"):
        read_sound(film(tmp_path / "a.mp4", np.zeros(2 * FILE_RATE_HZ)), "a")


def test_a_file_that_is_none_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no film")
    with pytest.raises(VideoError, match="cannot be decoded"):
        read_sound(path, "a")


def test_a_gap_in_the_track_shifts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    rng = np.random.default_rng(2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        stream.time_base = Fraction(1, RATE_HZ)
        for start in (0, 3 * RATE_HZ):
            wave = (8000 * rng.standard_normal((1, RATE_HZ))).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = read_sound(path, "a")
    loud = np.flatnonzero(np.abs(sound.samples) > 0.02)
    assert sound.seconds == pytest.approx(4.0, abs=0.01)
    assert np.diff(loud).max() / RATE_HZ == pytest.approx(2.0, abs=0.01)
