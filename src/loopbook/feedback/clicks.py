"""Clicks as feedback, corrected for position: what they teach, and what another order of the same lists is worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions.paired_gains import Gain
from loopbook.feedback.gate import Ahead
from loopbook.feedback.learning_set import LearningSet
from loopbook.models.answers import Answers
from loopbook.monitoring import lists
from loopbook.scenario.task import Ranking, Task
from loopbook.statistics import bootstrap, examination, targets

VALUE = "clicks a list, relative"
"""What the gate chooses rankers by: corrected clicks of the logged lists, each in its own order."""

Asked = Callable[[pd.DataFrame], Answers]
_MOST = 0.95  # relevance that is believed of anything


def looked(rows: pd.DataFrame, task: Task) -> pd.DataFrame | None:
    """Return the examination of places as clicks on logged lists tell it; None where they do not.

    They do not where the task is no ranking, rows have no place, or nothing has stood at several places.
    """
    return examination.known(rows) if isinstance(task, Ranking) else None


def corrected(rows: pd.DataFrame, probability: ArrayLike, table: pd.DataFrame) -> pd.DataFrame:
    r"""Return rows whose weight is how probable it is that they were looked at (`examination.posterior`).

    So a place that is rarely looked at hardly speaks against an item that was not clicked there, and what is learned is
    relevance, whoever made the lists. It is the first step of EM from what the champion believes, set so that its mean
    is the relevance that clicks and examination tell together, :math:`\bar r = \sum c / \sum \theta`.

    Parameters
    ----------
    rows
        With `place`, `label` and `weight`; those without a place stay as they are.
    probability
        The champion's, of each row.
    table
        As `looked` returns it.
    """
    placed = (rows["place"].notna() & rows["label"].notna()).to_numpy()
    theta = examination.at(table, rows["place"].fillna(1))
    click = targets.numbers(rows["label"].fillna(0))
    believed = np.asarray(probability, dtype=np.float64)
    mean = click[placed].sum() / max(theta[placed].sum(), 1e-9)
    relevance = np.clip(believed * mean / max(believed[placed].mean(), 1e-9), 0.0, _MOST)
    share = np.where(placed, examination.posterior(theta, relevance, click), 1.0)
    return rows.assign(weight=(rows["weight"].to_numpy(np.float64) * share).astype("float32"))


def taught(
    learned: LearningSet, validation: pd.DataFrame, said: Sequence[ArrayLike], table: pd.DataFrame
) -> tuple[LearningSet, pd.DataFrame]:
    """Return what a challenger learns from, corrected; `said` are the champion's probabilities of both."""
    own, held = (corrected(rows, p, table) for rows, p in zip((learned.train, validation), said, strict=True))
    return replace(learned, train=own), held


def value(rows: pd.DataFrame, score: ArrayLike, table: pd.DataFrame) -> "pd.Series[float]":
    r"""Return the clicks that each logged list would have got in the order of a score: index ``shown``.

    A click on what stood at place :math:`k` counts :math:`\theta_{k'} / \theta_k` where the score puts it at
    :math:`k'`: unbiased under the position-based model, for the items of a list stay the same.

    Parameters
    ----------
    rows
        As `lists.of` returns them.
    score
        Of each row; equal ones stand as they stood.

    References
    ----------
    Joachims, Swaminathan & Schnabel (2017), Unbiased learning-to-rank with biased feedback.
    """
    stood = rows.assign(score=np.asarray(score, dtype=np.float64)).sort_values(["shown", "place"], kind="stable")
    own = stood.sort_values(["shown", "score"], ascending=[True, False], kind="stable")
    moved = examination.at(table, stood["place"]) / examination.at(table, own["place"])
    return pd.Series(targets.numbers(own["label"]) * moved, own.index).groupby(own["shown"]).sum()


def gain(
    rows: pd.DataFrame, old: ArrayLike, new: ArrayLike, table: pd.DataFrame, resamples: int = 1_000, seed: int = 0
) -> Gain:
    """Return how much more a new order of logged lists is worth than an old one, as a share of the old one's value.

    Parameters
    ----------
    rows
        With `shown`, `place`, `label` and `group`; resamples draw whole groups. Those without a place do not count.
    old, new
        Scores of each row by champion and challenger.
    table
        As `looked` returns it.
    """
    number = np.arange(len(rows))
    own = lists.of(rows.assign(number=number))
    if not len(own):
        return Gain(*[float("nan")] * 5)
    scores = (np.asarray(score, dtype=np.float64)[own["number"]] for score in (old, new))
    before, after = (value(own, score, table) for score in scores)
    groups = own.groupby("shown")["group"].first().to_numpy()
    base = float(before.mean())
    share = np.asarray(after - before, dtype=np.float64) / max(base, 1e-9)
    found = bootstrap.mean(share, groups, resamples, seed)
    return Gain(base, float(after.mean()), *found)


def judges(
    parts: Mapping[str, pd.DataFrame], old: Asked, new: Asked, table: pd.DataFrame
) -> tuple[Asked, Asked, Ahead]:
    """Return two rankers as the gate is to hear them, and what it chooses by (`VALUE`).

    Metrics and costs are taken over clicks as they were logged. A model that speaks of relevance, as one does that has
    learned from corrected clicks, is therefore heard as relevance times examination of the place where a row stood.
    """
    rows = pd.concat(parts.values(), ignore_index=True)
    said = [model(rows) for model in (old, new)]
    first, second = (targets.of_yes(each.probability) for each in said)
    heard = [as_shown(each, rows, table) for each in said]

    def ahead(mask: NDArray[np.bool_]) -> dict[str, Gain]:
        return {VALUE: gain(rows[mask], first[mask], second[mask], table)}

    return lambda _: heard[0], lambda _: heard[1], ahead


def as_shown(said: Answers, rows: pd.DataFrame, table: pd.DataFrame) -> Answers:
    """Return answers as probabilities of a click where each row stood; as they are if they speak of that already.

    They do if their mean is nearer to the share of clicks without the examination than with it.
    """
    theta = np.where(rows["place"].notna(), examination.at(table, rows["place"].fillna(1)), 1.0)
    relevance, clicked = targets.of_yes(said.probability), float(targets.numbers(rows["label"]).mean())
    if abs(float((theta * relevance).mean()) - clicked) >= abs(float(relevance.mean()) - clicked):
        return said
    return replace(said, probability=targets.by_class(theta * relevance))
