"""Lexer of the rule language; whatever is outside its grammar is refused before any rule engine sees it.

The engine calculates with constants and compiles patterns while it reads, so reading is already a risk: ``9**9**9`` or
a pattern with nested repetition would keep it busy for ever.
"""

import re
from typing import NamedTuple

from loopbook.scenario.errors import ScenarioError

RESERVED = {"true", "false", "inf", "nan", "null", "and", "in", "or", "not", "for", "if", "elif", "else", "while"}
"""Words of the engine's language that can name no field."""

ALLOWED = {"true", "false", "and", "or", "not", "in"}
"""Those of them that a rule may use."""

_LENGTH, _DEPTH = 500, 20
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
