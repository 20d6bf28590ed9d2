"""A simulated day of the desk: the desk's own replies, and the same customers whoever answers."""

import pytest
from tests.desk.test_understanding import desk

from loopbook.desk import day
from loopbook.desk.dialogues import Dialogue, Line
from loopbook.simulation.customers import Day


def test_the_desk_costs_less_than_a_person_for_everything_where_it_knows_the_answers() -> None:
    known = [Dialogue(str(at), "test", (Line(f"my {word}", "question", intent),))
             for at, (word, intent) in enumerate([("balance", "balance"), ("card", "card_lost")])]  # fmt: skip
    groups = {0.8: known, 0.2: day.strangers(["weather", "the weather tomorrow"])}
    found = day.compare(desk(), groups, Day(customers=400, staff=3), [1, 2, 3])
    told = day.intervals_of(found).set_index("desk")
    mine = told.loc["the desk"]
    assert mine["resolved"] == pytest.approx(0.8, abs=0.05)
    assert mine["wrong"] == 0
    assert told.loc["a person for everything", "gain_low"] > 0
    assert told.loc["never a person", "lost"] == pytest.approx(0.2, abs=0.05)
    assert mine["gain"] == 0
    assert found.groupby("seed")["handed_over"].max().eq(1).all()
