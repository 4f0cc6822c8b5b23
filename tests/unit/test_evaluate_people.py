"""Parts, identities and similarity, each against a case worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mocap.evaluate import (
    average_precision,
    chosen,
    correct_parts,
    identities,
    match_people,
    oks,
    person_distances,
)


def standing(places: list[list[float]], frames: int = 10) -> np.ndarray:
    """People (T, N, 3 joints, 3) who stand still: joints 0.4 m above one another."""
    column = np.array([[0.0, 0, 0], [0, 0, 0.4], [0, 0, 0.8]])
    one = np.array([[x, y, 0.0] for x, y in places])[:, None] + column
    return np.broadcast_to(one, (frames, *one.shape)).copy()


def test_people_are_matched_whatever_their_order() -> None:
    truth = standing([[0, 0], [1, 0], [0, 1]])
    found = truth[:, [2, 0, 1]] + 0.01
    matched = match_people(person_distances(found, truth))
    assert (matched == [1, 2, 0]).all()
    np.testing.assert_allclose(chosen(found, matched), truth + 0.01)


def test_nobody_is_matched_beyond_the_gate() -> None:
    truth = standing([[0, 0], [1, 0]])
    found = standing([[0.1, 0], [3, 0]])
    assert (match_people(person_distances(found, truth)) == [0, -1]).all()
    assert (match_people(person_distances(found[:, :0], truth)) == -1).all()


def test_as_many_as_can_be_are_matched() -> None:
    # The nearest pair would leave the other two alone.
    distance = np.array([[[0.4, 0.1], [np.nan, 0.3]]])
    assert match_people(distance).tolist() == [[0, 1]]


def test_parts_follow_both_rules() -> None:
    truth = standing([[0, 0]], frames=1)
    ends = [(np.eye(3)[0], np.eye(3)[1]), (np.eye(3)[1], np.eye(3)[2])]
    found = truth.copy()
    found[0, 0, 0, 0] += 0.3  # beyond half of 0.4 m; the mean of both ends is 0.15 m
    score = correct_parts(found, truth, ends)
    assert score.mean == 1.0
    assert score.strict == 0.5
    found[0, 0, 0, 0] += 0.2
    assert correct_parts(found, truth, ends).per_part.tolist() == [0.0, 1.0]
    found[0, 0, 2] = np.nan
    assert correct_parts(found, truth, ends).mean == 0.0


def test_a_person_who_is_not_found_has_no_correct_parts() -> None:
    truth = standing([[0, 0], [1, 0]])
    found = truth.copy()
    found[:5, 1] = np.nan
    score = correct_parts(found, truth, [(np.eye(3)[0], np.eye(3)[2])])
    assert score.per_actor.tolist() == [1.0, 0.5]
    assert score.mean == 0.75


def test_perfect_tracks_are_perfect() -> None:
    truth = standing([[0, 0], [1, 0]])
    score = identities(truth[:, ::-1], truth)
    assert (score.mota, score.idf1, score.switches, score.misses, score.false_positives) == (1.0, 1.0, 0, 0, 0)
    assert score.motp_m == pytest.approx(0.0, abs=1e-12)


def test_exchanged_tracks_are_two_switches() -> None:
    truth = standing([[0, 0], [1, 0]])
    found = truth.copy()
    found[6:] = found[6:, ::-1]
    score = identities(found, truth)
    assert score.switches == 2
    assert score.mota == pytest.approx(1 - 2 / 20)
    assert score.idf1 == pytest.approx(12 / 20)  # six of ten instants agree with the best assignment


def test_a_switch_counts_after_a_gap_too() -> None:
    truth = standing([[0, 0]])
    found = np.full((10, 2, 3, 3), np.nan)
    found[:4, 0] = truth[:4, 0]
    found[7:, 1] = truth[7:, 0]
    score = identities(found, truth)
    assert (score.switches, score.misses, score.false_positives) == (1, 3, 0)
    assert score.mota == pytest.approx(1 - 4 / 10)
    assert score.idf1 == pytest.approx(2 * 4 / (10 + 7))


def test_instants_without_anybody_found_are_misses() -> None:
    truth = standing([[0, 0], [1, 0]])
    score = identities(np.full((10, 1, 3, 3), np.nan), truth)
    assert (score.misses, score.truth, score.mota, score.idf1) == (20, 20, 0.0, 0.0)
    nobody = identities(truth[:, :1], np.full_like(truth, np.nan))
    assert nobody.false_positives == 10


def test_a_pair_is_kept_while_it_holds() -> None:
    truth = standing([[0, 0]])
    found = standing([[0.2, 0], [0.3, 0]])
    found[5:, 1] = truth[5:, 0]  # nearer, but the first still fits
    assert identities(found, truth).switches == 0


def test_oks_of_known_distance() -> None:
    truth = np.zeros((1, 2, 2))
    found = np.array([[[3.0, 4.0], [np.nan, np.nan]]])
    area, sigma = np.array([100.0]), np.array([0.1, 0.1])
    expected = np.exp(-25.0 / (2 * 100.0 * 0.04)) / 2
    assert oks(found, truth, area, sigma)[0] == pytest.approx(expected)


def test_average_precision_of_known_lists() -> None:
    perfect = average_precision([np.eye(2), np.eye(1)], [np.array([0.9, 0.8]), np.array([0.7])])
    assert (perfect.ap, perfect.ap50, perfect.ar) == (1.0, 1.0, 1.0)
    # Two true people; the surer result is wrong, the other right: precision 1/2 up to recall 1/2.
    half = average_precision([np.array([[0.0, 1.0], [0.0, 0.0]])], [np.array([0.9, 0.5])])
    assert half.ap50 == pytest.approx(0.5 * 51 / 101)
    assert half.ar == 0.5
    # Similarity 0.72 passes the thresholds 0.50 to 0.70: five of ten.
    assert average_precision([np.array([[0.72]])], [np.array([1.0])]).ap == pytest.approx(0.5)
    missed = average_precision([np.zeros((1, 0))], [np.zeros(0)])
    assert (missed.ap, missed.ar) == (0.0, 0.0)
