"""Numbers: how much better than the mean, and how many true values lie in the intervals of 90%.

    PYTHONPATH=. python tests/benchmarks/quantities.py --splits 20

scikit-learn's diabetes is dealt anew for each split; the simulated tickets are a file of their own each, split by time:
`tickets` as they are the whole time, `tickets, fraud` with a new kind in the last days, which no interval can know of.
Half of the rows is learned from, a quarter is validation, and a quarter is asked, by the fit that notebook 03 uses. The
gain in R² over the mean has Student's interval over the splits (Nadeau & Bengio's where splits share rows), and so has
the coverage of each segment; `outside` counts the segments of single splits of which more or fewer are covered than
in 95% of draws by chance, that of validation included: covered rows are beta-binomial where rows are exchangeable (Vovk
2012, Conditional validity of inductive conformal predictors). 5% of segments are outside by chance.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import betabinom
from sklearn.datasets import load_diabetes
from tests import tasks

from loopbook.data.features import Features
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Number, Quantity
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import evaluation, intervals, metrics

CANDIDATES = {
    "diabetes": ("table_ridge", "boosted_trees", "mlp"),
    "tickets": ("tfidf", "boosted_trees", "bag"),
    "tickets, fraud": ("tfidf",),
}


def diabetes(split: int) -> pd.DataFrame:
    """Return the 442 patients in an order of the split's own."""
    rows = load_diabetes(as_frame=True, scaled=False).frame.sample(frac=1, random_state=split)
    return rows.assign(label=rows.pop("target"), segment=np.where(rows["sex"] == 1, "sex 1", "sex 2"))


def tickets(split: int, fraud_from: float) -> pd.DataFrame:
    """Return simulated tickets of a world of the split's own, in the order of time; parts by amount differ in noise."""
    rows = tasks.tickets(1_200, seed=split, fraud_from=fraud_from)[["text", "channel", "amount", "minutes"]]
    part = pd.qcut(rows["amount"], 3, labels=["small", "middle", "large"]).astype(str)
    return rows.assign(label=rows.pop("minutes"), segment=part)


DATA: dict[str, tuple[Callable[[int], pd.DataFrame], int | None]] = {
    "diabetes": (diabetes, 4),
    "tickets": (lambda split: tickets(split, 2.0), None),
    "tickets, fraud": (lambda split: tickets(split, 0.8), None),
}
"""Rows of a split, and of how many folds it is one; None: no two splits share rows."""


def asked(rows: pd.DataFrame, architecture: str, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the last quarter of rows and the quantiles of each, by a model that the others have taught."""
    columns = rows.drop(columns=["label", "segment"])
    kinds = {name: "number" if pd.api.types.is_numeric_dtype(columns[name]) else "category" for name in columns}
    fields: Any = {name: "text" if name == "text" else kind for name, kind in kinds.items()}
    label = Quantity(column="y", limits=(float(rows["label"].quantile(0.7)),))
    task = Number(type="number", fields=fields, label=label)
    names = [f"r{number}" for number in range(len(rows))]
    rows = rows.assign(row_id=names, group=names, weight=np.float32(1), time=pd.NaT).reset_index(drop=True)
    parts = np.split(np.arange(len(rows)), [len(rows) // 2, 3 * len(rows) // 4])
    train, held, test = (rows.iloc[part].reset_index(drop=True) for part in parts)
    chosen = Candidate(architecture=architecture)
    recipe = TrainingSettings(candidates={"any": chosen}, seed=seed, epochs=60, learning_rate=0.005)
    scenario = Scenario(
        name="numbers", title="Numbers", description="Numbers.", task=task, training=recipe,
        source=CsvSource(kind="csv", path="none.csv"),
    )  # fmt: skip
    data = TrainingData(train, held, Features.fit(train, scenario), task)
    with tempfile.TemporaryDirectory() as folder:
        fitting.fit(Method(chosen, recipe), data, Path(folder), lambda _: None)
        return test, Model.load(Path(folder) / "model").answer(test).judged


def measure(name: str, architecture: str, splits: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return R², its gain over the mean, and coverage of each split; and the coverage of each segment of each split."""
    found, segments = [], []
    for split in range(splits):
        test, quantiles = asked(DATA[name][0](split), architecture)
        mean = asked(DATA[name][0](split), "majority")[1]
        said = {each: metrics.score(each, test["label"], quantiles) for each in ("r2", "coverage")}
        found.append({**said, "gain": said["r2"] - metrics.score("r2", test["label"], mean)})
        own = evaluation.residuals(test["label"], quantiles, test["segment"])
        held = len(test)  # as many as are asked
        segments.append(own.assign(outside=outside(own["covered"], own["rows"], held)))
    return pd.DataFrame(found), pd.concat(segments)


def outside(covered: pd.Series, rows: pd.Series, held: int) -> pd.Series:
    """Say of segments whether so many or so few are covered seldom (2.5% each), by intervals from `held` residuals."""
    count, chance = (covered * rows).round(), betabinom(rows.astype(int), 0.9 * (held + 1), 0.1 * (held + 1))
    return (chance.cdf(count) < 0.025) | (chance.sf(count - 1) < 0.025)


def main() -> None:
    """Print a row for each data set and candidate, and below it one for each segment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=20)
    given = parser.parse_args()
    print(f"{'':32}{'R²':>6}  gain over the mean [95%]  coverage [95%]           outside")
    for name, architectures in CANDIDATES.items():
        folds = DATA[name][1]
        for architecture in architectures:
            found, segments = measure(name, architecture, given.splits)
            gain, covered = (intervals.student(found[each], folds) for each in ("gain", "coverage"))
            told = f"{gain.value:7.3f} ({intervals.between(*gain[1:])})"
            held = f"{covered.value:.3f} ({intervals.between(*covered[1:])})"
            seldom = f"{segments['outside'].mean():8.0%}"
            print(f"{name:16}{architecture:16}{found['r2'].mean():6.3f}{told:>27} {held:>24} {seldom}")
            for part, own in segments.groupby(level=0):
                value, *ends = intervals.student(own["covered"], folds)
                print(f"{'':16}{part:16}{'':34}{f'{value:.3f} ({intervals.between(*ends)})':>24}", flush=True)


if __name__ == "__main__":
    main()
