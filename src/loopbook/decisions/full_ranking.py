"""Full ranking: candidates rank all items at the moments of logged lists, and are judged by what was taken later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from loopbook.models.ranking import interactions
from loopbook.models.ranking.towers import Towers
from loopbook.statistics import ranking
from loopbook.statistics.intervals import NOTHING

if TYPE_CHECKING:
    from loopbook.decisions.lists_study import Places, Study
    from loopbook.models.ranking.ranker import Ranker

SEGMENTS = ("all", "new users", "known users", "new items", "rare items")
"""Of which users, or by what was taken of which items, rankers are judged."""
WITHOUT_TEXT = "without text"
"""What the name of a ranker says whose parts that read content were taken out."""


def without_text(ranker: Ranker) -> Ranker | None:
    """Return a mix without its parts that read content, the others weighted as before; None if there are no others."""
    kept = [name for name, part in ranker.parts.items() if not isinstance(part, Towers)]
    if len(kept) in (0, len(ranker.parts)):
        return None
    at = [ranker.mix.parts.index(name) for name in kept]
    weights = {name: getattr(ranker.mix, name)[at] for name in ("weight", "by_length", "new")}
    mix = replace(ranker.mix, parts=tuple(kept), **weights)
    return replace(ranker, parts={name: ranker.parts[name] for name in kept}, mix=mix)


@dataclass(frozen=True, eq=False)
class Ranked:
    """Lists of candidates for each moment of a study.

    Attributes
    ----------
    study
        Whose moments.
    lists
        By ranker: numbers of items, best first, int64 [q, k].
    counts
        By how many users each item was taken before, [I].
    """

    study: Study
    lists: Mapping[str, Places]
    counts: np.ndarray

    @classmethod
    def of(cls, study: Study, rankers: Mapping[str, Ranker]) -> Ranked:
        """Return what each candidate puts first, without rules, diversity or chance; what was taken is left out."""
        plain = study.settings.model_copy(
            update={"diversity": 0.0, "exploration": 0.0, "floor": 0.0, "rules": {}, "value": 1.0, "cost": 0.0}
        )
        lists = {name: study.made(plain, study.relevance_of(ranker)) for name, ranker in rankers.items()}
        first = next(iter(rankers.values()))
        lists |= {
            f"{name} {WITHOUT_TEXT}": study.made(plain, study.relevance_of(blind))
            for name, ranker in rankers.items()
            if (blind := without_text(ranker)) is not None
        }
        return cls(study, lists, np.asarray(first.counts))

    @cached_property
    def table(self) -> pd.DataFrame:
        """NDCG, recall, MAP and MRR of each ranker with intervals over lists' users, in each segment.

        Returns
        -------
        DataFrame
            ``segment, gains, ranker, metric, value, low, high, users``; `gains` is ``debiased`` or ``as logged``. And
            ``ahead``, by how much the first ranker is better, with ``ahead_low`` and ``ahead_high``, paired.
        """
        found = [self._judged(gains, segment) for gains in ("debiased", "as logged") for segment in SEGMENTS]
        return pd.concat(found, ignore_index=True)

    def _judged(self, gains: str, segment: str) -> pd.DataFrame:
        """Return the rows of `table` of one segment: other users and other items count as if they were not there."""
        taken = self.study.taken.copy()
        if gains == "as logged":
            taken.data = np.ones_like(taken.data)
        new = np.array([not moment.taken for moment in self.study.moments])
        if segment in ("new users", "known users"):
            kept = new if segment == "new users" else ~new
            taken = taken.multiply(kept[:, None]).tocsr()
        if segment in ("new items", "rare items"):
            some = self.counts[self.counts > 0]
            edge = np.quantile(some, 0.25) if len(some) else 0
            items = self.counts == 0 if segment == "new items" else (self.counts > 0) & (self.counts <= edge)
            taken = taken.multiply(items[None]).tocsr()
        taken.eliminate_zeros()
        each = {name: ranking.by_user(made, taken) for name, made in self.lists.items()}
        (first, base), *_ = each.items()
        groups = np.array([moment.user for moment in self.study.moments])
        rows = []
        for name, own in each.items():
            for metric in ranking.METRICS:
                # Lists of one user are alike: a user counts once, by the mean of theirs.
                user = pd.DataFrame({"own": own[metric], "base": base[metric]}).groupby(groups).mean().dropna()
                scored = ranking.scores(user[["own"]]).loc["own"]
                ahead = ranking.paired(user["base"], user["own"]) if name != first else NOTHING
                ends = dict(zip(("ahead", "ahead_low", "ahead_high"), ahead, strict=True))
                rows.append({"segment": segment, "gains": gains, "ranker": name, "metric": metric, **scored, **ends})
        return pd.DataFrame(rows)

    @cached_property
    def beyond(self) -> pd.DataFrame:
        """What lists are besides right: index ``ranker``; coverage, gini, novelty, popularity_lift, diversity."""
        shelf = self.study.listing.shelf
        history = interactions.of_histories([moment.taken for moment in self.study.moments], dict(shelf.numbers))
        found = {
            name: ranking.beyond_accuracy(made, history, self.counts, shelf.vectors)
            for name, made in self.lists.items()
        }
        return pd.DataFrame(found).T.rename_axis("ranker")
