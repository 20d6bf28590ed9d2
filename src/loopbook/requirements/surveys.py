"""Answers of the people whom the agent shall serve: who needs what, how much, in their own words."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from loopbook.scenario.errors import DataError, suggest

COLUMNS = ("person", "need", "rating", "comment")
_SHOWN = 10


def read(path: Path) -> pd.DataFrame:
    """Read a survey or a set of interviews.

    The file is UTF-8, with the columns `person`, `need`, `rating` and `comment` in any order, separated by commas,
    semicolons or tabs. Lines before the header that begin with ``#`` are notes.

    Parameters
    ----------
    path
        The CSV file.

    Returns
    -------
    DataFrame
        One row an answer: `answer` (its id, ``a1`` for the first), `person`, `need`, `rating` (1 to 5), `comment`.

    Raises
    ------
    DataError
        If a column is absent or an answer is incomplete, with a line for each problem: file, line, value, remedy.
        A survey is small and made by people, so it is mended rather than put into quarantine row by row.
    """
    lines = _text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    notes = next((index for index, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    if notes == len(lines):
        raise DataError(f"{path.name}: the survey is empty; it needs a header {','.join(COLUMNS)} and answers.")
    delimiter = max(",;\t", key=lines[notes].count)
    reader = csv.reader((line + "\n" for line in lines[notes:]), delimiter=delimiter, strict=True)
    header = [name.strip().lower() for name in next(reader)]
    for name in COLUMNS:
        if header.count(name) != 1:
            problem = "stands twice" if name in header else f"is missing.{suggest(name, set(header) - set(COLUMNS))}"
            raise DataError(f"{path.name}:{notes + 1}: the column {name!r} {problem}")
    answers, problems = [], []
    for line, row in _rows(reader, path, notes):
        if len(row) != len(header):
            problems.append(
                f"{path.name}:{line}: {len(row)} values for {len(header)} columns; quote texts with commas."
            )
            continue
        answer = dict(zip(header, (value.strip() for value in row), strict=True))
        problems += [f"{path.name}:{line}: {problem}" for problem in _problems(answer)]
        answers.append({"line": line, **{name: answer[name] for name in COLUMNS}})
    frame = pd.DataFrame(answers, columns=["line", *COLUMNS])
    problems += [
        f"{path.name}:{again['line']}: {again['person']!r} has already rated {again['need']!r}; keep one answer."
        for _, again in frame[frame.duplicated(["person", "need"])].iterrows()
    ]
    if problems:
        more = f"\n… and {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
        raise DataError("\n".join(problems[:_SHOWN]) + more)
    if frame.empty:
        raise DataError(f"{path.name}: the survey has a header but no answers.")
    frame.insert(0, "answer", [f"a{number}" for number in range(1, len(frame) + 1)])
    return frame.drop(columns="line").astype({"rating": "int64"})


def _text(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"There is no survey {path.name}; correct requirements.survey in the scenario.")
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name}:{line}: not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as 'CSV UTF-8'."
        ) from error


def _rows(reader: Iterator[list[str]], path: Path, notes: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with the line on which each begins."""
    begin = notes + 2
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{path.name}:{begin}: not CSV ({error}); look for a quotation mark too many.") from error
        if any(value.strip() for value in row):
            yield begin, row
        begin = notes + 1 + reader.line_num  # type: ignore[attr-defined]  # it is a csv reader, which has no public type


def _problems(answer: dict[str, str]) -> list[str]:
    found = [f"{name} is empty; every answer needs one." for name in ("person", "need") if not answer[name]]
    if answer["rating"] not in ("1", "2", "3", "4", "5"):
        found.append(f"rating is {answer['rating'][:40]!r}, but should be a whole number from 1 to 5.")
    return found
