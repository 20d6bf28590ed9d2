from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.conftest import settings

from loopbook.models.choice import tuning
from loopbook.models.training.method import Method
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.optimization import SearchRange

LSTM = Candidate(architecture="lstm", settings={"units": 16})
RANGES = {
    "learning_rate": SearchRange(low=0.001, high=0.1, log=True),
    "dropout": SearchRange(low=0.0, high=0.5),
    "units": SearchRange(low=8, high=64),
    "embedding": SearchRange(choices=(8, 16)),
}


@given(st.integers(0, 1_000))
def test_trials_keep_to_their_ranges_and_fill_them_evenly(seed: int) -> None:
    trials = tuning.drawn(LSTM, RANGES, 32, seed)
    assert all(0 <= float(tried["dropout"]) <= 0.5 for tried in trials)
    assert all(0.001 <= float(tried["learning_rate"]) <= 0.1 for tried in trials)
    assert {type(tried["units"]) for tried in trials} == {int}
    assert all(8 <= int(tried["units"]) <= 64 for tried in trials)
    assert sum(tried["embedding"] == 8 for tried in trials) == 16
    # Half of a logarithmic range lies below its geometric middle.
    assert sum(float(tried["learning_rate"]) < 0.01 for tried in trials) == 16


@given(st.integers(1, 20), st.integers(1, 40), st.integers(0, 5))
def test_a_longer_search_tries_the_same_first(few: int, more: int, seed: int) -> None:
    assert tuning.drawn(LSTM, RANGES, few + more, seed)[:few] == tuning.drawn(LSTM, RANGES, few, seed)
    assert tuning.drawn(LSTM, RANGES, few, seed) != tuning.drawn(LSTM, RANGES, few, seed + 1)


def test_ranges_that_mean_nothing_to_the_architecture_are_left_out() -> None:
    assert set(tuning.suited(Candidate(architecture="bag"), RANGES)) == {"learning_rate", "dropout", "embedding"}
    plain = {"C": SearchRange(low=0.1, high=10, log=True), **RANGES}
    assert set(tuning.suited(Candidate(architecture="tfidf"), plain)) == {"C"}
    assert tuning.suited(Candidate(architecture="majority"), plain) == {}


def test_a_search_that_would_vary_nothing_of_a_network_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"varies droput, which 'bag' does not have. Did you mean 'dropout'"):
        tuning.suited(Candidate(architecture="bag"), {"droput": RANGES["dropout"]})


def test_what_a_trial_tries_goes_where_it_belongs() -> None:
    candidate, training = tuning.applied(Method(LSTM, settings()), {"dropout": 0.1, "learning_rate": 0.5, "units": 9})
    assert candidate.settings == {"units": 9, "dropout": 0.1}
    assert training.learning_rate == 0.5 and training.seed == settings().seed
