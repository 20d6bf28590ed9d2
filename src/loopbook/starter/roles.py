"""What each column is for: input, time, group, key of a row, protected, or not used, and why."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pandas as pd

from loopbook.data.cleaning import shorten
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import COUNTED
from loopbook.starter import leak, words
from loopbook.starter.column import Column, mean_words
from loopbook.starter.label import REMEDY
from loopbook.starter.label_types import LabelGuess, spellings
from loopbook.starter.notation import quoted

FieldKind = Literal["text", "number", "category"]

_LONGEST_NAME = 200  # characters; YAML reads a key on one line of at most 1,024
_MANY_MISSING = 0.02  # of a time, group or key: such rows go to quarantine
_LEAST_GROUPS = 30
OFTEN = 0.8  # different values of an id, as a share of all, up to which it names things of several rows
_FEW_LEVELS = 12
_MOST_SEXES = 4
_MOST_GROUPS = 60  # of a protected attribute
_SHORTENED = re.compile(r"-?\d(?:[.,]\d{0,6})?[eE]\+?(?:1[1-9]|[2-9]\d)")


@dataclass(frozen=True)
class Choice:
    """A column chosen for something, and the reason."""

    column: Column
    reason: str
    sure: float = 0.8
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Roles:
    """What each column is for.

    Attributes
    ----------
    fields
        Inputs by name: type and reason.
    time, group, id
        The columns that play these parts, if any.
    personal, protected, unused
        Reason by column name.
    leaks
        Of the unused ones: those that tell the label nearly alone, or are known only after it.
    coded
        Of the fields: numbers that may be codes.
    doubts
        What somebody should know of a column before all else: that it is not what its name says.
    """

    fields: dict[str, tuple[FieldKind, str]]
    time: Choice | None
    group: Choice | None
    id: Choice | None
    personal: dict[str, str]
    protected: dict[str, str]
    unused: dict[str, str]
    leaks: tuple[str, ...]
    coded: tuple[str, ...] = ()
    doubts: dict[str, str] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(name for name, (kind, _) in self.fields.items() if kind == "text")

    @property
    def table(self) -> tuple[str, ...]:
        return tuple(name for name, (kind, _) in self.fields.items() if kind != "text")


def assign(columns: Sequence[Column], label: LabelGuess, today: datetime) -> Roles:
    """Say what each column is for.

    Raises
    ------
    DataError
        If no input is left; the message says why each column is not one.
    """
    others = [column for column in columns if column.name != label.column.name]
    about = {column.name: about_people(column, columns) for column in columns}
    free = [column for column in others if not (about[column.name] or _damaged(column))]
    time, group, key = time_of(free, today), _group(free), _key(free)
    taken = {choice.column.name for choice in (time, group, key) if choice is not None}
    fields: dict[str, tuple[FieldKind, str]] = {}
    protected: dict[str, str] = {}
    unused: dict[str, str] = {}
    leaks: list[str] = []
    coded: list[str] = []
    for column in (column for column in others if column.name not in taken):
        word = about[column.name]
        if reason := _damaged(column) or ("" if word else unusable(column)):
            unused[column.name] = reason
        elif word and column.kind not in ("empty", "constant"):
            many = column.kind == "time" or (column.kind != "number" and column.distinct > _MOST_GROUPS)
            watched = "it is" if many else "fairness is watched over it, and it is"
            (unused if many else protected)[column.name] = f"its name says {word!r}: {watched} never an input"
        elif reason := unusable(column):
            unused[column.name] = reason
        elif how := "; ".join(filter(None, _leaks(column, label))):
            unused[column.name] = f"suspected leak: {how}. Was it known before the label? Then add it to task.fields"
            leaks.append(column.name)
        else:
            fields[column.name] = field_of(column)
            coded += [column.name] * _could_be_codes(column)
    if not fields:
        listed = "".join(f"\n  {shorten(name, 40)!r}: {reason}" for name, reason in (unused | protected).items())
        raise DataError(
            f"No column is left to predict {shorten(label.column.name, 40)!r} from.{listed}\n"
            f"Add columns to the file. {REMEDY}"
        )
    personal = {column.name: column.personal for column in others if column.personal}
    doubts = {column.name: column.doubt or _no_key(column) for column in columns}
    doubts = {name: doubt for name, doubt in doubts.items() if doubt and name not in taken}
    return Roles(fields, time, group, key, personal, protected, unused, tuple(leaks), tuple(coded), doubts)


def about_people(column: Column, columns: Sequence[Column]) -> str:
    """Return the word that says that a column is about people; nothing for a genre of works, or where a way begins."""
    word = words.protected(column.name)
    works = word == "genre" and column.distinct > _MOST_SEXES
    way = word == "origin" and any(words.heard(other.name, words.DESTINATION) for other in columns)
    return "" if works or way else word


def unusable(column: Column) -> str:
    """Return why a column cannot be an input; empty: it can."""
    only = "the same person" if column.personal else repr(shorten(next(iter(column.counts), ""), 30))
    reasons = (
        (len(column.name) > _LONGEST_NAME, f"its name has {len(column.name):,} characters; shorten it in the file"),
        (column.kind == "empty", "empty"),
        (column.kind == "constant", f"constant: {only}"),
        (bool(column.personal), f"personal: {column.personal}"),
        (column.kind == "time", "a time; only one is used, and it is no input"),
        (column.missing_share > 0.95, f"{column.missing_share:.0%} missing"),
        (_is_key(column), "identifier: every value once"),
        (bool(_no_key(column)), _no_key(column)),
        (bool(column.doubt) and column.kind != "number", f"{column.doubt}; to use it, add it to task.fields"),
        (column.kind == "code", f"nearly unique: {column.distinct:,} values in {column.known:,} rows"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _leaks(column: Column, label: LabelGuess) -> tuple[str, str, str]:
    """Return what speaks for a leak: the column's name, what it tells on rows held out, and that it is a label too."""
    values = spellings(label.column) if label.below is None and label.task != "number" else ()
    named = leak.afterwards(column.name, label.column.name, values)
    alike = column.distinct == 2 and set(spellings(column)) == set(spellings(label.column))
    beside = leak.implies(column, label.truth, ~label.column.missing) if alike else ""
    return named, leak.tells(column, label.told, ~label.column.missing), beside


def _damaged(column: Column) -> str:
    """Return why a column holds ids that a spreadsheet has damaged; empty: it does not."""
    written = [value for value in column.counts if _SHORTENED.fullmatch(value)]
    named = words.heard(column.name, words.ID) or column.distinct < 0.9 * column.known
    if not written or len(written) < 0.9 * column.distinct or not named:
        return ""
    return (
        f"ids damaged by a spreadsheet, which keeps a few digits only: {column.known:,} rows share {column.distinct:,} "
        f"such as {written[0]!r}. Export them anew as text"
    )


def _could_be_codes(column: Column) -> bool:
    """Say whether whole numbers may be codes of categories: few, small, and not called a number of something."""
    if column.kind != "number" or column.numbers is None or words.heard(column.name, words.COUNTED):
        return False
    known = column.numbers[pd.notna(column.numbers)]
    return 2 < column.distinct <= _FEW_LEVELS and bool(((known == known.round()) & (abs(known) < 100)).all())


def field_of(column: Column) -> tuple[FieldKind, str]:
    """Return the type of an input, and what is in it."""
    tokens = f" ({', '.join(map(quoted, column.tokens[:5]))})" if column.tokens else ""
    missing = f"; {column.missing_share:.1%} missing{tokens}" if column.missing_share >= 0.005 or tokens else ""
    if column.kind == "number" and column.numbers is not None:
        known = column.numbers[pd.notna(column.numbers)]
        bad = f"; {1 - column.readable:.1%} are no numbers" if column.readable < 1 else ""
        unit = f" {quoted(column.unit)}" if column.unit else ""
        doubt = f"; {column.doubt}" if column.doubt else ""
        codes = "; codes or amounts? If codes, write category" if _could_be_codes(column) else ""
        return "number", f"{known.min():g} to {known.max():g}{unit}{missing}{bad}{doubt}{codes}"
    if column.kind == "text":
        spoken = mean_words(column.counts)
        masked = f"; {column.mentions:.0%} hold personal data, which is masked" if column.mentions else ""
        return "text", f"{spoken:.0f} words on average{missing}{masked}"
    often = ", ".join(repr(shorten(value, 20)) for value, _ in column.counts.most_common(3))
    rare = "; all but the 50 most frequent are taken together" if column.distinct > 50 else ""
    return "category", f"{column.distinct:,} values, most often {often}{missing}{rare}"


def time_of(columns: Sequence[Column], today: datetime) -> Choice | None:
    """Return the time by which rows came in: known for nearly all, named like a beginning, not in the future."""

    def points(column: Column) -> float:
        named = 2.0 * bool(words.heard(column.name, words.TIME)) - 2.0 * bool(
            words.heard(column.name, words.LATER_TIME)
        )
        late = float((column.times > today).mean())
        return named - 20 * column.missing_share - 5 * (1 - column.readable) - 5 * late - 10 * bool(column.personal)

    times = [
        column for column in columns if column.kind == "time" and column.missing_share + 1 - column.readable <= 0.1
    ]
    ranked = _ranked((points(column), column) for column in times if points(column) > -3)
    if not ranked:
        return None
    best, *others = ranked
    first, last = best.times.min(), best.times.max()
    counted = "counted as" if set(best.formats) & set(COUNTED) else "written as"
    written = f"; {counted} {', '.join(best.formats)}" if best.formats else ""
    doubt = ", where day and month could be the other way round: please check" if best.ambiguous else ""
    lost = f"; {1 - best.readable:.1%} cannot be read" if best.readable < 1 else ""
    sure = 0.3 if best.ambiguous else 0.6 if others else 0.9
    return Choice(best, f"{first.date()} to {last.date()}{written}{doubt}{lost}", sure, _names(others))


def _group(columns: Sequence[Column]) -> Choice | None:
    """Return the column of the things of which several rows speak."""

    def points(column: Column) -> float:
        subject = column.kind == "number" and bool(words.heard(column.name, words.SUBJECT))
        thing = subject or _named_key(column) or bool(words.heard(column.name, words.ENTITY))
        named = thing and column.kind in ("code", "category", "number", "text")
        person = bool(column.personal) and column.kind != "time"
        keyed = bool(words.heard(column.name, words.ID))
        counted = column.kind == "number" and not (keyed or person or subject)
        several = _LEAST_GROUPS <= column.distinct <= OFTEN * column.known
        usable = several and not counted and column.missing_share <= _MANY_MISSING
        return (named + person + 0.5 * keyed) * (usable and (named or person) and len(column.name) <= _LONGEST_NAME)

    ranked = _ranked((points(column), column) for column in columns if points(column))
    if not ranked:
        return None
    best, *others = ranked
    why = f"{best.distinct:,} values in {best.known:,} rows, and {best.personal or 'its name is that of a thing'}"
    return Choice(best, why, 0.6, _names(others))


def _ranked(found: Iterable[tuple[float, Column]]) -> list[Column]:
    """Return columns, the one with most points first."""
    return [column for _, column in sorted(found, key=lambda pair: -pair[0])]


def _names(columns: Sequence[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns[:2])


def _key(columns: Sequence[Column]) -> Choice | None:
    found = (column for column in columns if _is_key(column) and len(column.name) <= _LONGEST_NAME)
    best = max(found, key=lambda column: (bool(words.heard(column.name, words.ID)), not column.personal), default=None)
    return None if best is None else Choice(best, f"{best.distinct:,} values, every one once", 0.8)


def _no_key(column: Column) -> str:
    """Return why a column that is named like a row's key is none; empty: it is one, or is not named so."""
    if not _named_key(column) or _is_key(column) or column.distinct < OFTEN * column.known:
        return ""
    twice, missing = 1 - column.distinct / max(1, column.known), column.missing_share
    faults = ((twice, "of its values stand there again"), (missing, "of the rows have none"))
    return "named like a row's key, but " + " and ".join(f"{share:.1%} {what}" for share, what in faults if share)


def _named_key(column: Column) -> bool:
    """Say whether a column is named like a row's key, and is no level of a few."""
    return words.of(column.name)[-1:] in (["id"], ["uuid"], ["guid"]) and column.kind in ("code", "number")


def _is_key(column: Column) -> bool:
    """Say whether a column identifies rows: hardly a value twice, and named or counted like a key; never an amount."""
    if column.kind not in ("code", "number", "category") or column.missing_share > _MANY_MISSING:
        return False
    if column.unit or column.doubt or words.heard(column.name, words.AMOUNT):
        return False
    if column.distinct < 0.98 * column.known or column.known < 20:
        return False
    if column.numbers is not None:
        known = column.numbers[pd.notna(column.numbers)]
        whole = bool((known == known.round()).all())
        counted = float(known.max() - known.min()) <= 1.2 * len(known)
        return whole and (counted or bool(words.heard(column.name, words.ID)))
    return column.kind == "code"
