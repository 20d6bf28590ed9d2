"""Two models on the same rows: how much better one is, with paired intervals and a permutation test."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import costs as money
from loopbook.models import seen_rows
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Number, Task
from loopbook.statistics import bootstrap, evaluation, metrics, targets
from loopbook.statistics.metrics import Metric

COST = "cost a decision"
"""The measure of a comparison that is no metric of the model."""

_LOSS = {"number": "pinball"}  # by type of task; of classes it is log loss
_ORDER = ("roc_auc",)  # metrics of the order of scores alone
_AT_ONCE = 100  # of permutations

Floats = NDArray[np.float64]


class Gain(NamedTuple):
    """What both reach on one measure, and how much better the challenger is (above 0), with its 95% interval."""

    champion: float
    challenger: float
    gain: float
    low: float
    high: float


def measured(task: Task) -> tuple[Metric, Metric]:
    """Return the metrics of a comparison besides the cost: the task's primary one, and a loss of its probabilities."""
    return metrics.primary(task.type), metrics.METRICS[_LOSS.get(task.type, "log_loss")]


def asked(model: Any, rows: pd.DataFrame, task: Task, who: str = "the model", fresh: bool = True) -> Answers:
    """Return a model's answers on rows that it has not learned from, with columns of the rows' classes.

    Parameters
    ----------
    model
        As `serving.load` returns it.
    rows, who, fresh
        As in `seen_rows.answer`.

    Returns
    -------
    Answers
        The columns in the order of the rows' classes, 0 for one that the model does not know: so models with different
        lists of classes stand side by side.
    """
    said, names = seen_rows.answer(model, rows, who=who, fresh=fresh), targets.classes(rows["label"], task)
    return said if said.probability.shape[1] == len(names) == 2 else said.aligned(names)


def judged(model: Any, rows: pd.DataFrame, task: Task, who: str = "the model", fresh: bool = True) -> Floats:
    """Return what metrics judge of `asked`: float64 [n, k], of a number quantiles, [n, q]."""
    return asked(model, rows, task, who, fresh).judged


def further(
    rows: pd.DataFrame, champion: Answers, challenger: Answers, *, resamples: int = 1_000, seed: int = 0
) -> dict[str, Gain]:
    """Compare two models' further outputs, each on the rows where it is known, by its name and the primary metric.

    NaN where it is known of no row. Parameters are those of `gains`.
    """
    found = {}
    metric = metrics.primary("multiclass")
    for name in champion.also.keys() & challenger.also.keys():
        label = rows[f"label_{name}"]
        known, classes = label.notna().to_numpy(), tuple(label.cat.categories)
        old, new = (
            targets.narrow(targets.aligned(p[known], names, classes))
            for names, p in (champion.also[name], challenger.also[name])
        )
        found[f"{name}: {metric.title}"] = _gain(metric, label[known], old, new, rows["group"][known], resamples, seed)
    return dict(sorted(found.items()))


def _gain(
    metric: Metric, label: ArrayLike, old: Floats, new: Floats, groups: ArrayLike, resamples: int, seed: int
) -> Gain:
    if not len(old):
        return Gain(*[float("nan")] * 5)
    before, after = (metrics.score(metric.name, label, each) for each in (old, new))
    return Gain(before, after, *evaluation.paired(label, new, old, metric.name, groups, resamples, seed))


def gains(
    rows: pd.DataFrame,
    champion: ArrayLike,
    challenger: ArrayLike,
    task: Task,
    costs: Costs,
    *,
    resamples: int = 1_000,
    seed: int = 0,
) -> dict[str, Gain]:
    """Compare two models on the same rows.

    Parameters
    ----------
    rows
        With `label` and `group`; resamples draw whole groups.
    champion, challenger
        As `judged` returns them; of two classes also the probability of yes, float [n].
    task
        Its type says which metrics there are.
    costs
        What each action costs; each model takes the cheapest expected one, as if its probabilities were calibrated.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    dict
        By measure: the titles of `measured`, and `COST`. All NaN if there are no rows; NaN where a class is missing.
    """
    both = measured(task)
    if not len(rows):
        return dict.fromkeys((*(metric.title for metric in both), COST), Gain(*[float("nan")] * 5))
    label, groups = targets.numbers(rows["label"]), rows["group"].to_numpy()
    old, new = (targets.narrow(each) for each in (champion, challenger))
    found: dict[str, Gain] = {}
    for metric in both:
        found[metric.title] = _gain(metric, label, old, new, groups, resamples, seed)
    prices = money.of(costs, task, targets.classes(rows["label"], task))
    truth = prices.truth(rows["label"], task)
    spent = [prices.realised(cheapest(prices, each, task), truth) for each in (old, new)]
    gain = bootstrap.mean(spent[0] - spent[1], groups, resamples, seed)
    found[COST] = Gain(float(spent[0].mean()), float(spent[1].mean()), *gain)
    return found


def cheapest(prices: money.CostMatrix, said: Floats, task: Task) -> NDArray[np.int64]:
    """Return the action that is cheapest by a model's answers, int64 [n]."""
    if isinstance(task, Number) and not prices.functions:
        band = np.searchsorted(task.label.limits, said, side="left")
        said = np.stack([(band == code).mean(axis=1) for code in range(len(prices.classes))], axis=1)
    return prices.cheapest(said)


def permutation(
    label: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: ArrayLike | None = None,
    draws: int = 1_000,
    seed: int = 0,
    metric: str = "roc_auc",
) -> float:
    """Return the two-sided p-value that two models are equal: how often swapping them moves the metric as much.

    For metrics of the order alone scores become ranks first, because the two models' scores need not be on one scale.
    Rows of a group are swapped together. NaN if the metric cannot be computed, as where a class is missing.

    References
    ----------
    Venkatraman & Begg (1996), A distribution-free procedure for comparing receiver operating characteristic curves from
    a paired experiment: permuted ranks; here with the difference of the metric as statistic.
    """
    from scipy.stats import rankdata

    y, first, second = targets.numbers(label), targets.narrow(a), targets.narrow(b)
    if not len(y):
        return float("nan")
    if metric in _ORDER:
        first, second = rankdata(first), rankdata(second)
    members = np.arange(len(y)) if groups is None else pd.factorize(np.asarray(groups))[0]
    score, random = metrics.computed(metric), np.random.default_rng(seed)
    twice, answers = np.concatenate([y, y]), np.concatenate([first, second])

    def apart(swapped: NDArray[np.bool_]) -> Floats:
        """Of every row the answer of one model counts, and in the other score that of the other."""
        weight = np.hstack([~swapped, swapped]).astype(np.float64)
        return np.asarray(np.abs(score(twice, answers, 0.5, weight) - score(twice, answers, 0.5, 1 - weight)))

    (seen,) = apart(np.zeros((1, len(y)), dtype=bool))
    if np.isnan(seen):
        return float("nan")
    as_much = 0
    for start in range(0, draws, _AT_ONCE):
        drawn = random.random((min(_AT_ONCE, draws - start), int(members.max()) + 1)) < 0.5
        as_much += int((apart(drawn[:, members]) >= seen - 1e-12).sum())
    return (1 + as_much) / (1 + draws)
