"""Rules in a safe expression language: read, checked against the task's fields, and only then applied.

A rule may compare fields, look for words, calculate, and combine: ``"recall" in words and probability > 0.2``. It has
no functions, no patterns, and no access to anything but the row.
"""

import decimal
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.data import features
from loopbook.decisions import language
from loopbook.decisions.language import Part, Symbol, symbols, where
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import Rule
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.scenario.task import Task

REVIEW = "review"
"""The action of asking a person."""

_NAME = re.compile(r"[A-Za-z0-9][\w .-]{0,79}")


@dataclass(frozen=True)
class Compiled:
    """A rule that has been read and checked, ready to be applied."""

    name: str
    rule: Rule
    symbols: tuple[Symbol, ...]
    engine: Any

    def holds(self, frame: pd.DataFrame, said: ArrayLike | Answers | None = None) -> NDArray[np.bool_]:
        """Return for each row whether the rule holds: bool [n].

        Parameters
        ----------
        frame
            Rows with the task's fields. A comparison with a missing number does not hold, except ``!=``; ask for
            missing ones by ``<field>_missing``. A missing category is an empty text.
        said
            The model's answers; needed by rules after the model.

        Raises
        ------
        DataError
            If a field is absent.
        """
        columns = [symbol.values(frame, said) for symbol in self.symbols]
        names = [symbol.name for symbol in self.symbols]
        rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
        return np.fromiter((bool(self.engine.matches(row)) for row in rows), dtype=bool, count=len(frame))


def read(
    given: Mapping[str, Rule], task: Task, place: str = "decisions.rules", actions: Sequence[str] = ()
) -> tuple[Compiled, ...]:
    """Read and check rules.

    Parameters
    ----------
    given
        Rules by name, in the order in which they are asked.
    task
        Its fields are the names that a rule may use, its actions those that a rule may choose.
    place
        Where the rules stand, for messages.
    actions
        All that a rule may choose, where only the data knows; left out: as the task says, if it does.

    Raises
    ------
    ScenarioError
        If a name, an action or an expression does not fit. The message names the rule, the place in it, and the
        remedy.
    """
    known = tuple(actions) or task.actions or task.label.classes
    return tuple(_compiled(name, rule, task, f"{place}.{name}", known) for name, rule in given.items())


def merged(own: Mapping[str, Rule], approved: Mapping[str, Any]) -> dict[str, Rule]:
    """Return the scenario's rules and the approved ones; an approved rule replaces its namesake.

    Parameters
    ----------
    own
        The scenario's.
    approved
        From the snapshot, by name: a mapping with `when`, `action`, `position`, or the same as JSON text.

    Raises
    ------
    ScenarioError
        If an approved rule is not a rule.
    """
    result = dict(own)
    for name, value in approved.items():
        try:
            result[name] = Rule.model_validate_json(value) if isinstance(value, str) else Rule.model_validate(value)
        except ValueError as error:
            raise ScenarioError(f"The approved rule {name!r} is no rule with 'when' and 'action': {error}") from error
    return result


def _compiled(name: str, rule: Rule, task: Task, place: str, actions: Sequence[str]) -> Compiled:
    import rule_engine

    if not _NAME.fullmatch(name):
        raise ScenarioError(f"{place}: name a rule with letters, digits, spaces, dots and hyphens (at most 80).")
    choices = (*actions, REVIEW)
    if actions and rule.action not in choices:
        raise ScenarioError(f"{place}.action is {rule.action!r}, but must be an action.{suggest(rule.action, choices)}")
    known = symbols(task)
    text, place = rule.when, f"{place}.when"
    _check_names(language.parts(text, place), known, rule, place)
    kinds = rule_engine.DataType
    types = {"number": kinds.FLOAT, "text": kinds.STRING, "truth": kinds.BOOLEAN, "words": kinds.SET(kinds.STRING)}
    context = rule_engine.Context(
        type_resolver={symbol.name: types[symbol.kind] for symbol in known.values()},
        # Without traps a missing number or a division by zero gives NaN, with which no comparison holds.
        decimal_context=decimal.Context(prec=28, traps=[]),
        default_timezone="utc",
    )
    try:
        engine = rule_engine.Rule(text, context)
    except rule_engine.errors.SymbolResolutionError as error:
        raise ScenarioError(f"{place}: nothing is called {error.symbol_name!r}.") from error
    except rule_engine.errors.RuleSyntaxError as error:
        at = error.token.lexpos if error.token is not None else len(text)
        raise ScenarioError(f"{place}: this is no whole expression; {where(text, at)}.") from error
    except rule_engine.errors.EngineError as error:
        raise ScenarioError(f"{place} is {text!r}: kinds of values do not fit ({error.message}).") from error
    _check_kinds(engine.statement.expression, text, place)
    used = tuple(symbol for symbol in known.values() if symbol.name in context.symbols)
    if not used:
        raise ScenarioError(f"{place} is {text!r}, which looks at no field: it would hold always or never.")
    return Compiled(name, rule, used, engine)


def _check_names(parts: list[Part], known: Mapping[str, Symbol], rule: Rule, place: str) -> None:
    for kind, word, at in parts:
        if kind != "name" or word in language.ALLOWED:
            continue
        here = where(rule.when, at)
        if word in language.RESERVED:
            raise ScenarioError(f"{place}: {word!r} is not offered; {here}.")
        if word not in known:
            raise ScenarioError(f"{place}: nothing is called {word!r}; {here}.{suggest(word, known)}")
        if not known[word].fields and rule.position == "before":
            raise ScenarioError(f"{place}: before the model there is no {word}; set position: after; {here}.")


def _check_kinds(expression: Any, text: str, place: str) -> None:
    """Refuse what the engine would accept and never find true: comparisons between kinds, words that are none."""
    if expression.result_type.name != "BOOLEAN":
        raise ScenarioError(f"{place} is {text!r}, which is a value and not a condition; compare it with something.")
    for node in _nodes(expression):
        kind = type(node).__name__
        if kind in ("ComparisonExpression", "ArithmeticComparisonExpression"):
            left, right = node.left.result_type.name, node.right.result_type.name
            if left != right:
                raise ScenarioError(f"{place} is {text!r}: it compares {_kind(left)} with {_kind(right)}.")
            if kind == "ArithmeticComparisonExpression" and left == "STRING":
                raise ScenarioError(f"{place} is {text!r}: texts have no order; compare them with == or in.")
        elif kind == "LogicExpression" or (kind == "UnaryExpression" and node.type.endswith("not")):
            for side in (getattr(node, "left", node.right), node.right):
                if side.result_type.name != "BOOLEAN":
                    raise ScenarioError(f"{place} is {text!r}: and, or, not join conditions, not values.")
        elif kind == "ContainsExpression":
            _check_contains(node, text, place)


def _check_contains(node: Any, text: str, place: str) -> None:
    container, member = node.container.result_type, node.member.result_type.name
    inside = "STRING" if container.name == "STRING" else getattr(container.value_type, "name", "UNDEFINED")
    if inside != member:
        raise ScenarioError(f"{place} is {text!r}: it looks for {_kind(member)} among {_kind(inside)}.")
    if getattr(node.container, "name", None) == "words" and type(node.member).__name__ == "StringExpression":
        word = node.member.value
        tokens = features.tokenize(word)
        if tokens != [word]:
            instead = " and ".join(f'"{token}" in words' for token in tokens) or 'a word such as "recall" in words'
            raise ScenarioError(
                f"{place}: {word!r} is never among the words, which are single and lower case: {instead}."
            )


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for name in ("left", "right", "container", "member", "object"):
        inner = getattr(node, name, None)
        if hasattr(inner, "result_type"):
            yield from _nodes(inner)


def _kind(name: str) -> str:
    names = {"FLOAT": "a number", "STRING": "a text", "BOOLEAN": "a condition", "SET": "words", "ARRAY": "a list"}
    return names.get(name, "different kinds of values")
