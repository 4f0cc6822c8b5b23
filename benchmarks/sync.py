"""How well clocks are found: by sound at 0 dB, and by motion on a film of the studio with real detections.

    python benchmarks/sync.py [--film FOLDER] [--trials 20]

FOLDER is where the film is rendered, once: a person walks for 12 s, 4 cameras, 640x480, 30 pictures a second;
clocks up to 10 frames apart, and one camera takes 29.97 pictures a second that its file stamps 30.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from calibration.formats import load_rig
from mocap.capture import VideoInfo, probe
from mocap.core.errors import InputError
from mocap.core.progress import CancelToken, silent
from mocap.core.types import FloatArray
from mocap.pipeline.run import default_detector
from mocap.pipeline.sync.ask import Findings, ask_light
from mocap.pipeline.sync.board import board_sightings
from mocap.pipeline.sync.seen import people_seen
from mocap.session import SessionFolder
from mocap.studio import StudioSettings, render
from mocap.studio.encode import write_video
from mocap.studio.sound import RATE_HZ
from mocap.sync import Link, Seen, compare_sounds, read_sound, solve_board, solve_geometry

OFFSETS_S = (0.0, 0.2137, -1.0 / 3.0, 0.1041)
RATES = (1.0, 1.0, 1.0, 1000.0 / 1001.0)
FPS = 30.0
SOUND_S = 20.0
CRYSTAL = 5e-5


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--film", type=Path, help="where to render the film, or where it is")
    parser.add_argument("--trials", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for kind in ("speech", "claps"):
            _sound(kind, given.trials, Path(scratch))
        _nothing_in_common(given.trials, Path(scratch))
        film = given.film or Path(scratch) / "film"
        _board(film.with_name(f"{film.name}-board"))
        _light(film.with_name(f"{film.name}-light"))
        _motion(film)


def _sound(kind: str, trials: int, folder: Path) -> None:
    """Two microphones hear one source and noise of their own, as strong; the second's crystal is 50 ppm off."""
    errors, scores, drifts, refused = [], [], [], 0
    for seed in range(trials):
        rng = np.random.default_rng([seed, len(kind)])
        offset = float(rng.uniform(-3.0, 3.0))
        source = _speech(rng) if kind == "speech" else _claps(rng)
        sounds = []
        for number, (shift, rate) in enumerate(((0.0, 1.0), (offset, 1.0 + CRYSTAL))):
            t = np.arange(round(SOUND_S * RATE_HZ)) / RATE_HZ
            # What a clock shows as t happened at (t - shift) / rate; the source begins 5 s before the first clock.
            clean = np.interp((t - shift) / rate + 5.0, np.arange(source.size) / RATE_HZ, source)
            level = np.sqrt(np.mean(clean**2))
            noisy = 0.05 * (clean / level + rng.standard_normal(t.size))
            path = folder / f"{kind}{number}.mp4"
            _film(path, np.clip(noisy, -1.0, 1.0))
            sounds.append(read_sound(path, f"cam_{number + 1}"))
        try:
            link = compare_sounds(*sounds).link
        except InputError:
            refused += 1
            continue
        errors.append(link.offset_s - (offset + link.at_s * CRYSTAL))
        scores.append(errors[-1] / link.sigma_s)
        if link.has_drift:
            drifts.append(link.drift - CRYSTAL)
    size = np.abs(errors) * 1e3
    print(
        f"sound, {kind} at 0 dB, {trials} pairs of files: refused {refused}, error median "
        f"{np.median(size):.4f} ms, largest {size.max():.4f} ms, "
        f"over the stated {np.sqrt(np.mean(np.square(scores))):.2f} rms"
    )
    if drifts:
        print(f"  drift told in {len(drifts)}, error rms {np.sqrt(np.mean(np.square(drifts))) * 1e6:.1f} ppm")


def _nothing_in_common(trials: int, folder: Path) -> None:
    """Two microphones in different rooms."""
    answered = 0
    for seed in range(trials):
        rng = np.random.default_rng([seed, 99])
        sounds = []
        for number in range(2):
            path = folder / f"apart{number}.mp4"
            _film(path, 0.05 * _speech(rng)[: round(SOUND_S * RATE_HZ)])
            sounds.append(read_sound(path, f"cam_{number + 1}"))
        try:
            compare_sounds(*sounds)
            answered += 1
        except InputError:
            continue
    print(f"sound, nothing in common, {trials} pairs: {trials - answered} refused")


def _film(path: Path, sound: FloatArray) -> None:
    """A black film of two pictures with sound."""
    black = np.zeros((64, 64, 3), dtype=np.uint8)
    write_video(path, [(0.0, black), (SOUND_S - 0.1, black)], (64, 64), 30.0, 40, sound)


def _speech(rng: np.random.Generator) -> FloatArray:
    """Noise coloured as speech, falling by 6 dB an octave above 500 Hz, in syllables of some 0.2 s with pauses."""
    count = round((SOUND_S + 10.0) * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    spectrum *= (frequency > 120.0) / np.maximum(frequency / 500.0, 1.0)
    level = np.repeat(rng.uniform(0.0, 1.0, count // 9600 + 1) > 0.4, 9600)[:count].astype(np.float64)
    level = np.convolve(level, np.hanning(2400) / np.hanning(2400).sum(), mode="same")
    made = np.fft.irfft(spectrum, count) * level
    return np.asarray(made / np.abs(made).max())


def _claps(rng: np.random.Generator) -> FloatArray:
    """Three claps, bursts that ring for 10 ms."""
    made = np.zeros(round((SOUND_S + 10.0) * RATE_HZ))
    burst = rng.standard_normal(round(0.1 * RATE_HZ)) * np.exp(-np.arange(round(0.1 * RATE_HZ)) / (0.01 * RATE_HZ))
    for at in rng.uniform(9.0, SOUND_S, 3):
        start = round(at * RATE_HZ)
        made[start : start + burst.size] += burst
    return made


def _motion(folder: Path) -> None:
    """The film of the walk, whole and in pieces."""
    if not folder.is_dir():
        settings = StudioSettings(
            motions=("walk",),
            cameras=4,
            seconds=12.0,
            fps=FPS,
            seed=7,
            offset_s=OFFSETS_S,
            rate=RATES,
            charuco_seconds=0.0,
            clap_s=5.0,
        )
        render(settings, folder)
    session = SessionFolder(folder)
    trial = session.trial("walk")
    rig = load_rig(session.rig)
    videos = tuple(_probe(trial.raw, name) for name in rig.names)
    times = tuple(video.t_s for video in videos)
    seen = people_seen(videos, times, trial, silent, CancelToken(), default_detector)
    whole = solve_geometry(seen, rig)
    print("motion, the whole film:")
    for link in whole.links:
        error, drift = _errors(link, rig.names)
        print(
            f"  {link.first} to {link.second}: error {error * FPS:+.3f} frames, stated {link.sigma_s * FPS:.3f}; "
            f"drift error {drift * 1e6:+.0f} ppm, stated {link.drift_sigma * 1e6:.0f}"
        )
    for seconds, cameras in ((6.0, 4), (6.0, 2), (4.0, 4)):
        errors, scores, refused, total = [], [], 0, 0
        for part in _parts(seen, seconds):
            for chosen in combinations(range(4), cameras):
                total += 1
                try:
                    links = solve_geometry([part[c] for c in chosen], rig).links
                except InputError:
                    refused += 1
                    continue
                missed = [_errors(link, rig.names)[0] for link in links]
                errors += missed
                scores += [miss / link.sigma_s for miss, link in zip(missed, links, strict=True)]
        size = np.abs(errors) * FPS
        print(
            f"motion, pieces of {seconds:.0f} s, {cameras} cameras: {total - refused} of {total} answered, error "
            f"rms {np.sqrt(np.mean(size**2)):.3f} frames, largest {size.max():.3f}, over the stated "
            f"{np.sqrt(np.mean(np.square(scores))):.2f} rms, median {np.median(np.abs(scores)):.2f}"
        )


def _board(folder: Path) -> None:
    """A board that is waved, filmed by the cameras' own clocks, with the true calibration and without."""
    if not folder.is_dir():
        own = StudioSettings(
            motions=("walk",),
            seconds=1.0,
            charuco_seconds=12.0,
            charuco_fps=FPS,
            charuco_own_clocks=True,
            offset_s=OFFSETS_S,
            rate=RATES,
            seed=3,
        )
        render(own, folder)
    session = SessionFolder(folder)
    rig = load_rig(session.rig)
    place = session.rig.parent / "videos"
    videos = tuple(_probe(place, name) for name in rig.names)
    times = tuple(video.t_s for video in videos)
    seen = board_sightings(place, videos, times, silent, CancelToken())
    for known in (rig, None):
        links = solve_board(seen, known).links
        errors = np.array([_errors(link, rig.names)[0] for link in links]) * FPS
        stated = np.array([link.sigma_s for link in links]) * FPS
        print(
            f"board, {'calibrated' if known else 'not calibrated'}: errors {np.round(errors, 4)} frames, stated "
            f"{np.round(stated, 4)}"
        )


def _light(folder: Path) -> None:
    """A lamp that is switched three times, noisy pictures, exposure that drifts by a tenth."""
    if not folder.is_dir():
        lamp = StudioSettings(
            motions=("walk",),
            size_wh=(320, 240),
            seconds=16.0,
            charuco_seconds=0.0,
            offset_s=OFFSETS_S,
            rate=RATES,
            seed=3,
            flashes_s=(2.31, 5.02, 11.77),
            exposure_swing=0.1,
            noise_sigma=4.0,
        )
        render(lamp, folder)
    session = SessionFolder(folder)
    names = load_rig(session.rig).names
    videos = tuple(_probe(session.trial("walk").raw, name) for name in names)
    found = Findings([], [], [])
    ask_light(videos, tuple(video.t_s for video in videos), found, silent, CancelToken())
    errors = np.array([_errors(link, names)[0] for link in found.links])
    scores = errors / np.array([link.sigma_s for link in found.links])
    print(
        f"light, {errors.size} pairs: error rms {np.sqrt(np.mean(errors**2)) * FPS:.3f} frames, largest "
        f"{np.abs(errors).max() * FPS:.3f}, over the stated {np.sqrt(np.mean(scores**2)):.2f} rms"
    )


def _probe(folder: Path, name: str) -> VideoInfo:
    return probe(folder / f"{name}.mp4", name)


def _parts(seen: tuple[Seen, ...], seconds: float) -> Iterator[list[Seen]]:
    """Pieces of the recording, as if the cameras had been started and stopped there by their own clocks."""
    for start in np.arange(0.0, 12.0 - seconds + 0.01, 1.0):
        made = []
        for each in seen:
            rows = (each.t_s >= start) & (each.t_s < start + seconds)
            made.append(replace(each, t_s=each.t_s[rows], xy=each.xy[rows], track=each.track[rows]))
        yield made


def _errors(link: Link, names: tuple[str, ...]) -> tuple[float, float]:
    """Error of the offset, s, and of the drift."""
    i, j = names.index(link.first), names.index(link.second)
    common = (link.at_s - OFFSETS_S[i]) / RATES[i]
    truth = OFFSETS_S[j] + RATES[j] * common - link.at_s
    return link.offset_s - truth, link.drift - (RATES[j] / RATES[i] - 1.0)


if __name__ == "__main__":
    main()
