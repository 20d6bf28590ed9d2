from __future__ import annotations

import pytest
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


def score(tried: tuning.Settings) -> float:
    return (float(tried["dropout"]) - 0.4) ** 2 + float(tried["units"]) / 1000


def test_a_search_finds_a_good_place_and_keeps_to_its_ranges() -> None:
    trials, best = tuning.search(LSTM, RANGES, 30, 1, score)
    assert score(best) == trials["score"].min() < 0.03
    assert trials["dropout"].between(0, 0.5).all()
    assert trials["learning_rate"].between(0.001, 0.1).all()
    assert set(trials["embedding"]) <= {8, 16}
    assert trials["units"].dtype.kind == "i" and trials["units"].between(8, 64).all()


def test_a_search_that_was_killed_is_repeated_exactly() -> None:
    whole, _ = tuning.search(LSTM, RANGES, 8, 3, score)
    kept: dict[str, float] = {}

    def killed(tried: tuning.Settings) -> float:
        if len(kept) == 5:
            raise KeyboardInterrupt
        return kept.setdefault(str(tried), score(tried))

    with pytest.raises(KeyboardInterrupt):
        tuning.search(LSTM, RANGES, 8, 3, killed)
    fitted = []

    def again(tried: tuning.Settings) -> float:
        if str(tried) not in kept:
            fitted.append(tried)
            kept[str(tried)] = score(tried)
        return kept[str(tried)]

    assert tuning.search(LSTM, RANGES, 8, 3, again)[0].equals(whole)
    assert len(fitted) == 3


def test_ranges_that_mean_nothing_to_the_architecture_are_left_out() -> None:
    bag = Candidate(architecture="bag")
    assert set(tuning.suited(bag, RANGES)) == {"learning_rate", "dropout", "embedding"}


def test_a_search_that_would_vary_nothing_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"varies droput, which 'bag' does not have. Did you mean 'dropout'"):
        tuning.search(Candidate(architecture="bag"), {"droput": RANGES["dropout"]}, 2, 1, score)


def test_what_a_trial_tries_goes_where_it_belongs() -> None:
    candidate, training = tuning.applied(Method(LSTM, settings()), {"dropout": 0.1, "learning_rate": 0.5, "units": 9})
    assert candidate.settings == {"units": 9, "dropout": 0.1}
    assert training.learning_rate == 0.5 and training.seed == settings().seed
