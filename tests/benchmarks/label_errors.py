"""Label errors: how many planted ones are found on real texts, and what removing or correcting the suspected brings.

    python -m tests.benchmarks.label_errors [--of press airline banking] [--seeds 5] [--share 0.05]

A share of the labels of train is made wrong, each another one that occurs, and looked for by the study's own functions
(confident learning over five folds by groups), with a frozen MiniLM and logistic regression. Beside it stands what
naming as many rows at random would find, and the recall if no more are named than were planted, the least credible.
Then logistic regression learns from the wrong labels; without the suspected rows; with their labels corrected as
suggested; and, as a limit, without exactly the planted ones and from the labels as they were. Test keeps its labels.
Intervals are bootstraps of seeds and of test's groups together.

Data is read from LOOPBOOK_DATA_MIRROR; sentence embeddings are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tests.starter.evidence import World
from tests.starter.test_criteria import ROOT

from loopbook.data.features import Features
from loopbook.models.arrays import texts
from loopbook.models.encoders import sentence_encoder
from loopbook.models.studies import label_errors
from loopbook.models.studies.refitting import Refitting
from loopbook.scenario.loading import load
from loopbook.scenario.task import Task
from loopbook.statistics import bootstrap, targets
from loopbook.statistics.intervals import student
from loopbook.store.project import Project

C = {"press": 1.0, "airline": 1.0, "banking": 20.0}  # of the baselines that are known for these rows
NAMES = {"press": "press-monitor", "airline": "airline-monitor", "banking": "banking-desk"}
FOLDS = 5
Judged = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frozen(Refitting):
    """Splits whose every fit is a logistic regression on embeddings, which are known by row."""

    own: Task = field(kw_only=True)
    embedding: Mapping[str, Judged] = field(kw_only=True)
    c: float = field(kw_only=True)

    @property
    def task(self) -> Task:
        return self.own

    def judged(self, method: Any, train: pd.DataFrame, rows: pd.DataFrame | None = None) -> Judged:
        """Return the probability of each class, float64 [n, k]."""
        rows = self.test if rows is None else rows
        x, z = (np.stack([self.embedding[name] for name in part["row_id"]]) for part in (train, rows))
        model = LogisticRegression(C=self.c, max_iter=1_000).fit(x, targets.codes(train["label"], self.own))
        said = np.zeros((len(rows), len(targets.classes(rows["label"], self.own))))
        said[:, model.classes_] = model.predict_proba(z)
        return said


def frozen(name: str, cache: Path) -> Frozen:
    """Return the rows of a scenario: what is tested on as it says, and all that comes before to learn from."""
    world = World.of(load(NAMES[name], ROOT / "notebooks" / "scenarios", "standard"), Project(ROOT))
    late = ("stream",) if name == "airline" else ("test",)
    train, test = (
        pd.concat([part for of, part in world.splits.items() if (of in late) is wanted], ignore_index=True)
        for wanted in (False, True)
    )
    stage, features = SimpleNamespace(progress=lambda text: None), Features.fit(train, world.scenario)
    rows = pd.concat([train, test])
    embedding = dict(zip(rows["row_id"], sentence_encoder.embed(texts(features, rows), cache), strict=True))
    return Frozen(stage, train, train, test, own=world.scenario.task, embedding=embedding, c=C[name])  # type: ignore[arg-type]


def corrected(spoilt: Frozen, found: label_errors.Suspects) -> pd.DataFrame:
    """Return train with the suspected labels as suggested."""
    label, code = spoilt.train["label"], targets.classes(spoilt.train["label"], spoilt.task).index
    suggested = dict(zip(found.rows["row_id"], found.rows["suggested"], strict=True))
    named = [suggested.get(row) for row in spoilt.train["row_id"]]
    if isinstance(label.dtype, pd.CategoricalDtype):
        values = [old if new is None else new for old, new in zip(label.astype(str), named, strict=True)]
        return spoilt.train.assign(label=pd.Categorical(values, dtype=label.dtype))
    values = [old if new is None else code(new) for old, new in zip(label, named, strict=True)]
    return spoilt.train.assign(label=np.array(values, dtype=label.dtype))


def one(clean: Frozen, share: float, seed: int) -> tuple[list[float], dict[str, NDArray[np.bool_]]]:
    """Return what is found with a seed, and which rows of test each way of learning gets right."""
    spoilt, wrong = label_errors.planted(clean, share, seed)
    assert isinstance(spoilt, Frozen)
    found = label_errors.suspects(spoilt, None, FOLDS, seed, share)  # type: ignore[arg-type]
    table = label_errors.found(found.suspected, wrong)["value"]
    trains = {
        "as they were": clean.train,
        "5% wrong": spoilt.train,
        "suspected removed": spoilt.train[~found.suspected],
        "suspected corrected": corrected(spoilt, found),
        "planted removed": spoilt.train[~wrong],
    }
    codes = targets.codes(clean.test["label"], clean.task)
    right = {
        name: spoilt.judged(None, train.reset_index(drop=True)).argmax(axis=1) == codes
        for name, train in trains.items()
    }
    least = found.rows.head(wrong.sum())["row_id"]
    plain = spoilt.train["row_id"].isin(least).to_numpy()
    return [table["precision"], table["recall"], found.suspected.mean(), (plain & wrong).sum() / wrong.sum()], right


def gain(right: NDArray[np.float64], groups: Any, seed: int = 0) -> str:
    """Return the mean of values [seeds, n] with the interval over seeds and groups, drawn anew together."""
    seeds, random, drawn = len(right), np.random.default_rng(seed), []
    for weights in bootstrap.weights(right.shape[1], groups, 1_000, seed):
        each = weights @ right.T / weights.sum(axis=1, keepdims=True)
        taken = random.integers(seeds, size=(len(each), seeds))
        drawn.append(np.take_along_axis(each, taken, axis=1).mean(axis=1))
    value, low, high = bootstrap.percentile(
        float(right.mean()), np.concatenate(drawn), bootstrap.units(right.shape[1], groups)
    )
    return f"{value:+.4f} ({low:+.4f} to {high:+.4f})"


def show(name: str, share: float, seeds: int, cache: Path) -> None:
    """Print what is found on the rows of a scenario, and what it is worth."""
    clean = frozen(name, cache)
    print(f"\n{NAMES[name]}: {len(clean.train):,} rows of train, {len(clean.test):,} of test", flush=True)
    each = [one(clean, share, seed) for seed in range(1, seeds + 1)]
    found = np.array([values for values, _ in each])
    for title, values in zip(
        ("precision", "recall", "suspected share", "recall of as many as were planted"),
        found.T,
        strict=True,
    ):
        value, low, high = student(values)
        print(f"  {title:38} {value:.3f} ({low:.3f} to {high:.3f})")
    print(f"  {'precision of naming rows at random':38} {share:.3f}")
    right = {way: np.stack([by[way] for _, by in each]).astype(float) for way in each[0][1]}
    groups = clean.test["group"]
    for way, values in right.items():
        against = f"   against 5% wrong {gain(values - right['5% wrong'], groups)}" if way != "5% wrong" else ""
        print(f"  accuracy, {way:28} {values.mean():.4f}{against}", flush=True)
    doubted = label_errors.suspects(clean, None, FOLDS, 1, share)  # type: ignore[arg-type]
    codes = targets.codes(clean.test["label"], clean.task)
    without = clean.judged(None, clean.train[~doubted.suspected].reset_index(drop=True)).argmax(axis=1) == codes
    apart = (without.astype(float) - right["as they were"][0])[None]
    print(f"  nothing planted: {doubted.suspected.mean():.1%} suspected; without them {gain(apart, groups)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    given = parser.parse_args()
    for name in given.of:
        show(name, given.share, given.seeds, given.cache)


if __name__ == "__main__":
    main()
