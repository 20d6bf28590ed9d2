"""Behavioural tests: authored rows, and what a model must answer to them, whatever its accuracy elsewhere.

A test is of one of three kinds. *Minimum functionality*: a plain case, whose class is known. *Invariance*: a change
that must not change the answer. *Directional expectation*: a change after which a class must be more probable.

References
----------
Ribeiro, Wu, Guestrin & Singh (2020), Beyond accuracy: behavioral testing of NLP models with CheckList.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopbook.data import parsing
from loopbook.data.files import CsvForm, read_csv
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models.answers import Answers
from loopbook.models.seen_rows import Learner
from loopbook.scenario.errors import DataError, refuse, suggest
from loopbook.scenario.task import Number, Task
from loopbook.statistics.intervals import Interval, between, wilson

KINDS = ("minimum", "invariance", "direction")
CHANGED = "changed "
RATE = ["failing", "failing_low", "failing_high"]
_TOLD = ("kind", "capability", "expected")
_UP, _DOWN = "up", "down"
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Suite:
    """Behavioural tests as they are written.

    Attributes
    ----------
    tests
        A row a test: `line` of the file, `kind`, `capability`, `expected`.
    before, after
        The fields that the file names; a missing value in `before` is the usual one, in `after` the same as before.
    """

    tests: pd.DataFrame
    before: pd.DataFrame
    after: pd.DataFrame

    def inputs(self, task: Task, usual: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all fields of the rows before and after the change; a field that nobody wrote has its usual value."""
        before = pd.DataFrame(index=self.tests.index)
        for name, kind in task.fields.items():
            default = "" if kind == "text" else usual[name]
            before[name] = self.before[name].fillna(default) if name in self.before else default
        return before, before.assign(**{str(name): part.fillna(before[name]) for name, part in self.after.items()})


def read(path: Path, task: Task) -> Suite:
    """Read behavioural tests.

    The file is CSV in UTF-8, with the columns `kind`, `capability`, `expected`, fields of the task by their names, and
    with ``changed `` before them; a field that is called like one of the three has ``_source`` behind its name. Lines
    before the header that begin with ``#`` are notes.

    Raises
    ------
    DataError
        If a column is absent or unknown, or tests do not fit, with a line for each problem: file, line, value, remedy.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    notes = next((at for at, line in enumerate(lines) if not line.startswith(b"#")), len(lines))
    table = read_csv(b"".join([*[b"\n"] * notes, *lines[notes:]]), CsvForm(), path.name)
    columns = {name: f"{name}_source" if name in _TOLD else name for name in task.fields}
    known = (*_TOLD, *columns.values(), *(CHANGED + name for name in columns.values()))
    strange = next((name for name in table.columns if name not in known), None)
    missing = next((name for name in _TOLD if name not in table.columns), None)
    refuse(
        DataError,
        (strange, f"{path.name}: the column {strange!r} is not known.{suggest(strange, known)}"),
        (missing, f"{path.name}: the column {missing!r} is missing."),
    )
    problems = [f"{path.name}:{row.line}: {row.detail}." for row in table.broken]
    frame = pd.DataFrame(table.rows, columns=list(table.columns)).map(str.strip).assign(line=table.lines)
    fields = {name: pd.DataFrame(index=frame.index) for name in ("", CHANGED)}
    for before, part in fields.items():
        for name, column in ((name, before + own) for name, own in columns.items() if before + own in frame):
            written = frame[column]
            part[name] = written.where(written != "", None)
            if task.fields[name] == "number":
                part[name], wrong = parsing.numbers(written)
                problems += [
                    f"{path.name}:{line}: {column} is {value!r}, which is no number."
                    for line, value in frame.loc[wrong, ["line", column]].to_numpy()
                ]
    changed = fields[CHANGED].notna().any(axis=1)
    for line, kind, expected, moved in zip(frame["line"], frame["kind"], frame["expected"], changed, strict=True):
        problems += [f"{path.name}:{line}: {problem}" for problem in _problems(kind, expected, bool(moved), task)]
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
        raise DataError("\n".join(problems[:_SHOWN]) + more)
    return Suite(frame[["line", *_TOLD]], fields[""], fields[CHANGED])


def _problems(kind: str, expected: str, changed: bool, task: Task) -> Iterator[str]:
    """Yield what is wrong with a test."""
    if kind not in KINDS:
        yield f"kind is {kind!r}.{suggest(kind, KINDS)}"
        return
    if changed != (kind != "minimum"):
        yield f"a test of {kind} needs {'no changed field' if changed else 'a changed field'}."
    if (expected != "") != (kind != "invariance"):
        yield f"a test of {kind} needs {'nothing' if expected else 'something'} that is expected."
    names = (_UP, _DOWN) if isinstance(task, Number) and kind == "direction" else task.label.classes
    if expected and names and expected not in names:
        yield f"{expected!r} cannot be expected.{suggest(expected, names)}"


@dataclass(frozen=True, eq=False)
class Behaviour:
    """What became of behavioural tests.

    Attributes
    ----------
    outcomes
        A row a test: `line`, `kind`, `capability`, `expected`, `before`, `after` (what is written), `answer` and
        `answer_after`, `failed`, and `wrong`: by how much the score lies on the wrong side.
    plain
        Whether the best plain candidate fails, bool [n]; None without one.
    """

    outcomes: pd.DataFrame
    plain: "pd.Series[bool] | None" = None

    def table(self) -> pd.DataFrame:
        """Return the failure rates by kind, then by kind and capability, each with Wilson's interval."""
        rows = self.outcomes.assign(plain=np.nan if self.plain is None else self.plain.to_numpy(float))
        found = []
        for by in (["kind"], ["kind", "capability"]):
            for name, part in rows.groupby(by, sort=False):
                failed = part["failed"]
                rate = wilson(failed.mean(), len(part))
                found.append((*(*name, "all")[:2], len(part), int(failed.sum()), *rate, part["plain"].mean()))
        columns = ["kind", "capability", "tests", "failed", *RATE, "best plain"]
        return pd.DataFrame(found, columns=columns).dropna(axis=1, how="all")

    def worst(self, count: int = 5) -> pd.DataFrame:
        """Return so many tests of each kind that failed, those furthest on the wrong side first."""
        failed = self.outcomes[self.outcomes["failed"]].sort_values("wrong", ascending=False, kind="stable")
        shown = ["kind", "capability", "expected", "before", "after", "answer", "answer_after", "wrong"]
        return failed.groupby("kind", sort=False).head(count).set_index("line")[shown]

    def figure(self) -> Figure:
        """Draw the failure rates by capability, with their intervals."""
        table = self.table()
        parts = table[table["capability"] != "all"].sort_values("failing", ascending=False, kind="stable")
        names = [f"{kind}: {name} ({of})" for kind, name, of in parts[["kind", "capability", "tests"]].to_numpy()]
        first, failed = parts.iloc[0], self.outcomes["failed"]
        return plots.intervals(
            parts[RATE].set_axis(pd.Index(names)).set_axis(["value", "low", "high"], axis=1),
            title=f"{failed.sum()} of {len(failed)} behavioural tests fail; most of {first['capability']} "
            f"({between(first['failing_low'], first['failing_high'], '.0%')})",
            x="share of tests that fail, 95% interval",
            alt="Share of behavioural tests that fail, by kind and capability, with intervals.",
        )

    def figures(self) -> dict[str, float]:
        """Return the failure rate of each kind as flat numbers to record."""
        every = self.table()
        kinds = every[every["capability"] == "all"]
        found = {"behavioural_tests": float(len(self.outcomes))}
        for kind, value, low, high in kinds[["kind", *RATE]].to_numpy():
            found |= Interval(value, low, high).recorded(f"{kind}_failures")
        return found


def run(suite: Suite, models: Sequence[Learner], usual: Mapping[str, Any], task: Task, sure: float = 0.95) -> Behaviour:
    """Let models answer behavioural tests.

    A test of a direction fails if the class does not become more probable, unless it was so probable already that
    nothing need be gained; so a constant answer fails. Of a number the value must rise (``up``) or fall (``down``).

    Parameters
    ----------
    models
        The champion, and then the best plain candidate, if it is another.
    usual
        Values of fields that are not written, as `decisions.explanation.typical` returns them.
    sure
        Probability from which a class need not become more probable.

    Raises
    ------
    DataError
        If a test expects a class that the champion does not know.
    """
    before, after = suite.inputs(task, usual)
    classes = models[0].classes
    unknown = suite.tests[~suite.tests["expected"].isin(["", _UP, _DOWN, *classes])]
    for line, expected in unknown[["line", "expected"]].to_numpy():
        raise DataError(
            f"Line {line} of the tests expects {expected!r}, a class that is not known.{suggest(expected, classes)}"
        )
    each = []
    for model in models:
        said, said_after = (model.answer(part).aligned(classes) for part in (before, after))
        each.append(_judged(suite.tests, said, said_after, sure))
    outcomes = suite.tests.assign(before=_written(suite.before), after=_written(suite.after)).join(each[0])
    return Behaviour(outcomes, *(found["failed"] for found in each[1:]))


def _judged(tests: pd.DataFrame, before: Answers, after: Answers, sure: float) -> pd.DataFrame:
    """Return how each test ends: `answer`, `answer_after`, `failed`, `wrong`."""
    names, at = np.array(before.classes, dtype=object), np.arange(len(tests))
    said, said_after = before.likeliest, after.likeliest
    place = {name: code for code, name in enumerate(before.classes)}
    code = np.array([place.get(name, said[row]) for row, name in enumerate(tests["expected"])])
    first, second = before.probability[at, code], after.probability[at, code]
    kind, moved = tests["kind"].to_numpy(), second - first
    if before.value is not None and after.value is not None:
        up = np.where(tests["expected"] == _DOWN, -1.0, 1.0)
        moved = np.where(kind == "direction", up * (after.value - before.value), moved)
    held = (kind == "direction") & (before.value is None) & (np.minimum(first, second) >= sure)
    failed = np.select(
        [kind == "minimum", kind == "invariance"], [said != code, said != said_after], (moved <= 0) & ~held
    )
    wrong = np.select([kind == "minimum", kind == "invariance"], [1 - first, np.abs(moved)], -moved)
    told = {"answer": names[said], "answer_after": np.where(kind == "minimum", "", names[said_after])}
    return pd.DataFrame({**told, "failed": failed.astype(bool), "wrong": wrong}, index=tests.index)


def _written(part: pd.DataFrame) -> list[str]:
    """Return what is written of each row's fields, for readers."""
    named = len(part.columns) > 1
    return [
        ", ".join(f"{name} {value}" if named else str(value) for name, value in row.items() if not pd.isna(value))
        for row in part.to_dict("records")
    ]
