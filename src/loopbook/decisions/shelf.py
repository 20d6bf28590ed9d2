"""The items of lists, prepared once: what they are called, worth and like, and what rules look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.lists import ListsSettings

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_POPULAR = 0.05
"""Share of the items, those taken most, that are called popular."""


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
    popular
        bool [I], taken most.
    columns
        What each rule looks at, [I], by the rule's name.
    prices
        float [I], what it is worth that an item stands in a list, beside its relevance (`list_prices`).
    together
        For each item those that its users took most, with the others' weight, sparse [I, I]; None: not known.
    """

    items: NDArray[Any]
    numbers: Mapping[str, int]
    titles: NDArray[Any]
    value: Floats
    vectors: NDArray[np.float32]
    popular: Mask
    columns: Mapping[str, NDArray[Any]]
    prices: Floats
    together: csr_array | None = None

    @classmethod
    def of(
        cls,
        items: pd.DataFrame,
        settings: ListsSettings,
        vectors: ArrayLike,
        popularity: Floats | None = None,
        together: csr_array | None = None,
    ) -> Shelf:
        """Prepare items.

        Parameters
        ----------
        items
            One row an item, with the column ``item`` and those that the settings name.
        vectors
            float [I, d], what makes items alike, as of their texts.
        popularity
            float [I], how often each was taken so far; None: not known, so that none is popular.

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
        return cls(
            items=ids,
            numbers={name: at for at, name in enumerate(ids)},
            titles=_column(items, settings.title or "item").astype(str).to_numpy(dtype=object),
            value=worth,
            vectors=length,
            popular=nothing if popularity is None else popularity > np.quantile(popularity, 1 - _POPULAR),
            columns=columns,
            prices=np.zeros(len(ids)),
            together=together,
        )

    def known(self, history: Sequence[str]) -> NDArray[np.intp]:
        """Return the numbers of items, those passed over that are not on the shelf."""
        return np.array([self.numbers[name] for name in history if name in self.numbers], dtype=np.intp)


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
