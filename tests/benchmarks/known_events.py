"""Alerts on given streams, each beside what is known from outside (tests/monitoring/known_events.yaml).

    LOOPBOOK_DATA_MIRROR=data python tests/benchmarks/known_events.py

The airline posts with TF-IDF and logistic regression, trained on the days of their reference; the series of the Numenta
Anomaly Benchmark as a number field, one row a value, two weeks of reference, with an outcome that is chance. The last
line holds the alerts without a known cause beside the number that the scenario promises, with its 95% Poisson range.
"""

from __future__ import annotations

import os
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

from loopbook.monitoring.timeline import prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario

KNOWN = Path(__file__).resolve().parents[1] / "monitoring" / "known_events.yaml"
REFERENCE_DAYS = 14


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
    early = frame["time"] < frame["time"].min().normalize() + pd.Timedelta(days=REFERENCE_DAYS)
    return watch(prepare(frame[~early], frame[early], scenario({"value": "number"}, [])))


Event = tuple[str, str, str, list[str]]
"""First and last day, what happened, and the causes as which it may be told; none: any."""


def show(name: str, seen: Watch, events: list[Event]) -> tuple[int, int]:
    """Print each alert with the known event that it tells, then what was not told; return unknown alerts and days."""
    days, unknown, told = seen.log.stream.days, 0, set()
    print(f"\n{name}: {days} days")
    for row in seen.alerts.to_dict("records"):
        found = [
            what
            for first, last, what, causes in events
            if str(row["since"]) <= last and first <= str(row["date"]) and row["cause"] in (causes or [row["cause"]])
        ]
        unknown += not found
        told |= set(found)
        print(f"  {row['date']}  {row['title']}  <- {'; '.join(found) or 'not known from outside'}")
    start = seen.log.date(0)
    missed = [what for _, last, what, _ in events if last >= start and what not in told]
    print(f"  {unknown} of {len(seen.alerts)} not known from outside ({100 * unknown / days:.1f} a hundred days)")
    print(f"  not told: {'; '.join(missed) or 'nothing'}")
    return unknown, days


def main() -> None:
    """Print the table."""
    folder, known = Path(os.environ["LOOPBOOK_DATA_MIRROR"]), yaml.safe_load(KNOWN.read_text(encoding="utf-8"))
    events = known["airline"]["events"]
    last = str(max(known["airline"]["days"]))
    happened = [(str(one["from"]), last, one["what"], one["causes"]) for one in events]
    found = [show("airline", airline(folder, known["airline"]), happened)]
    for name, windows in known["nab"].items():
        anomalies: list[Event] = [(str(one), str(two), f"anomaly of {one} to {two}", []) for one, two in windows]
        found.append(show(name, series(folder, name), anomalies))
    unknown, days = map(sum, zip(*found, strict=True))
    promised = days * scenario({"value": "number"}, []).monitoring.false_alarms / 100
    low, high = poisson.interval(0.95, promised)
    print(
        f"\n{unknown} alerts in {days} days are not known from outside; promised are at most {promised:.1f} false ones "
        f"(95% of the time {low:.0f} to {high:.0f})"
    )


if __name__ == "__main__":
    main()
