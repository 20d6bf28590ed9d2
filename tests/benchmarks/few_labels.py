"""What helps where labels are few: classes described in words, and rows that nobody has labelled.

    python -m tests.benchmarks.few_labels [zero-shot | self-training | topics]

    zero-shot      classes known by name or description, of Banking77 (77 classes, the published test) and of posts to
                   airlines (three, from 22 February on), beside TF-IDF and a frozen MiniLM with logistic regression on
                   so many labels a class, by the mean of five draws
    self-training  posts to airlines: ten labels a class to learn from and ten to calibrate on, the other posts before
                   22 February without label; with and without these, paired over the draws
    topics         clusters of Banking77's test: how well they agree with its intents (normalised mutual information),
                   by MiniLM and by TF-IDF

Data is read from LOOPBOOK_DATA_MIRROR; sentence embeddings are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from tests.benchmarks.architectures import Rows, shipped

from loopbook.data.features import Features
from loopbook.models.arrays import texts
from loopbook.models.encoders import sentence_encoder
from loopbook.models.model import Model
from loopbook.models.training import fitting, self_training
from loopbook.models.training.method import Method, TrainingData
from loopbook.models.unsupervised import topics
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import evaluation, metrics, targets
from loopbook.statistics.intervals import student

DESCRIBED = {
    "negative": "an angry complaint about a flight, delay, lost baggage or bad customer service",
    "neutral": "a question, a request for information or a plain remark to an airline",
    "positive": "thanks and praise for a great flight, crew or service",
}
DRAWS = range(3, 8)  # the threshold was chosen with draws 0 to 2
LONG = Recipe(learning_rate=0.01, epochs=300, patience=20)  # ten labels a class are one batch: an epoch is a step


def without_further(rows: Rows) -> Rows:
    """Return the rows with the label as the only output."""
    task = rows.scenario.task.model_copy(update={"also": {}})
    return replace(rows, scenario=rows.scenario.model_copy(update={"task": task}))


def drawn(frame: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return so many rows of each class."""
    few = frame.groupby("label", observed=True).sample(count, random_state=seed)
    return few.reset_index(drop=True)


def judged(folder: Path, rows: Rows, cache: Path) -> Any:
    """Return what a fitted model says of the judged rows."""
    return targets.narrow(Model.load(folder / fitting.MODEL).answer(rows.test, cache).judged)


def told(codes: NDArray[Any], said: Any) -> str:
    """Return accuracy and macro F1 with intervals."""
    table = evaluation.metrics(codes, said, only=["accuracy", "macro_f1"], task="multiclass")
    return "   ".join(f"{name} {value:.4f} ({low:.4f} to {high:.4f})" for name, value, low, high in table.itertuples())


def zero_shot(cache: Path) -> None:
    """Print what is known of classes from their words alone."""
    for name, tested in (("banking-intents", ("test",)), ("airline-monitor", ("test", "gate", "stream"))):
        rows = without_further(shipped(name, *tested))
        codes = targets.codes(rows.test["label"], rows.scenario.task)
        print(f"\n{name}: {len(rows.test):,} rows judged", flush=True)
        for what, words in (("names", {}), *([("described", DESCRIBED)] if name.startswith("airline") else [])):
            label = rows.scenario.task.label.model_copy(update={"descriptions": words})
            task = rows.scenario.task.model_copy(update={"label": label})
            data = TrainingData(rows.train, rows.validation, Features.fit(rows.train, rows.scenario), task)
            with tempfile.TemporaryDirectory() as folder:
                method = Method(Candidate(architecture="zero_shot"), Recipe())
                fitting.fit(method, data, Path(folder), lambda _: None, cache)
                print(f"  zero_shot, {what:12} {told(codes, judged(Path(folder), rows, cache))}", flush=True)
        features = Features.fit(rows.train, rows.scenario)
        pool, held = (texts(features, frame) for frame in (rows.train, rows.test))
        terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(pool)
        inputs = {
            "TF-IDF": (terms.transform(pool), terms.transform(held)),
            "MiniLM": tuple(sentence_encoder.embed(part, cache) for part in (pool, held)),
        }
        label = targets.codes(rows.train["label"], rows.scenario.task)
        for count in (1, 2, 3, 5, 10):
            means = []
            for what, (x, z) in inputs.items():
                each = []
                for seed in DRAWS:
                    at = pd.Series(label).groupby(label).sample(count, random_state=seed).index
                    model = LogisticRegression(C=20.0, max_iter=1_000).fit(x[at], label[at])
                    each.append([metrics.score(of, codes, _wide(model, z, codes)) for of in ("accuracy", "macro_f1")])
                means.append(f"{what} accuracy {np.mean(each, axis=0)[0]:.4f} macro_f1 {np.mean(each, axis=0)[1]:.4f}")
            print(f"  {count:>2} labels a class: {'   '.join(means)}", flush=True)


def _wide(model: LogisticRegression, z: Any, codes: NDArray[Any]) -> NDArray[Any]:
    result = np.zeros((z.shape[0], int(max(codes.max(), model.classes_.max())) + 1))
    result[:, model.classes_] = model.predict_proba(z)
    return result


def self_trained(cache: Path) -> None:
    """Print what rows without a label bring."""
    rows = without_further(shipped("airline-monitor", "test", "gate", "stream"))
    codes = targets.codes(rows.test["label"], rows.scenario.task)
    print(f"\nairline-monitor, ten labels a class: {len(rows.test):,} rows judged, {len(DRAWS)} draws", flush=True)
    for architecture, threshold in (("tfidf", 0.7), ("minilm", 0.7), ("minilm", 0.8), ("minilm", 0.9)):
        found: dict[str, list[list[float]]] = {"accuracy": [], "macro_f1": []}
        agreed, joined = [], []
        for draw in DRAWS:
            train, validation = drawn(rows.train, 10, draw), drawn(rows.validation, 10, draw)
            others = rows.train[~rows.train["row_id"].isin(train["row_id"])].reset_index(drop=True)
            data = TrainingData(train, validation, Features.fit(rows.train, rows.scenario), rows.scenario.task)
            with tempfile.TemporaryDirectory() as work:
                folder, more = self_training.fit(
                    Method(Candidate(architecture=architecture), LONG),
                    data,
                    others,
                    Path(work),
                    lambda _: None,
                    cache,
                    threshold=threshold,
                )
                said = [judged(at, rows, cache) for at in (Path(work) / "fit-0", folder)]
            true = others["label"].iloc[more["at"]].astype(str).to_numpy()
            agreed.append((true == more["label"].astype(str).to_numpy()).mean() if len(more) else np.nan)
            joined.append(len(more))
            for name, each in found.items():
                each.append([metrics.score(name, codes, p) for p in said])
        line = []
        for name, values in found.items():
            without, with_more = np.mean(values, axis=0)
            gain = student(np.diff(np.array(values), axis=1)[:, 0])
            line.append(
                f"{name} {without:.4f} -> {with_more:.4f} ({gain.value:+.4f}, {gain.low:+.4f} to {gain.high:+.4f})"
            )
        told_of = f"{np.mean(joined):,.0f} rows joined, {np.nanmean(agreed):.0%} of them right"
        print(f"  {architecture:8} from {threshold:.1f}: {'   '.join(line)}   {told_of}", flush=True)


def clustered(cache: Path) -> None:
    """Print how well clusters agree with the intents that people named."""
    rows = shipped("banking-intents", "test")
    features = Features.fit(rows.train, rows.scenario)
    said, label = texts(features, rows.test), targets.codes(rows.test["label"], rows.scenario.task)
    embedding = sentence_encoder.embed(said, cache)
    print(f"\nbanking-intents: {len(said):,} questions, 77 intents, as many topics", flush=True)
    for name, given, by in (("MiniLM", embedding, "kmeans"), ("TF-IDF", None, "kmeans"), ("TF-IDF", None, "nmf")):
        each = [topics.find(said, 77, given, by=by, seed=seed) for seed in range(5)]  # type: ignore[arg-type]
        agreement = student([normalized_mutual_info_score(label, found.of) for found in each])
        print(
            f"  {by:6} of {name}: {agreement.value:.3f} ({agreement.low:.3f} to {agreement.high:.3f} over five seeds)"
        )
        print(f"         the largest: {'; '.join(each[0].names[:3])}", flush=True)


SHOWN = {"zero-shot": zero_shot, "self-training": self_trained, "topics": clustered}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*SHOWN, []], help="left out: all")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    for name in given.names or SHOWN:
        SHOWN[name](given.cache)


if __name__ == "__main__":
    main()
