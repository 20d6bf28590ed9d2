"""Domain transfer: what is learned from texts of one source, judged on those of the others.

    python -m tests.benchmarks.domains [--methods tfidf frozen lora] [--folds 5]

The four sources of one archive, rated by the same scale: editorials, tweets, product reviews, film reviews. Every
source is dealt into folds by its groups. A method learns from a source without its fold f, and judges fold f of all
four, so each row is judged once by what was learned from each source, and never by what has learned from it. A tenth of
the groups that are learned from ends the training and sets the temperature. "the other three" learns from all but the
source that is judged. Intervals are bootstraps of groups; behind the comma stands the paired difference, on the same
rows, from what has learned from the source that is judged.

Data is read from LOOPBOOK_DATA_MIRROR; sentence embeddings are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
from tests.starter.evidence import World
from tests.starter.test_criteria import ROOT

from loopbook.data.features import Features
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import evaluation, targets
from loopbook.store.project import Project

SOURCES = {
    "editorials": ("nyt-editorials", "article"),
    "tweets": ("rated-tweets", None),
    "products": ("amazon-reviews", "review"),
    "films": ("film-reviews", None),
}
OTHERS = "the other three"
TUNED = Recipe(
    epochs=2, learning_rate=0.001, batch_size=32, schedule="cosine", warmup=0.1, weight_decay=0.01, clip_norm=1.0
)
METHODS = {
    "tfidf": Method(Candidate(architecture="tfidf"), Recipe()),
    "frozen": Method(Candidate(architecture="minilm"), Recipe()),
    "lora": Method(Candidate(architecture="encoder", settings={"adaptation": "lora", "rank": 8}), TUNED),
}


def rows(name: str) -> tuple[Scenario, pd.DataFrame]:
    """Return the rows of a source as 02 would hand them on, of all splits together."""
    dataset, group = SOURCES[name]
    given = {"source.dataset": dataset, "source.group": group, "data.splits.by": "group" if group else "stratum"}
    world = World.of(load("press-monitor", ROOT / "notebooks" / "scenarios", "standard", given), Project(ROOT))
    table = pd.concat(world.splits.values(), ignore_index=True)
    return world.scenario, table.assign(**{of: f"{name} " + table[of].astype(str) for of in ("row_id", "group")})


def dealt(table: pd.DataFrame, folds: int) -> Any:
    """Return the fold of each row, int [n]; groups stay whole."""
    fold = np.zeros(len(table), int)
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for number, (_, held) in enumerate(dealer.split(table, table["label"], table["group"])):
        fold[held] = number
    return fold


def fitted(method: Method, scenario: Scenario, own: pd.DataFrame, fold: int, folder: Path, cache: Path) -> Model:
    """Return a method fitted on nine tenths of the groups of some rows; the last tenth ends the training."""
    groups = np.random.default_rng(fold).permutation(own["group"].unique())
    ends = own["group"].isin(groups[: len(groups) // 10])
    train, validation = own[~ends].reset_index(drop=True), own[ends].reset_index(drop=True)
    data = TrainingData(train, validation, Features.fit(train, scenario), scenario.task)
    fitting.fit(method, data, folder, lambda _: None, cache)
    return Model.load(folder / fitting.MODEL)


def judged(method: Method, scenario: Scenario, tables: dict[str, pd.DataFrame], folds: int, cache: Path) -> Any:
    """Return by what was learned from (source, or the others) and what is judged: the probability of each row."""
    fold = {name: dealt(table, folds) for name, table in tables.items()}
    said: dict[tuple[str, str], Any] = {}
    for number in range(folds):
        parts = {name: table[fold[name] != number] for name, table in tables.items()}
        for learned in (*tables, *(f"{OTHERS} {name}" for name in tables)):
            left = learned.removeprefix(f"{OTHERS} ")
            pooled = [part for name, part in parts.items() if name != left]
            own = parts[learned] if learned in parts else pd.concat(pooled)
            with tempfile.TemporaryDirectory() as folder:
                model = fitted(method, scenario, own.reset_index(drop=True), number, Path(folder), cache)
                for name in tables if learned in parts else [left]:
                    held = tables[name][fold[name] == number].reset_index(drop=True)
                    into = said.setdefault((learned if learned in parts else OTHERS, name), np.zeros(len(tables[name])))
                    into[fold[name] == number] = targets.narrow(model.answer(held, cache).judged)
        print(f"  fold {number + 1} of {folds}", flush=True)
    return said


def show(said: dict[tuple[str, str], Any], tables: dict[str, pd.DataFrame], metric: str) -> None:
    """Print a table: what was learned from by what was judged, and what it loses against its own source."""
    print(f"\n  {metric:16}" + "".join(f"{name:>38}" for name in tables))
    for learned in dict.fromkeys(of for of, _ in said):
        line = f"  {learned:16}"
        for name, table in tables.items():
            label, group = table["label"], table["group"]
            scored = evaluation.metrics(label, said[learned, name], groups=group, only=[metric]).loc[metric]
            text = f"{scored['value']:.3f}"
            if learned == name:
                text += f" ({scored['low']:.3f} to {scored['high']:.3f})"
            else:
                lost = evaluation.paired(label, said[learned, name], said[name, name], metric, group)
                text += f", {lost.value:+.3f} ({lost.low:+.3f} to {lost.high:+.3f})"
            line += f"{text:>38}"
        print(line, flush=True)


def main() -> None:
    """Print the tables of each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["tfidf", "frozen"], choices=METHODS)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    given = parser.parse_args()
    read = {name: rows(name) for name in SOURCES}
    scenario, tables = read["editorials"][0], {name: table for name, (_, table) in read.items()}
    for name, table in tables.items():
        print(
            f"{name}: {len(table):,} rows of {table['group'].nunique():,} groups, negative {table['label'].mean():.3f}"
        )
    for name in given.methods:
        began = time.monotonic()
        said = judged(METHODS[name], scenario, tables, given.folds, given.cache)
        print(f"{name}: {time.monotonic() - began:,.0f} s", flush=True)
        for metric in ("accuracy", "roc_auc"):
            show(said, tables, metric)


if __name__ == "__main__":
    main()
