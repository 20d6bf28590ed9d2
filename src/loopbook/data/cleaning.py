"""Cleaning: one form for texts, personal data masked, duplicates found and kept from leaking."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from loopbook.data import identity, neighbours
from loopbook.data.features import column
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import RANKED, Ranking

if TYPE_CHECKING:
    from loopbook.scenario.data import DataSettings

_REPOST = re.compile(r"^(?:rt\s+@\w+:?\s*)+", re.IGNORECASE)
_OFTEN, _FEW = 0.01, 5  # share of rows, and rows, up to which equal tables may be copies
_SPACES = re.compile(r"\s+")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffc\ud800-\udfff]"
)


def normalise(text: str) -> str:
    """Return a text in one form: Unicode NFC, one space for any white space, nothing invisible, no space around it.

    Control characters, zero-width characters, marks that turn the direction of writing, and halves of surrogate pairs
    go. The joiner that holds an emoji together stays, and so do HTML and formulas: they are text like any other here,
    and whoever shows them escapes them.
    """
    return unicodedata.normalize("NFC", _SPACES.sub(" ", _INVISIBLE.sub("", text))).strip()


def mask(rows: pd.DataFrame, scenario: Scenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows with personal data masked in every column of text, and how much was found.

    Parameters
    ----------
    rows
        Canonical rows, as `validation.validate` gives them.
    scenario
        With ``data.mask_personal_data`` off, the rows stay as they are and what was found is still counted.

    Returns
    -------
    rows
        The same rows and columns.
    found
        Columns ``column, kind, findings, rows``; ids, groups and names of classes are looked at but never changed.
    """
    source, masked = scenario.source, rows.copy()
    # Pseudonyms and hashes that we made ourselves hold nothing personal, but a few look like a card number.
    made = {*source.personal}
    made |= {"row_id"} if source.id is None or source.id in source.personal else set()
    made |= {"group"} if source.group is None or source.group in source.personal else set()
    kept = {"row_id", "group", *(RANKED if isinstance(scenario.task, Ranking) else ())}
    counted: list[tuple[str, str, int, int]] = []
    for name in rows.columns:
        named = isinstance(rows[name].dtype, pd.CategoricalDtype)
        if not (named or isinstance(rows[name].dtype, pd.StringDtype)) or name in made:
            continue
        replaced: dict[str, str] = {}
        kinds: dict[str, list[str]] = {}
        values = rows[name].astype(object).dropna() if named else rows[name]
        for value in values.unique():
            if found := _personal(value, scenario):
                kinds[value] = [finding.kind for finding in found]
                replaced[value] = personal_data.masked(value, found)
        hit = values[values.isin(list(kinds))]
        for kind in personal_data.KINDS:
            per_row = hit.map(lambda value, kind=kind, kinds=kinds: kinds[value].count(kind))
            if len(per_row) and per_row.sum():
                counted.append((name, kind, int(per_row.sum()), int((per_row > 0).sum())))
        if replaced and scenario.data.mask_personal_data and not named and name not in kept:
            masked[name] = rows[name].map(lambda value, replaced=replaced: replaced.get(value, value))
    return masked, pd.DataFrame(counted, columns=["column", "kind", "findings", "rows"])


def mask_text(text: str, scenario: Scenario) -> str:
    """Return one text as `mask` leaves it."""
    return personal_data.masked(text, _personal(text, scenario)) if scenario.data.mask_personal_data else text


def _personal(text: str, scenario: Scenario) -> list[personal_data.Finding]:
    return personal_data.find(text, scenario.data.phone_regions, scenario.data.identity_numbers)


def deduplicate(rows: pd.DataFrame, scenario: Scenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows without repeated texts, and the quarantine of the repetitions.

    * The same inputs again: the later row goes to quarantine (``duplicate-text``, or ``duplicate-text-other-label``).
    * Nearly the same text (Jaccard similarity of its shingles at least ``data.near_duplicate``): where rows have no
      group of their own and no split lies behind another, all are kept and get one group, so that they stay on one
      side of every split. Otherwise the later row goes to quarantine (``near-duplicate``).
    * A task without texts keeps its rows: equal tables are not the same case; but they get one group as above, unless
      more than `_OFTEN` of the rows are equal to each other: that is a frequent case, and no copies. A ranking keeps
      its rows as they are: many users are shown one item.

    Earlier and later are by time, then by position.

    Parameters
    ----------
    rows
        Canonical rows with the line of the source as index, masked: the quarantine shows them.
    scenario
        Its task names the inputs, its data section the similarity.

    Returns
    -------
    rows
        What is left, by time; the index is still the line.
    quarantine
        Columns ``line, reason, detail, row``.
    """
    task = scenario.task
    ordered = rows.rename_axis(index="line").sort_values("time", kind="stable")
    lines = ordered.index.to_numpy()
    ordered = ordered.reset_index(drop=True)
    own_groups = scenario.source.group is not None or scenario.data.splits.ordered or isinstance(task, Ranking)
    first: dict[Any, int] = {}
    inputs = enumerate(identity.inputs(ordered, task.fields))
    same = np.array([first.setdefault(values, position) for position, values in inputs], dtype=np.int64)
    dropped: dict[int, tuple[str, str]] = {}
    if task.texts_differ:
        repeated = np.flatnonzero(same != np.arange(len(ordered)))
        label, ids = ordered["label"].to_numpy(), ordered["row_id"].to_numpy()
        for position in repeated.tolist():
            other = "" if label[position] == label[same[position]] else "-other-label"
            dropped[position] = (f"duplicate-text{other}", f"the same inputs as row {ids[same[position]]}")
        left = np.setdiff1d(np.arange(len(ordered)), repeated)
        links = left[neighbours.pairs(texts(ordered.iloc[left], scenario), scenario.data.near_duplicate)]
        if own_groups:
            for one, later in links.tolist():
                dropped.setdefault(later, ("near-duplicate", f"nearly the same text as row {ids[one]}"))
    elif not own_groups:
        seldom = np.bincount(same)[same] <= max(_FEW, _OFTEN * len(ordered))
        links = np.column_stack([same, np.arange(len(ordered))])[seldom & (same != np.arange(len(ordered)))]
    if not own_groups:
        ordered["group"] = ordered["group"].to_numpy()[neighbours.clusters(len(ordered), links)]
    quarantine = _quarantine(ordered, lines.tolist(), dropped)
    ordered.index = pd.Index(lines, name="line")
    return ordered[~np.isin(np.arange(len(ordered)), list(dropped))], quarantine


def texts(rows: pd.DataFrame, scenario: Scenario) -> list[str]:
    """Return the text fields of each row, joined; whom a repost names first (``RT @jane:``) is no part of its text."""
    fields = [[_REPOST.sub("", text) for text in column(rows, name)] for name in scenario.task.text_fields]
    return [" ".join(parts) for parts in zip(*fields, strict=True)]


def shorten(text: str, length: int, settings: DataSettings | None = None) -> str:
    """Return a text on one line, masked as a scenario's `settings` say, and cut to `length` characters."""
    cut = normalise(text[: 5 * length])
    if len(text) > 5 * length:
        cut = cut.rpartition(" ")[0] or cut[:length]  # half an address at the end could escape the mask
    masked = personal_data.mask(cut, *((settings.phone_regions, settings.identity_numbers) if settings else ()))
    return masked if len(masked) <= length and len(text) <= 5 * length else masked[: length - 1] + "…"


def _quarantine(rows: pd.DataFrame, lines: list[int], dropped: dict[int, tuple[str, str]]) -> pd.DataFrame:
    records = []
    for position in sorted(dropped):
        row = {name: shorten(str(rows[name].iloc[position]), 80) for name in rows.columns[:30]}
        records.append((lines[position], *dropped[position], json.dumps(row, ensure_ascii=False)))
    return pd.DataFrame(records, columns=["line", "reason", "detail", "row"]).astype({"line": "int64"})
