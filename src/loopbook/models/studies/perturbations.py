"""Perturbations: small changes of real rows that leave their meaning, and how many answers they change."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopbook.data import features
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models import seen_rows
from loopbook.models.seen_rows import Learner
from loopbook.models.training import augmentation
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import Task
from loopbook.statistics import bootstrap, evaluation, metrics, targets
from loopbook.statistics.intervals import Interval, between

Random = np.random.Generator


def no_punctuation(text: str) -> str:
    """Return a text without punctuation marks; the apostrophe and what begins a handle or a tag stay."""
    return "".join(mark for mark in text if mark in "'’@#" or not unicodedata.category(mark).startswith("P"))


def _texts(share: float) -> dict[str, Callable[[str, Random], str]]:
    """Return by its name what changes a text; the share is that of the words that are hit."""

    def hit(**option: float) -> Callable[[str, Random], str]:
        recipe = Recipe.model_validate(option)
        return lambda text, random: augmentation.changed(text, recipe, random, {})

    return {
        "typos": hit(spelling=share),
        "missing words": hit(word_dropout=share),
        "lower case": lambda text, random: text.lower(),
        "upper case": lambda text, random: text.upper(),
        "no punctuation": lambda text, random: no_punctuation(text),
    }


SHARE = ["changed", "changed_low", "changed_high"]
JITTER, MISSING = "jitter of numbers", "missing values"


def perturbed(
    rows: pd.DataFrame, task: Task, *, words: float = 0.1, jitter: float = 0.01, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Return the rows as each perturbation of the task's fields leaves them, by its name.

    Parameters
    ----------
    words
        Share of the words that a perturbation of words hits, and of a table's values that are taken away.
    jitter
        Standard deviation of the normal noise on a number, in standard deviations of its field in these rows.
    """
    result = {}
    for name, change in _texts(words).items() if task.text_fields else ():
        random = np.random.default_rng(seed)
        columns = {
            column.name: [change(value, random) if isinstance(value, str) else value for value in column]
            for column in (features.column(rows, field) for field in task.text_fields)
        }
        result[name] = rows.assign(
            **{str(of): pd.Series(said, rows.index, dtype=rows[of].dtype) for of, said in columns.items()}
        )
    numbers = [features.column(rows, field) for field, kind in task.fields.items() if kind == "number"]
    if numbers:
        random = np.random.default_rng(seed)
        noise = {str(of.name): of + jitter * of.std() * random.normal(size=len(of)) for of in numbers}
        result[JITTER] = rows.assign(**noise)
    if task.table_fields:
        random, count = np.random.default_rng(seed), max(1, round(words * len(rows)))
        parts = [features.column(rows, field) for field in task.table_fields]
        gone = {str(of.name): of.drop(random.choice(of.index, count, replace=False)).reindex(of.index) for of in parts}
        result[MISSING] = rows.assign(**gone)
    return result


@dataclass(frozen=True)
class Robustness:
    """How far answers hold under perturbations.

    Attributes
    ----------
    table
        By perturbation: `rows` that it changes; the share of them whose answer is another, `changed` with
        `changed_low` and `changed_high`; and what the primary metric loses on them, `lost`, paired, in the same way.
    """

    metric: metrics.Metric
    table: pd.DataFrame

    def figure(self) -> Figure:
        """Draw the shares of changed answers."""
        worst = self.table.sort_values("changed", ascending=False, kind="stable")
        first = worst.iloc[0]
        return plots.intervals(
            worst[SHARE].set_axis(["value", "low", "high"], axis=1),
            title=f"{str(first.name).capitalize()}: {first['changed']:.1%} of the answers change "
            f"({between(first['changed_low'], first['changed_high'], '.1%')})",
            x="share of answers that change, 95% interval",
            alt="Share of rows of test whose answer changes, by perturbation, with intervals.",
        )

    def figures(self) -> dict[str, float]:
        """Return the shares of changed answers as flat numbers to record."""
        found: dict[str, float] = {}
        for name, ends in zip(self.table.index, self.table[SHARE].to_numpy(), strict=True):
            found |= Interval(*ends).recorded(f"{name.replace(' ', '_')}_changed")
        return found


def robustness(
    model: Learner, rows: pd.DataFrame, changed: dict[str, pd.DataFrame], task: Task, resamples: int
) -> Robustness:
    """Compare what a model answers to rows and to the same rows perturbed.

    Parameters
    ----------
    rows
        Of a split that it has not learned from, in canonical form; groups are drawn whole.
    changed
        What `perturbed` returned.
    """
    metric, classes = metrics.primary(task.type), targets.classes(rows["label"], task)
    clean, found = seen_rows.answer(model, rows).aligned(classes), {}
    for name, other in changed.items():
        pairs = [[features.column(part, field) for part in (rows, other)] for field in task.fields]
        hit = np.any([was.ne(now) & was.notna() for was, now in pairs], axis=0)
        if not hit.any():
            continue
        touched, said = rows[hit], model.answer(other[hit]).aligned(classes)
        moved = (said.likeliest != clean[hit].likeliest).astype(float)
        share = bootstrap.mean(moved, touched["group"], resamples, 0)
        first, second = (targets.narrow(answers.judged) for answers in (clean[hit], said))
        lost = evaluation.paired(touched["label"], first, second, metric.name, touched["group"], resamples)
        found[name] = (int(hit.sum()), *share, *lost)
    columns = ["rows", *SHARE, "lost", "lost_low", "lost_high"]
    return Robustness(
        metric, pd.DataFrame.from_dict(found, orient="index", columns=columns).rename_axis("perturbation")
    )
