"""A grid as a person types it: ``training.architecture=cnn,lstm training.seed=1:5``."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.reading import plain

MOST = 10_000
"""Points; more is a slip of the keyboard rather than a plan."""

_RANGE = re.compile(r"(-?\d+):(-?\d+)(?::(-?\d+))?")
_PIECE = re.compile(
    r"""(?<![^,=\[{: \t\n\r])(?:'(?:[^']|'')*(?P<single>'?)|"(?:\\.|[^"\\])*(?P<double>"?))|.""", re.DOTALL
)
"""A text in quotation marks, where one can begin, with the mark that closes it; else a character."""
_CLOSING = {"[": "]", "{": "}"}


def parse(text: str) -> dict[str, tuple[Any, ...]]:
    """Return the values of each parameter by dotted name, in the order typed.

    Values are separated by commas and read as YAML, so a comma or a space inside of one is put in quotation marks or
    brackets. ``1:5`` means 1, 2, 3, 4, 5, and ``0:100:25`` means 0, 25, 50, 75, 100: both ends are included.

    Raises
    ------
    ScenarioError
        If a word is not ``section.name=values``, a name or a value stands twice, a value is not YAML, a range is empty,
        or there are more than 10,000 points.
    """
    axes: dict[str, tuple[Any, ...]] = {}
    for word in _split(text, " \t\n\r"):
        name, sign, listed = word.partition("=")
        if not sign or "." not in name or not all(name.split(".")):
            raise ScenarioError(f"GRID: {word!r} is not of the form section.name=values, such as training.seed=1:5.")
        if name in axes:
            raise ScenarioError(f"GRID: {name} stands twice; keep one.")
        axes[name] = tuple(_values(name, listed))
        twice = [value for value, count in Counter(map(repr, axes[name])).items() if count > 1]
        if twice:
            raise ScenarioError(f"GRID: {name} has the value {twice[0]} twice; keep one.")
    if not axes:
        raise ScenarioError('GRID is empty. Name at least one parameter, such as GRID="training.seed=1:5".')
    count = math.prod(map(len, axes.values()))
    if count > MOST:
        raise ScenarioError(f"GRID has {count:,} points, more than {MOST:,}; take fewer values.")
    return axes


def points(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of the values by name; the last parameter varies fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _values(name: str, listed: str) -> Iterator[Any]:
    for item in _split(listed, ",", empty=True):
        found = _RANGE.fullmatch(item.strip())
        if found:
            yield from _range(name, found[0], *(int(part) for part in found.groups() if part))
            continue
        if not item.strip():
            raise ScenarioError(f"GRID: {name} has an empty value; write null for none, '' for an empty text.")
        try:
            yield plain(item)
        except (yaml.YAMLError, ValueError) as error:
            raise ScenarioError(f"GRID: the value of {name} is not YAML: {item!r}.") from error


def _range(name: str, item: str, first: int, last: int, by: int = 1) -> range:
    if by == 0:
        raise ScenarioError(f"GRID: the range {item} of {name} goes on in steps of 0.")
    found = range(first, last + (1 if by > 0 else -1), by)
    if not found:
        raise ScenarioError(f"GRID: the range {item} of {name} is empty. Write {last}:{first}, or {first}:{last}:-1.")
    if len(found) > MOST:
        raise ScenarioError(f"GRID: the range {item} of {name} has {len(found):,} values, more than {MOST:,}.")
    return found


def _split(text: str, separators: str, empty: bool = False) -> list[str]:
    """Split where no quotation mark or bracket is open; a mark inside a word, as in it's, opens nothing.

    Raises
    ------
    ScenarioError
        If one is not closed.
    """
    parts, open_ = [""], []
    for piece in _PIECE.finditer(text):
        if piece["single"] == "" or piece["double"] == "":
            raise ScenarioError(f"GRID: a quotation mark is not closed in {text!r}.")
        if piece[0] in _CLOSING:
            open_.append(_CLOSING[piece[0]])
        elif open_ and piece[0] == open_[-1]:
            open_.pop()
        if piece[0] in separators and not open_:
            parts.append("")
        else:
            parts[-1] += piece[0]
    if open_:
        raise ScenarioError(f"GRID: a bracket is not closed in {text!r}.")
    return [part for part in parts if empty or part]
