"""What people say of decisions: answers with a label, a comment, a rating; from a file, checked row by row."""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import pandas as pd

from loopbook.data import labels, parsing
from loopbook.data.cleaning import shorten
from loopbook.data.files import CsvForm, read_csv
from loopbook.data.parsing import Notation
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.task import Number, OneOfMany, Task, YesNo
from loopbook.statistics import targets

COLUMNS = ("row_id", "user", "label", "comment", "rating", "seconds", "time", "source")
"""Columns of a table of answers; `label` is what the user says is right, missing where that is nothing: Int8 of yes or
no, a categorical of all classes, float64 of a number, as in the decision log. Each further output of the task follows
in a column ``label_`` and its name, as in rows."""

BROKEN = ("line", "reason", "detail")
EMPTY: Mapping[str, Any] = MappingProxyType({})

_NEEDED = ("row_id", "user")
_SAYING = ("label", "comment", "rating")  # an answer says at least one of these
_KNOWN = ("row_id", "label", "comment", "user", "time", "rating", "seconds")
_PAIRS = (("no", "yes"), ("n", "y"), ("false", "true"), ("off", "on"), ("nein", "ja"))
_COMMENT = 500  # characters of a comment that are kept
_SLOWEST = 86_400.0  # seconds: who needs longer has gone home in between


def table(answers: list[dict[str, Any]], label: Any = "Int8", also: Mapping[str, Any] = EMPTY) -> pd.DataFrame:
    """Return answers as a table in canonical types, ordered by row and user.

    `label` is the label's type, `also` has those of further outputs by column (`further`).
    """
    frame = pd.DataFrame(answers, columns=[*COLUMNS, *also])
    texts = ["row_id", "user", "comment", "source"]
    frame[texts] = frame[texts].fillna("")
    frame["time"] = pd.to_datetime(frame["time"], utc=True).astype("datetime64[us, UTC]")
    types = dict.fromkeys(texts, "str") | {"label": label, **also, "rating": "float64", "seconds": "float64"}
    return frame.astype(types).sort_values(["row_id", "user"], kind="stable", ignore_index=True)


def further(decisions: pd.DataFrame, task: Task) -> dict[str, Any]:
    """Return the columns of further outputs, ``label_`` and their names, with their types."""
    return {column: decisions[column].dtype for column in (f"label_{name}" for name in task.also)}


def read(path: Path, decisions: pd.DataFrame, scenario: Scenario, today: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read real answers from a CSV file.

    The file has the columns `row_id` and `user`, at least one of `label`, `comment`, `rating` and the names of further
    outputs, and may have `time` and `seconds`. A class is written by its name or as the source writes it, in any case;
    of two also by the action
    that would have been right, or as 0 or 1; a number in the source's notation. A user's name is replaced by a
    pseudonym, and personal data in comments is masked, before anything is kept.

    Parameters
    ----------
    path
        The file.
    decisions
        The decision log; who answers about other rows is told so. Its label has all classes of the source, those that
        train has never seen too; so have the columns ``label_`` of further outputs.
    scenario
        Its task names labels and actions.
    today
        An answer of a later day is a mistake; simulated decisions may lie in the future.

    Returns
    -------
    answers
        Table with `COLUMNS`; of a user's several answers on one row the last.
    broken
        Columns `line, reason, detail`: every line of the file that is no answer. Both together are all its lines.

    Raises
    ------
    DataError
        If the file is absent, empty, in another encoding, or lacks a column that it needs.
    """
    if not path.is_file():
        raise DataError(f"There is no file of answers {path.name}; correct feedback.file in the scenario.")
    content = path.read_bytes()
    _require_utf8(content, path.name)
    read_rows = read_csv(content, CsvForm(), path.name)
    also = {column.removeprefix("label_").lower(): column for column in further(decisions, scenario.task)}
    names = [also.get(name.strip().lower(), name.strip().lower()) for name in read_rows.columns]
    _require(names, path.name, (*_SAYING, *also.values()))
    known = {*_KNOWN, *also.values()}
    lines = [
        (line, {name: str(value).strip() for name, value in zip(names, values, strict=True) if name in known})
        for line, values in zip(read_rows.lines, read_rows.rows, strict=True)
    ]
    broken = [(row.line, row.reason, row.detail) for row in read_rows.broken]
    answers, refused = checked(lines, broken, decisions, scenario, today)
    users = answers["user"].map(lambda user: personal_data.pseudonym(user, scenario.name)).astype("str")
    said = answers.assign(user=users, source=path.name).sort_values(
        ["row_id", "user"], kind="stable", ignore_index=True
    )
    return said.astype({"source": "str"}), refused


def checked(
    lines: Iterable[tuple[int, Mapping[str, str]]],
    broken: Iterable[tuple[int, str, str]],
    decisions: pd.DataFrame,
    scenario: Scenario,
    today: date,
    numbers: Notation | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the answers among numbered lines, and all lines that are none; see `read`.

    Parameters
    ----------
    lines
        What stands on each, by column; a column ``label_`` and its name is a further output's.
    broken
        Lines that were none before: number, reason, detail.
    numbers
        How numbers are written; None: as the scenario's source writes them.
    """
    broken = list(broken)
    decided = dict(zip(decisions["row_id"].astype(str), decisions["time"], strict=True))
    meanings = {
        "label": _Meanings({}, numbers)
        if numbers and isinstance(scenario.task, Number)
        else _Meanings.of(decisions, scenario)
    }
    for name, output in scenario.task.also.items():
        meanings[f"label_{name}"] = _Meanings.named(output, decisions[f"label_{name}"].cat.categories)
    latest = None if scenario.simulated else pd.Timestamp(today + timedelta(days=1), tz="UTC")
    found: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    for line, written in lines:
        answer, reason, detail = _answer(written, decided, meanings, latest)
        if reason:
            broken.append((line, reason, detail))
            continue
        key = (answer["row_id"], answer["user"])
        if key in found:
            out, earlier = found[key]
            if answer["time"] < earlier["time"]:  # an unknown time (NaT) is before none
                line, answer, out = out, earlier, line
            broken.append((out, "replaced", f"the same user answers about this row again on line {line}"))
        found[key] = (line, answer)
    said = [answer for _, answer in found.values()]
    answers = table(said, decisions["label"].dtype, further(decisions, scenario.task))
    return answers, pd.DataFrame(sorted(broken), columns=list(BROKEN)).astype({"line": "int64"})


def merged(*tables: pd.DataFrame) -> pd.DataFrame:
    """Return several tables of answers as one."""
    whole = pd.concat(tables, ignore_index=True)
    return whole.sort_values(["row_id", "user"], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class _Meanings:
    """What a written label means: by its text as labels are compared, or, where `numbers` are meant, by its value."""

    known: Mapping[str, Any]
    numbers: Notation | None = None

    @classmethod
    def of(cls, decisions: pd.DataFrame, scenario: Scenario) -> Self:
        """Return the meanings of all classes' names, and of the source's own values as far as they are known."""
        task = scenario.task
        if isinstance(task, Number):
            return cls({}, labels.notation(scenario.source, task.label.column))
        if isinstance(task.label, OneOfMany):
            return cls.named(task.label, targets.classes(decisions["label"], task))
        # A label's own name goes before an action that is called alike.
        spelt = [("0", "1"), task.actions, task.label.classes]
        found = _source_meanings(decisions, scenario)
        return cls(found | {name.casefold(): value for names in spelt for value, name in enumerate(names)})

    @classmethod
    def named(cls, output: OneOfMany, names: Iterable[str]) -> Self:
        """Return the meanings of the names of an output's classes, and of the source's own values."""
        coded = {parsing.level(parsing.plain(value)): name for value, name in output.values.items()}
        return cls(coded | {parsing.level(name): name for name in names})

    def read(self, written: str, called: str = "label") -> tuple[Any, str]:
        """Return what a text means, or None and why it means nothing."""
        if self.numbers is None:
            label = self.known.get(parsing.level(written))
            wrong = f"{called} is {shorten(written, 40)!r}.{suggest(written, self.known)}"
            return label, wrong if label is None else ""
        text = pd.Series([written], name="label")
        (number,), (bad,) = parsing.numbers(text, self.numbers)
        return (None, labels.no_number(text, self.numbers.decimal)(0)) if bad else (float(number), "")


def _source_meanings(decisions: pd.DataFrame, scenario: Scenario) -> dict[str, int]:
    """Return what the source's own values of the label mean, as far as the scenario and the log know them."""
    label = scenario.task.label
    yes = {parsing.level(parsing.plain(value)) for value in (label.positive if isinstance(label, YesNo) else ())}
    said = parsing.strings(decisions[label.column].dropna()) if yes and label.column in decisions else []
    seen = {parsing.level(value) for value in said} - parsing.NOTHING
    opposite = {no for pair in _PAIRS for no, it in (pair, pair[::-1]) if it in yes}
    return {**dict.fromkeys((seen | opposite) - yes, 0), **dict.fromkeys(yes, 1)}


def _require_utf8(content: bytes, file: str) -> None:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{file} is UTF-16; save this file of answers as UTF-8.")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x}"
        raise DataError(f"{file}:{line}: {byte} is not UTF-8; save this file of answers as UTF-8.") from error


def _require(names: list[str], file: str, saying: tuple[str, ...]) -> None:
    for name in _NEEDED:
        if name not in names:
            hint = suggest(name, set(names) - set(_KNOWN))
            raise DataError(f"{file}: the column {name!r} is missing.{hint}")
    if not any(name in names for name in saying):
        raise DataError(f"{file}: answers say nothing; add a column {', '.join(saying).replace('label_', '')}.")


def _answer(
    written: Mapping[str, str],
    decided: Mapping[str, Any],
    meanings: Mapping[str, _Meanings],
    latest: pd.Timestamp | None,
) -> tuple[dict[str, Any], str, str]:
    """Return the answer, or the reason why it is none and a detail that holds nothing personal."""
    none = {name: value.casefold() in parsing.NOTHING for name, value in written.items()}
    for name in _NEEDED:
        if none[name]:
            return {}, f"missing-{name.replace('_', '-')}", f"no {name}"
    if written["row_id"] not in decided:
        return {}, "unknown-row", f"no decision on a row {shorten(written['row_id'], 40)!r}; take row_id from the log"
    if all(none.get(name, True) for name in (*_SAYING, *meanings)):
        return {}, "empty-answer", "neither label nor comment nor rating"
    said: dict[str, Any] = dict.fromkeys(meanings)
    for name in (name for name in meanings if not none.get(name, True)):
        said[name], wrong = meanings[name].read(written[name], name.removeprefix("label_"))
        if wrong:
            return {}, "bad-label", wrong
    rating, seconds = (_number(written, name, none) for name in ("rating", "seconds"))
    if rating is not None and rating not in (1, 2, 3, 4, 5):
        return {}, "bad-rating", f"rating is {shorten(written['rating'], 40)!r}, not a whole number from 1 to 5"
    if seconds is not None and not 0 <= seconds <= _SLOWEST:
        return {}, "bad-seconds", f"seconds is {shorten(written['seconds'], 40)!r}, not a number from 0 to a day's"
    time: Any = pd.NaT
    if not none.get("time", True):
        time = pd.to_datetime(written["time"], format="ISO8601", utc=True, errors="coerce")
        if pd.isna(time):
            return {}, "bad-time", f"time is {shorten(written['time'], 40)!r}; write YYYY-MM-DD or ISO 8601"
        if latest is not None and time >= latest:
            return {}, "future-time", f"time is after today: {time}"
        when = decided[written["row_id"]]
        if pd.notna(when) and time < when.floor("D"):
            return {}, "before-decision", f"answered {time}, decided {when}"
    comment = "" if none.get("comment", True) else shorten(written["comment"], _COMMENT)
    answer = {"row_id": written["row_id"], "user": written["user"], "comment": comment}
    return answer | said | {"rating": rating, "seconds": seconds, "time": time}, "", ""


def _number(written: Mapping[str, str], name: str, none: Mapping[str, bool]) -> float | None:
    """Return a number; NaN if it is none; None if nothing is written."""
    if none.get(name, True):
        return None
    try:
        return float(written[name])
    except ValueError:
        return float("nan")
