"""Clicks corrected for position: what is learned is relevance, and an order is worth what it would have got."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from loopbook.feedback import clicks, gate
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Binary, Ranking, YesNo
from loopbook.statistics import examination

TASK = Ranking(type="ranking", query="reader", item="book", fields={"x": "number"})
THETA = np.array([1.0, 0.55, 0.35, 0.25, 0.2, 0.15])


def logged(seed: int, lists: int = 3_000, explored: float = 0.3) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows of lists of six books out of thirty, popular ones first, and how relevant each row truly is."""
    random = np.random.default_rng(seed)
    worth = random.permutation(np.linspace(0.05, 0.55, 30))
    popular = worth + random.normal(0, 0.15, 30)  # what the log's policy thinks of them
    frames = []
    for number in range(lists):
        book = random.choice(30, 6, replace=False)
        book = book if random.random() < explored else book[np.argsort(-popular[book])]
        click = random.random(6) < THETA * worth[book]
        frames.append(np.column_stack([np.full(6, number), book, np.arange(1, 7), click, worth[book]]))
    table = pd.DataFrame(np.concatenate(frames), columns=["shown", "item", "place", "label", "worth"])
    reader = "r" + (table["shown"].astype(int) % 300).astype(str)
    table = table.assign(group=reader, weight=np.float32(1), label=table["label"].astype("int8"))
    return table.drop(columns="worth"), table["worth"].to_numpy()


def test_weights_let_a_model_that_sees_no_place_learn_relevance() -> None:
    rows, worth = logged(1)
    table = clicks.looked(rows, TASK)
    assert table is not None and np.abs(table["value"] - THETA).max() < 0.1
    books = np.eye(30)[rows["item"].astype(int)]
    blind = LogisticRegression(C=100).fit(books, rows["label"])
    own = clicks.corrected(rows, blind.predict_proba(books)[:, 1], table)
    learned = LogisticRegression(C=100).fit(books, rows["label"], sample_weight=own["weight"])
    errors = [np.abs(model.predict_proba(books)[:, 1] - worth).mean() for model in (blind, learned)]
    assert errors[1] < 0.5 * errors[0]
    assert own.loc[rows["label"] == 1, "weight"].eq(1).all() and own["weight"].between(0, 1).all()


def test_a_list_is_worth_what_the_order_would_have_got() -> None:
    rows, worth = logged(2, 6_000)
    table = pd.DataFrame({"value": THETA})
    for score in (worth, -worth, np.zeros(len(rows))):
        own = rows.assign(score=score, worth=worth).sort_values(
            ["shown", "score", "place"], ascending=[True, False, True]
        )
        true = (own["worth"].to_numpy().reshape(-1, 6) @ THETA).mean()
        assert clicks.value(rows, score, table).mean() == pytest.approx(true, rel=0.05)
    stood = clicks.value(rows, -rows["place"].to_numpy(), table)
    assert stood.sum() == pytest.approx(rows["label"].sum()), "as it stood it is worth what was clicked"


def test_the_gate_finds_the_better_order_and_none_between_equals() -> None:
    rows, worth = logged(3)
    table = clicks.looked(rows, TASK)
    assert table is not None
    better = clicks.gain(rows, -rows["place"].to_numpy(), worth, table, resamples=200)
    assert better.low > 0 and better.challenger > better.champion
    same = clicks.gain(rows, worth, worth * 2, table, resamples=200)
    assert same.gain == same.low == same.high == 0


def test_rows_without_places_and_other_tasks_have_no_examination() -> None:
    rows, _ = logged(4, 20)
    other = Binary(fields={"x": "number"}, label=YesNo(column="y", positive=(1,)))
    assert clicks.looked(rows, other) is None
    assert clicks.looked(rows.assign(place=np.nan), TASK) is None
    part = rows.assign(place=rows["place"].where(rows["place"] > 1))
    table = pd.DataFrame({"value": THETA})
    assert clicks.corrected(part, np.full(len(part), 0.3), table)["weight"][part["place"].isna()].eq(1).all()
    assert np.isnan(clicks.gain(rows.assign(place=np.nan), rows["label"], rows["label"], table).gain)
    assert examination.at(table, 1).tolist() == 1.0


def test_the_gate_promotes_by_the_value_of_lists_and_hears_relevance_as_clicks_where_it_stood() -> None:
    rows, worth = logged(5)
    rows = rows.assign(row_id=np.arange(len(rows)).astype(str))
    table = clicks.looked(rows, TASK)
    assert table is not None
    place = rows["place"].astype(int).to_numpy()
    blind = np.clip(
        0.3 * rows["label"].mean() / 0.3 * THETA[place - 1] / THETA.mean(), 0, 1
    )  # what clicks by place say
    models = [lambda part, p=p: Answers(np.column_stack([1 - p, p])) for p in (blind, worth)]
    old, new, ahead = clicks.judges({"gate": rows}, models[0], models[1], table)
    heard = new(rows).probability[:, 1]
    assert heard.mean() == pytest.approx(rows["label"].mean(), rel=0.15), "relevance times examination"
    assert old(rows).probability[:, 1] == pytest.approx(blind), "a click probability stays as it is"
    costs = Costs(true_positive=-1.0, false_positive=0.1, false_negative=0.0, true_negative=0.0)
    verdict, measures = gate.judge({"gate": rows}, old, new, TASK, costs, learned=(), ahead=ahead, resamples=100)
    assert verdict.decision == "promote" and verdict.measure == clicks.VALUE
    assert measures["measure"].iloc[0] == clicks.VALUE and verdict.low > 0
