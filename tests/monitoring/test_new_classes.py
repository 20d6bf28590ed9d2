import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring import new_classes
from loopbook.monitoring.watch import watch

RARE = 3


def unknown(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Four rows from day 12 on are of a class that nobody knew."""
    drawn.code[np.flatnonzero(day >= 12)[::200]] = len(drawn.names)


def test_the_first_row_of_a_class_that_the_model_has_not_learned_is_told_with_its_name_and_rows() -> None:
    log = several.log(1, 4, unknown)
    found = new_classes.watch(log)
    assert log.classes == ("c0", "c1", "c2", "c3", "new")
    assert found[["place", "day", "onset", "value"]].to_numpy().tolist() == [["class “new”", 12 + log.delay, 12, 4.0]]
    assert found["title"].iloc[0] == "“new” is a new class: 4 tickets so far, none in the reference"
    assert "has not learned it" in found["evidence"].iloc[0]


def test_the_alert_says_what_it_is_and_what_it_costs() -> None:
    def a_tenth(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
        drawn.code[(day >= 10) & (rng.random(len(day)) < 0.1)] = len(drawn.names)

    log = several.log(1, 4, a_tenth)
    alert = watch(log).alerts.iloc[0]
    rows = log.stream.code == log.classes.index("new")
    assert (alert["cause"], alert["decisions"], alert["until"]) == ("new_class", rows.sum(), "")
    assert alert["title"].startswith(f"“new” is a new class: {rows.sum()} tickets so far")
    assert alert["cost"] == pytest.approx(rows.sum() * (1 - np.nanmean(log.stream.cost[log.stream.day < 10])), rel=0.05)


def test_a_class_that_came_once_in_a_while_is_told_once_it_is_beyond_chance() -> None:
    whole = several.log(1, 4)
    log = several.again(whole, whole.reference.code != RARE)  # one row in eight is of the class that it lacks
    found = new_classes.watch(log)
    assert found["place"].tolist() == [f"class “c{RARE}”"]
    first = int(found["day"].iloc[0]) - log.delay
    came = len(np.unique(log.stream.day[(log.stream.code == RARE) & (log.stream.day <= first)]))
    # Second method: the days with the class are drawn one by one, and none is of the reference's 14.
    chances = [np.prod([(day - at) / (14 + day - at) for at in range(day)]) for day in range(1, first + 2)]
    assert came == first + 1
    assert chances[-1] <= log.level < chances[-2]
    assert "has not learned" not in found["evidence"].iloc[0]


def test_a_rare_class_that_the_reference_missed_by_chance_is_no_news() -> None:
    """Of 200 classes some are missing in any reference; all come at some time."""
    alarms = days = missing = 0
    for seed in range(6):
        log = several.log(seed, 200, per_day=60)
        seen = np.bincount(log.reference.code, minlength=len(log.classes)) == 0
        missing += int((seen[:-1] & (np.bincount(log.stream.code, minlength=len(log.classes)) > 0)[:-1]).sum())
        alarms += len(new_classes.watch(log))
        days += log.stream.days
    assert missing > 30
    assert binomtest(alarms, days, log.level, alternative="greater").pvalue > 0.01


def test_of_a_model_that_says_the_same_of_all_rows_nobody_knows_what_it_has_learned() -> None:
    def dull(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
        drawn.code[np.flatnonzero(day == 12)[:1]] = len(drawn.names)

    log = several.log(1, 4, dull)
    assert len(new_classes.watch(log)) == 1
    assert new_classes.watch(several.again(log, same=np.full(4, 0.25))).empty
