"""Values as sources write them: text, missing, numbers, times."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NOTHING = frozenset({"", "na", "n/a", "nan", "null", "nat", "<na>", "?"})
"""What sources write, in any case, where a value is missing."""


def plain(value: Any) -> str:
    """Return a value as text: a missing one as nothing, 1.0 as 1, True as true."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return str(value)


def strings(values: "pd.Series[Any]") -> list[str]:
    """Return a column as texts without space around them."""
    return [plain(value).strip() for value in values.tolist()]


def is_missing(values: list[str]) -> NDArray[np.bool_]:
    """Say which texts mean that there is no value."""
    return np.fromiter((value.casefold() in NOTHING for value in values), dtype=bool, count=len(values))


def numbers(
    values: "pd.Series[Any]", decimal: str, thousands: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return numbers, NaN where one is missing; and where something stands that is no finite number.

    A thousands separator that is not named is refused: to one reader ``1.234`` is a little more than one, to another a
    thousand. One that is named must stand before groups of three digits.
    """
    if values.dtype.kind in "iufb":
        typed = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return typed, np.isinf(typed)
    written = strings(values)
    missing = is_missing(written) | np.array([value.casefold() == "none" for value in written], dtype=bool)
    if thousands is not None:
        grouped = re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d*)?")
        written = [value.replace(thousands, "") if grouped.fullmatch(value) else value for value in written]
    if decimal == ",":
        written = ["?" if "." in value else value.replace(",", ".") for value in written]
    parsed = pd.to_numeric(pd.Series(written, dtype=object), errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    return np.where(missing, np.nan, parsed), ~missing & ~np.isfinite(parsed)


def times(values: "pd.Series[Any]", formats: Sequence[str] = ()) -> tuple["pd.Series[Any]", NDArray[np.bool_]]:
    """Return times in UTC, NaT where there is none that can be read; and where the value is missing.

    ISO 8601, or a Unix time in seconds or milliseconds; a time without a zone is taken as UTC. Days written with
    slashes are not guessed at: what is not ISO 8601 is read by the first of `formats` (as in ``strptime``) that fits.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
        missing = values.isna().to_numpy()
        read = pd.to_datetime(values, utc=True)
    elif values.dtype.kind in "iuf":
        missing = values.isna().to_numpy()
        # A Unix time of our days has 10 digits in seconds and 13 in milliseconds.
        unit: Literal["ms", "s"] = "ms" if values.abs().median() > 1e11 else "s"
        read = pd.to_datetime(values, unit=unit, utc=True, errors="coerce")
    else:
        written = strings(values)
        missing = is_missing(written)
        texts = pd.Series(written, index=values.index, dtype=object)
        read = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
        for each in formats:
            left = read.isna().to_numpy() & ~missing
            if left.any():
                read[left] = pd.to_datetime(texts[left], format=each, utc=True, errors="coerce")
    return read.astype("datetime64[us, UTC]"), missing
