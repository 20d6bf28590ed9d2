"""Costs as expressions in ``value``: arithmetic and comparisons over arrays, and nothing else of any language.

``2 * (value > 30) * (value - 30)``: a condition counts as 1 where it holds and as 0 where it does not.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import language
from loopbook.scenario.errors import ScenarioError, suggest

Floats = NDArray[np.float64]
NAMES = ("value", "true", "false")
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}


def read(text: str, place: str) -> Callable[[ArrayLike], Floats]:
    """Return the function of ``value`` that an expression says, float64 [n] to float64 [n].

    Parameters
    ----------
    text
        What somebody wrote, in the language of rules (`language.parts`).
    place
        Where it stands, for messages.

    Raises
    ------
    ScenarioError
        If it is no expression, or holds something that is not offered here. The function raises one too where
        its result is no finite number, as after a division by zero.
    """
    for kind, word, at in language.parts(text, place):
        if kind == "name" and word not in (*NAMES, "and", "or", "not"):
            where = language.where(text, at)
            raise ScenarioError(f"{place}: nothing is called {word!r}; {where}.{suggest(word, NAMES)}")
        if kind in ("text", "attribute") or word in ("[", "]", ","):
            raise ScenarioError(f"{place}: {word!r} is no part of a cost in numbers; {language.where(text, at)}.")
    try:
        body = ast.parse(text.strip().replace("\n", " "), mode="eval").body
    except SyntaxError as error:
        where = language.where(text, max(0, (error.offset or 1) - 1))
        raise ScenarioError(f"{place}: this is no whole expression; {where}.") from error
    if any(isinstance(node, ast.Tuple) for node in ast.walk(body)):
        raise ScenarioError(f"{place} is {text!r}: there is nothing between two brackets.")

    def cost(value: ArrayLike) -> Floats:
        known = np.asarray(value, dtype=np.float64)
        with np.errstate(all="ignore"):
            found = np.broadcast_to(_evaluated(body, known), known.shape).astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(found) & np.isfinite(known))
        if len(bad):
            raise ScenarioError(f"{place} is {text!r}, which is no finite cost for the value {known.flat[bad[0]]:g}.")
        return found

    return cost


def _evaluated(node: ast.expr, value: Floats) -> Any:
    """Return what a part of an expression comes to, as an array or a number."""
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_number(node.left, value), _number(node.right, value))
    if isinstance(node, ast.UnaryOp):
        return _OPERATORS[type(node.op)](_number(node.operand, value))
    if isinstance(node, ast.BoolOp):
        parts = [_evaluated(part, value) for part in node.values]
        return np.asarray(_OPERATORS[type(node.op)].reduce(np.broadcast_arrays(*parts)))  # type: ignore[attr-defined]
    if isinstance(node, ast.Compare):
        sides = [_number(side, value) for side in (node.left, *node.comparators)]
        steps = zip(node.ops, sides, sides[1:], strict=False)
        return np.logical_and.reduce([_OPERATORS[type(step)](one, other) for step, one, other in steps])
    if isinstance(node, ast.Name):
        return {"value": value, "true": True, "false": False}[node.id]
    assert isinstance(node, ast.Constant)
    return node.value


def _number(node: ast.expr, value: Floats) -> Any:
    return np.asarray(_evaluated(node, value), dtype=np.float64)
