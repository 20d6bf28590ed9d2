"""Active learning against random choice: how many labels it takes to 95 % of the quality that all labels give.

    python -m tests.benchmarks.active_learning [banking77 | airline | network] …

    banking77, airline   77 intents of questions to a bank, three tones of posts to airlines: frozen MiniLM with
                         logistic regression, by every strategy of `feedback.strategy` that needs no network
    network              the posts with a network of one hidden layer and dropout, for BALD

A pool of 4,000 labelled rows, 2,000 others to judge by (macro F1), both drawn anew for each of five seeds, no text
twice. The first labels are drawn at random; then each batch is chosen by `active_learning.order` with the model fitted
so far, a fifth of it at random as in the product, and makes the labels half as many again. Where a curve first reaches
the goal is interpolated on the logarithm of the labels. Savings against random are paired by seed: same rows, same
first labels. Intervals are Student's over the seeds (95 %).

Data is read from LOOPBOOK_DATA_MIRROR; embeddings are computed once and kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from loopbook.feedback import acquisition, active_learning
from loopbook.models.encoders import sentence_encoder
from loopbook.statistics.intervals import Interval, student

POOL, JUDGED, SEEDS, GROWTH, GOAL, PASSES = 4_000, 2_000, range(5), 1.5, 0.95, 20
FIRST = {"banking77": 150, "airline": 50}
STRATEGIES = ("random", "uncertainty", "margin", "cost", "diversity")

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Judged = tuple[Floats, Codes]


def read(name: str) -> tuple[list[str], Codes]:
    """Return texts and the codes of their classes, no text twice."""
    folder = Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / name
    if name == "banking77":
        rows = pd.concat([pd.read_csv(folder / f"{part}.csv") for part in ("train", "test")])
        rows = rows.rename(columns={"category": "label"})
    else:
        rows = pd.read_csv(folder / "Tweets.csv").rename(columns={"airline_sentiment": "label"})
    rows = rows.drop_duplicates("text").sample(frac=1, random_state=0).head(POOL + JUDGED)
    return rows["text"].tolist(), rows["label"].astype("category").cat.codes.to_numpy(np.int64)


class Linear:
    """Logistic regression."""

    def __init__(self, x: Floats, y: Codes, classes: int, seed: int) -> None:
        self._fitted = LogisticRegression(C=10, max_iter=200).fit(x, y)
        self._classes = classes

    def __call__(self, x: Floats) -> Floats:
        p = np.zeros((len(x), self._classes))
        p[:, self._fitted.classes_] = self._fitted.predict_proba(x)
        return p


class WithDropout:
    """A network of one hidden layer with dropout; compiled once, each time from fresh weights."""

    _compiled: Any = None

    def __init__(self, x: Floats, y: Codes, classes: int, seed: int) -> None:
        if WithDropout._compiled is None:
            WithDropout._compiled = _network(x.shape[1], classes)
        self._model, fresh = WithDropout._compiled, np.random.default_rng(seed)
        for weight in self._model.trainable_variables:
            spread = np.sqrt(2 / weight.shape[0]) if len(weight.shape) > 1 else 0.0
            weight.assign(fresh.normal(0, 1, weight.shape) * spread)
        for state in self._model.optimizer.variables:
            if "learning_rate" not in state.path:
                state.assign(np.zeros(state.shape))
        epochs = min(60, max(10, 40_000 // len(x)))
        self._model.fit(x.astype(np.float32), y, batch_size=128, epochs=epochs, verbose=0)

    def __call__(self, x: Floats) -> Floats:
        return _softmax(np.asarray(self._model(x.astype(np.float32), training=False)))

    def samples(self, x: Floats) -> Floats:
        given = x.astype(np.float32)
        return np.stack([_softmax(np.asarray(self._model(given, training=True))) for _ in range(PASSES)])


def _network(width: int, classes: int) -> Any:
    import keras

    from loopbook.models.dropout import Dropout

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(128, "relu"), Dropout(0.3), keras.layers.Dense(classes)]
    model = keras.Sequential([keras.Input((width,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss)
    return model


def _softmax(z: Floats) -> Floats:
    p = np.exp(z.astype(np.float64) - z.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def doubts(strategy: str, model: Any, x: Floats) -> Floats:
    """Return how useful labels are by a strategy; of equal costs, what knowing the class saves is 1 - max p."""
    if strategy in ("random", "diversity"):
        return np.ones(len(x))
    if strategy == "bald":
        return acquisition.bald(model.samples(x))
    p = model(x)
    if strategy == "cost":
        lost = 1 - p.max(axis=1)
        return np.asarray(lost / lost.max())
    return acquisition.margin(p) if strategy == "margin" else acquisition.entropy(p)


def curve(
    make: Any,
    strategy: str,
    x: Floats,
    y: Codes,
    judged: Judged,
    first: int,
    seed: int,
) -> list[tuple[int, float]]:
    """Return labels and macro F1, from the first labels to all."""
    classes = int(max(y.max(), judged[1].max())) + 1
    ids = np.array([f"{seed} {at}" for at in range(len(x))], dtype=object)
    known = np.zeros(len(x), dtype=bool)
    known[np.random.default_rng(seed).permutation(len(x))[:first]] = True
    found: list[tuple[int, float]] = []
    while True:
        model = make(x[known], y[known], classes, seed)
        found.append((int(known.sum()), quality(model, judged)))
        if known.all():
            return found
        free = np.flatnonzero(~known)
        budget = min(round(known.sum() * (GROWTH - 1)), len(free))
        if known.sum() * GROWTH > 0.7 * len(x):
            budget = len(free)
        pool = pd.DataFrame({"row_id": ids[free]})
        given = doubts(strategy, model, x[free])
        chosen = active_learning.order(pool, given, x[free], budget, strategy=strategy)  # type: ignore[arg-type]
        places = chosen["row_id"].str.split(" ").str[1].astype(int).to_numpy()
        known[places] = True


def quality(model: Any, judged: Judged) -> float:
    """Return macro F1."""
    return float(f1_score(judged[1], model(judged[0]).argmax(axis=1), average="macro"))


def labels_for(found: list[tuple[int, float]], goal: float) -> float:
    """Return with how many labels a curve first reaches a goal."""
    for (few, low), (many, high) in pairwise(found):
        if high >= goal:
            share = 0.0 if low >= goal else (goal - low) / (high - low)
            return float(np.exp(np.log(few) + share * (np.log(many) - np.log(few))))
    return float(found[-1][0])


def compare(name: str, data: str, make: Any, strategies: tuple[str, ...], cache: Path) -> None:
    """Print labels needed and savings of each strategy on a set."""
    begun = time.process_time()
    texts, codes = read(data)
    x = sentence_encoder.embed(texts, cache).astype(np.float64)
    print(f"\n{name}: encoded, {time.process_time() - begun:.0f} s of processor time", flush=True)
    needed: dict[str, list[float]] = {strategy: [] for strategy in strategies}
    full = []
    for seed in SEEDS:
        drawn = np.random.default_rng(100 + seed).permutation(len(x))
        pool, rest = drawn[:POOL], drawn[POOL:]
        judged = (x[rest], codes[rest])
        curves = {
            strategy: curve(make, strategy, x[pool], codes[pool], judged, FIRST[data], seed) for strategy in strategies
        }
        full.append(curves["random"][-1][1])
        for strategy, found in curves.items():
            needed[strategy].append(labels_for(found, GOAL * full[-1]))
        told = "  ".join(f"{strategy} {values[-1]:,.0f}" for strategy, values in needed.items())
        print(f"  seed {seed}: all labels {full[-1]:.3f}; labels for {GOAL:.0%} of it: {told}", flush=True)
    print(f"{name}: macro F1 with {POOL:,} labels {_told(student(full), '.3f')}")
    for strategy, values in needed.items():
        saved = student(1 - np.array(values) / np.array(needed["random"]))
        verdict = "" if strategy == "random" else f"   saves {_told(saved, '+.0%')}"
        print(f"  {strategy:12} {_told(student(values), ',.0f')} labels{verdict}", flush=True)
    print(f"  {time.process_time() - begun:.0f} s of processor time", flush=True)


def _told(found: Interval, form: str) -> str:
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"


def main() -> None:
    """Compare on what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["banking77", "airline", "network"])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    asked = parser.parse_args()
    for what in asked.what:
        if what == "network":
            compare(
                "airline, a network with dropout", "airline", WithDropout, ("random", "margin", "bald"), asked.cache
            )
        else:
            compare(what, what, Linear, STRATEGIES, asked.cache)


if __name__ == "__main__":
    main()
