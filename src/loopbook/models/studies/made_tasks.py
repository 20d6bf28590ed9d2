"""Made tasks: for each family of techniques a small simulated task where one of them is known to help."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
        A field of the recipe, and what it is set to.
    about
        Why it helps there.
    make
        Returns the inputs and the label of a number of rows, and whether they are learned from (else judged).
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

    @property
    def candidate(self) -> Candidate:
        """What is trained."""
        return Candidate(architecture=self.architecture, settings=self.settings)

    def method(self, tried: bool) -> Recipe:
        """Return the recipe with the technique, or without it."""
        return Recipe.model_validate({"epochs": 8, **self.recipe, **({self.technique: self.value} if tried else {})})

    def fit(self, family: str, fold: int, tried: bool) -> Fit:
        """Return the fit of a fold, with the technique or without it."""
        return Fit(family, fold, 0, self.candidate.model_dump_json(), self.method(tried).model_dump_json())

    def said(self, without: Sequence[Measured], with_it: Sequence[Measured]) -> str:
        """Return what the technique brings, by the mean over the seeds, and whether it helps."""
        before, after = (sum(one.score for one in found) / len(found) for found in (without, with_it))
        title = metrics.METRICS[self.metric].title
        verdict = "helps" if after - before > self.least else "does not help"
        return f"{self.technique} = {self.value}: {title} {before:.3f} to {after:.3f}, {verdict} ({self.about})"

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
        return Rows(_scenario(frame, list(columns)), frame, tuple(folds), metric=self.metric)


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


_SMALL_STEPS: dict[str, Scalar] = {"optimizer": "sgd", "learning_rate": 1.0, "batch_size": 8}

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
}  # fmt: skip
"""The made task of each family that has one."""
