"""Active learning: which items to have labelled next, beside a share drawn at random."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.data.features import Features
from loopbook.decisions import costs
from loopbook.decisions.costs import CostMatrix
from loopbook.feedback import complaint
from loopbook.feedback.trust import Trust
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.statistics import intervals, targets
from loopbook.statistics.coin import coin
from loopbook.statistics.scores import logit, sigmoid
from loopbook.store.stage import Stage

RANDOM, DISPUTED, UNCERTAIN = "random", "disputed", "uncertain"
"""Why an item is proposed."""

_OVERSAMPLE = 10  # of how many times as many of the most uncertain items a diverse set is chosen
_DISPUTED_SHARE = 0.25
_WIDTH = 256  # places into which the words of a text are hashed

Floats = NDArray[np.float64]


def uncertainty(probability: ArrayLike, threshold: float = 0.5) -> Floats:
    """Return how unsure the decision is, in bits: float [n], 1 at the threshold, 0 far from it.

    It is the entropy of the probability after its log odds were moved so that the threshold is in the middle: what
    matters is whether the decision could turn, not whether the probability is near one half. For two classes, entropy
    and margin order items alike.

    References
    ----------
    Lewis & Gale (1994), A sequential algorithm for training text classifiers; Settles (2009), Active learning
    literature survey, section 3.1.
    """
    edge = min(max(threshold, 1e-6), 1 - 1e-6)
    p = np.clip(sigmoid(logit(probability) - logit(edge)), 1e-12, 1 - 1e-12)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), dtype=np.float64)


def ignorance(probability: Floats, prices: CostMatrix) -> Floats:
    """Return what not knowing the label is expected to cost, as a share of the most that it does here: float [n].

    It is the gap between the least expected cost and the expected least cost, the expected value of perfect
    information: 0 where no class would change the decision. With equal costs of mistakes it is one less the greatest
    probability. Of a number, the classes are its bands, so that a wide distribution counts where a limit lies in it;
    where costs are functions of the number, it is the entropy of the bands.

    Parameters
    ----------
    probability
        Float [n, k].
    prices
        What each action costs by class.

    References
    ----------
    Howard (1966), Information value theory; for choosing labels, Kapoor, Horvitz & Basu (2007), Selective supervision.
    """
    p = np.asarray(probability, dtype=np.float64)
    if prices.functions:
        lost = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1)
    else:
        lost = (p @ prices.cost.T).min(axis=1) - p @ prices.cost.min(axis=0)
    most = float(lost.max(initial=0.0))
    return np.asarray(np.maximum(lost, 0.0) / most if most > 0 else np.zeros(len(p)), dtype=np.float64)


def vectors(frame: pd.DataFrame, features: Features) -> Floats:
    """Return a vector for each row, of length 1, in which alike rows are near each other: float [n, d].

    Words are hashed and weighed by how rare they are among these rows; numbers and categories are taken as the model
    sees them.
    """
    if not len(frame):
        return np.zeros((0, 1))
    parts: list[Floats] = []
    if features.texts:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        hashed = HashingVectorizer(analyzer=lambda tokens: tokens, n_features=_WIDTH, norm=None)
        parts.append(
            _unit(TfidfTransformer().fit_transform(np.abs(hashed.transform(features.token_lists(frame)))).toarray())
        )
    if features.width:
        parts.append(_unit(features.table(frame).astype(np.float64)))
    return _unit(np.hstack(parts))


def select(
    pool: pd.DataFrame,
    doubt: Floats,
    position: Floats,
    budget: int,
    *,
    random_share: float = 0.2,
    disputed: Sequence[str] = (),
) -> pd.DataFrame:
    """Choose the items whose label would be most useful.

    First a share at random, by a hash of `row_id`, so that it stands for the whole pool: what the chosen others teach
    can only be judged beside it. Then up to a quarter of items that users dispute. The rest is chosen among the most
    uncertain, one after the other, each time the one with the largest product of uncertainty and distance to the
    nearest one chosen before: a hundred copies of one doubt are one question.

    Parameters
    ----------
    pool
        Rows without a known label, with `row_id`.
    doubt
        How unsure each decision is, from 0 to 1: `uncertainty` or `ignorance`, float [n].
    position
        What `vectors` returned, float [n, d].
    budget
        How many items; fewer if the pool is smaller.
    random_share
        Share of the budget that is drawn at random.
    disputed
        `row_id` of rows that users contradict each other about.

    Returns
    -------
    DataFrame
        `rank` (from 1), `row_id`, `why` (``random``, ``disputed`` or ``uncertain``), `uncertainty` (the doubt),
        `distance` (to the nearest item chosen before; NaN for the first and for random ones).

    Raises
    ------
    DataError
        If the arguments are not of one length.

    References
    ----------
    Zhdanov (2019), Diverse mini-batch active learning (choosing a diverse batch among the most informative); the
    greedy choice by distance is that of Sener & Savarese (2018), Active learning for convolutional neural networks.
    """
    if not len(pool) == len(doubt) == len(position):
        raise DataError(f"{len(pool)} items, {len(doubt)} doubts and {len(position)} vectors do not fit together.")
    ids = pool["row_id"].astype(str).to_numpy(dtype=object)
    budget = min(budget, len(pool))
    by_chance = np.argsort([coin(f"label 1 {row}") for row in ids], kind="stable")[: round(budget * random_share)]
    taken = np.zeros(len(pool), dtype=bool)
    taken[by_chance] = True
    argued = np.flatnonzero(np.isin(ids, list(disputed)) & ~taken)
    argued = argued[np.argsort(-doubt[argued], kind="stable")][: int(budget * _DISPUTED_SHARE)]
    argued = argued[: budget - len(by_chance)]
    taken[argued] = True
    unsure, distances = _diverse(doubt, position, ~taken, budget - int(taken.sum()))
    order = np.concatenate([by_chance, argued, unsure]).astype(np.int64)
    why = [RANDOM] * len(by_chance) + [DISPUTED] * len(argued) + [UNCERTAIN] * len(unsure)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "row_id": pd.Series(ids[order], dtype="str"),
            "why": pd.Series(why, dtype="str"),
            "uncertainty": doubt[order],
            "distance": [np.nan] * (len(by_chance) + len(argued)) + distances,
        }
    )


def doubt(pool: pd.DataFrame, scores: pd.DataFrame, scenario: Scenario, threshold: float | None) -> Floats:
    """Return how unsure each decision is, float [n]: of two actions for two classes `uncertainty`, else `ignorance`.

    Parameters
    ----------
    pool
        Rows of the decision log.
    scores
        The artifact ``scores``: `row_id`, and the probability of each class in a column of its name.
    threshold
        Of two classes: from which probability of yes the agent acts.
    """
    prices = costs.of(scenario.decisions.costs, scenario.task, targets.classes(pool["label"], scenario.task))
    if prices.two and threshold is not None:
        return uncertainty(pool["probability"], threshold)
    columns = [name for name in scores.columns if name != "row_id"]
    rows = scores.set_index(scores["row_id"].astype(str))[columns].reindex(pool["row_id"].astype(str))
    return ignorance(targets.aligned(rows.to_numpy(np.float64), tuple(columns), prices.classes), prices)


def propose(
    stage: Stage, pool: pd.DataFrame, judged: Trust, features: Mapping[str, Any], doubts: Floats
) -> pd.DataFrame:
    """Return `select`'s choice among the decisions without an outcome and without a label that is taken as right.

    Parameters
    ----------
    stage
        Its settings say how many items, and the share of these that is drawn at random.
    pool
        The decision log, without the rows whose outcome is known.
    judged
        What users say, weighed.
    features
        The artifact ``features``.
    doubts
        What `doubt` returned for the pool.
    """
    accepted = judged.labels["accepted"]
    free = ~pool["row_id"].isin(judged.labels.loc[accepted, "row_id"]).to_numpy(dtype=bool)
    return select(
        pool[free],
        doubts[free],
        vectors(pool[free], Features.model_validate(dict(features))),
        stage.settings.label_budget,
        random_share=stage.settings.random_share,
        disputed=judged.labels.loc[judged.labels["conflict"] & ~accepted, "row_id"].tolist(),
    )


def usefulness(
    chosen: pd.DataFrame, truth: Mapping[str, Any], decisions: pd.DataFrame, scenario: Scenario
) -> pd.DataFrame:
    """Return how often the agent would be corrected on the items chosen for each reason.

    Only where labels are known after all: in a simulation, or once people have given them.

    Returns
    -------
    DataFrame
        Indexed by `why`: `items`, `known`, `corrected` (share of known ones for which another action would have been
        right), `low`, `high` (95% interval), `uncertainty` (mean).
    """
    log = decisions.set_index(decisions["row_id"].astype(str)).reindex(chosen["row_id"].astype(str))
    label = pd.Series([truth.get(row) for row in log.index], index=log.index, dtype=decisions["label"].dtype)
    settled = label.notna().to_numpy(dtype=bool)
    wrong = np.zeros(len(log), dtype=bool)
    wrong[settled] = complaint.kinds(log[settled], label[settled], scenario) != complaint.RIGHT
    rows = []
    for why in (UNCERTAIN, DISPUTED, RANDOM):
        mine = (chosen["why"] == why).to_numpy(dtype=bool)
        known = mine & settled
        if not mine.any():
            continue
        share = intervals.wilson(float(wrong[known].mean()) if known.any() else np.nan, int(known.sum()))
        rows.append((why, int(mine.sum()), int(known.sum()), *share, float(chosen["uncertainty"][mine].mean())))
    names = ["why", "items", "known", "corrected", "low", "high", "uncertainty"]
    return pd.DataFrame(rows, columns=names).set_index("why")


def _diverse(
    doubt: Floats, position: Floats, free: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.int64], list[float]]:
    """Choose `count` of the free rows greedily by doubt times distance; return them and their distances."""
    candidates = np.flatnonzero(free)
    candidates = candidates[np.argsort(-doubt[candidates], kind="stable")][: _OVERSAMPLE * count]
    chosen: list[int] = []
    distances: list[float] = []
    nearest = np.full(len(candidates), np.inf)
    left = np.ones(len(candidates), dtype=bool)
    for _ in range(min(count, len(candidates))):
        reach = np.where(np.isinf(nearest), 1.0, nearest)
        # Copies of what is chosen come last, in the order of their doubt.
        at = int(np.argmax(np.where(left, doubt[candidates] * (reach + 1e-6), -1.0)))
        left[at] = False
        chosen.append(int(candidates[at]))
        distances.append(float(nearest[at]) if np.isfinite(nearest[at]) else np.nan)
        squared = 2 - 2 * position[candidates] @ position[candidates[at]]
        nearest = np.minimum(nearest, np.sqrt(np.maximum(squared, 0.0)))
    return np.array(chosen, dtype=np.int64), distances


def _unit(rows: Floats) -> Floats:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0), dtype=np.float64)
