"""The scenario file as text: every guess with a comment that gives its reason.

Names and values come from data and are hostile: in YAML they stand in quotation marks unless they are plain words, in
comments as a quoted text on one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loopbook.data import parsing
from loopbook.starter.column import Column
from loopbook.starter.form import Form
from loopbook.starter.label_types import LabelGuess, few, shown
from loopbook.starter.notation import comment, listed, listing, noted, quoted, scalar
from loopbook.starter.roles import Roles

if TYPE_CHECKING:
    from jinja2 import Template

_FORM = ("decimal", "thousands", "encoding")
_NAMED = 40  # classes up to which each is named in the scenario
_WHOLE = re.compile(r"0|-?[1-9]\d{0,8}")


@dataclass(frozen=True)
class Draft:
    """Everything that the file says."""

    name: str
    path: str
    rows: int
    form: Form
    label: LabelGuess
    roles: Roles
    by: str
    by_reason: str
    shares: tuple[float, float, float, float, float]
    smoke_rows: int | None
    quarantine: float
    lost: str
    sequence_length: int
    vocabulary: int
    longest: int
    terms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rules: dict[str, str] | dict[str, dict[str, str]] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    english: bool = True
    days: int = 14


def write(draft: Draft) -> str:
    """Return the file, from the template ``scenario.yaml.j2``."""
    label = draft.label
    odds = (1 - label.rate) / max(label.rate, 1e-9)
    return template("scenario.yaml.j2").render(
        draft=draft,
        label=label,
        roles=draft.roles,
        form=draft.form,
        yes=label.names[1],
        often=label.often[0],
        majority=label.often[1],
        odds=odds,
        missed=min(20, max(2, round(odds))),
        rivals="; ".join(f"{quoted(name)} ({what})" for name, what in label.rivals),
        missing=_of_columns(draft, lambda column: column.missing_as),
        units=_of_columns(draft, lambda column: column.unit or None),
        form_doubts={key: "; ".join(doubt.text for doubt in draft.form.doubts if doubt.key == key) for key in _FORM},
        positive=list(map(plain, label.positive)),
        classes=list(map(plain, label.classes)) if len(label.classes) <= _NAMED else [],
        further=further(draft),
    )


def further(draft: Draft) -> dict[str, str]:
    """Return the columns that could be further outputs, and what is in them: rivals of the label, and its leaks."""
    names = (*(name for name, _ in draft.label.rivals), *draft.roles.leaks)
    found = {column.name: column for column in draft.columns if column.name in names and not column.personal}
    return {name: shown(column) for name, column in found.items() if few(column)}


def plain(value: str) -> int | str:
    """Return a value of a label as a scenario names it: a whole number as one."""
    return int(level) if _WHOLE.fullmatch(level := parsing.level(value)) else value


def _of_columns(draft: Draft, setting: Callable[[Column], object]) -> dict[str, object]:
    """Return a setting of those columns that the scenario uses and that need it."""
    has = draft.roles
    parts = (choice.column.name for choice in (has.time, has.group, has.id) if choice is not None)
    used = {*has.fields, *has.protected, draft.label.column.name, *parts}
    found = {column.name: setting(column) for column in draft.columns if column.name in used}
    return {name: value for name, value in found.items() if value is not None}


def template(name: str) -> Template:
    """Return a template of this package."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Not escaped for HTML: `scalar` and `comment` make names and values safe in YAML.
    pages = Environment(
        loader=PackageLoader("loopbook.starter"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["quoted"] = quoted
    pages.filters["word"] = lambda name: re.sub(r"\W+", "_", name).strip("_").lower() or "further"
    pages.globals |= {
        "comment": comment,
        "listed": listed,
        "listing": listing,
        "noted": noted,
        "percent": lambda share, digits: f"{share:.{digits}%}",
        "quoted": quoted,
        "scalar": scalar,
    }
    return pages.get_template(name)
