"""Lists as decisions: from relevance to an ordered list, of which every place can be accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions.list_prices import discount
from loopbook.decisions.shelf import Floats, Mask, Shelf
from loopbook.scenario.errors import DataError
from loopbook.scenario.lists import ListRule, ListsSettings
from loopbook.statistics.coin import coin

_ALIKE = 0.3
"""Cosine from which on an item that was taken is given as a reason."""


class Place(NamedTuple):
    """A place of a list.

    Attributes
    ----------
    item, relevance
        The item, and the probability that it is taken.
    value
        What it is expected to be worth: relevance · value - (1 - relevance) · cost.
    reason
        Why it stands here, a sentence for the user.
    rules
        What had a say beside worth: ``diversity``, ``coverage``, ``exploration``.
    propensity
        How probable it was that this item stands here, given the places above.
    explored
        Whether it was drawn by the exploration share.
    """

    item: str
    relevance: float
    value: float
    reason: str
    rules: tuple[str, ...]
    propensity: float
    explored: bool


@dataclass(frozen=True)
class ListDecision:
    """A list: its places, and how many items each rule left out (``again``, and the scenario's by name)."""

    places: tuple[Place, ...]
    left_out: Mapping[str, int]

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(place.item for place in self.places)


def compose(
    relevance: ArrayLike,
    shelf: Shelf,
    history: Sequence[str],
    settings: ListsSettings,
    toss: str,
    user: Mapping[str, Any] | None = None,
    places: int = 10,
) -> ListDecision:
    r"""Return the list for a user: worth, rules, diversity, coverage, exploration; pure.

    Places are filled from the first to the last. Each takes, of the items that no rule leaves out, the one with the
    highest maximal marginal relevance :math:`(1-\lambda)\,w_i/\max w - \lambda \max_{j\ \text{above}} \cos(v_i, v_j)`,
    discounted as NDCG does, :math:`1/\log_2(k+1)`, and the item's price on top. With the probability of exploration,
    :math:`\epsilon`, any allowed item stands there instead, each of the :math:`n` that are left as probable; so what is
    kept as propensity is :math:`\epsilon/n`, and :math:`1-\epsilon` more for the item that would have stood there.

    Parameters
    ----------
    relevance
        float [I], probability that the user takes each item, in the shelf's order.
    history
        Items that the user has taken, oldest first; unknown ones are passed over.
    toss
        What decides all draws, such as user, day and version: the same list for the same text.
    user
        What is known of the user, for rules. What is not known counts as the strictest value.
    places
        Where the settings name no number.

    References
    ----------
    Carbonell & Goldstein (1998), The use of MMR, diversity-based reranking.
    """
    probability = np.asarray(relevance, dtype=np.float64)
    if len(probability) != len(shelf.items):
        raise DataError(f"There are {len(probability)} relevances, but {len(shelf.items)} items on the shelf.")
    worth, taken = _worth(probability, shelf, settings), shelf.known(history)
    allowed, left_out = _open(shelf, taken, settings, user or {})
    found: list[Place] = []
    count = min(settings.places or places, int(allowed.sum()))
    choice = _Choice(worth, shelf, settings, allowed, count)
    because = _Because(shelf, taken)
    for number in range(count):
        best, said = choice.best(number)
        left = np.flatnonzero(allowed)
        explored = coin(f"{toss} {number} explore") < settings.exploration
        if not explored and worth[best] < 0:
            break
        at = int(left[int(coin(f"{toss} {number} item") * len(left))]) if explored else best
        chance = settings.exploration / len(left) + (1 - settings.exploration) * (at == best)
        rules = ("exploration",) if explored else said
        figures = float(probability[at]), float(worth[at])
        found.append(Place(shelf.items[at], *figures, because.of(at, explored), rules, float(chance), explored))
        allowed[at] = False
        choice.take(at)
    return ListDecision(tuple(found), left_out)


def worths(
    relevance: ArrayLike, shelf: Shelf, history: Sequence[str], settings: ListsSettings, user: Mapping[str, Any]
) -> Floats:
    """Return what items are worth to a user by the largest of them, [I]; -inf of those that stand in no list."""
    worth = _worth(np.asarray(relevance, dtype=np.float64), shelf, settings)
    allowed, _ = _open(shelf, shelf.known(history), settings, user)
    return np.where(allowed & (worth >= 0), worth / _scale(worth[allowed]), -np.inf)


class _Choice:
    """Maximal marginal relevance and prices among the items of highest worth, as the list grows."""

    def __init__(self, worth: Floats, shelf: Shelf, settings: ListsSettings, allowed: Mask, count: int) -> None:
        self.worth, self.shelf, self.allowed, self.weight = worth, shelf, allowed, settings.diversity
        self.scale = _scale(worth[allowed])
        self.discount = discount(max(count, 1))
        most = max(settings.pool, count)
        pools = [_highest(worth, allowed, most)]
        if settings.ndcg_budget and shelf.prices.any():
            last = self.discount[-1] * worth / self.scale + shelf.prices
            pools.append(_highest(last, allowed & (worth >= 0), most))
        self.pool = np.unique(np.concatenate(pools))
        self.vectors, self.like = shelf.vectors[self.pool], np.zeros(len(self.pool))
        self.prices = np.where((worth[self.pool] >= 0) & (settings.ndcg_budget > 0), shelf.prices[self.pool], 0)

    def best(self, number: int) -> tuple[int, tuple[str, ...]]:
        """Return the item for the next place and what had a say."""
        plain = np.where(self.allowed[self.pool], self.worth[self.pool], -np.inf)
        unlike = (1 - self.weight) * plain / self.scale - self.weight * self.like
        top = int(np.argmax(self.discount[number] * unlike + self.prices))
        if top != int(np.argmax(unlike)):
            return int(self.pool[top]), ("coverage",)
        return int(self.pool[top]), () if top == int(np.argmax(plain)) else ("diversity",)

    def take(self, at: int) -> None:
        """Let an item stand above the next ones."""
        if self.weight:
            self.like = np.maximum(self.like, self.vectors @ self.shelf.vectors[at])  # below 0 counts as unlike: 0


class _Because:
    """Why an item stands in a list, by what its user took."""

    def __init__(self, shelf: Shelf, taken: NDArray[np.intp]) -> None:
        self.shelf, self.taken = shelf, taken
        self.near = None if shelf.together is None or not len(taken) else shelf.together[taken].tocoo()

    def of(self, at: int, explored: bool) -> str:
        """Return a sentence for the user: taken by the same people, else alike in content, else popular."""
        shelf, taken = self.shelf, self.taken
        if explored:
            return "Chosen at random, to find out who likes it."
        if self.near is not None and (own := np.flatnonzero(self.near.col == at)).size:
            title = shelf.titles[taken[self.near.row[own[np.argmax(self.near.data[own])]]]]
            return f"Because those who took “{title}” took it too."
        if len(taken):
            like = shelf.vectors[taken] @ shelf.vectors[at]
            nearest = int(np.argmax(like))
            if like[nearest] >= _ALIKE:
                return f"Because it is like “{shelf.titles[taken[nearest]]}”, which you took."
        if shelf.popular[at]:
            return "Because many take it at the moment."
        return "Because of all that you took together." if len(taken) else "Because it is liked by those who see it."


def _worth(relevance: Floats, shelf: Shelf, settings: ListsSettings) -> Floats:
    return relevance * shelf.value - (1 - relevance) * settings.cost


def _scale(worth: Floats) -> float:
    return max(float(np.abs(worth).max(initial=0)), 1e-12)


def _open(
    shelf: Shelf, taken: NDArray[np.intp], settings: ListsSettings, user: Mapping[str, Any]
) -> tuple[Mask, dict[str, int]]:
    """Return which items no rule leaves out, and how many each rule does."""
    allowed, left_out = np.ones(len(shelf.items), dtype=bool), {}
    if not settings.again:
        allowed[taken] = False
        left_out["again"] = int((~allowed).sum())
    for name, rule in settings.rules.items():
        against = _against(shelf.columns[name], rule, user)
        left_out[name] = int(against.sum())
        allowed &= ~against
    return allowed, left_out


def _against(values: NDArray[Any], rule: ListRule, user: Mapping[str, Any]) -> Mask:
    """Return where a rule leaves an item out; what has no value in the column is left out as well."""
    if rule.among:
        return np.isin(values, rule.among)
    limit = rule.below if rule.above is None else rule.above
    if isinstance(limit, str):
        known = user.get(limit)
        strictest = np.nanmin(values) if rule.above is not None else np.nanmax(values)
        limit = float(strictest) if known is None or known != known else float(known)
    return ~(values <= limit) if rule.above is not None else ~(values >= limit)


def _highest(worth: Floats, mask: Mask, count: int) -> NDArray[np.intp]:
    """Return the items of highest worth under a mask, in no order."""
    open_ = np.flatnonzero(mask)
    return open_ if len(open_) <= count else open_[np.argpartition(-worth[open_], count)[:count]]
