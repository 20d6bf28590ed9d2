"""Active learning: which items to have labelled next, beside a share drawn at random."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.decisions import costs
from loopbook.feedback import acquisition, complaint, diversity
from loopbook.feedback.trust import Trust
from loopbook.models import posterior
from loopbook.models.model import Model
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.feedback import Strategy
from loopbook.statistics import intervals, targets
from loopbook.statistics.coin import coin
from loopbook.store.stage import Stage

RANDOM, WAITING, DISPUTED, UNCERTAIN = "random", "waiting", "disputed", "uncertain"
"""Why an item is proposed."""

_DISPUTED_SHARE = 0.25

Floats = NDArray[np.float64]


def order(
    pool: pd.DataFrame,
    doubt: Floats,
    position: Floats | None = None,
    budget: int | None = None,
    *,
    strategy: Strategy = "cost",
    random_share: float = 0.2,
    waiting: Collection[str] = (),
    disputed: Collection[str] = (),
) -> pd.DataFrame:
    """Return the items to label, the most useful first, with a share drawn at random evenly among them.

    The random share is drawn by a hash of `row_id` from the whole pool, whatever the model says, so that it stands for
    the pool: what the others teach can only be judged beside it. Between its items come those for which a person is
    waited, then up to a quarter that users dispute, then the most useful, unlike each other (`diversity.greedy`).

    Parameters
    ----------
    pool
        Items without a known label: `row_id`.
    doubt
        How useful each label would be, from 0 to 1 [n]: of `acquisition`. It is not looked at by the strategies
        ``random`` and ``diversity``.
    position
        Vectors of length 1 (`diversity.vectors`) [n, d]; None: nothing is known of which items are alike.
    budget
        How many items; None: all.
    strategy
        ``feedback.strategy``. With ``random`` all are drawn at random but those waited for and disputed.
    random_share
        Share that is drawn at random.
    waiting, disputed
        `row_id` of items for which a person is waited, and of those that users contradict each other about.

    Returns
    -------
    DataFrame
        `rank` (from 1), `row_id`, `why` (``random``, ``waiting``, ``disputed`` or ``uncertain``), `uncertainty` (the
        doubt), `distance` (to the nearest item chosen before; NaN where it was not asked for).

    Raises
    ------
    DataError
        If the arguments are not of one length.
    """
    if len(pool) != len(doubt) or (position is not None and len(position) != len(pool)):
        vectors = "none" if position is None else len(position)
        raise DataError(f"{len(pool)} items, {len(doubt)} doubts and {vectors} vectors do not fit together.")
    ids = pool["row_id"].astype(str).to_numpy(dtype=object)
    budget = len(pool) if budget is None else min(budget, len(pool))
    by_chance = np.argsort([coin(f"label 1 {row}") for row in ids], kind="stable").astype(np.int64)
    drawn = by_chance[: round(budget * random_share)]
    free = np.ones(len(pool), dtype=bool)
    free[drawn] = False
    chosen: list[tuple[str, int, float]] = []

    def take(why: str, places: NDArray[np.int64], distances: list[float] | None = None) -> None:
        places = places[: budget - len(drawn) - len(chosen)]
        free[places] = False
        chosen.extend(zip([why] * len(places), places.tolist(), distances or [np.nan] * len(places), strict=False))

    for why, named, most in ((WAITING, waiting, budget), (DISPUTED, disputed, int(budget * _DISPUTED_SHARE))):
        places = np.flatnonzero(np.isin(ids, list(named)) & free)
        take(why, places[np.argsort(-doubt[places], kind="stable")][:most])
    rest = budget - len(drawn) - len(chosen)
    if strategy == "random":
        take(RANDOM, by_chance[free[by_chance]])
    elif strategy != "diversity" and position is None:
        places = np.flatnonzero(free)
        take(UNCERTAIN, places[np.argsort(-doubt[places], kind="stable")])
    else:
        useful = np.ones(len(pool)) if strategy == "diversity" else doubt
        flat = np.ones((len(pool), 1)) if position is None else position
        take(UNCERTAIN, *diversity.greedy(useful, flat, free, rest))
    return _table(ids, doubt, [(RANDOM, int(place), np.nan) for place in drawn], chosen)


def _table(
    ids: NDArray[Any],
    doubt: Floats,
    drawn: list[tuple[str, int, float]],
    chosen: list[tuple[str, int, float]],
) -> pd.DataFrame:
    """Return both kinds of items as one table, the drawn ones evenly among the chosen."""
    many = len(drawn) + len(chosen)
    due = np.diff(np.arange(many + 1) * len(drawn) // max(1, many)).astype(bool)
    sources = iter(drawn), iter(chosen)
    found = [next(sources[0] if at_random else sources[1]) for at_random in due]
    places = np.array([place for _, place, _ in found], dtype=np.int64)
    return pd.DataFrame(
        {
            "rank": np.arange(1, many + 1),
            "row_id": pd.Series(ids[places], dtype="str"),
            "why": pd.Series([why for why, _, _ in found], dtype="str"),
            "uncertainty": doubt[places],
            "distance": np.array([distance for _, _, distance in found], dtype=np.float64),
        }
    )


def doubt(
    pool: pd.DataFrame,
    scores: pd.DataFrame,
    scenario: Scenario,
    threshold: float | None,
    strategy: Strategy = "cost",
    drawn: Callable[[], Floats] | None = None,
) -> Floats:
    """Return how useful each label would be by a strategy, float [n], 0 to 1.

    By cost, of two actions for two classes it is how unsure the decision is (`acquisition.uncertainty`), else what
    knowing the label saves (`acquisition.ignorance`).

    Parameters
    ----------
    pool
        Rows of the decision log.
    scores
        The artifact ``scores``: `row_id`, and the probability of each class in a column of its name.
    threshold
        Of two classes: from which probability of yes the agent acts.
    strategy
        ``feedback.strategy``.
    drawn
        Gives what plausible models say of the pool [s, n, k], for ``bald``.
    """
    if strategy == "bald":
        if drawn is None:
            raise ScenarioError("feedback.strategy is 'bald', but nothing draws plausible models here.")
        return acquisition.bald(drawn())
    prices = costs.of(scenario.decisions.costs, scenario.task, targets.classes(pool["label"], scenario.task))
    if strategy == "cost" and prices.two and threshold is not None:
        return acquisition.uncertainty(pool["probability"], threshold)
    columns = [name for name in scores.columns if name != "row_id"]
    rows = scores.set_index(scores["row_id"].astype(str))[columns].reindex(pool["row_id"].astype(str))
    p = targets.aligned(rows.to_numpy(np.float64), tuple(columns), prices.classes)
    if strategy == "cost":
        return acquisition.ignorance(p, prices)
    return acquisition.margin(p) if strategy == "margin" else acquisition.entropy(p)


def doubts(
    stage: Stage, pool: pd.DataFrame, scores: pd.DataFrame, rows: pd.DataFrame, threshold: float | None
) -> Floats:
    """Return `doubt` of the pool by the stage's strategy.

    Parameters
    ----------
    stage
        Of notebook 07.
    pool
        The decision log, without the rows whose outcome is known.
    rows
        What was decided on; of ``bald`` the champion is asked about it again.
    scores, threshold
        As of `doubt`.
    """

    def drawn() -> Floats:
        own = rows.set_index(rows["row_id"].astype(str)).loc[pool["row_id"].astype(str).to_list()]
        return posterior.samples(Model.load(stage.read("champion") / "model"), own)

    return doubt(pool, scores, stage.scenario, threshold, stage.settings.strategy, drawn)


def propose(
    stage: Stage, pool: pd.DataFrame, judged: Trust, features: Mapping[str, Any], doubts: Floats
) -> pd.DataFrame:
    """Return the first of `order` among the decisions without an outcome and without a label that is taken as right.

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
        What `doubts` returned for the pool.
    """
    accepted = judged.labels["accepted"]
    free = ~pool["row_id"].isin(judged.labels.loc[accepted, "row_id"]).to_numpy(dtype=bool)
    return order(
        pool[free],
        doubts[free],
        diversity.vectors(pool[free], Features.model_validate(dict(features))),
        stage.settings.label_budget,
        strategy=stage.settings.strategy,
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
