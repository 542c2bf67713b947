"""Which cells of a field come first, which are to be looked at, and about which the likelihood is asked."""

import numpy as np
import pytest

from jdm_core.field.ranking import ASKED, ASKED_SHARE, SUSPECT, rank, worth_asking


def of(*infected):
    """Probabilities (N, 2) of so many cells, NaN of None."""
    first = np.array([np.nan if p is None else p for p in infected], dtype=np.float32)
    return np.stack([first, 1 - first], axis=1)


def red(count, strange=()):
    kind = np.full(count, "familiar", dtype="<U16")
    kind[1::2] = "other"
    kind[list(strange)] = "not a red cell"
    return kind


def test_the_most_suspicious_come_first_and_equals_stay_in_their_order():
    found = rank(of(0.2, 0.9, 0.32, 0.9, 0.35), of(*[None] * 5), red(5))
    assert found.order.tolist() == [1, 3, 4, 2, 0]
    assert found.suspicious.tolist() == [False, True, False, True, True]  # from one in three on
    assert found.suspicion == pytest.approx(np.log([1 / 4, 9, 32 / 68, 9, 35 / 65]), abs=1e-5)


def test_both_verdicts_count_where_both_are_there_the_classifier_twice_as_much():
    found = rank(of(0.6, 0.6, 0.3, 0.3), of(None, 0.1, 0.99, None), red(4))
    assert found.order.tolist() == [2, 0, 1, 3]
    assert found.suspicious.tolist() == [True, True, True, False]
    assert found.suspicion[1] == pytest.approx((2 * np.log(1.5) + np.log(1 / 9)) / 3, abs=1e-5)


def test_what_is_no_red_cell_stands_behind_the_suspected_ones_and_is_looked_at():
    found = rank(of(0.01, 0.7, 0.3, 0.99, 0.05), of(*[None] * 5), red(5, strange=(0, 3, 4)))
    assert found.order.tolist() == [3, 1, 4, 0, 2]
    assert found.suspicious.tolist() == [True, True, False, True, True]
    assert found.suspicion[0] == SUSPECT and found.suspicion[3] > 4


def test_cells_without_a_verdict_are_in_no_order():
    found = rank(of(0.2, None, 0.7), of(None, None, None), red(3, strange=(1,)))
    assert found.order.tolist() == [2, 0]
    assert np.isnan(found.suspicion[1]) and found.suspicious.tolist() == [False, False, True]
    assert worth_asking(of(None, 0.7)).tolist() == [False, True]


def test_a_field_without_cells_has_no_order():
    none = np.empty((0, 2), dtype=np.float32)
    found = rank(none, none, red(0))
    assert found.order.shape == found.suspicious.shape == found.suspicion.shape == (0,)
    assert worth_asking(none).shape == (0,)


def test_what_is_certain_stays_finite():
    found = rank(of(0.0, 1.0, 0.5), of(1.0, None, None), red(3))
    assert np.isfinite(found.suspicion).all() and found.order.tolist()[0] == 1


def test_the_likelihood_is_asked_about_what_is_suspected_or_unsure():
    asked = worth_asking(of(0.001, 0.2, 0.97, 0.34, 0.01))
    assert asked.tolist() == [False, True, True, True, False]


def test_the_likelihood_is_asked_within_a_budget_and_first_about_the_most_suspicious():
    some = np.linspace(0.5, 0.99, 100)
    asked = worth_asking(of(*some))
    assert asked.sum() == ASKED + int(ASKED_SHARE * 100) < 100
    assert asked[-asked.sum() :].all()
    assert worth_asking(of(*some), most=3).nonzero()[0].tolist() == [97, 98, 99]
    # cells without a verdict give nothing to the budget
    assert worth_asking(of(*some, *[None] * 100)).sum() == asked.sum()
