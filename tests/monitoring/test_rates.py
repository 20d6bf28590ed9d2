from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loopbook.monitoring import rates
from loopbook.monitoring.rates import Rate
from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Pooled
from loopbook.statistics.intervals import Z


@pytest.mark.parametrize(
    ("value", "expected", "share", "told"),
    [
        (0.98, 0.44, True, "share of “bearish” up from 44% to 98%"),
        (0.0011, 0.0042, True, "share of “bearish” down from 0.4% to 0.1%"),
        (12.5, 3.25, False, "share of “bearish” up from 3.25 to 12.5"),
        (1.00001, 1.0, False, "share of “bearish” up from 1 to 1.00001"),
    ],
)
def test_a_change_is_told_with_direction_and_numbers(value: float, expected: float, share: bool, told: str) -> None:
    assert rates.moved("share of “bearish”", value, expected, share=share) == told.replace("1.00001", "1.00001")


USUAL = [0.4, 0.3, 0.2, 0.1]


def watched(*after: list[float], before: list[float] = USUAL, **given: object) -> pd.DataFrame:
    """Watch four classes after 30 days of reference, of 400 rows each, whose shares change every ten days."""
    rng = np.random.default_rng(1)
    sides = [
        np.stack([rng.multinomial(400, part) for part in shares for _ in range(10)]).astype("float64")
        for shares in ([before, *after], [before] * 3)
    ]
    now, base = (Counts(count, count.sum(axis=1), None).contrast(np.eye(4)) for count in sides)
    rate = Rate("kind", ("a", "b", "c", "d"), now, base, lambda one, other: abs(one - other), 0.02, **given)
    return rates.watch("field", SimpleNamespace(level=0.001, spread=Pooled()), [rate])


def test_classes_that_move_on_one_day_are_one_signal_and_named_the_clearest_first() -> None:
    (signal,) = watched([0.4, 0.1, 0.4, 0.1]).to_dict("records")
    names = [part.split()[:2] for part in signal["title"].split("; ")]
    assert sorted(names) == [["b", "down"], ["c", "up"]]
    assert signal["onset"] == 10
    assert (signal["value"] > signal["expected"]) == (names[0] == ["c", "up"])


def test_what_one_class_takes_from_all_others_is_told_of_it_alone() -> None:
    found = watched([0.34, 0.255, 0.17, 0.235])  # the last rises, the others keep their proportions
    assert found["title"].str.startswith("d up from 10% to 2").tolist() == [True]


@pytest.mark.parametrize("before", [[0.6, 0.4, 0, 0], [0.9, 0.05, 0.05, 0], [0.25, 0.25, 0.25, 0.25]])
def test_a_class_that_takes_all_rows_and_gives_them_back_is_watched_on(before: list[float]) -> None:
    found = watched([0, 1, 0, 0], before, [0, 0, 0, 1], before=before)
    assert [onset in found["onset"].tolist() for onset in (10, 20, 30)] == [True] * 3
    assert np.isfinite(found[["value", "low", "high", "expected", "p"]]).all().all()


def test_an_error_that_all_days_share_widens_the_interval_and_moves_no_alarm() -> None:
    plain, wide = (
        watched([0.4, 0.1, 0.4, 0.1], **given) for given in ({}, {"error": lambda change: np.full(4, 0.0009)})
    )
    assert plain["day"].tolist() == wide["day"].tolist()
    assert plain["p"].tolist() == wide["p"].tolist()
    half = [float((found["high"] - found["low"]).iloc[0]) / 2 for found in (plain, wide)]
    assert half[1] ** 2 == pytest.approx(half[0] ** 2 + Z**2 * 0.0009)
