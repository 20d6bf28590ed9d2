"""What notebook 12 shows: ranks by known passages, tables in the order in which they come, flat numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.desk import desk_page
from loopbook.desk.outside import FUSED, SOFTMAX
from loopbook.desk.retrieval import Index
from loopbook.desk.turn import Passage

TOLD = pd.DataFrame(
    [(SOFTMAX, "known", 200, 0.06, 0.03, 0.1), (SOFTMAX, "far", 100, 0.5, 0.4, 0.6),
     (FUSED, "known", 200, 0.05, 0.03, 0.09), (FUSED, "far", 100, 0.97, 0.91, 0.99)],
    columns=["method", "asked", "questions", "value", "low", "high"],
)  # fmt: skip
LIVED = pd.DataFrame(
    [("the desk", 3.0, 2.9, 3.1, 0.0, 0.0, 0.0), ("never a person", 4.0, 3.9, 4.1, 1.0, 0.9, 1.1)],
    columns=["desk", "cost", "low", "high", "gain", "gain_low", "gain_high"],
).assign(resolved=0.5, wrong=0.1, handed_over=0.4, lost=0.0, waited=2.0, waited_95=6.0)


def test_a_question_counts_once_by_the_best_of_its_right_passages(tmp_path: Path) -> None:
    passages = [
        Passage("cards.md", "cards.md › Cards › Lost card", "Block a lost card in the app at once."),
        Passage("cards.md", "cards.md › Cards › Price", "A new card costs ten euros."),
        Passage("loans.md", "loans.md › Loans › Price", "A loan has no fee."),
    ]
    file = tmp_path / "retrieval.csv"
    file.write_text(
        "part,question,document,heading\n"
        "test,my card is lost how do I block it,loans.md,Price\n"
        "test,my card is lost how do I block it,cards.md,Lost card\n"
        "build,what does a new card cost,missing.md,Price\n"
    )
    found = desk_page.retrieved(Index.of(passages), file)
    assert list(found["part"]) == ["test", "build"]
    assert found["rank"][0] == 1 and np.isnan(found["rank"][1]), "the heading alone does not make a passage right"
    shares = desk_page.within(found, (1,))["value"]
    assert list(shares) == [1.0, 0.0]


def test_tables_keep_their_order_and_figures_say_what_they_show() -> None:
    table = desk_page.outside_table(TOLD)
    assert list(table.index) == [SOFTMAX, FUSED]
    assert list(table.columns) == ["known, 200", "far, 100"]
    assert table.loc[FUSED, "far, 100"] == "0.97 (0.91 to 0.99)"
    assert "97% of far" in desk_page.outside_figure(TOLD, 0.05).alt
    days = desk_page.days_table(LIVED)
    assert days.loc["the desk", "the desk saves"] == ""
    assert days.loc["never a person", "the desk saves"] == "1.00 (0.90 to 1.10)"
    assert "4.00 with never a person" in desk_page.days_figure(LIVED, "EUR").alt
    assert "other intents" in desk_page.played_table(pd.DataFrame(columns=["desk"]))


def test_what_is_recorded_is_the_desks_own() -> None:
    found = pd.DataFrame({"part": ["test", "test", "build"], "rank": [1, 4, 1]})
    recorded = desk_page.recorded(TOLD, found, LIVED)
    assert recorded["outside_far"] == 0.97 and recorded["outside_known_high"] == 0.09
    assert recorded["retrieved"] == 0.5 and recorded["conversation_cost_low"] == pytest.approx(2.9)
