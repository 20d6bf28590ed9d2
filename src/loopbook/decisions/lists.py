"""Lists as decisions: from relevance to an ordered list, of which every place can be accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.lists import ListRule, ListsSettings
from loopbook.statistics.coin import coin

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_ALIKE = 0.3
"""Cosine from which on an item that was taken is given as a reason."""
_POPULAR = 0.05
"""Share of the items, those taken most, that are called popular."""


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
        What had a say beside worth: ``diversity``, ``floor``, ``exploration``.
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


@dataclass(frozen=True, eq=False)
class Shelf:
    """All items as `compose` needs them, prepared once.

    Attributes
    ----------
    items
        str [I], ids; `numbers` is their inverse.
    titles, value
        str [I], what reasons call them; float [I], what they are worth when taken.
    vectors
        float32 [I, d] of length 1 (or 0), whose cosine is likeness.
    rare, popular
        bool [I], shown least so far, and taken most.
    columns
        What each rule looks at, [I], by the rule's name.
    """

    items: NDArray[Any]
    numbers: Mapping[str, int]
    titles: NDArray[Any]
    value: Floats
    vectors: NDArray[np.float32]
    rare: Mask
    popular: Mask
    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def of(
        cls,
        items: pd.DataFrame,
        settings: ListsSettings,
        vectors: ArrayLike,
        exposure: ArrayLike | None = None,
        popularity: Floats | None = None,
    ) -> Shelf:
        """Prepare items.

        Parameters
        ----------
        items
            One row an item, with the column ``item`` and those that the settings name.
        vectors
            float [I, d], what makes items alike, as of their texts.
        exposure, popularity
            float [I], how often each was shown and taken so far; None: not known, so that none is rare, or popular.

        Raises
        ------
        DataError
            If a column that the settings name is not there, or holds no numbers.
        """
        ids = items["item"].astype(str).to_numpy(dtype=object)
        value = settings.value
        worth = np.nan_to_num(_number(items, value)) if isinstance(value, str) else np.full(len(ids), float(value))
        columns = {
            name: _column(items, rule.item).astype(str).to_numpy() if rule.among else _number(items, rule.item)
            for name, rule in settings.rules.items()
        }
        length = np.asarray(vectors, dtype=np.float32)
        length = length / np.maximum(np.linalg.norm(length, axis=1, keepdims=True), 1e-12)
        nothing = np.zeros(len(ids), dtype=bool)
        shelf = cls(
            items=ids,
            numbers={name: at for at, name in enumerate(ids)},
            titles=_column(items, settings.title or "item").astype(str).to_numpy(dtype=object),
            value=worth,
            vectors=length,
            rare=nothing,
            popular=nothing if popularity is None else popularity > np.quantile(popularity, 1 - _POPULAR),
            columns=columns,
        )
        return shelf if exposure is None else shelf.shown(exposure, settings)

    def shown(self, exposure: ArrayLike, settings: ListsSettings) -> Shelf:
        """Return the shelf with other exposures [I]: which items are rare."""
        times = np.asarray(exposure, dtype=np.float64)
        return replace(self, rare=times <= np.quantile(times, settings.rare) if settings.rare else times < 0)


def compose(
    relevance: ArrayLike,
    shelf: Shelf,
    history: Sequence[str],
    settings: ListsSettings,
    toss: str,
    user: Mapping[str, Any] | None = None,
    places: int = 10,
) -> ListDecision:
    r"""Return the list for a user: worth, rules, diversity, exposure floor, exploration; pure.

    Places are filled from the first to the last. Each takes, of the items that no rule leaves out, the one with the
    highest maximal marginal relevance :math:`(1-\lambda)\,w_i/\max w - \lambda \max_{j\ \text{above}} \cos(v_i, v_j)`;
    for the last places, the floor's share, only rare ones are asked. With the probability of exploration,
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
    worth = probability * shelf.value - (1 - probability) * settings.cost
    taken = np.array([shelf.numbers[name] for name in history if name in shelf.numbers], dtype=np.intp)
    allowed, left_out = _allowed(shelf, taken, settings, user or {})
    count = settings.places or places
    found: list[Place] = []
    choice = _Choice(worth, shelf, settings, allowed)
    for number in range(min(count, int(allowed.sum()))):
        best, said = choice.best(rare=number >= count - round(settings.floor * count))
        left = np.flatnonzero(allowed)
        explored = coin(f"{toss} {number} explore") < settings.exploration
        if not explored and worth[best] < 0:
            break
        at = int(left[int(coin(f"{toss} {number} item") * len(left))]) if explored else best
        chance = settings.exploration / len(left) + (1 - settings.exploration) * (at == best)
        reason, rules = _reason(shelf, at, taken, explored), ("exploration",) if explored else said
        figures = float(probability[at]), float(worth[at])
        found.append(Place(shelf.items[at], *figures, reason, rules, float(chance), explored))
        allowed[at] = False
        choice.take(at)
    return ListDecision(tuple(found), left_out)


class _Choice:
    """Maximal marginal relevance among the items of highest worth, as the list grows."""

    def __init__(self, worth: Floats, shelf: Shelf, settings: ListsSettings, allowed: Mask) -> None:
        self.worth, self.shelf, self.allowed, self.weight = worth, shelf, allowed, settings.diversity
        masks = (allowed, allowed & shelf.rare) if settings.floor else (allowed,)
        self.pool = np.unique(np.concatenate([_highest(worth, mask, settings.pool) for mask in masks]))
        self.vectors, self.like = shelf.vectors[self.pool], np.zeros(len(self.pool))
        self.scale = max(float(np.abs(worth[self.pool]).max(initial=0)), 1e-12)

    def best(self, rare: bool) -> tuple[int, tuple[str, ...]]:
        """Return the item for the next place and what had a say."""
        here = self.allowed[self.pool]
        plain = np.where(here, self.worth[self.pool], -np.inf)
        score = (1 - self.weight) * plain / self.scale - self.weight * self.like
        kept = here & self.shelf.rare[self.pool]
        top = int(np.argmax(score))
        said = () if top == int(np.argmax(plain)) else ("diversity",)
        if rare and kept.any() and not kept[top]:
            top, said = int(np.argmax(np.where(kept, score, -np.inf))), ("floor",)
        return int(self.pool[top]), said

    def take(self, at: int) -> None:
        """Let an item stand above the next ones."""
        if self.weight:
            self.like = np.maximum(self.like, self.vectors @ self.shelf.vectors[at])  # below 0 counts as unlike: 0


def _allowed(
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


def _reason(shelf: Shelf, at: int, taken: NDArray[np.intp], explored: bool) -> str:
    """Return a sentence that says why an item stands in a list."""
    if explored:
        return "Chosen at random, to find out who likes it."
    if len(taken):
        like = shelf.vectors[taken] @ shelf.vectors[at]
        nearest = int(np.argmax(like))
        if like[nearest] >= _ALIKE:
            return f"Because you took “{shelf.titles[taken[nearest]]}”."
    if shelf.popular[at]:
        return "Because many take it at the moment."
    return "Because of all that you took together." if len(taken) else "Because it is liked by those who see it."


def _column(items: pd.DataFrame, name: str) -> pd.Series:
    if name not in items:
        raise DataError(f"studies.lists names {name!r}, but items have no such column.{suggest(name, items.columns)}")
    return items[name]


def _number(items: pd.DataFrame, name: str) -> Floats:
    import pandas as pd

    numbers = pd.to_numeric(_column(items, name), errors="coerce").to_numpy(np.float64)
    if np.isnan(numbers).all():
        raise DataError(f"studies.lists compares {name!r}, a column of items that holds no numbers.")
    return numbers
