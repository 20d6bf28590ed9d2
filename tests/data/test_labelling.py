"""Rules label rows that nobody has; each counts by how often it is right, and no split learns of another."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tests.data.conftest import build_scenario
from tests.data.test_validation import collected

from loopbook.data import labelling, splitting, validation
from loopbook.scenario.contract import Scenario
from loopbook.statistics import evaluation, targets

TODAY = date(2026, 6, 30)
TERMS = {"late": ["late", "wait*"], "lost": ["lost"], "broken": ["crack*", "box"]}


def agent(terms: dict[str, list[str]], label: dict[str, Any] | None = None, **data: Any) -> Scenario:
    made = build_scenario(weak_labels=True, **data).model_dump(mode="json")
    made["task"] = {"type": "multiclass", "fields": {"text": "text"}, "label": label or {"column": "topic"}}
    made["requirements"] = {"terms": terms}
    return Scenario.model_validate(made)


def rows(count: int, seed: int = 0, words: dict[str, str] | None = None) -> pd.DataFrame:
    """Return rows of three classes; the word of the class stands in most, `box` in any."""
    random, names = np.random.default_rng(seed), ["late", "lost", "broken"]
    of = random.integers(0, 3, count)
    said = [{"late": "waiting", "lost": "lost", "broken": "cracked"}[names[code]] for code in of]
    noise = np.where(random.random(count) < 0.3, " box", "")
    ids = [f"{seed}-{number}" for number in range(count)]
    text = [
        f"{word}{more} {random.integers(10**12)} {random.integers(10**12)}"
        for word, more in zip(said, noise, strict=True)
    ]
    label = pd.Categorical.from_codes(of, categories=names)
    never = pd.Series(pd.NaT, index=range(count), dtype="datetime64[us, UTC]")
    frame = {"row_id": ids, "time": never, "group": ids, "label": label, "weight": np.float32(1), "text": text}
    return pd.DataFrame(frame).astype({"weight": "float32"})


def test_a_rule_counts_by_its_agreement_with_labelled_rows() -> None:
    made = agent(TERMS)
    splits, unlabelled = splitting.split(rows(300), made), rows(200, seed=1)
    weak = labelling.join(splits, unlabelled, made)
    table = weak.rules.set_index("rule")
    train = splits["train"]
    holds = train["text"].str.contains("box")
    assert table.loc["box", "hits"] == holds.sum()
    assert table.loc["box", "right"] == (holds & (train["label"] == "broken")).sum()
    overall = (table["right"].sum() + 1) / (table["hits"].sum() + 3)
    shrunk = (table.loc["box", "right"] + 5 * overall) / (table.loc["box", "hits"] + 5)
    assert table.loc["box", "agreement"] == pytest.approx(shrunk)
    assert table.loc["late", "hits"] == 0 and table.loc["late", "agreement"] == pytest.approx(overall)
    joined = weak.splits["train"]
    added = joined.iloc[len(train) :].set_index("row_id")
    assert weak.rows == len(added) == 200 and joined["label"].dtype == train["label"].dtype
    assert (added["label"] == unlabelled.set_index("row_id")["label"]).mean() > 0.98, "the sure rule beats the box"
    a = table.loc["crack*", "agreement"]
    sure = added[(added["label"] == "broken") & ~added["text"].str.contains("box")]["weight"]
    np.testing.assert_allclose(sure, (3 * (a * 2 / (1 - a)) / (a * 2 / (1 - a) + 2) - 1) / 2, rtol=1e-5)
    assert all(weak.splits[name] is splits[name] for name in splits if name != "train")


def test_rules_that_the_labels_contradict_label_nothing() -> None:
    made = agent({"lost": ["waiting"], "late": ["lost", "cracked"]})
    weak = labelling.join(splitting.split(rows(300), made), rows(100, seed=1), made)
    assert weak.rows == 0 and (weak.rules["labelled"] == 0).all()


@pytest.mark.parametrize("change", ["id", "text", "near", "group", "silent"])
def test_what_stands_in_another_split_or_says_nothing_stays_out(change: str) -> None:
    made = agent(TERMS)
    splits, unlabelled = splitting.split(rows(300), made), rows(5, seed=1)
    test = splits["test"].iloc[0]
    new = {
        "id": {"row_id": test["row_id"]},
        "text": {"text": test["text"].upper()},
        "near": {"text": test["text"] + "!"},
        "group": {"group": test["group"]},
        "silent": {"text": "nothing of that kind"},
    }[change]
    for name, value in new.items():
        unlabelled.loc[0, name] = value
    weak = labelling.join(splits, unlabelled, made)
    assert weak.rows == 4 and unlabelled["row_id"][0] not in set(weak.splits["train"]["row_id"].tail(4))


@pytest.mark.parametrize("rules", [True, False])
def test_rows_of_which_no_rule_speaks_weigh_nothing_where_they_are_kept(rules: bool) -> None:
    made = agent(TERMS if rules else {}, unlabelled_rows=True)
    made = made.model_copy(update={"data": made.data.model_copy(update={"weak_labels": rules})})
    splits, unlabelled = splitting.split(rows(300), made), rows(9, seed=1)
    unlabelled.loc[:3, "text"] = [f"{word} of that kind" for word in ("nothing", "something", "anything", "little")]
    weak = labelling.join(splits, unlabelled, made)
    added = weak.splits["train"].tail(weak.rows)
    assert weak.rows == 9 and added["label"].notna().all() and (added["weight"] == 0).sum() == (4 if rules else 9)


def test_where_splits_are_by_time_only_rows_from_trains_time_may_join() -> None:
    said = agent(TERMS).model_dump(mode="json")
    said["source"]["time"], said["data"]["splits"]["by"] = "when", "time"
    made = Scenario.model_validate(said)
    days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(300), unit="D").astype("timedelta64[us]")
    splits = splitting.split(rows(300).assign(time=days), made)
    unlabelled = rows(300, seed=1).assign(time=days - pd.Timedelta(days=10))
    weak = labelling.join(splits, unlabelled, made)
    added = weak.splits["train"].tail(weak.rows)
    first, last = splits["train"]["time"].agg(["min", "max"])
    assert added["time"].between(first, last).all() and weak.rows == unlabelled["time"].between(first, last).sum()


def test_rows_without_a_label_are_no_quarantine_and_their_other_faults_are() -> None:
    made = agent(TERMS, max_quarantine_share=0.3)
    columns = {
        "id": list("abcde"),
        "text": ["late", "lost it", "", "box", "wait"],
        "topic": ["late", "lost", "", "", "late"],
    }
    source = collected(columns)
    good, aside = validation.validate(source, made, TODAY)
    without = validation.unlabelled(source, made, TODAY)
    assert (good["row_id"].tolist(), without["row_id"].tolist()) == (["a", "b", "e"], ["d"])
    assert aside["reason"].tolist() == ["empty-text"] and len(good) + len(without) + len(aside) == 5
    off = made.model_copy(
        update={"data": made.data.model_copy(update={"weak_labels": False, "max_quarantine_share": 1})}
    )
    assert validation.unlabelled(source, off, TODAY).empty
    assert validation.validate(source, off, TODAY)[1]["reason"].tolist() == ["missing-label", "missing-label"]


def test_yes_or_no_is_labelled_too_and_a_number_is_not() -> None:
    made = agent({"found": ["waiting"]}, {"column": "topic"})
    said = made.model_dump(mode="json") | {
        "task": {"fields": {"text": "text"}, "label": {"column": "topic", "positive": ["late"]}}
    }
    made = Scenario.model_validate(said)
    frame = rows(300).assign(label=lambda part: (part["label"] == "late").astype("int8"))
    weak = labelling.join(splitting.split(frame, made), rows(100, seed=1), made)
    added = weak.splits["train"].tail(weak.rows)
    assert (
        added["label"].dtype == np.int8 and (added["label"] == 1).all() and added["text"].str.contains("waiting").all()
    )
    number = {"type": "number", "fields": {"text": "text"}, "label": {"column": "topic", "limits": [1]}}
    with pytest.raises(ValidationError, match=r"weak_labels and .unlabelled_rows are for classes"):
        Scenario.model_validate(said | {"task": number, "requirements": {}})


AUTHORED = {
    "positive": ["thank*", "great", "love*", "awesome", "amazing", "best", "excellent"],
    "negative": ["cancelled", "delay*", "hours", "hold", "worst", "lost", "terrible", "rude", "never", "no one"],
    "neutral": ["how", "can i", "do you"],
}
"""Twenty rules, written without a look at the labels."""


@pytest.mark.skipif("LOOPBOOK_DATA_MIRROR" not in os.environ, reason="LOOPBOOK_DATA_MIRROR is not set")
def test_ten_labels_a_class_and_twenty_rules_beat_ten_labels_alone_on_real_posts() -> None:
    posts = pd.read_csv(Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "airline" / "Tweets.csv").drop_duplicates("text")
    posts = posts.sample(3_000, random_state=0).reset_index(drop=True)
    names = ["negative", "neutral", "positive"]
    ids = posts.index.astype(str)
    frame = pd.DataFrame(
        {
            "row_id": ids,
            "time": pd.Series(pd.NaT, index=posts.index, dtype="datetime64[us, UTC]"),
            "group": ids,
            "label": pd.Categorical(posts["airline_sentiment"], categories=names),
            "weight": np.float32(1),
            "text": posts["text"],
        }
    )
    made, test, pool = agent(AUTHORED), frame[:1_000], frame[1_000:]
    words = TfidfVectorizer(min_df=2, sublinear_tf=True).fit(pool["text"])
    truth, asked = targets.codes(test["label"], made.task), words.transform(test["text"])

    def answers(train: pd.DataFrame) -> np.ndarray:
        codes = targets.codes(train["label"], made.task)
        model = LogisticRegression(max_iter=200).fit(words.transform(train["text"]), codes, train["weight"])
        found: np.ndarray = model.predict_proba(asked)
        return found

    gains = []
    for seed in range(3):
        few = pool.groupby("label", observed=True).sample(10, random_state=seed)
        weak = labelling.join({"train": few, "test": test}, pool.drop(few.index), made)
        with_rules, alone = answers(weak.splits["train"]), answers(few)
        gains.append(evaluation.paired(truth, with_rules, alone, "macro_f1", resamples=200))
    assert sum(gain.value for gain in gains) / 3 > 0.02, gains
    assert sum(gain.low > 0 for gain in gains) >= 2, gains
