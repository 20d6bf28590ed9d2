"""The simulated day of a desk: a queue with impatient customers, the same whatever desk answers."""

import numpy as np
import pytest

from loopbook.scenario.desk import DeskCosts
from loopbook.simulation.customers import Day, Talk, live

COSTS = DeskCosts()


def test_the_rush_hour_is_as_many_times_fuller_as_it_says() -> None:
    day = Day(customers=40_000, rush=3.0, hour=18)
    hours = np.bincount((day.arrivals(np.random.default_rng(1)) // 60).astype(int), minlength=24)
    assert hours[18] / hours[17] == pytest.approx(3.0, rel=0.1)
    assert day.needed == pytest.approx(hours[18] / 60 * day.minutes, rel=0.05)


def test_whoever_is_answered_at_once_costs_what_was_done_and_waits_for_nobody() -> None:
    lived = live(Day(customers=300), lambda at, _: Talk(1, at % 3 == 0, False), COSTS, 1)
    assert lived["waited"].eq(0).all()
    assert lived["cost"].mean() == pytest.approx(COSTS.clarification + COSTS.wrong / 3)


@pytest.mark.parametrize("seed", [1, 2])
def test_loss_follows_erlang_a_where_people_are_few(seed: int) -> None:
    """In steady overload, those who are served are as many as the staff can serve, and the others leave."""
    day = Day(customers=6_000, rush=1.0, staff=4, minutes=6.0, patience=8.0)
    lived = live(day, lambda *_: Talk(0, 0, True), COSTS, seed)
    busy = lived[(lived["minute"] > 540) & (lived["minute"] < 1_140)]
    assert (~busy["lost"]).sum() == pytest.approx(600 * day.staff / day.minutes, rel=0.1)
    assert lived["waited"].min() >= 0
    assert lived.loc[lived["lost"], "waited"].mean() < day.patience


def test_more_people_lose_nobody_and_the_same_customers_come() -> None:
    few, many = (live(Day(customers=2_000, staff=staff), lambda *_: Talk(0, 0, True), COSTS, 3) for staff in (5, 200))
    assert many["lost"].sum() == 0
    assert few["lost"].sum() > 0
    assert few["minute"].equals(many["minute"])


def test_the_expected_wait_that_the_desk_is_told_grows_with_the_queue() -> None:
    told: list[float] = []

    def talking(_: int, minutes: float) -> Talk:
        told.append(minutes)
        return Talk(0, 0, True)

    live(Day(customers=3_000, staff=3), talking, COSTS, 1)
    assert told[0] == 0
    assert max(told) > 10
