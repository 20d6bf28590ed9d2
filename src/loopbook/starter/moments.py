"""Columns of times: the formats in which they are written, or what they count."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import characters, parsing
from loopbook.starter import quantities, words

_SAMPLE = 300  # different values that are looked at
_PROBES = 12  # of these, values by which formats that read none are put aside
_ALIKE = 0.7  # share of looked-at values that must look like times
_READABLE = 0.9
_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y"),
    *("%m/%d/%y", "%b %d, %Y", "%d %b %Y", "%d. %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%Y-%m-%d", "%Y %b %d"),
    *("%b-%Y", "%b %Y", "%m/%Y"),
)
_HOURS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p")
_ZONES = ("", " %z", " %Z")
_FORMATS = (
    *_DAYS,
    *(f"{day} {hour}{zone}" for day, hour, zone in product(_DAYS, _HOURS, _ZONES)),
    *(f"{day}T%H:%M:%S" for day in _DAYS),
    *("%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y", "%Y%m%d%H%M%S", "%Y%m%d%H%M"),
)
_LOOKS_LIKE_TIME = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|^(?:19|20)\d\d-[01]\d$|^[01]?\d/(?:19|20)\d\d$|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b.*\d"
    r"|\d.*\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(?:19|20)\d{6}(?:\d{4}|\d{6})?")
_COUNTS = {
    "unix": (5e8, 2.2e9),
    "unix_ms": (5e11, 2.2e12),
    "unix_us": (5e14, 2.2e15),
    "unix_ns": (5e17, 2.2e18),
}  # 1985 on
_EXCEL = (20_000, 60_000)  # from 1954 to 2064


@dataclass(frozen=True)
class Moments:
    """How a column of times is written: formats, day and month ambiguous or not, share read, words for none."""

    formats: tuple[str, ...]
    ambiguous: bool
    readable: float
    tokens: tuple[str, ...] | None = None


def counted(name: str, numbers: NDArray[np.float64]) -> str:
    """Return what numbers in a column that is named like a time count, as `CsvSource.time_formats`; empty: no time."""
    known = numbers[~np.isnan(numbers)]
    if not words.heard(name, words.TIME) or not len(known):
        return ""
    ranges = _COUNTS | {"excel": _EXCEL}
    return next((form for form, (low, high) in ranges.items() if np.mean((low <= known) & (known < high)) > 0.99), "")


def compact(name: str, sample: Sequence[str]) -> bool:
    """Say whether a column named like a time holds days such as 20240301, with or without the time of day."""
    return bool(words.heard(name, words.TIME)) and all(_COMPACT.fullmatch(value) for value in sample)


def read(name: str, written: list[str], counts: Counter[str]) -> Moments | None:
    """Return how a column of times is written; None: it is none."""
    distinct = [value for value in counts if value.casefold() not in parsing.NOTHING]
    sample = distinct[:: max(1, len(distinct) // _SAMPLE)]
    plainly = [characters.dated(value) if len(value) <= 60 else "" for value in sample]
    looks = sum(_LOOKS_LIKE_TIME.search(value) is not None for value in plainly)
    if looks < _ALIKE * len(sample) and not compact(name, sample):
        return None
    formats, ambiguous = _formats(pd.Series(sample, dtype=object))
    series = pd.Series(written, dtype=object)
    times, missing = parsing.times(series, formats)
    unread = times.isna().to_numpy() & ~missing
    tokens = quantities.words_for_none(written, unread, times.nunique() > 20)
    if tokens:
        times, missing = parsing.times(series, formats, tokens)
    share = float(times.notna().sum()) / max(1, len(series) - int(missing.sum()))
    return Moments(formats, ambiguous, share, tokens) if share >= _READABLE else None


def _formats(tried: "pd.Series[str]") -> tuple[tuple[str, ...], bool]:
    """Return the formats that read most of some values, and whether day and month could be the other way round."""
    left = tried[parsing.times(tried)[0].isna()]
    formats: list[str] = []
    ambiguous = False
    offered = list(_FORMATS)
    while len(left) > 0.005 * len(tried):
        probes = left.iloc[:: max(1, len(left) // _PROBES)]
        shapes = {_shape(characters.dated(value)) for value in probes}
        possible = [form for form in offered if _shape(form) in shapes]
        reads = {form: _reads(left, form) for form in possible if _reads(probes, form)}
        best = max(reads, key=lambda form: reads[form], default="")
        if not best or reads[best] < max(1, 0.01 * len(tried)):
            break
        # The same with day and month exchanged.
        other = best.replace("%d", "%·").replace("%m", "%d").replace("%·", "%m") if "%m" in best else best
        ambiguous |= reads.get(other, 0) == reads[best] and other != best and "." not in best.partition(" ")[0]
        offered = [form for form in offered if form not in (best, other)]
        formats.append(best)
        left = left[parsing.in_format(left, best).isna()]
    return tuple(formats), ambiguous


def _shape(text: str) -> tuple[str, bool]:
    """Return the marks of a time or a format, without those of its zone, and whether a zone's name stands last."""
    zone = re.search(r"%Z$|\d\s+(?!AM|PM|am|pm)[A-Za-z_/]{2,}$", text)
    plain = re.sub(r"\s*[+-]\d\d:?\d\d$|%[zZ]|[A-Za-z_/]{3,}$", "", text)
    return re.sub(r"[^./:]", "", plain), bool(zone)


def _reads(values: "pd.Series[str]", form: str) -> int:
    return int(parsing.in_format(values, form).notna().sum())
