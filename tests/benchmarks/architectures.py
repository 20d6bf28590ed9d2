"""Each architecture beside a plain one, on a task where it is known to help: what it brings, with paired intervals.

    python -m tests.benchmarks.architectures [NAME ...]

    hashed       parts of words (hashed, or in TF-IDF) against words and phrases, on posts to airlines
    transformer  a Transformer from scratch against a bag of the same embeddings, on simulated posts with turned
                 meanings; beside them the other networks, and TF-IDF

Everything is fitted by the project's own fit on the scenario's own splits, and judged on rows that no fit has seen.
Real data is read from LOOPBOOK_DATA_MIRROR.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.starter.evidence import World
from tests.starter.test_criteria import ROOT

from loopbook.data.features import Features
from loopbook.models.answers import Answers
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary, YesNo
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import evaluation, metrics, targets
from loopbook.store.project import Project

Settings = Mapping[str, Any]
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Rows:
    """Rows in canonical form that are learned from, and such as are judged."""

    scenario: Scenario
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def shipped(name: str, *tested: str) -> Rows:
    """Return the rows of a scenario that comes with the project."""
    world = World.of(load(name, ROOT / "notebooks" / "scenarios", "standard"), Project(ROOT))
    test = pd.concat([world.splits[part] for part in tested], ignore_index=True)
    return Rows(world.scenario, world.splits["train"], world.splits["validation"], test)


def simulated(columns: Mapping[str, Any], label: Any, fields: dict[str, str], recipe: Mapping[str, Any]) -> Rows:
    """Return simulated rows of a table: two sevenths of them learned from, one on validation, four judged."""
    n = len(label)
    names = [f"r{at}" for at in range(n)]
    base = {"row_id": names, "group": names, "weight": np.float32(1), "label": np.asarray(label).astype(np.int8)}
    rows = pd.DataFrame({**base, **columns}).assign(time=pd.NaT)
    scenario = Scenario(
        name="simulated",
        title="Simulated",
        description="Simulated.",
        task=Binary(fields=fields, label=YesNo(column="y", positive=(1,))),  # type: ignore[arg-type]
        source=CsvSource(kind="csv", path="none.csv"),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}, **recipe),
    )
    parts = (rows[at].reset_index(drop=True) for at in (slice(2 * n // 7), slice(2 * n // 7, 3 * n // 7)))
    return Rows(scenario, *parts, rows[3 * n // 7 :].reset_index(drop=True))


def said(rows: Rows, architecture: str, settings: Settings, seed: int) -> Any:
    """Return what a candidate says of the judged rows, as metrics take it."""
    return targets.narrow(answers(rows, architecture, settings, seed).judged)


def answers(rows: Rows, architecture: str, settings: Settings, seed: int) -> Answers:
    """Return all that a candidate says of the judged rows."""
    data = TrainingData(rows.train, rows.validation, Features.fit(rows.train, rows.scenario), rows.scenario.task)
    recipe = Recipe.model_validate(rows.scenario.training.model_dump(include=set(Recipe.model_fields)))
    method = Method(
        Candidate(architecture=architecture, settings=dict(settings)), recipe.model_copy(update={"seed": seed})
    )
    with tempfile.TemporaryDirectory() as folder:
        fitting.fit(method, data, Path(folder), lambda _: None)
        return Model.load(Path(folder) / "model").answer(rows.test)


def compare(title: str, rows: Rows, candidates: Mapping[str, tuple[str, Settings]], by: tuple[str, ...] = ()) -> None:
    """Print the metrics of each candidate, and its paired difference from the first; of networks the mean of seeds."""
    task = rows.scenario.task
    codes = targets.codes(rows.test["label"], task)
    names = by or (metrics.primary(task.type).name,)
    print(f"\n{title}: {len(rows.train):,} rows of train, {len(rows.test):,} judged", flush=True)
    first: dict[str, Any] = {}
    for name, (architecture, settings) in candidates.items():
        started = time.perf_counter()
        plain = _plain(architecture)
        each = [said(rows, architecture, settings, seed) for seed in SEEDS[: 1 if plain else None]]
        seconds = (time.perf_counter() - started) / len(each)
        told = []
        for metric in names:
            values = [metrics.score(metric, codes, p) for p in each]
            told.append(f"{metric} {np.mean(values):.4f}")
            if not first.get(metric):
                first[metric] = each
                continue
            apart = [
                evaluation.paired(codes, p, first[metric][at % len(first[metric])], metric, rows.test["group"])
                for at, p in enumerate(each)
            ]
            value, low, high = np.mean([[one.value, one.low, one.high] for one in apart], axis=0)
            told[-1] += f" ({value:+.4f}, {low:+.4f} to {high:+.4f})"
        print(f"  {name:28} {'   '.join(told)}   {seconds:.1f} s a fit", flush=True)


def _plain(architecture: str) -> bool:
    from loopbook.models.architectures import registry

    return registry.find(architecture).family == "plain"


def hashed() -> None:
    """Compare parts of words with words."""
    candidates: dict[str, tuple[str, Settings]] = {
        "tfidf": ("tfidf", {}),
        "tfidf C=10": ("tfidf", {"C": 10.0}),
        "tfidf, characters": ("tfidf", {"characters": 5}),
        "tfidf, characters C=10": ("tfidf", {"characters": 5, "C": 10.0}),
        "hashed, words alone": ("hashed", {"characters": 0}),
        "hashed": ("hashed", {}),
        "hashed C=3": ("hashed", {"C": 3.0}),
    }
    compare("airline-monitor", shipped("airline-monitor", "stream"), candidates, ("macro_f1", "accuracy"))


def transformer() -> None:
    """Compare what reads words in their order with what does not."""
    names = ("bag", "tfidf", "transformer", "cnn", "lstm")
    candidates: dict[str, tuple[str, Settings]] = {name: (name, {}) for name in names}
    candidates["transformer, learned places"] = ("transformer", {"positions": "learned"})
    candidates["transformer, two blocks"] = ("transformer", {"blocks": 2})
    compare("market-monitor (simulated)", shipped("market-monitor", "test"), candidates, ("roc_auc",))


SHOWN = {"hashed": hashed, "transformer": transformer}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*SHOWN, []], help="left out: all")
    for name in parser.parse_args().names or SHOWN:
        SHOWN[name]()


if __name__ == "__main__":
    main()
