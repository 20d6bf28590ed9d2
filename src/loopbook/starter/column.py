"""One column of a table, and what is in it."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import parsing
from loopbook.data.cleaning import shorten
from loopbook.privacy import personal_data
from loopbook.requirements.scripts import BLANKLESS
from loopbook.starter import moments, quantities, words
from loopbook.starter.form import Form
from loopbook.starter.notation import quoted

Kind = Literal["empty", "constant", "number", "time", "text", "category", "code"]

_SAMPLE = 300  # values that are looked at for personal data and for the form of times
_FEW = 10  # different values up to which a column is a scale or some levels, whatever its name
_NUMBERS = 0.95  # share of values that must be numbers; the others go to quarantine
_BOUND = re.compile(r"[<>≤≥]=?\s*\d")
_MANY_LEVELS = 50
_VECTOR = re.compile(r"\[[-+\d.eE, ]*\]")


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
    unit
        Of a number: what stands before or behind it.
    missing_as
        As in `CsvSource.missing`, where the usual words for a missing value are not the right ones.
    doubt
        What somebody should know: that the column is not what its name says, or how it was read.
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
    unit: str = ""
    missing_as: tuple[str, ...] | None = None
    doubt: str = ""

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

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words that stand where a value is missing."""
        return tuple(sorted({value for value, gone in zip(self.values, self.missing, strict=True) if gone and value}))

    @cached_property
    def times(self) -> pd.Series:
        """The values as times in UTC."""
        return parsing.times(pd.Series(self.values, dtype=object), self.formats, self.missing_as)[0]


def describe(name: str, values: list[str], form: Form) -> Column:
    """Return what a column holds."""
    written = [value.strip() for value in values]
    found = _number_or_time(name, written, form) or _of_words(name, written)
    return replace(found, doubt=found.doubt or _named_otherwise(found))


def _counted(written: list[str], missing: NDArray[np.bool_]) -> Counter[str]:
    return Counter(value for value, gone in zip(written, missing, strict=True) if not gone)


def _number_or_time(name: str, written: list[str], form: Form) -> Column | None:
    """Return a column whose values can be read as numbers or times; None: it is neither, or has no two values."""
    counts = _counted(written, parsing.is_missing(written))
    if len(counts) < 2:
        return None
    sample = _sample(counts)
    found = quantities.read(written, counts, form)
    missing = np.isnan(found.numbers) & ~found.bad
    readable = 1 - float(found.bad.sum()) / max(1, int((~missing).sum()))
    coded = sum(re.fullmatch(r"0\d+", value) is not None for value in sample) > 0.02 * len(sample)
    if readable >= _NUMBERS and not coded and not moments.compact(name, sample):
        counts = _counted(written, missing)
        if len(counts) < 2:
            return None
        if form_ := moments.counted(name, found.numbers):
            return Column(
                name, "time", written, missing, counts, None, (form_,), False, readable, missing_as=found.tokens
            )
        return Column(
            name,
            "number",
            written,
            missing,
            counts,
            numbers=found.numbers,
            readable=readable,
            personal=_person(name, counts, sample)[0],
            unit=found.unit,
            missing_as=found.tokens,
            doubt=found.doubt,
        )
    timed = moments.read(name, written, counts)
    if timed is None:
        bounds = [value for value, bad in zip(written, found.bad, strict=True) if bad and _BOUND.match(value)]
        doubt = found.doubt
        if bounds and readable + len(bounds) / len(written) >= _NUMBERS:
            doubt = f"a column of numbers and of bounds, such as {quoted(bounds[0])}: write a number in their place"
        return replace(_of_words(name, written), doubt=doubt) if doubt else None
    missing = parsing.is_missing(written, timed.tokens)
    by_name = words.heard(name, ("birth", "birthday", "birthdate", "dob", "geburtsdatum", "geburtstag"))
    personal = f"its name says {by_name!r}" if by_name else ""
    spelled = (timed.formats, timed.ambiguous, timed.readable, personal)
    return Column(name, "time", written, missing, _counted(written, missing), None, *spelled, missing_as=timed.tokens)


def _of_words(name: str, written: list[str]) -> Column:
    """Return a column of texts, categories or codes, or one with fewer than two values."""
    missing_as = () if _is_code_list(written) else None
    missing = parsing.is_missing(written, missing_as)
    counts = _counted(written, missing)
    if not counts:
        return Column(name, "empty", written, missing, counts)
    if all(_VECTOR.fullmatch(value) for value in _sample(counts)):
        doubt = f"lists of numbers, such as {quoted(shorten(next(iter(counts)), 30))}, which are no text"
        return Column(name, "code", written, missing, counts, doubt=doubt)
    personal, mentions = _person(name, counts, _sample(counts))
    kind: Kind = "constant" if len(counts) == 1 else _text_kind(counts, counts.total())
    if kind == "text":
        inside = personal if personal.startswith("its values") else ""
        short = mean_words(counts) < 6  # "Smith, Mr. John Paul" is four words; a text with "mail" in its name is more
        personal = personal if words.person(name) and short else inside
    shown = mentions if kind == "text" else 0.0
    return Column(name, kind, written, missing, counts, personal=personal, mentions=shown, missing_as=missing_as)


def _sample(counts: Counter[str]) -> list[str]:
    return list(counts)[:: max(1, len(counts) // _SAMPLE)]


def _is_code_list(written: list[str]) -> bool:
    """Say whether what could mean "missing" is a code among codes: capital letters, as NA for Namibia."""
    found = {value for value in written if value}
    codes = {value for value in found if re.fullmatch(r"[A-Z]{2,4}", value)}
    said = {value for value in codes if value.casefold() in parsing.NOTHING}
    return bool(said & {"NA", "NAN"}) and len(codes) >= 3 and len(codes) >= 0.9 * len(found)


def _named_otherwise(column: Column) -> str:
    """Return how a column's name and its values differ, where the name is that of a time or an amount."""
    if column.distinct <= _FEW:
        return ""
    example = quoted(next(iter(column.counts)))
    named = words.heard(column.name, words.TIME_ITSELF)
    if named and column.kind != "time":
        return f"named like a time ({named}), but not to be read as one, such as {example}: taken as {column.kind}"
    named = words.heard(column.name, words.AMOUNT)
    if named and column.kind in ("text", "code", "category"):
        return f"named like an amount ({named}), but not to be read as one, such as {example}: taken as {column.kind}"
    return ""


def mean_words(counts: Counter[str]) -> float:
    """Return the words of a value, on average."""
    return sum(_spoken(value) * count for value, count in counts.items()) / counts.total()


def _spoken(value: str) -> float:
    """Return the words of a text; where a script has no blanks, two characters count as one word."""
    return len(BLANKLESS.sub(" ", value).replace("|", " ").split()) + _unparted(value) / 2


def _unparted(value: str) -> int:
    return 0 if value.isascii() else sum(map(len, BLANKLESS.findall(value)))


def _text_kind(counts: Counter[str], known: int) -> Kind:
    length = sum((len(value) + 2 * _unparted(value)) * count for value, count in counts.items()) / known
    spoken = mean_words(counts)
    share = len(counts) / known
    parts = [re.split(r"\s*[|;,]\s*", value) for value in counts]  # tags, such as Comedy|Drama
    if len({*chain(*parts)}) < len(counts) > _FEW and sum(len(each) > 1 for each in parts) > 0.3 * len(parts):
        return "text"
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
