"""Open-set recognition: questions of intents that nobody has taught, on Banking77 and on authored questions.

    python -m tests.benchmarks.outside [choice | unseen | tuned | authored]

    choice     what the model's uncertainty weighs beside the distance, and which of each: on train alone. Of three
               quarters of the intents a quarter is held out as if unknown; six draws that are not those of unseen
    unseen     three quarters of the intents are known, the published test is asked, the unknown are one class; ten
               draws. A tenth of train's known questions, not learned from, sets the level: a tenth is rejected.
               Methods on frozen embeddings, intents by logistic regression (C = 20)
    tuned      the same on an encoder tuned to each draw's known intents (as banking-desk's candidate `tuned`):
               distances on its embeddings, its own doubt, and its doubt beside the frozen distance. Five minutes of a
               processor a draw; what was fitted is kept in --work
    authored   the desk's questions: what is handed over at the scenario's level, of known ones and of those far and
               near, by the champion of the latest run of the scenario that --scenario names, or by the candidate that
               --candidate names, which is fitted then

Each figure of draws is a mean with Student's interval; gains are paired with kNN on frozen embeddings, draw by draw.
Data is read from LOOPBOOK_DATA_MIRROR; sentence embeddings are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from tests.benchmarks.architectures import shipped
from tests.benchmarks.desk_conversations import fitted
from tests.benchmarks.few_labels import FULL, banking, questions

from loopbook.data.features import Features
from loopbook.desk import outside
from loopbook.desk.outside import FUSED, METHODS, SOFTMAX, Floats, Fusion, doubt, entropy
from loopbook.models.encoders import sentence_encoder
from loopbook.models.model import Model
from loopbook.models.shipping import serving
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario import loading
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.recipe import Recipe
from loopbook.statistics.intervals import student
from loopbook.store.project import Project

INTENTS, KNOWN, HELD, REJECTED = 77, 58, 0.1, 0.1
DRAWS, CHOICE = range(10), range(100, 106)
UNKNOWN = -1
TUNED = {
    "architecture": "encoder",
    "settings": FULL,
    "recipe": {
        **{"epochs": 3, "probe": 20.0, "batch_size": 32, "learning_rate": 1e-4, "schedule": "cosine", "warmup": 0.1},
        "refine": True,
    },
}
"""As the candidate `tuned` of banking-desk."""


@dataclass(frozen=True)
class Part:
    """Questions by number of the row, and the codes of their intents; `UNKNOWN` for those of the class of its own."""

    x: NDArray[np.float32]
    label: NDArray[np.int64]


@dataclass(frozen=True)
class Draw:
    """What is learned from, what sets the level, what is asked."""

    learned: Part
    held: Part
    asked: Part


def logistic(given: Draw) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return probabilities of held and of asked questions, and the intents of their columns."""
    model = LogisticRegression(C=20, max_iter=2_000).fit(given.learned.x, given.learned.label)
    return model.predict_proba(given.held.x), model.predict_proba(given.asked.x), model.classes_


def judged(known: Floats, scores: Floats, intent: NDArray[np.int64], truth: NDArray[np.int64]) -> dict[str, float]:
    """Return how good answers are of which those beyond the level are rejected."""
    said = np.where(scores > np.quantile(known, 1 - REJECTED), UNKNOWN, intent)
    return {
        "accuracy": float((said == truth).mean()),
        "macro F1": float(f1_score(truth, said, average="macro")),
        "ROC AUC": float(roc_auc_score(truth == UNKNOWN, scores)),
        "found at 5%": float((scores > np.quantile(known, 0.95))[truth == UNKNOWN].mean()),
    }


def drawn(draw: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the known intents of a draw, and which rows of train set the level."""
    coin = np.random.default_rng(draw)
    return np.sort(coin.permutation(INTENTS)[:KNOWN]), coin.random(len(banking("train"))) < HELD


def split(x: NDArray[np.float32], draw: int) -> Draw:
    """Return a draw's parts; x are the embeddings of train and, behind them, of test."""
    (known, ends), rows = drawn(draw), len(banking("train"))
    codes = np.concatenate([banking(part)["label"].cat.codes for part in ("train", "test")]).astype(np.int64)
    label = np.where(np.isin(codes, known), codes, UNKNOWN)
    own, there = x[:rows], label[:rows] != UNKNOWN
    learned, held = (Part(own[at], label[:rows][at]) for at in (there & ~ends, there & ends))
    return Draw(learned, held, Part(x[rows:], label[rows:]))


def pretended(x: NDArray[np.float32], draw: int) -> Draw:
    """Return parts of train's known questions alone; a quarter of the known intents counts as unknown."""
    known, _ = drawn(draw)
    coin = np.random.default_rng(1_000 + draw)
    inner = coin.permutation(known)[: len(known) * 3 // 4]
    codes = banking("train")["label"].cat.codes.to_numpy(np.int64)
    label, at = np.where(np.isin(codes, inner), codes, UNKNOWN), coin.random(len(codes))
    x, there = x[: len(codes)], label != UNKNOWN
    asked = np.isin(codes, known) & (at >= HELD) & (at < 0.25)
    return Draw(
        *(Part(x[rows], label[rows]) for rows in (there & (at >= 0.25), there & (at < HELD), asked))
    )  # fmt: skip


def methods(given: Draw, held: Floats, asked: Floats) -> Iterator[tuple[str, Floats, Floats]]:
    """Give each method's name, and its scores of held and of asked questions, whose probabilities are given."""
    yield SOFTMAX, doubt(held), doubt(asked)
    for name, method in METHODS.items():
        score = method(given.learned.x, given.learned.label)
        far, far_asked = score(given.held.x), score(given.asked.x)
        yield name, far, far_asked
        if name == "kNN":
            fusion = Fusion.of(far, entropy(held))
            fused = fusion.score(far, entropy(held)), fusion.score(far_asked, entropy(asked))
    yield FUSED, *fused


def table(found: list[tuple[int, str, dict[str, float]]], base: str = "kNN") -> None:
    """Print means over draws with intervals, and paired gains."""
    rows = pd.DataFrame([{"draw": draw, "method": name, **told} for draw, name, told in found])
    for measure in ("accuracy", "macro F1", "ROC AUC", "found at 5%"):
        by = rows.pivot(index="draw", columns="method", values=measure)
        print(f"\n  {measure}, {len(by)} draws")
        for name in dict.fromkeys(rows["method"]):
            mean, gain = student(by[name]), student(by[name] - by[base])
            print(
                f"    {name:34} {mean.value:.4f} ({mean.low:.4f} to {mean.high:.4f})   "
                f"over {base} {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
            )


def choice(x: NDArray[np.float32]) -> None:
    """Print what the weight of the uncertainty does, on intents of train that are held out."""
    found = []
    for draw in CHOICE:
        given = pretended(x, draw)
        held, asked, classes = logistic(given)
        intent = classes[asked.argmax(axis=1)]
        for name in ("kNN", "kNN after LDA"):
            score = METHODS[name](given.learned.x, given.learned.label)
            far, far_asked = score(given.held.x), score(given.asked.x)
            found.append((draw, name, judged(far, far_asked, intent, given.asked.label)))
            for kind, of in ("softmax", doubt), ("entropy", entropy):
                fusion = Fusion.of(far, of(held))
                for weight in (0.25, 0.5, 1.0, 2.0):
                    said = (fusion.score(a, of(b), weight) for a, b in ((far, held), (far_asked, asked)))
                    found.append((draw, f"{name}, {kind} {weight}", judged(*said, intent, given.asked.label)))
        told = judged(doubt(held), doubt(asked), intent, given.asked.label)
        found.append((draw, SOFTMAX, told))
    table(found)


def unseen(x: NDArray[np.float32]) -> None:
    """Print all methods on frozen embeddings."""
    found = []
    for draw in DRAWS:
        given = split(x, draw)
        held, asked, classes = logistic(given)
        intent = classes[asked.argmax(axis=1)]
        for name, far, far_asked in methods(given, held, asked):
            found.append((draw, name, judged(far, far_asked, intent, given.asked.label)))
    table(found)


def fit(draw: int, work: Path, cache: Path) -> Mapping[str, NDArray[Any]]:
    """Return embeddings and probabilities of train and test by an encoder that was tuned to a draw's known intents."""
    kept = work / f"tuned-{draw}.npz"
    if not kept.exists():
        rows, test = banking("train"), banking("test")
        known, ends = drawn(draw)
        there = rows["label"].cat.codes.isin(known).to_numpy()
        train, held = (
            part.assign(label=part["label"].cat.remove_unused_categories()).reset_index(drop=True)
            for part in (rows[there & ~ends], rows[there & ends])
        )
        given = questions()
        data = TrainingData(train, held, Features.fit(train, given), given.task)
        method = Method.to_try(Candidate.model_validate(TUNED), Recipe())
        fitting.fit(method, data, work / f"fit-{draw}", lambda text: print(f"    {text}", flush=True), cache)
        model = Model.load(work / f"fit-{draw}" / fitting.MODEL)
        both = pd.concat([rows, test], ignore_index=True)
        embedding = embedder(model).raw(model.features, both, cache)
        content = {"x": embedding.astype(np.float32), "p": model.probabilities(both, cache), "known": known}
        np.savez_compressed(kept, **content)
    return dict(np.load(kept))


def embedder(model: Model) -> Any:
    """Return a tuned encoder's network without its head."""
    import keras

    network: Any = model.predictor
    below = network.model.get_layer("embedding_scale").output
    return replace(network, model=keras.Model(network.model.input, below))


def tuned(x: NDArray[np.float32], work: Path, cache: Path, draws: int) -> None:
    """Print all methods on tuned embeddings, beside the frozen ones on the same draws."""
    found, rows = [], len(banking("train"))
    for draw in range(draws):
        began = time.process_time()
        made = fit(draw, work, cache)
        print(f"  draw {draw}: {time.process_time() - began:,.0f} processor seconds", flush=True)
        frozen, given = split(x, draw), split(made["x"], draw)
        probability = logistic(frozen)
        intent, truth = probability[2][probability[1].argmax(axis=1)], given.asked.label
        for name, far, far_asked in methods(frozen, *probability[:2]):
            found.append((draw, name, judged(far, far_asked, intent, truth)))
        known, ends = drawn(draw)
        held = made["p"][:rows][banking("train")["label"].cat.codes.isin(known).to_numpy() & ends]
        asked = made["p"][rows:]
        intent = known[asked.argmax(axis=1)]
        for name, far, far_asked in methods(given, held, asked):
            found.append((draw, f"tuned: {name}", judged(far, far_asked, intent, truth)))
        for name, far, far_asked in methods(frozen, held, asked):
            if name == FUSED:
                told = judged(far, far_asked, intent, truth)
                found.append((draw, "frozen kNN and tuned softmax", told))
    table(found)


def authored(name: str, candidate: str | None, cache: Path) -> None:
    """Print what a scenario's champion, or one of its candidates, hands over of authored questions."""
    project = Project.find()
    if candidate:
        rows = shipped(name, "test")
        splits = {"train": rows.train, "validation": rows.validation, "test": rows.test}
        model = fitted(rows, candidate, cache)
    else:
        record = json.loads((project.reports / name / "latest" / "run.json").read_text(encoding="utf-8"))
        artifacts = {of: path for stage in record["stages"].values() for of, path in stage["artifacts"].items()}
        splits = {of: pd.read_parquet(project.data / artifacts[of]) for of in ("train", "validation", "test")}
        model = serving.load(project.data / artifacts["champion"])
    settings = loading.load(name, project.scenarios).studies.support_desk
    assert settings is not None
    asked = pd.read_csv(project.root / settings.outside)
    foreign = {str(kind): list(rows["text"]) for kind, rows in asked.groupby("kind")}
    found = outside.compare(model, splits, foreign, settings.outside_level, cache)
    print(f"\n{name}, {candidate or 'champion'}, level {settings.outside_level:g}: share handed over\n")
    print(found.round(3).to_string(index=False))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["choice", "unseen", "tuned", "authored"])
    parser.add_argument("--work", type=Path, help="folder where fits of tuned are kept")
    parser.add_argument("--draws", type=int, default=len(DRAWS), help="of tuned")
    parser.add_argument("--scenario", default="support-desk", help="of authored")
    parser.add_argument("--candidate", help="of authored: which is fitted, instead of the latest run's champion")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    if given.name == "authored":
        return authored(given.scenario, given.candidate, given.cache)
    texts = [text for part in ("train", "test") for text in banking(part)["text"]]
    x = sentence_encoder.embed(texts, given.cache)
    if given.name != "tuned":
        return {"choice": choice, "unseen": unseen}[given.name](x)
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        return tuned(x, work, given.cache, given.draws)


if __name__ == "__main__":
    main()
