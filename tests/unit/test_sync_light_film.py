"""A lamp that is switched, on films of the studio whose exposure drifts; and inputs that tell nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.studio import StudioSettings
from mocap.studio.rendering import _light
from mocap.sync import find_changes, match_changes

OFFSETS_S = (0.0, 0.2137)
FLASHES_S = (2.31, 5.02, 11.77)
FPS = 30.0
SETTINGS = StudioSettings(
    cameras=2, seconds=16.0, fps=FPS, offset_s=OFFSETS_S, flashes_s=FLASHES_S, exposure_swing=0.1
)


def offset_by_light(settings: StudioSettings) -> tuple[float, float]:
    """Error of the offset and its stated error, s, from the light that the studio's two cameras gather."""
    stamps = np.arange(settings.frames) / settings.fps
    rng = np.random.default_rng(settings.seed)
    seen = []
    for camera in range(2):
        # The mean of some thousand noisy pixels, of a room of middle grey.
        level = 0.45 * _light(settings, camera, stamps) + 5e-4 * rng.standard_normal(stamps.size)
        seen.append(find_changes(f"cam_{camera + 1}", stamps, np.clip(level, 0.0, 1.0)))
    link = match_changes(*seen)
    return link.offset_s - (OFFSETS_S[1] - OFFSETS_S[0]), link.sigma_s


def test_a_lamp_tells_clocks_to_a_part_of_a_frame_with_an_honest_error() -> None:
    found = np.array([offset_by_light(replace(SETTINGS, seed=seed)) for seed in range(40)])
    error, sigma = found.T
    assert np.abs(error).max() * FPS < 0.5
    score = np.abs(error / sigma)
    assert (score < 1.0).mean() > 0.55
    assert (score < 1.96).mean() > 0.88


def test_drifting_exposure_alone_is_no_change_of_the_light() -> None:
    with pytest.raises(InputError, match="never changes"):
        offset_by_light(replace(SETTINGS, flashes_s=()))


def test_a_flash_brightens_the_frames_that_gather_it() -> None:
    stamps = np.arange(SETTINGS.frames) / FPS
    still = replace(SETTINGS, exposure_swing=0.0)
    light = _light(still, 1, stamps)
    lit = np.flatnonzero(light > 1.001)
    assert abs(stamps[lit[0]] - FLASHES_S[0] - OFFSETS_S[1]) < 1.0 / FPS
    assert light[np.abs(stamps - 4.0).argmin()] == 1.0
