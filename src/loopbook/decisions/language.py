"""Lexer and symbol table of the rule language; what is outside its grammar is refused before an engine sees it.

The engine calculates with constants and compiles patterns while it reads, so reading is already a risk: ``9**9**9`` or
a pattern with nested repetition would keep it busy for ever.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.data import features
from loopbook.models import answers
from loopbook.models.answers import Answers
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.task import Number, Task

RESERVED = {"true", "false", "inf", "nan", "null", "and", "in", "or", "not", "for", "if", "elif", "else", "while"}
"""Words of the engine's language that can name no field."""

ALLOWED = {"true", "false", "and", "or", "not", "in"}
"""Those of them that a rule may use."""

_LENGTH, _DEPTH = 500, 20
_FOLDED = 8  # fields from which their symbols for missing values are shown as one
_ATTRIBUTES = ("as_lower", "as_upper", "length")
_VALUES = ("text", "number", "name")
_PART = re.compile(
    r"(?P<space>[ \t\n]+)"
    r"|(?P<text>\"[^\"\\\n]*\"|'[^'\\\n]*')"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)"
    r"|(?P<attribute>\.[A-Za-z_]\w*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<refused>\*\*|//|<<|>>|=~~?|!~~?)"
    r"|(?P<mark>==|!=|>=|<=|[><+\-*/(),\[\]])"
)
_INSTEAD = {
    "**": "powers are not offered; multiply",
    "//": "divide with /",
    "=~": 'patterns are not offered, since a text can make them run for ever; use "word" in words',
    "=~~": 'patterns are not offered, since a text can make them run for ever; use "word" in words',
    "!~": 'patterns are not offered; use not ("word" in words)',
    "!~~": 'patterns are not offered; use not ("word" in words)',
    "=": "compare with ==",
    "&": "use and",
    "|": "use or",
    "!": "use not",
    "$": "functions and the clock are not offered: a rule sees the row and nothing else",
    "'": "a text ends with the mark it begins with and has no escapes; use the other kind of quotation mark",
    '"': "a text ends with the mark it begins with and has no escapes; use the other kind of quotation mark",
    "#": "explain a rule in its name, not by a comment",
}


class Part(NamedTuple):
    """A part of an expression: its kind (text, number, attribute, name, mark), itself, and where it begins."""

    kind: str
    word: str
    at: int


def parts(text: str, place: str) -> list[Part]:
    """Return the parts of an expression.

    Parameters
    ----------
    text
        What somebody wrote.
    place
        Where it stands, for messages.

    Raises
    ------
    ScenarioError
        If it is empty, too long or too deep, or holds something that rules do not offer; the message names the
        place in it and what to write instead.
    """
    if len(text) > _LENGTH:
        raise ScenarioError(f"{place} has {len(text)} characters; at most {_LENGTH}. Make two rules of it.")
    found: list[Part] = []
    at = depth = 0
    while at < len(text):
        match = _PART.match(text, at)
        kind = str(match.lastgroup) if match else "refused"
        part = Part(kind, match.group() if match else text[at], at)
        if kind == "refused":
            remedy = _INSTEAD.get(
                part.word, "use fields, texts in quotation marks, numbers, comparisons, and, or, not, in"
            )
            raise ScenarioError(f"{place}: {part.word!r} is not allowed here; {remedy}; {where(text, at)}.")
        if kind != "space":
            _check_after(part, found[-1] if found else Part("", "", -1), text, place)
            depth += (part.word in "([") - (part.word in ")]") if kind == "mark" else 0
            if depth > _DEPTH:
                raise ScenarioError(f"{place}: more than {_DEPTH} brackets inside each other; make two rules of it.")
            found.append(part)
        at += len(part.word)
    if not found:
        raise ScenarioError(f"{place} is empty; write a condition such as: probability > 0.9")
    return found


def where(text: str, at: int) -> str:
    """Say where in an expression something stands."""
    return f"see position {at + 1} of {text!r}" if at < len(text) else f"it breaks off: {text!r}"


def _check_after(part: Part, last: Part, text: str, place: str) -> None:
    """Refuse calls, items of values, unknown attributes, and what the engine would read otherwise than we do."""
    value_before = (last.kind in _VALUES and last.word not in RESERVED) or last.word in (")", "]")
    called = part.word == "(" and value_before
    taken = part.word == "[" and (value_before or last.kind == "attribute")
    if called or taken:
        raise ScenarioError(f"{place}: there are no functions and no parts of values; {where(text, part.at)}.")
    if part.kind == "attribute" and (part.word[1:] not in _ATTRIBUTES or last.kind not in ("name", "attribute")):
        offered = ", .".join(_ATTRIBUTES)
        raise ScenarioError(f"{place}: {part.word!r} is not offered, only .{offered}; {where(text, part.at)}.")
    if part.kind in _VALUES and last.kind in _VALUES and part.at == last.at + len(last.word):
        raise ScenarioError(f"{place}: {last.word}{part.word} is neither a name nor a value; {where(text, last.at)}.")


@dataclass(frozen=True)
class Symbol:
    """A name, what kind of value it stands for, and the fields behind it (none: an answer of the model, so called)."""

    name: str
    kind: Literal["number", "text", "truth", "words"]
    fields: tuple[str, ...]
    meaning: str
    answer: str = ""

    def values(self, frame: pd.DataFrame, said: ArrayLike | Answers | None = None) -> list[Any]:
        """Return the value of each row: float, with NaN for missing; str; bool; or a set of words.

        Raises
        ------
        DataError
            If a field is absent.
        ValueError
            If the model's answers are asked for and not given.
        """
        if self.kind == "words":
            return words(frame, self.fields)
        if not self.fields:
            if said is None:
                raise ValueError(f"{self.name} is asked for before the model has been asked.")
            return list(answers.of(said).columns()[self.answer].tolist())
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
        found[plain] = Symbol(plain, kind, tuple(fields), meaning, "" if fields else name)

    named = task.label.classes
    of = repr(named[1]) if len(named) == 2 else "the most probable class"
    add("probability", "number", (), f"the model's probability of {of}; after the model only")
    if len(named) != 2:
        add("answer", "text", (), "the most probable class; after the model only")
    for name in task.also:
        add(name, "text", (), f"the most probable {name}; after the model only")
        add(f"{name}_probability", "number", (), f"the model's probability of that {name}; after the model only")
    if isinstance(task, Number):
        add("value", "number", (), "the number that is predicted; after the model only")
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
