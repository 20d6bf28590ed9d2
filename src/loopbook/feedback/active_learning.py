"""Active learning: which items to have labelled next, beside a share drawn at random."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.data.features import Features
from loopbook.feedback.trust import Trust
from loopbook.scenario.errors import DataError
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.statistics import intervals
from loopbook.statistics.coin import coin
from loopbook.statistics.scores import logit, sigmoid

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


def vectors(frame: pd.DataFrame, features: Features) -> Floats:
    """Return a vector for each row, of length 1, in which alike rows are near each other: float [n, d].

    Words are hashed and weighed by how rare they are among these rows; numbers and categories are taken as the model
    sees them.
    """
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
    probability: ArrayLike,
    position: Floats,
    budget: int,
    *,
    threshold: float = 0.5,
    random_share: float = 0.2,
    disputed: Sequence[str] = (),
    seed: int = 1,
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
    probability
        The model's, float [n].
    position
        What `vectors` returned, float [n, d].
    budget
        How many items; fewer if the pool is smaller.
    threshold
        From which probability the agent acts.
    random_share
        Share of the budget that is drawn at random.
    disputed
        `row_id` of rows that users contradict each other about.
    seed
        Of the random share.

    Returns
    -------
    DataFrame
        `rank` (from 1), `row_id`, `why` (``random``, ``disputed`` or ``uncertain``), `probability`, `uncertainty`
        (bits), `distance` (to the nearest item chosen before; NaN for the first and for random ones).

    Raises
    ------
    DataError
        If the arguments are not of one length.

    References
    ----------
    Zhdanov (2019), Diverse mini-batch active learning (choosing a diverse batch among the most informative); the
    greedy choice by distance is that of Sener & Savarese (2018), Active learning for convolutional neural networks.
    """
    p = np.asarray(probability, dtype=np.float64)
    if not len(pool) == len(p) == len(position):
        raise DataError(f"{len(pool)} items, {len(p)} probabilities and {len(position)} vectors do not fit together.")
    ids = pool["row_id"].astype(str).to_numpy(dtype=object)
    doubt = uncertainty(p, threshold)
    budget = min(budget, len(pool))
    by_chance = np.argsort([coin(f"label {seed} {row}") for row in ids], kind="stable")[: round(budget * random_share)]
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
            "probability": p[order],
            "uncertainty": doubt[order],
            "distance": [np.nan] * (len(by_chance) + len(argued)) + distances,
        }
    )


def propose(
    decisions: pd.DataFrame, judged: Trust, features: Mapping[str, Any], settings: FeedbackSettings, threshold: float
) -> pd.DataFrame:
    """Return `select`'s choice among the decisions without an outcome and without a label that is taken as right.

    Parameters
    ----------
    decisions
        The decision log, without the rows whose outcome is known.
    judged
        What users say, weighed.
    features
        The artifact ``features``.
    settings
        Of the scenario's feedback: how many items, and the share of these that is drawn at random.
    threshold
        From which probability the agent acts.
    """
    accepted = judged.labels["accepted"]
    pool = decisions[~decisions["row_id"].isin(judged.labels.loc[accepted, "row_id"])]
    return select(
        pool,
        pool["probability"],
        vectors(pool, Features.model_validate(dict(features))),
        settings.label_budget,
        threshold=threshold,
        random_share=settings.random_share,
        disputed=judged.labels.loc[judged.labels["conflict"] & ~accepted, "row_id"].tolist(),
    )


def usefulness(chosen: pd.DataFrame, truth: Mapping[str, int], threshold: float = 0.5) -> pd.DataFrame:
    """Return how often the model would be corrected on the items chosen for each reason.

    Only where labels are known after all: in a simulation, or once people have given them.

    Returns
    -------
    DataFrame
        Indexed by `why`: `items`, `known`, `corrected` (share of known ones on the wrong side of the threshold), `low`,
        `high` (95% interval), `uncertainty` (mean, bits).
    """
    label = np.array([truth.get(row, -1) for row in chosen["row_id"]], dtype=np.int64)
    wrong = (chosen["probability"].to_numpy() >= threshold) != (label == 1)
    rows = []
    for why in (UNCERTAIN, DISPUTED, RANDOM):
        mine = (chosen["why"] == why).to_numpy(dtype=bool)
        known = mine & (label >= 0)
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
