"""Clocks by sudden changes of the light."""

import numpy as np
import pytest

from mocap.core.errors import InputError
from mocap.core.types import FloatArray
from mocap.sync.light import Changes, find_changes, match_changes

FPS = 30.0
SWITCHED = (2.013, 4.507, 5.224, 9.871)


def film(
    offset: float, switched: tuple[float, ...] = SWITCHED, exposure: float = 0.7, seed: int = 0
) -> FloatArray:
    """Mean brightness (300,) of frames whose exposure lies about their time; the light toggles."""
    fine = np.linspace(-0.5, 0.5, 201) * exposure / FPS
    when = (np.arange(300) / FPS - offset)[:, None] + fine
    lit = np.zeros(when.shape)
    for n, at in enumerate(switched):
        lit += (when >= at) * (1 if n % 2 == 0 else -1)
    noise = np.random.default_rng(seed).normal(0, 0.0005, 300)
    return np.asarray(0.3 + 0.2 * lit.mean(axis=1) + noise)


def changes(name: str, offset: float, **kwargs: object) -> Changes:
    return find_changes(name, np.arange(300) / FPS, film(offset, **kwargs))  # type: ignore[arg-type]


def test_changes_are_found_within_a_frame() -> None:
    found = changes("a", 0.0)
    np.testing.assert_allclose(found.t_s, SWITCHED, atol=0.5 / FPS)
    assert (np.sign(found.size) == [1, -1, 1, -1]).all()


def test_several_changes_place_a_clock_to_a_part_of_a_frame() -> None:
    errors, scores = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        offset = float(rng.uniform(-1.5, 1.5))
        exposure = float(rng.uniform(0.2, 1.0))
        switched = tuple(np.sort(rng.uniform(1.6, 8.0, 4)) + 0.25 * np.arange(4))
        one = changes("a", 0.0, switched=switched, exposure=exposure, seed=seed)
        link = match_changes(one, changes("b", offset, switched=switched, exposure=exposure, seed=seed + 99))
        errors.append(link.offset_s - offset)
        scores.append(errors[-1] / link.sigma_s)
    assert np.sqrt(np.mean(np.square(errors))) * FPS < 0.25
    assert np.sqrt(np.mean(np.square(scores))) < 1.5


def test_steady_light_is_refused() -> None:
    with pytest.raises(InputError, match="never changes at once"):
        changes("a", 0.0, switched=())


def test_light_that_fades_is_no_change_at_once() -> None:
    with pytest.raises(InputError, match="never changes at once"):
        find_changes("a", np.arange(300) / FPS, np.linspace(0.2, 0.8, 300))


def test_changes_of_other_lamps_do_not_match() -> None:
    with pytest.raises(InputError, match="do not"):
        match_changes(changes("a", 0.0), changes("b", 0.0, switched=(1.1, 1.9, 6.3, 8.8)))


def test_an_even_rhythm_is_refused() -> None:
    even = tuple(np.arange(1.0, 9.0, 1.0))
    with pytest.raises(InputError, match="several shifts"):
        match_changes(changes("a", 0.0, switched=even), changes("b", 0.4, switched=even[1:-1]))
