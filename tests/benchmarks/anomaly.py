"""Anomaly scores of simulated posts, held against the day on which their vocabulary changes, which is known.

    python -m tests.benchmarks.anomaly [--seeds 3]

Market-monitor's simulated world uses new words from one day on; its base rate and its meanings change later, and posts
after these days do not count here. Each score learns from posts of the days before, without labels, and is judged on
others of them and on posts of the new days, by the area under the ROC curve with its interval: of single posts, and of
days (the mean of a day's scores). Beside them stands the plainest score, the share of words that train does not know.
Every change is one that the world wrote down itself; nothing here is real.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer
from tests.starter.evidence import World
from tests.starter.test_criteria import ROOT

from loopbook.data.features import UNKNOWN, Features, tokenize
from loopbook.models.encoders import sentence_encoder
from loopbook.models.unsupervised import anomaly
from loopbook.scenario.loading import load
from loopbook.simulation import events
from loopbook.statistics import intervals, metrics
from loopbook.store.project import Project

REFERENCE, JUDGED = 4_000, 3_000  # posts, so that the sentence encoder takes a minute and not four
Scores = dict[str, Callable[[pd.DataFrame], NDArray[np.float64]]]


def scores(train: pd.DataFrame, features: Features) -> Scores:
    """Return each score by its name, learned from posts."""
    hashing = HashingVectorizer(analyzer=tokenize, n_features=2**15, alternate_sign=False)
    svd = TruncatedSVD(100, random_state=0).fit(hashing.transform(train["text"]))
    known: dict[int, NDArray[Any]] = {}

    def embedded(frame: pd.DataFrame) -> NDArray[Any]:
        if id(frame) not in known:
            known[id(frame)] = sentence_encoder.embed(frame["text"].tolist())
        return known[id(frame)]

    def left(frame: pd.DataFrame) -> NDArray[np.float64]:
        # Rows have length 1: what the linear autoencoder does not give back is what its projection lacks of it.
        return 1 - (svd.transform(hashing.transform(frame["text"])) ** 2).sum(axis=1)

    def unknown(frame: pd.DataFrame) -> NDArray[np.float64]:
        tokens = features.tokens(frame)
        return (tokens == UNKNOWN).sum(axis=1) / (tokens != 0).sum(axis=1)

    found: Scores = {"share of unknown words": unknown, "words, linear autoencoder": left}
    for name, learn in {
        "MiniLM, autoencoder": anomaly.autoencoder,
        "MiniLM, nearest centre": anomaly.nearest_centre,
    }.items():
        score = learn(embedded(train))
        found[name] = lambda frame, score=score: score(embedded(frame))  # type: ignore[misc]
    return found


def main() -> None:
    """Print the areas of each score and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    for seed in range(1, parser.parse_args().seeds + 1):
        scenario = load("market-monitor", ROOT / "notebooks" / "scenarios", "standard", {"source.seed": seed})
        source = scenario.source
        world = World.of(scenario, Project(ROOT))
        starts = {
            effect.kind: effect.first_day
            for effect in events.schedule(source.days, seed)  # type: ignore[union-attr]
            if effect.kind in events.DRIFT_STARTS
        }
        rows = pd.concat([world.splits[name] for name in ("test", "gate", "stream")], ignore_index=True)
        first = pd.Timestamp(source.start, tz="UTC")  # type: ignore[union-attr]
        day = ((rows["time"] - first) // pd.Timedelta(days=1)).to_numpy()
        end = min(day_ for kind, day_ in starts.items() if kind != "vocabulary")
        rows = rows[day < end].sample(JUDGED, random_state=seed).sort_values("time").reset_index(drop=True)
        day = ((rows["time"] - first) // pd.Timedelta(days=1)).to_numpy()
        new = day >= starts["vocabulary"]
        train = world.splits["train"].sample(REFERENCE, random_state=seed).reset_index(drop=True)
        told = f"new words from day {starts['vocabulary']}; {len(rows):,} posts of days {day[0]} to {day[-1]}"
        print(f"\nseed {seed}: {told}, {new.sum():,} of them after it", flush=True)
        for name, score in scores(train, Features.fit(world.splits["train"], scenario)).items():
            said = score(rows)
            area = intervals.delong(new, said, rows["group"])
            days = pd.DataFrame({"day": day, "said": said}).groupby("day")["said"].mean()
            by_day = metrics.score("roc_auc", days.index >= starts["vocabulary"], days)
            told = anomaly.tail(said[~new], said[new])
            print(
                f"  {name:26} posts {area.value:.3f} ({area.low:.3f} to {area.high:.3f})   days {by_day:.3f}   "
                f"tail probability below 0.05 on {np.mean(told < 0.05):.0%} of the new posts",
                flush=True,
            )


if __name__ == "__main__":
    main()
