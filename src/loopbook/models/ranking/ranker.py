"""A fitted ranker: one scorer or a mix of several, what users took until then, and what makes a probability of a score.

It is asked without TensorFlow: `load` it from the folder of a model, and give `scores` histories.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from loopbook.models.arrays import texts
from loopbook.models.ranking import interactions, scorers
from loopbook.models.ranking.mix import Mix
from loopbook.models.ranking.scorers import ItemItem, Scorer, Scores
from loopbook.models.ranking.towers import Towers
from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

    from loopbook.data.features import Features
    from loopbook.models.architecture import Family

Progress = Callable[[str], object] | None

ARRAYS, DESCRIPTION = "ranker", "ranker_parts"
TEXT = 4.0  # by which an embedding of length 1 is multiplied, so that it weighs about as much as a table's columns
_BLOCK = 4_000_000  # scores of a part in memory at a time


@dataclass(frozen=True)
class Ranker:
    """Users' histories in, the logit of each item being taken out.

    Attributes
    ----------
    items
        Their names, in the order of the columns of scores.
    counts
        By how many users of train each was taken, [I]; 0: a new item.
    users, history
        Hashes of train's users, ascending, uint64 [U], and what they took, [U + 1, I]: the last row, of whom train does
        not know, is empty. No user is known by name.
    parts
        Scorers by name.
    mix
        What each counts.
    slope, intercept
        Of the logit in the mixed score (Platt scaling on the last part of train).
    beside
        Columns of the table that belong to items, bool [width]: with the text they are an item's content.
    """

    items: tuple[str, ...]
    counts: NDArray[np.int64]
    users: NDArray[np.uint64]
    history: csr_array
    parts: Mapping[str, Scorer]
    mix: Mix
    slope: float
    intercept: float
    beside: NDArray[np.bool_]

    family: ClassVar[Family] = "plain"

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return sum(array.size for part in self.parts.values() for array in part.arrays.values())

    @property
    def learnt(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt, by name, for histograms."""
        return {"mix": self.mix.weight}

    @property
    def losses(self) -> Mapping[str, Scores]:
        """Of the parts that were just trained by gradient descent, by name: the loss of each pass."""
        return {name: part.losses for name, part in self.parts.items() if isinstance(part, Towers)}

    def over(
        self, features: Features, items: pd.DataFrame, cache: Path | None = None, progress: Progress = None
    ) -> Ranker:
        """Return the ranker of all its items and those of a frame besides, which are known by their content alone.

        Parameters
        ----------
        items
            A column ``item``, and the task's fields as far as items have them.
        """
        new = items[~items["item"].astype(str).isin(set(self.items))].drop_duplicates("item")
        if not len(new):
            return self
        parts = dict(self.parts)
        if any(isinstance(part, Towers) for part in parts.values()):
            known = content_of(features, new, self.beside, cache, progress)
            for name, part in parts.items():
                if isinstance(part, Towers):
                    parts[name] = part.with_items(known[:, : len(part.projection)])
        names = (*self.items, *new["item"].astype(str))
        history = interactions.of_items(self.history, len(names))
        return replace(self, items=names, counts=np.pad(self.counts, (0, len(new))), parts=parts, history=history)

    def of_users(self, users: Iterable[Any]) -> csr_array:
        """Return what users took in train, [q, I]; nothing of one whom train does not know."""
        asked = hashes(users)
        place = np.minimum(np.searchsorted(self.users, asked), len(self.users) - 1)
        return self.history[np.where(self.users[place] == asked, place, len(self.users))]

    def scores(self, histories: Sequence[Sequence[str]]) -> Scores:
        """Return the logit of taking each item, float32 [q, I], by what users took, oldest first."""
        return self.logits(interactions.of_histories(histories, self.position))

    @cached_property
    def position(self) -> dict[str, int]:
        """The column of each item."""
        return {item: at for at, item in enumerate(self.items)}

    def logits(self, history: csr_array) -> Scores:
        """Return the logit of taking each item for histories [q, I], float32 [q, I]."""
        return np.float32(self.slope) * self.mixed(history) + np.float32(self.intercept)

    def mixed(self, history: csr_array) -> Scores:
        """Return the mixed score of each item, float32 [q, I]."""
        return self.mix.scores(self.each(history), np.diff(history.indptr), self.counts == 0)

    def each(self, history: csr_array) -> dict[str, Scores]:
        """Return the scores of each part, standardised within each user's over the items that train knows.

        In a mix, a part that knows no content says nothing of new items: theirs is the middle, 0.
        """
        found, warm = {}, self.counts > 0
        narrow = interactions.of_items(history, self.fitted)
        for name, part in self.parts.items():
            towers = isinstance(part, Towers)
            score = part.scores(history if towers else narrow)
            score = np.pad(score, ((0, 0), (0, len(self.items) - score.shape[1])))
            own = score if warm.all() else score[:, warm]
            score -= own.mean(axis=1, keepdims=True)
            score /= np.maximum(own.std(axis=1, keepdims=True), 1e-6)
            if len(self.parts) > 1 and not towers:
                score[:, ~warm] = 0
            found[name] = score
        return found

    def together(self, most: int = 20) -> csr_array | None:
        """Return for each item those that its users took most, with their weight, [I, I]; None: no part knows.

        By item-kNN, or by EASE where there is no other.
        """
        part = self.parts.get("item_knn", self.parts.get("ease"))
        if not isinstance(part, ItemItem):
            return None
        found = part.nearest(most)
        found.resize((len(self.items), len(self.items)))
        return found

    @property
    def fitted(self) -> int:
        """Items when it was fitted: what is behind them is known by content alone."""
        return next((part.width for part in self.parts.values() if not isinstance(part, Towers)), len(self.items))

    def raw(
        self, features: Features, frame: pd.DataFrame, cache: Path | None = None, progress: Progress = None
    ) -> NDArray[np.float64]:
        """Return the logit of each row, float64 [n, 1]: of its item for its user, by what they took in train."""
        import pandas as pd

        ranker = self.over(features, frame, cache, progress)
        user, users = pd.factorize(frame["query"].astype(str))
        column = np.array([ranker.position[item] for item in frame["item"].astype(str)], dtype=np.int64)
        history, result = ranker.of_users(users), np.zeros((len(frame), 1))
        block = max(1, _BLOCK // len(ranker.items))
        for start in range(0, len(users), block):
            rows = np.flatnonzero((user >= start) & (user < start + block))
            result[rows, 0] = ranker.logits(history[start : start + block])[user[rows] - start, column[rows]]
            if progress:
                progress(f"ranking: {min(start + block, len(users)):,} of {len(users):,} users")
        return result

    def save(self, folder: Path) -> None:
        """Write ``ranker.npz`` and ``ranker_parts.json`` into a folder."""
        arrays = {f"{name}.{key}": value for name, part in self.parts.items() for key, value in part.arrays.items()}
        arrays |= {f"history.{key}": getattr(self.history, key) for key in ("data", "indices", "indptr")}
        arrays |= {f"mix.{key}": getattr(self.mix, key) for key in ("weight", "by_length", "new")}
        arrays |= {"counts": self.counts, "users": self.users, "beside": self.beside}
        content.save(arrays, folder / ARRAYS)
        described = {"parts": list(self.parts), "start": self.mix.start, "slope": self.slope}
        content.save({**described, "intercept": self.intercept, "items": list(self.items)}, folder / DESCRIPTION)

    @classmethod
    def load(cls, folder: Path) -> Ranker:
        """Return what `save` wrote."""
        from scipy.sparse import csr_array

        said, arrays = content.load(folder / f"{DESCRIPTION}.json"), content.load(folder / f"{ARRAYS}.npz")
        names, items = tuple(said["parts"]), tuple(said["items"])

        def under(part: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(f"{part}."): value for key, value in arrays.items() if key.startswith(f"{part}.")}

        own = {name: under(name) for name in names}
        past = under("history")
        return cls(
            items,
            arrays["counts"],
            arrays["users"],
            csr_array((past["data"], past["indices"], past["indptr"]), shape=(len(arrays["users"]) + 1, len(items))),
            {name: Towers(**part) if "projection" in part else scorers.restored(part) for name, part in own.items()},
            Mix(names, **under("mix"), start=said["start"]),
            said["slope"],
            said["intercept"],
            arrays["beside"],
        )


def hashes(users: Iterable[Any]) -> NDArray[np.uint64]:
    """Return the first 64 bits of the SHA-256 of each user's name, uint64 [q]."""
    digests = (hashlib.sha256(str(user).encode("utf-8", "surrogatepass")).digest()[:8] for user in users)
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)


def content_of(
    features: Features,
    items: pd.DataFrame,
    beside: NDArray[np.bool_],
    cache: Path | None = None,
    progress: Progress = None,
) -> Scores:
    """Return the content of items, float32 [n, 384 + columns]: the embedding of their text, and their table's columns.

    A field that the frame lacks, such as one of the user's, is missing.
    """
    frame = items.reindex(columns=list(dict.fromkeys([*items.columns, *_fields(features)])))
    table = features.table(frame)[:, beside] if beside.any() else np.zeros((len(frame), 0), dtype=np.float32)
    if not features.texts:
        return table
    from loopbook.models.encoders import sentence_encoder

    read = texts(features, frame)
    return np.hstack([TEXT * sentence_encoder.embed(read, cache, progress), table])


def _fields(features: Features) -> list[str]:
    numbers, categories = ([part.field for part in parts] for parts in (features.numbers, features.categories))
    return [*features.texts, *numbers, *categories]
