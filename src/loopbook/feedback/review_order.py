"""Order of review: what waits for a person, then what teaches most; shares drawn at random and of known truth.

Which item comes next is decided by stable hashes of its id and of who is asked, so that nobody can choose what to
answer about, and every worker would give the same answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopbook.decisions import costs
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.rules import REVIEW
from loopbook.feedback import acquisition, reviewing
from loopbook.feedback.reviewing import ASKED, KNOWN, OPEN, RANDOM, SECOND, THIRD, USEFUL, Review
from loopbook.scenario.contract import Scenario
from loopbook.statistics.coin import coin

_FIRST = {ASKED: 0, THIRD: 1, SECOND: 2}


@dataclass(frozen=True)
class Shares:
    """Shares of what is shown: of known truth, drawn at random; and of items about which two are asked."""

    known: float
    random: float
    twice: float


@dataclass(frozen=True, eq=False)
class Pool:
    """Decisions that can be reviewed.

    Attributes
    ----------
    items
        By id, in the order of time.
    order
        Their ids, the most useful first.
    known
        The true class of items whose truth is known, by id: they teach nothing, but tell how good reviewers are.
    """

    items: Mapping[str, Stored]
    order: Sequence[str]
    known: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, scenario: Scenario, decisions: Sequence[Stored], known: Mapping[str, str]) -> "Pool":
        """Return decisions, ordered by how much their label is expected to teach; or, if so set, at random."""
        doubts = doubt(scenario, [stored.facts for stored in decisions])
        if scenario.feedback.strategy == "random":
            doubts = np.array([coin(f"order {stored.id}") for stored in decisions])
        order = [decisions[at].id for at in np.argsort(-doubts, kind="stable")]
        return cls({stored.id: stored for stored in decisions}, order, known)


def doubt(scenario: Scenario, facts: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return how useful each label would be by ``feedback.strategy``, float [n].

    By cost, of two classes and a threshold it is the `acquisition.uncertainty` at that threshold, else `ignorance`. A
    service holds neither networks to draw from nor vectors: where the strategy is ``bald`` or ``diversity``, the queue
    is ordered by cost.
    """
    names = tuple(dict.fromkeys(name for told in facts for name in (*scenario.task.label.classes, *told["scores"])))
    if not facts:
        return np.zeros(0)
    prices = costs.of(scenario.decisions.costs, scenario.task, names)
    scores = np.array([[told["scores"].get(name, 0.0) for name in prices.classes] for told in facts])
    if scenario.feedback.strategy in ("margin", "uncertainty"):
        return (acquisition.margin if scenario.feedback.strategy == "margin" else acquisition.entropy)(scores)
    found = acquisition.ignorance(scores, prices)
    thresholds = np.array([told.get("threshold") if prices.two else None for told in facts], dtype=np.float64)
    for threshold in np.unique(thresholds[~np.isnan(thresholds)]):
        mine = thresholds == threshold
        found[mine] = acquisition.uncertainty(scores[mine, 1], threshold)
    return found


def candidates(
    pool: Pool, reviews: Mapping[str, Sequence[Review]], reviewer: str, shares: Shares
) -> Iterator[tuple[str, str]]:
    """Yield what a reviewer could look at next, the first first, with why it would be shown.

    Parameters
    ----------
    pool
        What there is.
    reviews
        What was said and stands, by decision.
    reviewer
        Who is asked; never again about what they have answered or skipped.
    shares
        Of what is shown.
    """
    own = _answered(reviews, reviewer)
    reasons = waiting(pool, reviews, reviewer, shares)
    drawn = coin(f"review share {reviewer} {len(own)}")
    if drawn < shares.known:
        known = (id for id in pool.known if id in pool.items and id not in own)
        yield from ((id, KNOWN) for id in sorted(known, key=lambda id: coin(f"known {reviewer} {id}")))
    elif drawn < shares.known + shares.random:
        by_chance = (id for id in reasons if reasons[id] in (USEFUL, ASKED))
        yield from ((id, RANDOM) for id in sorted(by_chance, key=lambda id: coin(f"review {id}")))
    yield from sorted(reasons.items(), key=lambda pair: _FIRST.get(pair[1], 3))


def waiting(pool: Pool, reviews: Mapping[str, Sequence[Review]], reviewer: str, shares: Shares) -> dict[str, str]:
    """Return all that a reviewer could be asked about, with why, the most useful first; none of known truth."""
    own = _answered(reviews, reviewer)
    reasons = ((id, why(pool, id, reviews.get(id, ()), shares)) for id in pool.order if id not in own)
    return {id: reason for id, reason in reasons if reason not in (None, KNOWN)}


def why(pool: Pool, id: str, said: Sequence[Review], shares: Shares) -> str | None:
    """Return why an item would be shown, were it not drawn at random; None if nobody is to look at it any more.

    One whose truth is known is shown to everybody once.
    """
    if id in pool.known:
        return KNOWN
    if said:
        found = reviewing.standing(said, reviewing.twice(id, shares.twice))
        if found.state != OPEN:
            return None
        if found.next:
            return found.next
    return ASKED if pool.items[id].facts["action"] == REVIEW else USEFUL


def _answered(reviews: Mapping[str, Sequence[Review]], reviewer: str) -> set[str]:
    return {id for id, said in reviews.items() if any(review.reviewer == reviewer for review in said)}
