import numpy as np
import pytest
from numpy.typing import NDArray
from tests.monitoring import several
from tests.monitoring.several import Drawn

from loopbook.monitoring import confusion_drift


def alike(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Half of the third class's rows look like the second's."""
    rows = (drawn.code == 2) & (day >= 10) & (rng.random(len(day)) < 0.5)
    drawn.say(rows, np.where(rows, 1, drawn.code))


@pytest.mark.parametrize(("classes", "per_day"), [(5, 100), (40, 200)])
def test_the_class_and_the_one_that_it_is_taken_for_are_named(classes: int, per_day: int) -> None:
    log = several.log(1, classes, alike, per_day=per_day)
    found = confusion_drift.watch(log)
    assert found["title"].iloc[0].startswith("share of “c2” taken for another class up from ")
    assert found["title"].iloc[0].endswith(", mostly for “c1”")
    assert 9 <= found["onset"].iloc[0] <= 11
    side = log.known[0]
    rows = (side.code == 2) & (side.day >= found["onset"].iloc[0]) & (side.day <= found["last"].iloc[0])
    assert found["value"].iloc[0] == pytest.approx((side.said[rows] != 2).mean(), abs=0.02)


def test_of_rare_classes_the_pair_is_named_that_rose_most() -> None:
    def rare(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
        rows = (drawn.code >= 30) & (day >= 10)
        drawn.code[rows] = 33
        drawn.say(rows, np.where(rows, 1, drawn.code))

    found = confusion_drift.watch(several.log(1, 40, rare, per_day=200))
    assert found["title"].iloc[0].startswith("share of rarer classes taken for another class up from ")
    assert found["title"].iloc[0].endswith(", mostly “c33” for “c1”")


def test_another_mix_of_classes_is_no_confusion() -> None:
    def more(drawn: Drawn, day: NDArray[np.int64], rng: np.random.Generator) -> None:
        rows = (day >= 10) & (rng.random(len(day)) < 0.4)
        drawn.code[rows] = 2
        drawn.say(rows)

    assert confusion_drift.watch(several.log(1, 5, more)).empty


def test_two_classes_and_numbers_have_no_such_check() -> None:
    assert confusion_drift.watch(several.log(1, 2)).empty
    assert confusion_drift.watch(several.numbers(1)).empty
