"""One column of a table, and what is in it."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import parsing
from loopbook.privacy import personal_data
from loopbook.starter import words
from loopbook.starter.form import Form

Kind = Literal["empty", "constant", "number", "time", "text", "category", "code"]

_SAMPLE = 300  # values that are looked at for personal data and for the form of times
_NUMBERS = 0.95  # share of values that must be numbers; the others go to quarantine
_TIMES = 0.9
_MANY_LEVELS = 50
_DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y"),
    *("%m/%d/%y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d. %b %Y", "%d %B %Y", "%d. %B %Y", "%d-%b-%Y", "%d-%b-%y"),
    "%a, %d %b %Y",
)
_HOURS = ("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %H:%M:%S %z")
_LOOKS_LIKE_TIME = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """What one column holds.

    Attributes
    ----------
    name
        As the header says it.
    kind
        ``code``: many short values that are neither numbers nor words, such as keys and names.
    values
        All values, without space around them; the missing ones too.
    missing
        Which are missing; bool [n].
    counts
        How often each known value occurs; case counts.
    numbers
        Of a number: the values, NaN where there is none; float64 [n].
    formats, ambiguous
        Of a time: what `CsvSource.time_formats` needs, and whether day and month could be the other way round.
    readable
        Share of the known values that the kind can read.
    personal
        Why the column names a person; empty: it does not.
    mentions
        Of a text: the share of looked-at values with personal data inside, which is masked in the run.
    """

    name: str
    kind: Kind
    values: list[str]
    missing: NDArray[np.bool_]
    counts: Counter[str]
    numbers: NDArray[np.float64] | None = None
    formats: tuple[str, ...] = ()
    ambiguous: bool = False
    readable: float = 1.0
    personal: str = ""
    mentions: float = 0.0

    @property
    def known(self) -> int:
        """Values that are not missing."""
        return len(self.values) - int(self.missing.sum())

    @property
    def missing_share(self) -> float:
        return float(self.missing.mean())

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @cached_property
    def times(self) -> pd.Series:
        """The values as times in UTC."""
        return parsing.times(pd.Series(self.values, dtype=object), self.formats)[0]


def describe(name: str, values: list[str], form: Form) -> Column:
    """Return what a column holds."""
    written = [value.strip() for value in values]
    missing = parsing.is_missing(written)
    counts = Counter(value for value, gone in zip(written, missing, strict=True) if not gone)
    series = pd.Series(written, dtype=object)
    known = len(written) - int(missing.sum())
    if not counts:
        return Column(name, "empty", written, missing, counts)
    sample = list(counts)[:: max(1, len(counts) // _SAMPLE)]
    personal, mentions = _person(name, counts, sample)
    if len(counts) == 1:
        return Column(name, "constant", written, missing, counts, personal=personal)
    numbers, bad = parsing.numbers(series, form.decimal, form.thousands)
    readable = 1 - float(bad.sum()) / known
    coded = sum(re.fullmatch(r"0\d+", value) is not None for value in sample) > 0.02 * len(sample)
    if readable >= _NUMBERS and not coded and not _compact_dates(name, sample):
        return Column(name, "number", written, missing, counts, numbers=numbers, readable=readable, personal=personal)
    timed = _times(name, series, missing, sample)
    if timed is not None:
        formats, ambiguous, share = timed
        by_name = words.heard(name, ("birth", "birthday", "birthdate", "dob", "geburtsdatum", "geburtstag"))
        personal = f"its name says {by_name!r}" if by_name else ""
        return Column(name, "time", written, missing, counts, None, formats, ambiguous, share, personal)
    kind = _text_kind(counts, known)
    if kind == "text":
        inside = personal if personal.startswith("its values") else ""
        person = words.person(name)
        short = _mean_words(counts) < 6  # "Smith, Mr. John Paul" is four words; a text with "mail" in its name is more
        personal = personal if person and short else inside
    return Column(name, kind, written, missing, counts, personal=personal, mentions=mentions)


def _mean_words(counts: Counter[str]) -> float:
    return sum(len(value.split()) * count for value, count in counts.items()) / counts.total()


def _text_kind(counts: Counter[str], known: int) -> Kind:
    length = sum(len(value) * count for value, count in counts.items()) / known
    spoken = _mean_words(counts)
    share = len(counts) / known
    if spoken >= 3 and length >= 15 and (len(counts) > _MANY_LEVELS or (share > 0.5 and known >= 20)):
        return "text"
    if len(counts) <= _MANY_LEVELS or share <= 0.1:
        return "category"
    return "text" if spoken >= 1.8 and length >= 8 and share > 0.2 else "code"


def _person(name: str, counts: Counter[str], sample: list[str]) -> tuple[str, float]:
    """Return why a column names a person, and the share of its values in which personal data stands."""
    findings = [(value, personal_data.find(value)) for value in sample]
    inside = sum(bool(found) for _, found in findings) / len(sample)
    whole = sum(
        bool(found) and sum(each.end - each.start for each in found) >= 0.7 * len(value) for value, found in findings
    )
    if whole >= 0.5 * len(sample):
        kinds = Counter(each.kind for _, found in findings for each in found)
        return f"its values are personal data ({kinds.most_common(1)[0][0]})", inside
    word = words.person(name)
    if word and len(counts) > 10:
        return f"its name says {word!r}", inside
    return "", inside


def _compact_dates(name: str, sample: list[str]) -> bool:
    return bool(words.heard(name, words.TIME)) and all(re.fullmatch(r"(?:19|20)\d{6}", value) for value in sample)


def _times(
    name: str, series: pd.Series, missing: NDArray[np.bool_], sample: list[str]
) -> tuple[tuple[str, ...], bool, float] | None:
    """Return formats, whether they are ambiguous, and the readable share of a column of times; None: it is none."""
    looks = sum(len(value) <= 40 and _LOOKS_LIKE_TIME.search(value) is not None for value in sample)
    if looks < 0.7 * len(sample) and not _compact_dates(name, sample):
        return None
    tried = pd.Series(sample, dtype=object)
    left = tried[parsing.times(tried)[0].isna()]
    formats: list[str] = []
    ambiguous = False
    offered = [day + hour for day in _DAYS for hour in _HOURS]
    while len(left) > 0.005 * len(sample):
        reads = {
            form: int(pd.to_datetime(left, format=form, utc=True, errors="coerce").notna().sum()) for form in offered
        }
        best = max(offered, key=lambda form: reads[form])
        if reads[best] < max(1, 0.01 * len(sample)):
            break
        # The same with day and month exchanged.
        other = best.replace("%d", "%·").replace("%m", "%d").replace("%·", "%m") if "%m" in best else best
        ambiguous |= reads.get(other, 0) == reads[best] and other != best and "." not in best
        offered = [form for form in offered if form not in (best, other)]
        formats.append(best)
        left = left[pd.to_datetime(left, format=best, utc=True, errors="coerce").isna()]
    read, _ = parsing.times(series, formats)
    share = float(read.notna().sum()) / max(1, len(series) - int(missing.sum()))
    return (tuple(formats), ambiguous, share) if share >= _TIMES else None
