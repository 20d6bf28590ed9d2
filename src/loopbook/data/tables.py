"""Further tables of a source, such as items and users: each checked by itself, then joined to the rows by its key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from loopbook.data import cleaning, parsing, row_checks
from loopbook.data.row_checks import Verdict
from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.task import Ranking

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from loopbook.data.sources import Collected
    from loopbook.scenario.contract import Scenario

Alone = tuple["NDArray[np.bool_]", str, "Callable[[int], str]"]
"""Which rows lack a partner in a table, the reason and the detail, as `Verdict.note` takes them."""


@dataclass(frozen=True)
class Table:
    """A table that is joined to the rows.

    Attributes
    ----------
    name
        As the scenario calls it.
    frame
        Its good rows: input fields in their types, the others as they are; the index is the key, as text.
    on
        The column of the source's rows that holds the key.
    quarantine
        Its other rows: ``line, reason, detail, row``.
    origin
        As `sources.Collected` has it.
    why
        By key why a row of it is in quarantine.
    """

    name: str
    frame: pd.DataFrame
    on: str
    quarantine: pd.DataFrame
    origin: Mapping[str, Any]
    why: Mapping[str, str]


def read(collected: Collected, scenario: Scenario, salt: str | None = None) -> dict[str, Table]:
    """Return the tables of a source by name, each row checked: a key of its own, numbers that are numbers.

    Raises
    ------
    DataError
        If a table lacks its key, or more of it than ``data.max_quarantine_share`` is bad.
    """
    salt = scenario.name if salt is None else salt
    joined = scenario.source.joined
    return {name: _read(name, part, *joined[name], scenario, salt) for name, part in collected.tables.items()}


def _read(name: str, part: Collected, key: str, on: str, scenario: Scenario, salt: str) -> Table:
    import pandas as pd

    frame, source = part.frame, getattr(scenario.source, "tables", {}).get(name, scenario.source)
    if key not in frame:
        raise DataError(f"The table {name} has no column {key!r}, which is its key.{suggest(key, frame.columns)}")
    personal = {*source.personal} | ({key} if on in scenario.source.personal else set())
    verdict, keys = Verdict(len(frame)), parsing.strings(frame[key])
    verdict.note(parsing.is_missing(keys, source.missing.get(key)), "missing-key", f"no {key}")
    twice = pd.Series(keys, dtype=object).where(verdict.good).duplicated().to_numpy()
    verdict.note(twice, "duplicate-key", f"an earlier row has the same {key}")
    fields = {field: kind for field, kind in scenario.task.fields.items() if field in frame and field != key}
    typed = row_checks.typed(frame, fields, source, scenario.data, verdict)
    rows = {column: typed.get(column, frame[column]) for column in map(str, frame.columns) if column != key}
    rows |= {column: _hidden(frame[column], salt) for column in source.personal if column in frame and column != key}
    quarantine = row_checks.quarantine(part, verdict, personal, scenario.data, salt)
    row_checks.refuse_too_many(
        quarantine, len(frame) + len(part.broken), scenario.data.max_quarantine_share, f"rows of {name}"
    )
    good = verdict.good
    bad = np.flatnonzero(~good & (verdict.reason != "duplicate-key"))
    why = {keys[at]: str(verdict.reason[at]) for at in bad.tolist()}
    table = pd.DataFrame(rows, index=frame.index).set_axis(pd.Index(keys, dtype="str"))[good]
    return Table(name, table, on, quarantine, part.origin, why)


def _hidden(values: pd.Series[Any], salt: str) -> list[str]:
    from loopbook.privacy.personal_data import pseudonym

    return [pseudonym(value, salt) if value else "" for value in parsing.strings(values)]


def join(collected: Collected, tables: Mapping[str, Table]) -> tuple[Collected, tuple[Alone, ...]]:
    """Return the rows with the columns of the tables, and which rows have no partner in a table, for each of them.

    A column that the rows have already is put under the table's name: ``users_name``.

    Raises
    ------
    DataError
        If the rows lack the column that names a table's rows.
    """
    import pandas as pd

    frame, alone = collected.frame.copy(), []
    for name, table in tables.items():
        if table.on not in collected.frame:
            raise DataError(
                f"The rows have no column {table.on!r}, which names the rows of the table {name}."
                f"{suggest(table.on, collected.frame.columns)} Name it in source.tables.{name}.named_by."
            )
        wanted = parsing.strings(collected.frame[table.on])
        places = table.frame.index.get_indexer(pd.Index(wanted, dtype="str"))
        for column in table.frame:
            own = f"{name}_{column}" if column in frame else str(column)
            values = table.frame[column].take(np.maximum(places, 0)) if len(table.frame) else table.frame[column]
            frame[own] = values.set_axis(frame.index).where(places >= 0) if len(table.frame) else None
        alone.append((places < 0, f"no-{name}", _explain(table, wanted)))
    return replace(collected, frame=frame), tuple(alone)


def _explain(table: Table, wanted: list[str]) -> Callable[[int], str]:
    def detail(position: int) -> str:
        key = wanted[position]
        why = f"its row is in quarantine: {table.why[key]}" if key in table.why else "there is no such row"
        return f"{table.on} is {key!r}, of which {table.name} says nothing: {why}"

    return detail


def keys(tables: Mapping[str, Table], on: str) -> Collection[str] | None:
    """Return the keys of the table that a column of the rows names; None: there is no such table."""
    return next((table.frame.index for table in tables.values() if table.on == on), None)


def items(collected: Collected, rows: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return the items of a ranking, those that nobody was shown too: column ``item``, then what is known of them.

    Without a table of them, the items of `rows` (canonical) are all that is known. Other tasks have none.
    """
    import pandas as pd

    if not isinstance(scenario.task, Ranking):
        return pd.DataFrame({"item": pd.Series(dtype="str")})
    table = next((part for part in read(collected, scenario).values() if part.on == scenario.task.item), None)
    if table is None:
        return pd.DataFrame({"item": pd.Series(sorted(rows["item"].unique()), dtype="str")})
    known = table.frame.apply(row_checks.other).reset_index(drop=True)
    shared = [name for name in known if name in ("item", "label")]
    known = known.rename(columns={name: f"{name}_source" for name in shared})
    known.insert(0, "item", pd.Series(table.frame.index, dtype="str"))
    return cleaning.mask(known, scenario)[0]


def told(collected: Collected, scenario: Scenario) -> str:
    """Say in words which tables were joined, and how much of each is in quarantine; nothing where there is none."""
    parts = (
        f"{name} ({len(table.frame):,} rows, {len(table.quarantine):,} in quarantine)"
        for name, table in read(collected, scenario).items()
    )
    said = ", ".join(parts)
    return f"Joined to them: {said}." if said else ""


def on_card(card: dict[str, Any], collected: Collected, scenario: Scenario) -> dict[str, Any]:
    """Return the dataset card with what is to be said of each table: origin, rows, columns, quarantine and why."""
    told: dict[str, dict[str, Any]] = {
        name: {
            "origin": dict(table.origin),
            "rows": len(table.frame),
            "columns": [str(column) for column in table.frame],
            "quarantine": {str(why): int(count) for why, count in table.quarantine["reason"].value_counts().items()},
        }
        for name, table in read(collected, scenario).items()
    }
    findings = [
        {
            "kind": "quarantine",
            "severity": "warning",
            "text": f"{sum(table['quarantine'].values()):,} rows of the table {name} are in quarantine "
            f"({', '.join(f'{why} {count:,}' for why, count in table['quarantine'].items())}), and what names these.",
        }
        for name, table in told.items()
        if table["quarantine"]
    ]
    return card | {"tables": told, "findings": [*card["findings"], *findings]}
