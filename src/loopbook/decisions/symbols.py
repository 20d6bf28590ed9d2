"""Symbol table of rules and trees: the names for what is in a row, and the values behind them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.data import features
from loopbook.decisions.language import RESERVED
from loopbook.scenario.task import Task

_FOLDED = 8  # fields from which their symbols for missing values are shown as one


@dataclass(frozen=True)
class Symbol:
    """A name, what kind of value it stands for, and the fields behind it (none: the model's probability)."""

    name: str
    kind: Literal["number", "text", "truth", "words"]
    fields: tuple[str, ...]
    meaning: str

    def values(self, frame: pd.DataFrame, probability: ArrayLike | None = None) -> list[Any]:
        """Return the value of each row: float, with NaN for missing; str; bool; or a set of words.

        Raises
        ------
        DataError
            If a field is absent.
        ValueError
            If the probability is asked for and not given.
        """
        if self.kind == "words":
            return words(frame, self.fields)
        if not self.fields:
            if probability is None:
                raise ValueError(f"{self.name} is asked for before the model has been asked.")
            return [float(value) for value in np.asarray(probability, dtype=np.float64)]
        column = features.column(frame, self.fields[0])
        if self.kind == "number":
            return [float(value) for value in column.to_numpy(dtype=np.float64, na_value=np.nan)]
        texts = ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
        return [text == "" for text in texts] if self.kind == "truth" else texts


def symbols(task: Task) -> dict[str, Symbol]:
    """Return what a rule can use, by name.

    A field's name becomes a symbol's by writing ``_`` for what is neither letter, digit nor underscore; where that
    gives a name twice, or one of the language's own words, the later one ends in ``_`` as well.
    """
    found: dict[str, Symbol] = {}

    def add(name: str, kind: Literal["number", "text", "truth", "words"], fields: Sequence[str], meaning: str) -> None:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = f"_{plain}" if plain[:1].isdigit() else plain
        while plain in found or plain in RESERVED:
            plain += "_"
        found[plain] = Symbol(plain, kind, tuple(fields), meaning)

    add("probability", "number", (), f"the model's probability of {task.label.names[1]!r}; after the model only")
    if task.text_fields:
        add("words", "words", task.text_fields, "the single words of the text, in lower case, every digit as 0")
    for field, kind in task.fields.items():
        add(field, "number" if kind == "number" else "text", (field,), f"the field {field} ({kind})")
        if kind != "text":
            add(f"{field}_missing", "truth", (field,), f"whether {field} is missing")
    return found


def table(task: Task) -> pd.DataFrame:
    """Return the symbols to show: `name`, `kind`, `meaning`; those for missing values of many fields in one row."""
    known = symbols(task)
    asking = [symbol for symbol in known.values() if symbol.kind == "truth"]
    folded = asking if len(asking) > _FOLDED else []
    rows = [(symbol.name, symbol.kind, symbol.meaning) for symbol in known.values() if symbol not in folded]
    if folded:
        rows.append(
            (f"{folded[0].name}, …", "truth", f"whether that field is missing; so for all {len(folded)} fields")
        )
    return pd.DataFrame(rows, columns=["name", "kind", "meaning"])


def words(frame: pd.DataFrame, fields: Sequence[str]) -> list[set[str]]:
    """Return the set of tokens of each row's texts."""
    columns = [features.column(frame, field) for field in fields]
    return [
        {token for text in row if isinstance(text, str) for token in features.tokenize(text)}
        for row in zip(*columns, strict=True)
    ]
