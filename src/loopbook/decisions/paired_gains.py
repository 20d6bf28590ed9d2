"""Two models on the same rows: how much better one is, with paired intervals and a permutation test."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import costs as money
from loopbook.scenario.decisions import Costs
from loopbook.statistics import bootstrap, evaluation, metrics

MEASURED = (metrics.primary(), metrics.METRICS["log_loss"])
PRIMARY, LOSS, COST = *(metric.title for metric in MEASURED), "cost a decision"
"""The measures of a comparison."""

Floats = NDArray[np.float64]


class Gain(NamedTuple):
    """What both reach on one measure, and how much better the challenger is (above 0), with its 95% interval."""

    champion: float
    challenger: float
    gain: float
    low: float
    high: float


def gains(
    rows: pd.DataFrame, champion: Floats, challenger: Floats, costs: Costs, *, resamples: int = 1_000, seed: int = 0
) -> dict[str, Gain]:
    """Compare two models on the same rows.

    Parameters
    ----------
    rows
        With `label` and `group`; resamples draw whole groups.
    champion, challenger
        Probabilities, float [n].
    costs
        The cost matrix; each model acts from the threshold that is right for calibrated probabilities.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    dict
        By measure: `PRIMARY`, `LOSS` and `COST`. All NaN if there are no rows; NaN where a class is missing.
    """
    if not len(rows):
        return dict.fromkeys((PRIMARY, LOSS, COST), Gain(*[float("nan")] * 5))
    label, groups = rows["label"].to_numpy(dtype=np.int64), rows["group"].to_numpy()
    found: dict[str, Gain] = {}
    for metric in MEASURED:
        old, new = (metrics.score(metric.name, label, probability) for probability in (champion, challenger))
        better = evaluation.paired(label, challenger, champion, metric.name, groups, resamples, seed)
        found[metric.title] = Gain(old, new, *better)
    edge = money.threshold(costs)
    spent = [money.realised(costs, p >= edge, label) for p in (champion, challenger)]
    gain = bootstrap.mean(spent[0] - spent[1], groups, resamples, seed)
    found[COST] = Gain(float(spent[0].mean()), float(spent[1].mean()), *gain)
    return found


def permutation(
    label: ArrayLike, a: ArrayLike, b: ArrayLike, groups: ArrayLike | None = None, draws: int = 1_000, seed: int = 0
) -> float:
    """Return the two-sided p-value that two models rank alike: how often swapping them at random moves AUC as much.

    Scores become ranks first, because the two models' scores need not be on one scale. Rows of a group are swapped
    together. NaN if a class is missing.

    References
    ----------
    Venkatraman & Begg (1996), A distribution-free procedure for comparing receiver operating characteristic curves from
    a paired experiment: permuted ranks; here with the difference of the areas as statistic.
    """
    from scipy.stats import rankdata

    yes = np.asarray(label) == 1
    positive, negative = int(yes.sum()), int((~yes).sum())
    if not positive or not negative:
        return float("nan")
    first, second = (rankdata(np.asarray(score, dtype=np.float64)) for score in (a, b))
    members = np.arange(len(yes)) if groups is None else pd.factorize(np.asarray(groups))[0]
    random = np.random.default_rng(seed)

    def apart(one: Floats, other: Floats) -> float:
        sums = rankdata(one)[yes].sum() - rankdata(other)[yes].sum()
        return abs(float(sums)) / (positive * negative)

    seen = apart(first, second)
    as_much = 0
    for _ in range(draws):
        swap = (random.random(int(members.max()) + 1) < 0.5)[members]
        as_much += apart(np.where(swap, second, first), np.where(swap, first, second)) >= seen - 1e-12
    return (1 + as_much) / (1 + draws)
