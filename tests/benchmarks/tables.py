"""Tables: nested cross-validation of clinic-triage and credit-risk, and what fairness between age bands costs.

    python -m tests.benchmarks.tables clinic-triage --repeats 2
    python -m tests.benchmarks.tables credit-risk --repeats 2
    python -m tests.benchmarks.tables fairness --repeats 1

Nested: within each outer fold, candidate, settings and threshold are chosen on inner folds of the rows that are not
held out; the outer fold only judges. Costs are those of the scenario; of German credit the official matrix (a bad
credit approved 5, a good one refused 1). Differences are paired by fold, intervals corrected for the folds' overlap
(Nadeau & Bengio 2003). Fairness: a network with the term in its loss at several weights and without it, the same folds,
judged on all held-out rows of each repeat. Credits are read from LOOPBOOK_DATA_MIRROR.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tests.starter.evidence import World
from tests.starter.test_criteria import ROOT

from loopbook.data.features import Features
from loopbook.models import heads
from loopbook.models.architectures import registry
from loopbook.models.heads import Goal
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import bands, folds, metrics
from loopbook.statistics.intervals import student
from loopbook.store.project import Project

Floats = NDArray[np.float64]
OUTER, INNER = 5, 3
PLAIN = ("table_logistic", {"C": 1.0})
GRID: list[tuple[str, dict[str, Any]]] = [
    *(("table_logistic", {"C": C}) for C in (0.03, 0.1, 0.3, 1.0)),
    *(("decision_tree", {"depth": 4, "leaf": leaf}) for leaf in (10, 30)),
    ("boosted_trees", {}),
    *(
        ("boosted_trees", {"trees": 200, "depth": depth, "rate": 0.05, "columns": columns, "leaf": 10})
        for depth, columns in ((2, 0.3), (4, 0.1))
    ),
]
"""What an inner cross-validation chooses among."""
WEIGHTS = (0.0, 30.0)
NETWORK = ("entity_embeddings", {"embedding": 2, "units": 16, "layers": 1, "dropout": 0.5})
TRAINED = {"epochs": 40, "patience": 10, "batch_size": 256, "learning_rate": 0.01}


def every(name: str) -> tuple[Scenario, pd.DataFrame]:
    """Return a shipped scenario and all its rows."""
    world = World.of(load(name, ROOT / "notebooks" / "scenarios", "standard"), Project(ROOT))
    return world.scenario, pd.concat(world.splits.values()).sort_values("row_id", ignore_index=True)


def scores(scenario: Scenario, train: pd.DataFrame, held: pd.DataFrame, architecture: str, own: dict[str, Any]) -> Any:
    """Return the raw scores of held rows, by a plain candidate fitted to others."""
    features, weight = Features.fit(train, scenario), train["weight"].to_numpy(np.float64)
    goals = tuple(Goal.on(head, train, weight) for head in heads.learn(train, weight, scenario.task))
    return registry.find(architecture).make(features, train, goals, **own).raw(features, held)[:, 0]


def cost(scenario: Scenario, label: Floats, act: NDArray[np.bool_]) -> Floats:
    """Return what deciding so costs, of each row."""
    prices = scenario.decisions.costs
    acted = np.where(label == 1, prices.true_positive, prices.false_positive)
    return np.where(act, acted, np.where(label == 1, prices.false_negative, prices.true_negative))


def inner(scenario: Scenario, rows: pd.DataFrame, candidates: list[tuple[str, dict[str, Any]]], seed: int) -> Any:
    """Return the candidate of largest mean ROC AUC over inner folds, and the threshold of least cost on them."""
    dealt = list(folds.stratified(rows["label"], rows["row_id"], INNER, 1, 0.2, seed))
    label, found = rows["label"].to_numpy(np.float64), []
    for architecture, own in candidates:
        raw, areas = np.empty(len(rows)), []
        for fold in dealt:
            rest, held = np.concatenate([fold.train, fold.validation]), fold.held
            raw[held] = scores(scenario, rows.iloc[rest], rows.iloc[held], architecture, own)
            areas.append(metrics.score("roc_auc", label[held], raw[held]))
        found.append((float(np.mean(areas)), raw))
    best = int(np.argmax([area for area, _ in found]))
    raw = found[best][1]
    cuts = np.quantile(raw, np.linspace(0, 1, 101))
    dear = [cost(scenario, label, raw >= cut).mean() for cut in cuts]
    return candidates[best], float(cuts[int(np.argmin(dear))])


def nested(name: str, repeats: int) -> None:
    """Print ROC AUC and cost of nested choice, of plain logistic regression and of treating all alike."""
    scenario, rows = every(name)
    table, chosen, started = [], Counter[str](), time.monotonic()
    for fold in folds.stratified(rows["label"], rows["row_id"], OUTER, repeats, 0.2, 1):
        seen, held = rows.iloc[np.concatenate([fold.train, fold.validation])], rows.iloc[fold.held]
        label = held["label"].to_numpy(np.float64)
        figures = {}
        for who, candidates in (("chosen", GRID), ("logistic", [PLAIN])):
            (architecture, own), cut = inner(scenario, seen, candidates, 1_000 + fold.repeat)
            raw = scores(scenario, seen, held, architecture, own)
            figures[f"auc {who}"] = metrics.score("roc_auc", label, raw)
            figures[f"cost {who}"] = cost(scenario, label, raw >= cut).mean()
            if who == "chosen":
                chosen[f"{architecture} {own}"] += 1
        for act, who in enumerate(scenario.task.actions or ("no", "yes")):
            figures[f"cost {who} all"] = cost(scenario, label, np.full(len(held), bool(act))).mean()
        table.append(figures)
        print(f"repeat {fold.repeat + 1}, fold {fold.fold + 1}: {figures['auc chosen']:.3f}", flush=True)
    found = pd.DataFrame(table)
    print(f"\n{name}: {len(rows)} rows, {OUTER} folds, {repeats} repeats, {time.monotonic() - started:.0f} s")
    for column in found:
        print(f"  {column:22} {told(found[column])}")
    print(f"  {'auc gain':22} {told(found['auc chosen'] - found['auc logistic'])}")
    for column in found:
        if column.startswith("cost ") and column != "cost chosen":
            print(f"  saving on {column[5:]:12} {told(found[column] - found['cost chosen'])}")
    for candidate, often in chosen.most_common():
        print(f"  chosen {often:3} times: {candidate}")


def told(values: pd.Series[float]) -> str:
    """Return a mean over folds with its corrected interval."""
    mean = student(values.to_numpy(), OUTER)
    return f"{mean.value:7.4f} ({mean.low:.4f} to {mean.high:.4f})"


def spread(label: Floats, value: Floats, group: NDArray[Any]) -> float:
    """Return the standard deviation of the groups' means within each class, weighed by rows."""
    total = 0.0
    for own, one in itertools.product(np.unique(label), np.unique(group)):
        rows = (label == own) & (group == one)
        total += rows.sum() * (value[rows].mean() - value[label == own].mean()) ** 2 if rows.any() else 0.0
    return float(np.sqrt(total / len(label)))


def widest(label: Floats, refused: Floats, group: NDArray[Any], of: int) -> float:
    """Return by how much the share of a class that is refused differs at most between bands of 20 rows or more."""
    rows = [(label == of) & (group == one) for one in np.unique(group)]
    shares = [refused[some].mean() for some in rows if some.sum() >= 20]
    return max(shares) - min(shares)


def averaged(measure: Any, label: Floats, group: NDArray[Any], said: Floats, at: Any) -> float:
    """Return the mean of a measure over repeats, on some rows."""
    return float(np.mean([measure(label[at], one[at], group[at]) for one in said]))


def fairness(repeats: int) -> None:
    """Print ROC AUC, cost and the gaps between age bands with the fairness term and without it."""
    scenario, rows = every("credit-risk")
    group = bands.groups(rows["age"].astype(str), rows["age"].astype(str)).to_numpy()
    label, prices = rows["label"].to_numpy(np.float64), scenario.decisions.costs
    refuse, approve = prices.false_positive - prices.true_negative, prices.false_negative - prices.true_positive
    cut = refuse / (refuse + approve)  # Elkan (2001), equation 2
    said = {weight: np.empty((repeats, len(rows))) for weight in WEIGHTS}
    for fold in folds.stratified(rows["label"], rows["row_id"], OUTER, repeats, 0.2, 1):
        train, validation = (rows.iloc[at].reset_index(drop=True) for at in (fold.train, fold.validation))
        data = TrainingData(train, validation, Features.fit(train, scenario), scenario.task)
        for weight in WEIGHTS:
            recipe = Recipe(**TRAINED, seed=1 + fold.repeat, fairness=weight, fairness_by="age")
            method = Method(Candidate(architecture=NETWORK[0], settings=NETWORK[1]), recipe)
            with tempfile.TemporaryDirectory() as folder:
                fitting.fit(method, data, Path(folder), lambda _: None)
                answers = Model.load(Path(folder) / "model").probabilities(rows.iloc[fold.held])[:, 1]
            said[weight][fold.repeat, fold.held] = answers
        print(f"repeat {fold.repeat + 1}, fold {fold.fold + 1}", flush=True)
    bands_of = ", ".join(f"{name}: {rows}" for name, rows in sorted(Counter(group).items()))
    print(f"\ncredit-risk, {repeats} repeats of {OUTER} folds, refused from {cut:.3f}; age bands {bands_of}")
    kinds = {
        "ROC AUC": lambda y, p, g: metrics.score("roc_auc", y, p),
        "cost": lambda y, p, g: float(cost(scenario, y, p >= cut).mean()),
        "spread of scores": spread,
        "spread of refusals": lambda y, p, g: spread(y, (p >= cut).astype(float), g),
        "widest gap, good refused": lambda y, p, g: widest(y, p >= cut, g, 0),
        "widest gap, bad refused": lambda y, p, g: widest(y, p >= cut, g, 1),
    }
    random = np.random.default_rng(1)
    draws = [random.integers(0, len(rows), len(rows)) for _ in range(500)]
    for kind, measure in kinds.items():
        parts = []
        for weight in WEIGHTS:
            mean = partial(averaged, measure, label, group)
            parts.append(f"{mean(said[weight], slice(None)):.4f}")
            if weight:
                moved = [mean(said[weight], at) - mean(said[0.0], at) for at in draws]
                low, high = np.quantile(moved, [0.025, 0.975])
                parts[-1] += f" (difference {low:+.4f} to {high:+.4f})"
        print(f"  {kind:26} " + "   ".join(f"{weight:g}: {part}" for weight, part in zip(WEIGHTS, parts, strict=True)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=("clinic-triage", "credit-risk", "fairness"))
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    for what in given.what:
        fairness(given.repeats) if what == "fairness" else nested(what, given.repeats)
