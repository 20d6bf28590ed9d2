"""Alerts on given streams, each beside what is known from outside (tests/monitoring/known_events.yaml).

    LOOPBOOK_DATA_MIRROR=data python -m tests.benchmarks.known_events

The three shipped agents in standard, with a plain model and the threshold of their costs: the simulated one of five
seeds beside the simulator's own truth, the two on real rows in random order, about which nothing is known to change, as
they are and with a half that we have made other. The airline posts with TF-IDF and logistic regression, trained on the
days of their reference; the series of the Numenta Anomaly Benchmark as a number field, one row a value, two weeks of
reference, with an outcome that is chance. Each told event has its delay in days, from its first day to the alert's.
Last come the alerts without a known cause beside the number that the scenarios promise, with its 95% Poisson range.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy.stats import poisson
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from tests.starter.evidence import World

from loopbook.decisions import costs
from loopbook.monitoring import scoring
from loopbook.monitoring.timeline import prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).resolve().parents[1] / "monitoring" / "known_events.yaml"
REFERENCE_DAYS = {"speed_7578": 3}
"""Days of reference of a series that has not enough for two weeks."""
SEEDS = range(1, 6)


def scenario(fields: dict[str, str], segments: list[str]) -> Scenario:
    """Return a scenario that watches these fields and segments."""
    label = {"column": "label", "positive": [1], "names": ["other", "negative"]}
    return Scenario.model_validate(
        {
            "name": "known-events",
            "title": "Known events",
            "description": "Streams about which something is known.",
            "task": {"fields": fields, "label": label},
            "source": {"kind": "csv", "path": "none.csv", "time": "time"},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
            "monitoring": {"segments": segments, "label_delay_days": 0},
        }
    )


def airline(folder: Path, known: dict[str, Any]) -> Watch:
    """Watch the airline posts from the day after the reference on."""
    posts = pd.read_csv(folder / "airline" / "Tweets.csv")
    posts["time"] = pd.to_datetime(posts["tweet_created"], utc=True)
    posts["label"] = (posts["airline_sentiment"] == "negative").astype(int)
    early = posts["time"] < pd.Timestamp(known["reference"][1], tz="UTC") + pd.Timedelta(days=1)
    model = make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True), LogisticRegression(max_iter=1000))
    old = posts[early]
    folds = cross_val_predict(
        model, old["text"], old["label"], groups=old["time"].dt.date, cv=GroupKFold(4), method="predict_proba"
    )
    posts.loc[early, "probability"] = folds[:, 1]
    posts.loc[~early, "probability"] = model.fit(old["text"], old["label"]).predict_proba(posts[~early]["text"])[:, 1]
    posts["action"] = np.where(posts["probability"] >= 0.5, "alert", "ignore")
    return watch(prepare(posts[~early], posts[early], scenario({"text": "text"}, ["airline"])))


def series(folder: Path, name: str) -> Watch:
    """Watch one series of the Numenta Anomaly Benchmark as a number field."""
    frame = pd.read_csv(folder / "nab" / f"{name}.csv")
    frame["time"] = pd.to_datetime(frame["timestamp"], utc=True)
    rng = np.random.default_rng(1)
    frame["probability"] = rng.uniform(0.01, 0.99, len(frame))
    frame["label"] = (rng.random(len(frame)) < frame["probability"]).astype(int)
    frame["action"] = np.where(frame["probability"] >= 0.5, "alert", "ignore")
    early = frame["time"] < frame["time"].min().normalize() + pd.Timedelta(days=REFERENCE_DAYS.get(name, 14))
    return watch(prepare(frame[~early], frame[early], scenario({"value": "number"}, [])))


def shipped(name: str, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows, **given: Any) -> Watch:
    """Watch the stream of a shipped agent, with logistic regression on its train in place of its champion."""
    own = load(name, ROOT / "notebooks" / "scenarios", "standard", given)
    world, acts = World.of(own, Project(ROOT)), own.task.actions
    said, cut = (
        world.learned(world.parts["train"], world.label),
        costs.of(own.decisions.costs, own.task).threshold,
    )

    def decided(split: str) -> pd.DataFrame:
        probability = said[world.parts[split]]
        return world.splits[split].assign(
            probability=probability, action=np.where(probability >= cut, acts[1], acts[0])
        )

    return watch(prepare(change(decided("stream")), decided("test"), own))


def more_positive(share: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return who draws the second half of a stream anew from itself, so that this share of it is positive."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        late, random = rows.iloc[len(rows) // 2 :], np.random.default_rng(1)
        wanted = np.where(np.arange(len(late)) < round(share * len(late)), 1, 0)
        drawn = [random.choice(late.index[late["label"] == label]) for label in random.permutation(wanted)]
        anew = late.loc[drawn].assign(row_id=[f"again {number}" for number in range(len(late))])
        return pd.concat([rows.iloc[: len(rows) // 2], anew], ignore_index=True)

    return change


Event = tuple[int, int, str, list[str]]
"""First and last day of the stream, what happened, and the causes as which it may be told; none: any."""


def injected(seen: Watch) -> list[Event]:
    """Return the effects of a simulated world that its stream shows, from the simulator's own truth."""
    effects = scoring.against_truth(seen.log, seen.alerts).effects
    assert isinstance(effects, pd.DataFrame)
    return [
        (row["first_day"], row["last_day"], f"{row['effect']} {row['place']}".strip(), [row["effect"]])
        for row in effects[effects["status"] != "absent"].to_dict("records")
    ]


def dated(seen: Watch, first: Any, last: Any, what: str, causes: list[str]) -> Event:
    """Return an event whose days are known by date."""
    assert seen.log.start is not None
    begin, end = ((pd.Timestamp(day).date() - seen.log.start).days for day in (first, last))
    return begin, end, what, causes


def show(name: str, seen: Watch, events: list[Event]) -> tuple[int, float]:
    """Print each alert with the known event that it tells, then what was not told.

    Returns
    -------
    tuple
        Alerts of which nothing is known, and how many false ones are promised.
    """
    days, unknown, told = seen.log.stream.days, 0, dict[str, int]()
    print(f"\n{name}: {days} days, {len(seen.log.stream) / days:.0f} rows a day")
    for row in seen.alerts.to_dict("records"):
        found = [
            (first, what)
            for first, last, what, causes in events
            if row["first_day"] <= last and first <= row["day"] and row["cause"] in (causes or [row["cause"]])
        ]
        unknown += not found
        for first, what in found:
            told.setdefault(what, row["day"] - max(0, first))
        late = "; ".join(f"{what} (told after {told[what]} days)" for _, what in found)
        print(f"  {row['date']}  {row['title']}  <- {late or 'not known from outside'}")
    missed = [what for _, last, what, _ in events if last >= 0 and what not in told]
    print(f"  {unknown} of {len(seen.alerts)} not known from outside ({100 * unknown / days:.1f} a hundred days)")
    print(f"  not told: {'; '.join(missed) or 'nothing'}")
    return unknown, days * seen.log.scenario.monitoring.false_alarms / 100


def main() -> None:
    """Print the table."""
    folder, known = Path(os.environ["LOOPBOOK_DATA_MIRROR"]), yaml.safe_load(KNOWN.read_text(encoding="utf-8"))
    found = []
    for seed in SEEDS:
        seen = shipped("market-monitor", **{"source.seed": seed})
        found.append(show(f"market-monitor (simulated), seed {seed}", seen, injected(seen)))
    for name, share in known["made_other"].items():
        found.append(show(name, shipped(name), []))
        seen = shipped(name, more_positive(share))
        half = seen.log.stream.days // 2, seen.log.stream.days, f"share of positive rows {share:.0%}", []
        found.append(show(f"{name}, whose second half we have made other", seen, [half]))
    seen, last = airline(folder, known["airline"]), max(known["airline"]["days"])
    happened = [dated(seen, one["from"], last, one["what"], one["causes"]) for one in known["airline"]["events"]]
    found.append(show("airline", seen, happened))
    for name, windows in known["nab"].items():
        seen = series(folder, name)
        anomalies = [dated(seen, *window, "anomaly of {} to {}".format(*window), []) for window in windows]
        found.append(show(name, seen, anomalies))
    unknown, promised = map(sum, zip(*found, strict=True))
    low, high = poisson.interval(0.95, promised)
    print(
        f"\n{unknown} alerts are not known from outside; promised are at most {promised:.1f} false ones "
        f"(95% of the time {low:.0f} to {high:.0f})"
    )


if __name__ == "__main__":
    main()
