"""The microphone of each camera: a quiet room, and a clap that comes later the farther the camera stands."""

from __future__ import annotations

import numpy as np

from mocap.core.types import FloatArray

RATE_HZ = 48_000

# Speed of sound in air at 20 °C, m/s.
SOUND_M_S = 343.2

# A clap rises within a tenth of a millisecond, rings for some ten, and the room answers.
DECAY_S = 0.006
TAIL_DECAY_S = 0.09
TAIL_LEVEL = 0.06
CLAP_LENGTH_S = 0.35
RISE_S = 1.0e-4

NOISE_LEVEL = 0.003
HUM_LEVEL = 0.002
HUM_HZ = 100.0

# The clap is computed finer than the microphone's samples, so that it can start between two of them.
OVERSAMPLING = 8


def clap_wave(rng: np.random.Generator) -> FloatArray:
    """One clap at ``OVERSAMPLING`` times the rate, starting at its first sample, peak 1."""
    rate = RATE_HZ * OVERSAMPLING
    t = np.arange(int(CLAP_LENGTH_S * rate)) / rate
    noise = rng.standard_normal(t.shape)
    # Hands have no sound above some 10 kHz: smooth the noise over 1/10 ms.
    width = rate // 20_000
    noise = np.convolve(noise, np.hanning(2 * width + 1).astype(np.float64), mode="same")
    rise = np.minimum(t / RISE_S, 1.0)
    wave = rise * noise * (np.exp(-t / DECAY_S) + TAIL_LEVEL * np.exp(-t / TAIL_DECAY_S))
    return np.asarray(wave / np.abs(wave).max())


def microphone(
    duration_s: float, arrival_s: float, distance_m: float, clap: FloatArray, seed: list[int]
) -> FloatArray:
    """Record (S,) at ``RATE_HZ``, -1 to 1.

    Parameters
    ----------
    arrival_s : float
        When the clap reaches the microphone, on the clock of the recording, s.
    distance_m : float
        Distance of the clap, m: it is quieter from afar.
    clap : (W,)
        As returned by ``clap_wave``.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    quiet = NOISE_LEVEL * rng.standard_normal(t.shape) + HUM_LEVEL * np.sin(2.0 * np.pi * HUM_HZ * t)
    fine = (t - arrival_s) * RATE_HZ * OVERSAMPLING
    heard = np.interp(fine, np.arange(clap.shape[0]), clap, left=0.0, right=0.0)
    return np.clip(quiet + 0.9 * heard / max(distance_m, 1.0), -1.0, 1.0)
