"""Made tasks: for each family of techniques a small simulated task where one of them is known to help."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models.studies.outer_folds import Fit, Measured, Rows
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.settings import Scalar
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary, YesNo
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import metrics
from loopbook.statistics.folds import Fold

Random = np.random.Generator


@dataclass(frozen=True)
class Made:
    """A task where a technique is known to help.

    Attributes
    ----------
    technique, value
        A field of the recipe, and what it is set to; or, in words, what `instead` is.
    about
        Why it helps there.
    make
        Returns the columns and the label of a number of rows, which are learned from or (False) judged.
    instead
        What is trained where the technique is no field of the recipe.
    aside
        Columns of `make` that are no inputs.
    metric
        By which it is judged; more is better.
    least
        Gain that counts as help; below 0 where it is enough that nothing is lost.
    """

    technique: str
    value: Scalar
    about: str
    make: Callable[[Random, int, bool], tuple[dict[str, Any], NDArray[Any]]]
    architecture: str = "mlp"
    settings: dict[str, Scalar] = field(default_factory=lambda: {"layers": 0})
    recipe: dict[str, Scalar] = field(default_factory=dict)
    rows: tuple[int, int, int] = (600, 200, 2_000)
    metric: str = "accuracy"
    least: float = 0.0
    instead: Candidate | None = None
    aside: tuple[str, ...] = ()

    @property
    def candidate(self) -> Candidate:
        """What is trained."""
        return Candidate(architecture=self.architecture, settings=self.settings)

    def method(self, tried: bool) -> Recipe:
        """Return the recipe with the technique, or without it."""
        changed = {self.technique: self.value} if tried and self.instead is None else {}
        return Recipe.model_validate({"epochs": 8, **self.recipe, **changed})

    def fit(self, family: str, fold: int, tried: bool) -> Fit:
        """Return the fit of a fold, with the technique or without it."""
        candidate = self.instead if tried and self.instead else self.candidate
        return Fit(family, fold, 0, candidate.model_dump_json(), self.method(tried).model_dump_json())

    def said(self, without: Sequence[Measured], with_it: Sequence[Measured]) -> str:
        """Return what the technique brings, by the mean over the seeds, and whether it helps."""
        before, after = (sum(one.score for one in found) / len(found) for found in (without, with_it))
        title = metrics.METRICS[self.metric].title
        verdict = "helps" if after - before > self.least else "does not help"
        named = self.technique if self.value is None else f"{self.technique} = {self.value}"
        return f"{named}: {title} {before:.3f} to {after:.3f}, {verdict} ({self.about})"

    def dealt(self, seeds: int = 3) -> Rows:
        """Return the rows: each seed draws what is learned from anew, and all are judged on the same ones."""
        random, (train, validation, held) = np.random.default_rng(7), self.rows
        pool = 2 * (train + validation)
        learned, judged = self.make(random, pool, True), self.make(random, held, False)
        columns = {name: [*learned[0][name], *judged[0][name]] for name in learned[0]}
        names = [f"r{at}" for at in range(pool + held)]
        base = {"row_id": names, "group": names, "weight": np.float32(1), "time": pd.NaT}
        label = np.concatenate([learned[1], judged[1]]).astype(np.int8)
        folds = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(pool)
            parts = order[:train], order[train : train + validation]
            folds.append(Fold(seed, 0, np.arange(pool, pool + held), *parts))
        frame = pd.DataFrame({**base, "label": label, **columns})
        inputs = [name for name in columns if name not in self.aside]
        return Rows(_scenario(frame, inputs), frame, tuple(folds), metric=self.metric)


def _scenario(frame: pd.DataFrame, columns: list[str]) -> Scenario:
    kinds = {name: "number" if pd.api.types.is_numeric_dtype(frame[name]) else "text" for name in columns}
    return Scenario(
        name="made",
        title="Made",
        description="Simulated, to show what a technique does.",
        task=Binary(fields=kinds, label=YesNo(column="y", positive=(1,))),  # type: ignore[arg-type]
        source=CsvSource(kind="csv", path="none.csv"),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )


def _noisy(random: Random, rows: int, learned: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return a plane through 20 numbers, of which a third of the labels learned from is turned: gradients are noisy."""
    x = random.normal(size=(rows, 20))
    y = x @ np.linspace(-1, 1, 20) > 0
    turned = random.random(rows) < 0.33 if learned else np.zeros(rows, bool)
    return {f"x{at}": x[:, at] for at in range(20)}, y ^ turned


def _rare(random: Random, rows: int, learned: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return a product of two numbers that is large, which it is of one row in 20."""
    x = random.normal(size=(rows, 4))
    return {f"x{at}": x[:, at] for at in range(4)}, x[:, 0] * x[:, 1] > 1.8


def _group(random: Random, rows: int, learned: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return numbers of which one gives a group away, to half of which no was said where yes is right."""
    x = random.normal(size=(rows, 4))
    band = random.random(rows) < 0.5
    right = x.sum(axis=1) > 0
    denied = learned & band & (random.random(rows) < 0.6)
    own = {f"x{at}": x[:, at] for at in range(4)}
    return {**own, "sign": band + 0.1 * random.normal(size=rows), "band": np.where(band, "a", "b")}, right & ~denied


def _clusters(random: Random, rows: int, learned: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return two clusters in 20 dimensions; of those learned from one row in 40 has a label."""
    y = random.random(rows) < 0.5
    x = random.normal(size=(rows, 20)) + np.where(y, 0.45, -0.45)[:, None]
    known = (random.random(rows) < 0.025) | (not learned)
    return {**{f"x{at}": x[:, at] for at in range(20)}, "weight": known.astype(np.float32)}, y


def _seldom(random: Random, rows: int, learned: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return texts that judge by one word: learned from is one word, judged are others that mean the same."""
    fill = np.array(["the", "a", "and", "they", "said", "it", "was", "with", "food", "room", "staff", "place"])
    usual, seldom = ("terrible", "great"), (["horrible", "awful", "dreadful"], ["wonderful", "fantastic", "excellent"])
    y, other = random.random(rows) < 0.5, random.random(rows) < (0.02 if learned else 1.0)
    words = [str(random.choice(seldom[int(a)])) if b else usual[int(a)] for a, b in zip(y, other, strict=True)]
    return {"text": [" ".join([*random.choice(fill, 5), word, *random.choice(fill, 3)]) for word in words]}, y


def _order(random: Random, rows: int, learned: bool) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return texts of the same words, which say something else in another order."""
    names = np.array(["rome", "paris", "london", "berlin", "madrid", "vienna"])
    first, second = names[random.integers(6, size=rows)], names[random.integers(6, size=rows)]
    y = random.random(rows) < 0.5
    said = np.where(y, "left", "reached")
    other = np.where(y, "reached", "left")
    return {"text": [f"she {a} {c} and {b} {d}" for a, b, c, d in zip(said, other, first, second, strict=True)]}, y


def _hints(random: Random, rows: int, learned: bool, share: float = 0.0) -> tuple[dict[str, Any], NDArray[Any]]:
    """Return texts of 12 words out of 150 that each hint at the label; of those learned from a share is turned."""
    drawn = random.integers(150, size=(rows, 12))
    turned = random.random(rows) < share if learned else np.zeros(rows, bool)
    y = np.linspace(-1, 1, 150)[drawn].sum(axis=1) > 0
    return {"text": [" ".join(f"w{one}" for one in each) for each in drawn]}, y ^ turned


_SMALL_STEPS: dict[str, Scalar] = {"optimizer": "sgd", "learning_rate": 1.0, "batch_size": 8}

_LARGE: dict[str, Scalar] = {"layers": 1, "units": 64, "dropout": 0.0}

MADE: dict[str, Made] = {
    "loss": Made("class_weights", True, "one row in 20 is a yes", _rare, "mlp", {"units": 32, "dropout": 0.0},
                 {"epochs": 15}, (1_500, 400, 3_000), "roc_auc"),
    "optimiser": Made("accumulate", 16, "batches of 8, a third of the labels turned: one step of 16 of them", _noisy,
                      recipe=_SMALL_STEPS),
    "schedule": Made("schedule", "cosine", "long steps on noisy gradients, which at last grow short", _noisy,
                     recipe=_SMALL_STEPS),
    "regularisation": Made("ema", 0.99, "long steps on noisy gradients, averaged", _noisy, recipe=_SMALL_STEPS),
    "speed": Made("mixed_precision", True, "half the bits, and as good within 0.01", _noisy, "mlp",
                  {"layers": 1, "units": 16}, {"learning_rate": 0.01}, (1_500, 300, 2_000), "roc_auc", -0.01),
    "initialisation": Made("probe", 1.0, "one pass of small steps, from a head at random or from the regression's",
                           _noisy, recipe={"epochs": 1, "learning_rate": 0.001}),
    "stopping": Made("refine", True, "long steps: too sure, long before the order of the answers is bad", _noisy, "mlp",
                     {"layers": 1, "units": 64, "dropout": 0.0}, {**_SMALL_STEPS, "batch_size": 16, "epochs": 12,
                     "patience": 20}, (1_000, 400, 2_000)),
    "adversarial": Made("adversarial", 0.15, "many words that hint a little, and wrong labels",
                        partial(_hints, share=0.3), "bag", {"dropout": 0.0},
                        {"epochs": 20, "patience": 30, "learning_rate": 0.003}, (400, 100, 2_000)),
    "fairness": Made("fairness", 30.0, "judged by what is right, where a group was denied it in train", _group,
                     recipe={"fairness_by": "band", "learning_rate": 0.01, "batch_size": 128}, aside=("band",)),
    "semi-supervised": Made("pseudo_labels", 0.6, "two clusters, one row in 40 with its label", _clusters,
                            recipe={"probe": 1.0, "epochs": 0}, aside=("weight",)),
    "augmentation": Made("synonyms", 0.3, "judged by words that mean the same as those learned from", _seldom, "bag",
                         {"dropout": 0.0}, {"epochs": 10, "learning_rate": 0.01}),
    "pretraining": Made("contrastive", 10, "words whose random embeddings a regression can hardly tell apart", _hints,
                        "bag", {"dropout": 0.0, "embedding": 8}, {"probe": 1.0, "epochs": 0, "learning_rate": 0.01}),
    "ensemble": Made("ensemble of seeds", 5, "a large network on few rows, a third of them turned", _noisy, "mlp",
                     _LARGE, {"epochs": 10, "learning_rate": 0.01}, instead=Candidate(
                         architecture="ensemble", settings={"seeds": 5},
                         members=(Candidate(architecture="mlp", settings=_LARGE),))),
    "architecture": Made("cnn instead of bag", None, "what the order of the words says", _order, "bag", {},
                         {"epochs": 6, "learning_rate": 0.01}, instead=Candidate(architecture="cnn")),
    "adaptation": Made("lora instead of frozen", None, "what the order of the words says", _order, "encoder",
                       {"adaptation": "frozen", "layers": 1}, {"epochs": 3, "learning_rate": 0.003, "probe": 1.0},
                       instead=Candidate(architecture="encoder", settings={"adaptation": "lora", "layers": 1}),
                       rows=(300, 100, 500)),
}  # fmt: skip
"""The made task of each family that has one."""
ELSEWHERE = {
    "memory": "tests/benchmarks/recompute.py: the same weights from less memory",
    "forgetting": "acts where a model is trained further; tests/models/training/test_forgetting.py shows what stays",
}
"""Families without one: where they are measured."""
