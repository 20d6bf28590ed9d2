"""How much tuning a pretrained encoder brings: frozen, LoRA and all of it, on the same folds by article or by row.

    LOOPBOOK_DATA_MIRROR=... PYTHONPATH=. python tests/benchmarks/tuned.py nyt tweets

Each fold's own train is split once more: a tenth of its groups ends the training and sets the temperature. Nothing was
chosen on the folds that are reported.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

FILES = {"nyt": "nytEditorialSnippets_GroundTruth.txt", "tweets": "tweets_GroundTruth.txt"}
TUNING = {"batch_size": 32, "schedule": "cosine", "warmup": 0.1, "weight_decay": 0.01, "patience": 9, "clip_norm": 1.0}
METHODS = {
    "tfidf": {"architecture": "tfidf"},
    "frozen": {"architecture": "minilm"},
    "lora": {
        "architecture": "encoder",
        "settings": {"adaptation": "lora", "rank": 8},
        "recipe": {**TUNING, "epochs": 3, "learning_rate": 0.001},
    },
    "full": {
        "architecture": "encoder",
        "settings": {"adaptation": "full"},
        "recipe": {**TUNING, "epochs": 3, "learning_rate": 0.0001},
    },
}


def rows(source: str) -> pd.DataFrame:
    """Return the sentences in canonical form: those of one article, or a repeated text, are one group."""
    file = Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "vader" / FILES[source]
    lines = [line.split("\t", 2) for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
    table = pd.DataFrame(lines, columns=["row_id", "rating", "text"]).drop_duplicates("text", ignore_index=True)
    group = table["row_id"].str.rsplit("_", n=1).str[0] if source == "nyt" else table["row_id"]
    label = (table["rating"].astype(float) < 0).astype(np.int8)
    return table.assign(label=label, group=group, weight=np.float32(1), time=pd.NaT)


def scenario() -> object:
    """Return a scenario of one text and a label of two classes."""
    from loopbook.scenario.candidate import Candidate
    from loopbook.scenario.contract import Scenario
    from loopbook.scenario.source import CsvSource
    from loopbook.scenario.task import Binary, YesNo
    from loopbook.scenario.training import TrainingSettings

    return Scenario(
        name="tuned",
        title="Tuned",
        description="Tuned.",
        task=Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,), names=("other", "negative"))),
        source=CsvSource(kind="csv", path="none.csv"),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )


def one(source: str, fold: int, folds: int, name: str) -> tuple[str, int, float, float]:
    """Return the accuracy of a method on a fold, and the seconds that its fit took."""
    from sklearn.model_selection import StratifiedGroupKFold

    from loopbook.data.features import Features
    from loopbook.models.model import Model
    from loopbook.models.training import fitting
    from loopbook.models.training.method import Method, TrainingData
    from loopbook.scenario.candidate import Candidate
    from loopbook.scenario.recipe import Recipe

    table, given = rows(source), scenario()
    dealt = StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(table, table["label"], table["group"])
    inside, outside = list(dealt)[fold]
    own, held = table.iloc[inside], table.iloc[outside].reset_index(drop=True)
    groups = np.random.default_rng(fold).permutation(own["group"].unique())
    ends = own["group"].isin(groups[: len(groups) // 10])
    train, validation = own[~ends].reset_index(drop=True), own[ends].reset_index(drop=True)
    data = TrainingData(train, validation, Features.fit(train, given), given.task)
    cache = Path(tempfile.gettempdir()) / "loopbook-embeddings"
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        method = Method.to_try(Candidate.model_validate(METHODS[name]), Recipe())
        fitting.fit(method, data, Path(folder), lambda text: None, cache)
        seconds = time.monotonic() - began
        right = Model.load(Path(folder) / "model").probabilities(held, cache).argmax(axis=1) == held["label"]
    return name, fold, float(right.mean()), seconds


def main() -> None:
    """Print the accuracy of each method by fold, and the paired gains over the frozen encoder."""
    from loopbook.statistics.intervals import student

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", choices=FILES)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    for source in chosen.sources:
        began, jobs = time.monotonic(), [(fold, name) for name in chosen.methods for fold in range(chosen.folds)]
        with ProcessPoolExecutor(chosen.processes, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(one, source, fold, chosen.folds, name) for fold, name in jobs]
            found = pd.DataFrame([each.result() for each in waiting], columns=["method", "fold", "accuracy", "seconds"])
        by = found.pivot(index="fold", columns="method", values="accuracy")
        print(f"{source}: {chosen.folds} folds, {time.monotonic() - began:,.0f} s in {chosen.processes} processes")
        for name in chosen.methods:
            values = by[name]
            gain = student((values - by["frozen"]).to_numpy(), chosen.folds)
            took = found.loc[found["method"] == name, "seconds"].sum()
            print(
                f"{name:10} accuracy {values.mean():.3f} ({values.min():.3f} to {values.max():.3f}) · over frozen "
                f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) · {took:,.0f} s of fitting"
            )


if __name__ == "__main__":
    main()
