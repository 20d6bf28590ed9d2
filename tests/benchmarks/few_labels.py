"""What helps where labels are few: classes described in words, and rows that nobody has labelled.

    python -m tests.benchmarks.few_labels [zero-shot | topics | tuned | official]

    zero-shot      classes known by name or description, of Banking77 (77 classes, the published test) and of posts to
                   airlines (three, from 21 February on), beside TF-IDF and a frozen MiniLM with logistic regression on
                   so many labels a class, by the mean of five draws
    topics         clusters of Banking77's test: how well they agree with its intents (normalised mutual information),
                   by MiniLM and by TF-IDF
    tuned          Banking77, ten and five labels a class, the published test: an encoder tuned by supervised contrast,
                   pseudo-labels on the frozen one, and both, paired over five draws with the best of three logistic
                   regressions on frozen embeddings. The settings were chosen on draws 100 to 102, judged on other rows
                   of train. Rows without label are 3,000 of the rest of train.
    official       Banking77, the published split: the encoder tuned, a tenth of train ends it. Takes most of an hour on
                   one processor; what was killed is continued if --work names the same folder

Data is read from LOOPBOOK_DATA_MIRROR; sentence embeddings are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
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
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.models.unsupervised import topics
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Multiclass, OneOfMany
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import evaluation, metrics, targets
from loopbook.statistics.intervals import student

DESCRIBED = {
    "negative": "an angry complaint about a flight, delay, lost baggage or bad customer service",
    "neutral": "a question, a request for information or a plain remark to an airline",
    "positive": "thanks and praise for a great flight, crew or service",
}
DRAWS = range(3, 8)  # the threshold was chosen with draws 0 to 2


def without_further(rows: Rows) -> Rows:
    """Return the rows with the label as the only output."""
    task = rows.scenario.task.model_copy(update={"also": {}})
    return replace(rows, scenario=rows.scenario.model_copy(update={"task": task}))


def judged(folder: Path, rows: Rows, cache: Path) -> Any:
    """Return what a fitted model says of the judged rows."""
    return targets.narrow(Model.load(folder / fitting.MODEL).answer(rows.test, cache).judged)


def told(codes: NDArray[Any], said: Any) -> str:
    """Return accuracy and macro F1 with intervals."""
    table = evaluation.metrics(codes, said, only=["accuracy", "macro_f1"], task="multiclass")
    return "   ".join(f"{name} {value:.4f} ({low:.4f} to {high:.4f})" for name, value, low, high in table.itertuples())


def zero_shot(cache: Path) -> None:
    """Print what is known of classes from their words alone."""
    for name, tested in (("banking-desk", ("test",)), ("airline-monitor", ("stream",))):
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


def clustered(cache: Path) -> None:
    """Print how well clusters agree with the intents that people named."""
    rows = shipped("banking-desk", "test")
    features = Features.fit(rows.train, rows.scenario)
    said, label = texts(features, rows.test), targets.codes(rows.test["label"], rows.scenario.task)
    embedding = sentence_encoder.embed(said, cache)
    print(f"\nbanking-desk: {len(said):,} questions, 77 intents, as many topics", flush=True)
    for name, given, by in (("MiniLM", embedding, "kmeans"), ("TF-IDF", None, "kmeans"), ("TF-IDF", None, "nmf")):
        each = [topics.find(said, 77, given, by=by, seed=seed) for seed in range(5)]  # type: ignore[arg-type]
        agreement = student([normalized_mutual_info_score(label, found.of) for found in each])
        print(
            f"  {by:6} of {name}: {agreement.value:.3f} ({agreement.low:.3f} to {agreement.high:.3f} over five seeds)"
        )
        print(f"         the largest: {'; '.join(each[0].names[:3])}", flush=True)


CONTRAST = {"contrastive": 2, "learning_rate": 5e-5, "schedule": "cosine", "warmup": 0.1, "weight_decay": 0.01}
PROBE = {"epochs": 0, "probe": 20.0}
FULL = {"adaptation": "full", "dropout": 0.0}
TUNED: dict[str, Any] = {
    "contrast": {"architecture": "encoder", "settings": FULL, "recipe": {**PROBE, **CONTRAST, "clip_norm": 1.0}},
    "pseudo": {"architecture": "minilm", "recipe": {**PROBE, "pseudo_labels": 0.3}},
}
TUNED["both"] = {**TUNED["contrast"], "recipe": {**TUNED["contrast"]["recipe"], "pseudo_labels": 0.3}}
OFFICIAL = {
    "architecture": "encoder",
    "settings": FULL,
    "recipe": {
        **{"epochs": 3, "probe": 20.0, "batch_size": 32, "learning_rate": 1e-4, "schedule": "cosine", "warmup": 0.1},
        **{"weight_decay": 0.01, "label_smoothing": 0.1, "clip_norm": 1.0, "refine": True},
    },
}


def banking(part: str) -> pd.DataFrame:
    """Return the published train or test in canonical form."""
    rows = pd.read_csv(Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "banking77" / f"{part}.csv")
    names = [f"{part}-{at}" for at in range(len(rows))]
    label = pd.Categorical(rows["category"], sorted(rows["category"].unique()))
    return pd.DataFrame(
        {"row_id": names, "time": pd.NaT, "group": names, "label": label, "weight": np.float32(1), "text": rows["text"]}
    )


def questions() -> Scenario:
    """Return a scenario of a text and one of several classes."""
    return Scenario(
        name="questions",
        title="Questions",
        description="Questions.",
        task=Multiclass(type="multiclass", fields={"text": "text"}, label=OneOfMany(column="label")),
        source=CsvSource(kind="csv", path="none.csv"),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )


def accuracy(candidate: dict[str, Any], train: pd.DataFrame, ends: pd.DataFrame, work: Path, cache: Path) -> float:
    """Return the accuracy of a fit on the published test; `ends` ends the training and sets the temperature."""
    given, test = questions(), banking("test")
    data = TrainingData(train, ends, Features.fit(train, given), given.task)
    method = Method.to_try(Candidate.model_validate(candidate), Recipe())
    fitting.fit(method, data, work, lambda text: print(f"    {text}", flush=True), cache)
    said = Model.load(work / fitting.MODEL).probabilities(test, cache).argmax(axis=1)
    return float((said == test["label"].cat.codes).mean())


def tuned(cache: Path, work: Path, counts: Sequence[int], methods: Sequence[str]) -> None:
    """Print what tuning brings on few labels."""
    rows, test = banking("train"), banking("test")
    pool, held = (sentence_encoder.embed(part["text"].tolist(), cache) for part in (rows, test))
    frozen = {"C=20": (20.0, 1.0), "C=1, unit variance": (1.0, 384**0.5), "C=20, unit variance": (20.0, 384**0.5)}
    for count in counts:
        found: dict[str, list[float]] = {name: [] for name in [*frozen, *methods]}
        for name in found:
            began = time.process_time()
            for draw in range(5):
                few = rows.groupby("label", observed=True).sample(count, random_state=draw)
                if name in frozen:
                    C, scale = frozen[name]
                    model = LogisticRegression(C=C, max_iter=2_000).fit(pool[few.index] * scale, few["label"])
                    found[name].append(float((model.predict(held * scale) == test["label"]).mean()))
                    continue
                others = rows.drop(few.index).sample(3_000, random_state=draw).assign(weight=np.float32(0))
                # The rows of train set the temperature too, which moves no answer: no further label is used.
                train = pd.concat([few, others] if "pseudo_labels" in TUNED[name]["recipe"] else [few])
                folder = work / f"{name}-{count}-{draw}"
                few, train = few.reset_index(drop=True), train.reset_index(drop=True)
                found[name].append(accuracy(TUNED[name], train, few, folder, cache))
                print(f"    {name}, {count} a class, draw {draw}: {found[name][-1]:.4f}", flush=True)
            took = (time.process_time() - began) / 5
            best = max((found[of] for of in frozen if found[of]), key=np.mean)
            gain = student(np.subtract(found[name], best))
            told = f"over the best frozen {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
            each = " ".join(f"{value:.4f}" for value in found[name])
            print(
                f"  {count:>2} a class, {name:20} accuracy {np.mean(found[name]):.4f} ({each})   {told}   "
                f"{took:,.0f} processor seconds a draw",
                flush=True,
            )


def official(cache: Path, work: Path) -> None:
    """Print what tuning brings on all labels."""
    rows, test = banking("train"), banking("test")
    ends = np.random.default_rng(0).random(len(rows)) < 0.1
    pool, held = (sentence_encoder.embed(part["text"].tolist(), cache) for part in (rows, test))
    frozen = LogisticRegression(C=20, max_iter=2_000).fit(pool, rows["label"])
    right = (frozen.predict(held) == test["label"]).mean()
    print(f"  official split, frozen, C=20: accuracy {right:.4f}", flush=True)
    train, validation = (rows[part].reset_index(drop=True) for part in (~ends, ends))
    began = time.process_time()
    got = accuracy(OFFICIAL, train, validation, work / "official", cache)
    print(f"  official split, tuned: accuracy {got:.4f}, {time.process_time() - began:,.0f} processor seconds")


SHOWN = {"zero-shot": zero_shot, "topics": clustered}
LONG_SHOWN: dict[str, Callable[..., None]] = {"tuned": tuned, "official": official}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*SHOWN, *LONG_SHOWN, []], help="left out: the first two")
    parser.add_argument("--work", type=Path, help="folder where fits of tuned and official are kept")
    parser.add_argument("--methods", nargs="+", default=[*TUNED], choices=TUNED, help="of tuned")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 5], help="labels a class, of tuned")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    for name in given.names or SHOWN:
        if name in SHOWN:
            SHOWN[name](given.cache)
            continue
        with tempfile.TemporaryDirectory() as folder:
            more = (given.counts, given.methods) if name == "tuned" else ()
            LONG_SHOWN[name](given.cache, given.work or Path(folder), *more)


if __name__ == "__main__":
    main()
