"""Labels: what the source's column says of each row, in the form that the task's type has."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import parsing
from loopbook.data.cleaning import shorten
from loopbook.data.parsing import Notation
from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.source import Columns, CsvSource, Source
from loopbook.scenario.task import Label, OneOfMany, Quantity, Task, Value, YesNo
from loopbook.statistics import targets

MOST_CLASSES = 500
"""A label column of more distinct values than this is no set of classes."""

Note = Callable[[Any, str, str | Callable[[int], str]], None]
"""Marks the rows where something is wrong, with a reason and a detail."""


def read(frame: pd.DataFrame, task: Task, source: Source, note: Note) -> tuple[Any, NDArray[np.float32]]:
    """Return the label of each row and how much it counts.

    Parameters
    ----------
    frame
        Rows as the source has them.
    note
        Told which rows have no label that can be read.

    Returns
    -------
    label
        int8 0 or 1, a categorical, or float64, by the type of the task (`statistics.targets`).
    weight
        float32 [n] from 0 to 1: less than 1 where the label is uncertain.
    """
    label = task.label
    written = parsing.strings(frame[label.column])
    note(parsing.is_missing(written, source.missing.get(label.column)), "missing-label", f"no {label.column}")
    weight = np.ones(len(frame), dtype=np.float32)
    if isinstance(label, OneOfMany):
        found = _classes(written, label, source)
        taken = {"row_id": "the rows' own names are"} | ({} if task.actions else {"review": "asking a person is"})
        for name in found.categories.intersection(list(taken)):
            raise DataError(f"{label.column} has a class called {name}, as {taken[name]}: call it otherwise.")
        return found, weight
    if isinstance(label, Quantity):
        return _numbers(frame, label, source, note), weight
    assert isinstance(label, YesNo)
    if label.below is None:
        return _yes(written, label), weight
    numbers = _numbers(frame, label, source, note)
    if label.uncertain:
        weight = np.minimum(1.0, np.nan_to_num(np.abs(numbers - label.below)) / label.uncertain).astype(np.float32)
    return (numbers < label.below).astype(np.int8), weight


def also(frame: pd.DataFrame, task: Task, source: Source) -> dict[str, pd.Categorical]:
    """Return the further outputs of each row under ``label_`` and their names; missing where they are not known."""
    columns = {name: parsing.strings(frame[output.column]) for name, output in task.also.items()}
    return {f"label_{name}": _classes(written, task.also[name], source) for name, written in columns.items()}


def approved(said: Sequence[Any], like: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return labels that people gave in the form that a column of labels has; missing where no class is called so.

    Parameters
    ----------
    said
        0 or 1, the name of a class, or a number, by the type of the output; None where nobody said anything. One for
        each row of `like`.
    like
        Labels as `read` returns them.
    """
    if isinstance(like.dtype, pd.CategoricalDtype):
        known = [str(name) if str(name) in like.cat.categories and name is not None else None for name in said]
        return pd.Series(pd.Categorical(known, dtype=like.dtype), index=like.index)
    return pd.Series(list(said), index=like.index, dtype="float64")


def in_words(label: "pd.Series[Any]", task: Task, most: int = 3) -> str:
    """Return the most frequent classes of labels with their rows, of a number the bands: ``late 12, lost 3``."""
    names = targets.classes(label, task)
    found = Counter(names[code] for code in targets.codes(label, task).tolist() if code >= 0)
    listed = [f"{shorten(name, 40)} {count:,}" for name, count in found.most_common(most)]
    return ", ".join([*listed, *([f"{len(found) - most} more"] if len(found) > most else [])])


def refuse_one_class(label: "pd.Series[Any]", raw: "pd.Series[Any]", task: Task, source: Source) -> None:
    """Refuse rows whose labels are all the same, from which nothing can be learned.

    Parameters
    ----------
    label
        What `read` returned, of the rows that are good.
    raw
        The source's column, of the same rows.

    Raises
    ------
    DataError
        With what the column holds, and which value was probably meant.
    """
    if label.nunique() > 1:
        return
    said = task.label
    if isinstance(said, YesNo):
        meaning = said.names[int(label.iloc[0])]
        if said.below is not None:
            numbers, _ = parsing.numbers(raw, notation(source, said.column))
            runs = f"it runs from {np.nanmin(numbers):g} to {np.nanmax(numbers):g}, and task.label.below is"
            told = f"All {len(label):,} rows have one class, {meaning!r}: {said.column}"
            raise DataError(f"{told}: {runs} {said.below:g}.")
    else:
        meaning = str(label.iloc[0])
    counts = Counter(parsing.strings(raw)).most_common(5)
    seen = ", ".join(f"{shorten(value, 40)!r} ({count:,})" for value, count in counts)
    told = f"All {len(label):,} rows have one class, {meaning!r}: {said.column} has the values {seen}"
    if not isinstance(said, YesNo):
        raise DataError(f"{told}.")
    near = suggest(said.positive[0], [shorten(value, 40) for value, _ in counts])
    raise DataError(f"{told}, and task.label.positive is {', '.join(map(repr, said.positive))}.{near}")


def notation(source: Columns, column: str) -> Notation:
    """Return how the numbers of a column are written."""
    marks = (source.decimal, source.thousands) if isinstance(source, CsvSource) else (".", None)
    return Notation(*marks, source.units.get(column, ""), source.missing.get(column))


def no_number(values: "pd.Series[Any]", decimal: str) -> Callable[[int], str]:
    """Return what says of a row's position why its value is no number."""
    hint = {".": "; set source.decimal to ',' if that is its decimal mark", ",": "; source.decimal is ','"}[decimal]
    other = "," if decimal == "." else "."

    def detail(position: int) -> str:
        value = shorten(parsing.plain(values.iloc[position]), 40)
        told = f"{values.name} is {value!r}, not a number up to {parsing.LARGEST:.1e}"
        return f"{told}{hint if other in value else ''}"

    return detail


def _numbers(frame: pd.DataFrame, label: Label, source: Source, note: Note) -> NDArray[np.float64]:
    written_as = notation(source, label.column)
    numbers, bad = parsing.numbers(frame[label.column], written_as)
    note(bad, "bad-label", no_number(frame[label.column], written_as.decimal))
    return numbers


def _yes(written: list[str], label: YesNo) -> NDArray[np.int8]:
    # Case does not count: every other value means no, so that 'Yes' for 'yes' would silently become a no.
    levels = [parsing.level(value) for value in written]
    _refuse_unquoted(label.column, label.positive, set(levels))
    positive = {parsing.level(parsing.plain(value)) for value in label.positive}
    return np.array([value in positive for value in levels], dtype=np.int8)


def _classes(written: list[str], label: OneOfMany, source: Source) -> pd.Categorical:
    """Return the classes as the scenario names them, and behind these, in their natural order, those that it does not.

    Case does not count; a class that is not named is called as most rows spell it.
    """
    missing = parsing.is_missing(written, source.missing.get(label.column))
    levels = [parsing.level(value) for value in written]
    _refuse_unquoted(label.column, label.values, set(levels))
    named = {parsing.level(parsing.plain(value)): name for value, name in label.values.items()}
    spelt = Counter(value for value, gone in zip(written, missing, strict=True) if not gone)
    for value, _ in sorted(spelt.items(), key=lambda item: (-item[1], item[0])):
        named.setdefault(parsing.level(value), label.other or value)
    found = [None if gone else named[value] for value, gone in zip(levels, missing, strict=True)]
    later = sorted({name for name in found if name is not None} - set(label.classes), key=natural)
    classes = [*label.classes, *later]
    if len(classes) > MOST_CLASSES:
        such = ", ".join(repr(shorten(name, 40)) for name in later[:3])
        raise DataError(
            f"{label.column} has {len(classes):,} distinct values, such as {such}: too many for classes (at most "
            f"{MOST_CLASSES})."
        )
    return pd.Categorical(found, categories=classes)


def natural(value: str) -> tuple[int, float, str]:
    """Return what sorts numbers by size before texts by letters."""
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value


def _refuse_unquoted(column: str, values: Iterable[Value], levels: set[str]) -> None:
    """Refuse a yes or no that YAML has read as true or false, where the column itself says yes or no."""
    unquoted = {True: {"yes", "y", "on"}, False: {"no", "n", "off"}}
    for value in values:
        meant = sorted(unquoted[value] & levels) if isinstance(value, bool) else []
        if meant and parsing.plain(value) not in levels:
            raise DataError(
                f"The label {column} is said to have the value {value}: YAML reads {' and '.join(meant)} without "
                f'quotation marks as true or false. Put it in quotation marks: "{meant[-1]}".'
            )
