"""Identity: when two rows are the same, and a hash by which a later round knows a row again."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import column
from loopbook.scenario.task import RANKED

_BYTES = 8


def inputs(rows: pd.DataFrame, fields: Iterable[str]) -> list[tuple[Any, ...]]:
    """Return the input fields of each row; equal tuples are the same inputs, whatever the case of their letters.

    Parameters
    ----------
    rows
        Canonical rows.
    fields
        The task's input fields.

    Returns
    -------
    list of tuple
        One a row: texts in lower case (folded), numbers as float, None for what is missing.
    """
    columns = [_keys(column(rows, name)) for name in fields]
    return list(zip(*columns, strict=True)) if columns else [()] * len(rows)


def hashes(rows: pd.DataFrame, texts: Iterable[str], others: Iterable[str] = ()) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each row, uint64 [n], the same whenever and in whichever split it turns up.

    With a text, the inputs are the row: `cleaning.deduplicate` keeps the same inputs once, so that no two splits share
    them, whatever their ids. Without one, equal tables are not the same case, and many users are shown one item, so
    that the id counts as well.

    Parameters
    ----------
    rows
        Rows of a split.
    texts, others
        The task's fields that hold a text, and those that do not.
    """
    words = list(texts)
    known = inputs(rows, [*words, *others])
    by_text = words and not set(RANKED) <= set(rows.columns)
    own: list[Any] = [None] * len(rows) if by_text else rows["row_id"].astype(str).tolist()
    return np.array([hash_of(each) for each in zip(own, known, strict=True)], dtype=np.uint64)


def _keys(values: "pd.Series[Any]") -> list[Any]:
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(np.float64, na_value=np.nan) + 0.0  # -0.0 is 0.0
        return [None if number != number else number for number in numbers.tolist()]
    return [None if pd.isna(value) else _key(value) for value in values.tolist()]


def _key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else float(value) + 0.0


def hash_of(value: Any) -> int:
    """Return a 64-bit hash of a value, by how it is written."""
    digest = hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big")
