"""How much tuning a pretrained encoder brings: frozen, LoRA and all of it, on the same folds or the same later posts.

    LOOPBOOK_DATA_MIRROR=... PYTHONPATH=. python tests/benchmarks/tuned.py nyt tweets airline [--seeds 2]

Editorials are dealt to folds by article, tweets by row; posts to airlines are learned from before 22 February and
judged from then on. A tenth of the groups that are learned from ends the training and sets the temperature. Recipes
were chosen on inner splits of what is learned from, never on what is reported.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

FILES = {"nyt": "nytEditorialSnippets_GroundTruth.txt", "tweets": "tweets_GroundTruth.txt"}
TUNING = {
    **{"probe": 1.0, "refine": True, "epochs": 2, "batch_size": 32, "schedule": "cosine", "warmup": 0.1},
    **{"weight_decay": 0.01, "clip_norm": 1.0, "patience": 9},
}
METHODS = {
    "tfidf": {"architecture": "tfidf"},
    "frozen": {"architecture": "minilm"},
    "lora": {
        "architecture": "encoder",
        "settings": {"adaptation": "lora", "rank": 8},
        "recipe": {**TUNING, "learning_rate": 0.001},
    },
    "loras": {"architecture": "ensemble", "settings": {"seeds": 3}},
    "full": {
        "architecture": "encoder",
        "settings": {"adaptation": "full"},
        "recipe": {**TUNING, "learning_rate": 0.00005},
    },
}
METHODS["loras"]["members"] = [METHODS["lora"]]


def rows(source: str) -> pd.DataFrame:
    """Return texts in canonical form: those of one article, or a repeated text, are one group."""
    mirror = Path(os.environ["LOOPBOOK_DATA_MIRROR"])
    if source == "airline":
        table = pd.read_csv(mirror / "airline" / "Tweets.csv").drop_duplicates("text", ignore_index=True)
        when = pd.to_datetime(table["tweet_created"], format="%m/%d/%Y %H:%M")
        label = pd.Categorical(table["airline_sentiment"], ["negative", "neutral", "positive"])
        table = table.assign(row_id=table.index.astype(str))[["row_id", "text"]]
        return table.assign(label=label, group=table["row_id"], weight=np.float32(1), time=when)
    lines = [
        line.split("\t", 2)
        for line in (mirror / "vader" / FILES[source]).read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    table = pd.DataFrame(lines, columns=["row_id", "rating", "text"]).drop_duplicates("text", ignore_index=True)
    group = table["row_id"].str.rsplit("_", n=1).str[0] if source == "nyt" else table["row_id"]
    label = (table["rating"].astype(float) < 0).astype(np.int8)
    return table.assign(label=label, group=group, weight=np.float32(1), time=pd.NaT)


def dealt(source: str, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows that are learned from, and those that are judged, of each fold."""
    from sklearn.model_selection import StratifiedGroupKFold

    table = rows(source)
    if source == "airline":
        late = (table["time"] >= "2015-02-22").to_numpy()
        return [(np.flatnonzero(~late), np.flatnonzero(late))]
    return list(StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(table, table["label"], table["group"]))


def scenario(source: str) -> object:
    """Return a scenario of one text and a label of two classes, or of three."""
    from loopbook.scenario.candidate import Candidate
    from loopbook.scenario.contract import Scenario
    from loopbook.scenario.source import CsvSource
    from loopbook.scenario.task import Binary, Multiclass, OneOfMany, YesNo
    from loopbook.scenario.training import TrainingSettings

    fields, names = {"text": "text"}, {name: name for name in ("negative", "neutral", "positive")}
    two = Binary(fields=fields, label=YesNo(column="y", positive=(1,), names=("other", "negative")))
    three = Multiclass(type="multiclass", fields=fields, label=OneOfMany(column="y", values=names))
    return Scenario(
        name="tuned",
        title="Tuned",
        description="Tuned.",
        task=three if source == "airline" else two,
        source=CsvSource(kind="csv", path="none.csv"),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )


def one(source: str, fold: int, folds: int, name: str, seed: int) -> dict[str, object]:
    """Return what a method says of the judged rows of a fold, and the processor's seconds that its fit took."""
    from loopbook.data.features import Features
    from loopbook.models.model import Model
    from loopbook.models.training import fitting
    from loopbook.models.training.method import Method, TrainingData
    from loopbook.scenario.candidate import Candidate
    from loopbook.scenario.recipe import Recipe
    from loopbook.statistics import targets

    table, given = rows(source), scenario(source)
    inside, outside = dealt(source, folds)[fold]
    own, held = table.iloc[inside], table.iloc[outside].reset_index(drop=True)
    groups = np.random.default_rng(fold).permutation(own["group"].unique())
    ends = own["group"].isin(groups[: len(groups) // 10])
    train, validation = own[~ends].reset_index(drop=True), own[ends].reset_index(drop=True)
    data = TrainingData(train, validation, Features.fit(train, given), given.task)
    cache = Path(tempfile.gettempdir()) / "loopbook-embeddings"
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        method = Method.to_try(Candidate.model_validate(METHODS[name]), Recipe(seed=seed))
        fitting.fit(method, data, Path(folder), lambda text: None, cache)
        seconds = time.process_time() - began
        said = Model.load(Path(folder) / "model").probabilities(held, cache)
    code = targets.codes(held["label"], given.task)
    right = float((said.argmax(axis=1) == code).mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"  {source} {name} fold {fold} seed {seed}: accuracy {right:.4f} · {seconds:,.0f} s · peak {peak:.1f} GB",
        flush=True,
    )
    return {**{"method": name, "fold": fold, "accuracy": right, "seconds": seconds}, "code": code, "said": said}


def by_fold(found: pd.DataFrame, folds: int) -> None:
    """Print the accuracy of each method, the mean over seeds, and its gain over the frozen one, paired over folds."""
    from loopbook.statistics.intervals import student

    by = found.pivot_table(index="fold", columns="method", values="accuracy", aggfunc="mean")
    for name in found["method"].unique():
        values = by[name]
        gain = student((values - by["frozen"]).to_numpy(), folds)
        took = found.loc[found["method"] == name, "seconds"].sum()
        print(
            f"{name:10} accuracy {values.mean():.3f} ({values.min():.3f} to {values.max():.3f}) · over frozen "
            f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) · {took:,.0f} s of fitting"
        )


def by_row(found: pd.DataFrame) -> None:
    """Print accuracy and macro F1 of each method, and its gains over the others, paired over rows by a bootstrap."""
    from loopbook.statistics import evaluation

    only, said, code = ["accuracy", "macro_f1"], found.set_index("method")["said"], found["code"].iloc[0]
    for name, own in said.items():
        table = evaluation.metrics(code, own, only=only, task="multiclass")["value"]
        gains = [
            f"over {other} {of} {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            for other in ("tfidf", "frozen")
            if other in said.index and other != name
            for of in only
            for gain in [evaluation.paired(code, own, said[other], metric=of)]
        ]
        print(f"{name:10} accuracy {table['accuracy']:.3f} macro F1 {table['macro_f1']:.3f} · {' · '.join(gains)}")


def main() -> None:
    """Print how right each method is, and its gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", choices=[*FILES, "airline"])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1, help="fits of each network on each fold")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    if "airline" in chosen.sources and chosen.seeds > 1:
        parser.error("posts to airlines are judged row by row, of one seed")
    for source in chosen.sources:
        began, folds = time.monotonic(), len(dealt(source, chosen.folds))
        seeds = {name: range(1, 1 + (chosen.seeds if "recipe" in METHODS[name] else 1)) for name in chosen.methods}
        jobs = [(fold, name, seed) for name in chosen.methods for seed in seeds[name] for fold in range(folds)]
        # A process a fit, so that its peak memory is its own.
        with ProcessPoolExecutor(chosen.processes, get_context("spawn"), max_tasks_per_child=1) as pool:
            waiting = [pool.submit(one, source, fold, folds, name, seed) for fold, name, seed in jobs]
            found = pd.DataFrame([each.result() for each in waiting])
        print(f"{source}: {folds} folds, {time.monotonic() - began:,.0f} s in {chosen.processes} processes")
        by_row(found) if source == "airline" else by_fold(found, folds)


if __name__ == "__main__":
    main()
