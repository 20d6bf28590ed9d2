"""Cost-sensitive decision tree (CART), small enough to read aloud and kept as plain data."""

import functools
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from loopbook.data import features
from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.language import words
from loopbook.models.answers import Answers
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task

Floats = NDArray[np.float64]
_WORDS, _LEVELS = 200, 20  # inputs offered to the tree at most: words of the texts, levels of a category


class _Plain(BaseModel):
    """Base of a tree's parts: plain values that do not change and are kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(_Plain):
    """What one question is about: the probability, a number, whether a category has a level, or a word occurs."""

    kind: Literal["probability", "number", "level", "word"]  # probability: of the class `value`, or of yes
    fields: tuple[str, ...] = ()
    value: str = ""
    missing: float = 0.0  # what a missing number is taken for: the median of the rows the tree was grown on

    def values(self, frame: pd.DataFrame, said: Answers) -> NDArray[np.float64]:
        """Return the input's value of each row, float [n]; 1 or 0 for levels and words."""
        if self.kind == "probability":
            return said.probability[:, said.classes.index(self.value)] if self.value else said.shown
        if self.kind == "word":
            return np.array([self.value in row for row in words(frame, self.fields)], dtype=np.float64)
        column = features.column(frame, self.fields[0])
        if self.kind == "level":
            levels = ["" if pd.isna(value) else str(value) for value in column]
            return np.array([level == self.value for level in levels], dtype=np.float64)
        numbers: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(numbers), self.missing, numbers)

    def question(self, cut: float, above: bool) -> str:
        """Return the answer that leads on, in words."""
        if self.kind == "word":
            return f"“{self.value}” {'occurs' if above else 'does not occur'}"
        if self.kind == "level":
            return f"{self.fields[0]} is {'' if above else 'not '}{self.value or 'missing'}"
        name = " of ".join(["probability", self.value][: 1 + bool(self.value)])
        name = name if self.kind == "probability" else self.fields[0]
        number = f"{cut:.3g}" if abs(cut) < 1_000 else f"{cut:,.0f}"
        return f"{name} {'>' if above else '≤'} {number}"


class Leaf(_Plain):
    """Where the questions end: an action, with the rows it was grown from and those that called for this action."""

    kind: Literal["leaf"] = "leaf"
    action: int
    rows: int
    right: int


class Split(_Plain):
    """A question: rows whose input is at most `cut` go below, the others above."""

    kind: Literal["split"] = "split"
    input: Input
    cut: float
    below: "Node"
    above: "Node"


Node = Annotated[Leaf | Split, Field(discriminator="kind")]


def grow(
    frame: pd.DataFrame,
    said: Answers,
    prices: CostMatrix,
    truth: ArrayLike,
    task: Task,
    depth: int,
    min_leaf: int | None = None,
) -> Leaf | Split:
    """Grow a tree.

    A row calls for the action that is cheapest for what is true of it, and weighs what the other actions would cost
    more in the mean. A leaf takes the action that is cheapest for its rows together; with two actions that is the one
    for which the majority of the weight calls. Questions whose answers lead to the same action are left out.

    Parameters
    ----------
    frame
        Rows with the task's fields, on which the model was not fitted.
    said
        The model's answers.
    prices
        The cost matrix.
    truth
        As `CostMatrix.truth` returns it, [n].
    task
        Its fields are the inputs besides the probabilities: numbers as they are, levels of categories, single words.
    depth
        Questions on the longest way.
    min_leaf
        Fewest rows in a leaf; None: 20, or a hundredth of the rows if that is more.

    Raises
    ------
    DataError
        If there are no rows.

    References
    ----------
    Breiman et al. (1984), Classification and Regression Trees, section 4.4, altered priors.
    """
    from sklearn.tree import DecisionTreeClassifier

    if not len(frame):
        raise DataError("A tree cannot be grown without rows.")
    spent = prices.by_row(truth)
    called, least_spent = spent.argmin(axis=1), spent.min(axis=1)
    regret = (spent.sum(axis=1) - spent.shape[1] * least_spent) / max(1, spent.shape[1] - 1)
    words_said = words(frame, task.text_fields) if task.text_fields else []
    inputs = _inputs(frame, task, called, words_said, said)
    least = min_leaf or max(20, math.ceil(len(frame) / 100))
    grown = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=least, random_state=0)
    # The texts are read once for all words.
    columns = (
        [asked.value in row for row in words_said] if asked.kind == "word" else asked.values(frame, said)
        for asked in inputs
    )
    matrix = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes")  # many actions and few rows are no numbers
        grown.fit(matrix, called, sample_weight=regret)
    return _kept(grown.tree_, inputs, grown.apply(matrix), spent, called, 0)


def apply(tree: Leaf | Split, frame: pd.DataFrame, said: Answers) -> tuple[NDArray[np.int64], list[str]]:
    """Ask the tree about rows: the action of each, int64 [n], and the way to it in words.

    Raises
    ------
    DataError
        If a field is absent.
    """
    action = np.zeros(len(frame), dtype=np.int64)
    ways = [""] * len(frame)
    values = functools.cache(lambda asked: asked.values(frame, said))

    def walk(node: Leaf | Split, rows: NDArray[np.intp], way: tuple[str, ...]) -> None:
        if isinstance(node, Leaf):
            action[rows] = node.action
            for row in rows:
                ways[row] = f"{' and '.join(way) or 'always'} ({node.right} of {node.rows} such rows called for it)"
            return
        # scikit-learn grew it on single precision; rounding otherwise would send rows near a cut the other way.
        above = values(node.input)[rows].astype(np.float32).astype(np.float64) > node.cut
        walk(node.below, rows[~above], (*way, node.input.question(node.cut, False)))
        walk(node.above, rows[above], (*way, node.input.question(node.cut, True)))

    walk(tree, np.arange(len(frame)), ())
    return action, ways


def text(tree: Leaf | Split, actions: Sequence[str], indent: str = "") -> str:
    """Return the tree as if-then lines."""
    if isinstance(tree, Leaf):
        return f"{indent}{actions[tree.action]}    ({tree.right} of {tree.rows} called for it)"
    further = indent + "    "
    return "\n".join(
        [
            f"{indent}if {tree.input.question(tree.cut, False)}:",
            text(tree.below, actions, further),
            f"{indent}else ({tree.input.question(tree.cut, True)}):",
            text(tree.above, actions, further),
        ]
    )


def _inputs(
    frame: pd.DataFrame, task: Task, called: NDArray[np.intp], texts: Sequence[set[str]], said: Answers
) -> list[Input]:
    """Return what the tree may ask about."""
    inputs = [Input(kind="probability")]
    if said.probability.shape[1] > 2:
        often = np.argsort(-np.bincount(said.likeliest, minlength=len(said.classes)), kind="stable")
        inputs += [Input(kind="probability", value=said.classes[at]) for at in often[:_LEVELS]]
    for field, kind in task.fields.items():
        if kind == "number":
            known = features.column(frame, field).dropna().to_numpy(dtype=np.float64)
            inputs.append(Input(kind="number", fields=(field,), missing=float(np.median(known)) if len(known) else 0.0))
        elif kind == "category":
            levels = features.column(frame, field).fillna("").astype(str).value_counts()
            ranked = sorted(levels.index, key=lambda level, levels=levels: (-levels[level], level))  # type: ignore[misc]
            inputs += [Input(kind="level", fields=(field,), value=level) for level in ranked[:_LEVELS]]
    return inputs + [Input(kind="word", fields=task.text_fields, value=word) for word in _telling(texts, called)]


def _telling(texts: Sequence[set[str]], called: NDArray[np.intp]) -> list[str]:
    """Return the words that tell most about the action called for, by the chi-squared statistic, most telling first."""
    rows, known = len(called), Counter(word for row in texts for word in row)
    inside: dict[int, Counter[str]] = {action: Counter() for action in np.unique(called).tolist()}
    for row, action in zip(texts, called.tolist(), strict=False):
        inside[action].update(row)
    shares = {action: float((called == action).mean()) for action in inside}

    def telling(word: str) -> float:
        left = known[word] * (1 - known[word] / rows)
        apart = ((inside[action][word] - known[word] * share) ** 2 / share for action, share in shares.items())
        return sum(apart) / left if left > 0 else 0.0

    often = [word for word, count in known.items() if count >= max(5, rows // 200) and word[:1].isalpha()]
    return sorted(often, key=lambda word: (-round(telling(word), 9), word))[:_WORDS]


def _kept(
    grown: Any, inputs: Sequence[Input], leaves: NDArray[np.intp], spent: Floats, called: NDArray[np.intp], at: int
) -> Leaf | Split:
    """Turn a fitted tree into plain data, joining answers that lead to the same action."""
    if grown.children_left[at] == -1:
        inside = leaves == at
        total = spent[inside].sum(axis=0)
        action = int(np.flatnonzero(total <= total.min() + 1e-9 * max(1.0, abs(total.min())))[-1])
        return Leaf(action=action, rows=int(inside.sum()), right=int((called[inside] == action).sum()))
    below, above = (
        _kept(grown, inputs, leaves, spent, called, int(children[at]))
        for children in (grown.children_left, grown.children_right)
    )
    if isinstance(below, Leaf) and isinstance(above, Leaf) and below.action == above.action:
        return Leaf(action=below.action, rows=below.rows + above.rows, right=below.right + above.right)
    return Split(input=inputs[int(grown.feature[at])], cut=float(grown.threshold[at]), below=below, above=above)
