"""Cost-sensitive decision tree (CART), small enough to read aloud and kept as plain data."""

import functools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from loopbook.data import features
from loopbook.decisions.language import words
from loopbook.scenario.decisions import Costs
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task

Bools = NDArray[np.bool_]
_WORDS, _LEVELS = 200, 20  # inputs offered to the tree at most: words of the texts, levels of a category


class _Plain(BaseModel):
    """Base of a tree's parts: plain values that do not change and are kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(_Plain):
    """What one question is about: the probability, a number, whether a category has a level, or a word occurs."""

    kind: Literal["probability", "number", "level", "word"]
    fields: tuple[str, ...] = ()
    value: str = ""
    missing: float = 0.0  # what a missing number is taken for: the median of the rows the tree was grown on

    def values(self, frame: pd.DataFrame, probability: ArrayLike) -> NDArray[np.float64]:
        """Return the input's value of each row, float [n]; 1 or 0 for levels and words."""
        if self.kind == "probability":
            return np.asarray(probability, dtype=np.float64)
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
        name = "probability" if self.kind == "probability" else self.fields[0]
        return f"{name} {'>' if above else '≤'} {cut:.3g}"


class Leaf(_Plain):
    """Where the questions end: act or not, with the rows and the positive ones that it was grown from."""

    kind: Literal["leaf"] = "leaf"
    act: bool
    rows: int
    positives: int


class Split(_Plain):
    """A question: rows whose input is at most `cut` go below, the others above."""

    kind: Literal["split"] = "split"
    input: Input
    cut: float
    below: "Node"
    above: "Node"


Node = Annotated[Leaf | Split, Field(discriminator="kind")]


def grow(
    frame: pd.DataFrame, probability: ArrayLike, costs: Costs, task: Task, depth: int, min_leaf: int | None = None
) -> Leaf | Split:
    """Grow a tree.

    A positive row weighs what missing it costs, a negative one what a false alarm costs, so that the majority of the
    weight in a leaf is the cheaper action. Questions whose answers lead to the same action are left out.

    Parameters
    ----------
    frame
        Rows with the task's fields and `label`, on which the model was not fitted.
    probability
        The model's probability, float [n].
    costs
        The cost matrix.
    task
        Its fields are the inputs besides the probability: numbers as they are, levels of categories, single words.
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
    label = frame["label"].to_numpy() == 1
    miss, alarm = costs.false_negative - costs.true_positive, costs.false_positive - costs.true_negative
    said = words(frame, task.text_fields) if task.text_fields else []
    inputs = _inputs(frame, task, label, said)
    least = min_leaf or max(20, math.ceil(len(frame) / 100))
    grown = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=least, random_state=0)
    # The texts are read once for all words.
    columns = (
        [asked.value in row for row in said] if asked.kind == "word" else asked.values(frame, probability)
        for asked in inputs
    )
    matrix = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    grown.fit(matrix, label, sample_weight=np.where(label, miss, alarm))
    return _kept(grown.tree_, inputs, grown.apply(matrix), label, miss, alarm, 0)


def apply(tree: Leaf | Split, frame: pd.DataFrame, probability: ArrayLike) -> tuple[Bools, list[str]]:
    """Ask the tree about rows.

    Raises
    ------
    DataError
        If a field is absent.
    """
    act = np.zeros(len(frame), dtype=bool)
    ways = [""] * len(frame)
    values = functools.cache(lambda asked: asked.values(frame, probability))

    def walk(node: Leaf | Split, rows: NDArray[np.intp], way: tuple[str, ...]) -> None:
        if isinstance(node, Leaf):
            act[rows] = node.act
            for row in rows:
                ways[row] = f"{' and '.join(way) or 'always'} ({node.positives} of {node.rows} such rows were positive)"
            return
        # scikit-learn grew it on single precision; rounding otherwise would send rows near a cut the other way.
        above = values(node.input)[rows].astype(np.float32).astype(np.float64) > node.cut
        walk(node.below, rows[~above], (*way, node.input.question(node.cut, False)))
        walk(node.above, rows[above], (*way, node.input.question(node.cut, True)))

    walk(tree, np.arange(len(frame)), ())
    return act, ways


def text(tree: Leaf | Split, actions: tuple[str, str], indent: str = "") -> str:
    """Return the tree as if-then lines."""
    if isinstance(tree, Leaf):
        return f"{indent}{actions[tree.act]}    ({tree.positives} of {tree.rows} positive)"
    further = indent + "    "
    return "\n".join(
        [
            f"{indent}if {tree.input.question(tree.cut, False)}:",
            text(tree.below, actions, further),
            f"{indent}else ({tree.input.question(tree.cut, True)}):",
            text(tree.above, actions, further),
        ]
    )


def _inputs(frame: pd.DataFrame, task: Task, label: Bools, said: Sequence[set[str]]) -> list[Input]:
    """Return what the tree may ask about."""
    inputs = [Input(kind="probability")]
    for field, kind in task.fields.items():
        if kind == "number":
            known = features.column(frame, field).dropna().to_numpy(dtype=np.float64)
            inputs.append(Input(kind="number", fields=(field,), missing=float(np.median(known)) if len(known) else 0.0))
        elif kind == "category":
            levels = features.column(frame, field).fillna("").astype(str).value_counts()
            ranked = sorted(levels.index, key=lambda level, levels=levels: (-levels[level], level))  # type: ignore[misc]
            inputs += [Input(kind="level", fields=(field,), value=level) for level in ranked[:_LEVELS]]
    return inputs + [Input(kind="word", fields=task.text_fields, value=word) for word in _telling(said, label)]


def _telling(said: Sequence[set[str]], label: Bools) -> list[str]:
    """Return the words whose presence tells most about the label, by the chi-squared statistic, most telling first."""
    known = Counter(word for row in said for word in row)
    yes = (
        Counter(word for row, positive in zip(said, label, strict=True) if positive for word in row) if said else known
    )
    rows, positives = len(label), int(label.sum())

    def telling(word: str) -> float:
        wanted = known[word] * positives / rows
        spread = wanted * (1 - positives / rows) * (1 - known[word] / rows)
        return (yes[word] - wanted) ** 2 / spread if spread > 0 else 0.0

    often = [word for word, count in known.items() if count >= max(5, rows // 200) and word[:1].isalpha()]
    return sorted(often, key=lambda word: (-telling(word), word))[:_WORDS]


def _kept(
    grown: Any, inputs: Sequence[Input], leaves: NDArray[np.intp], label: Bools, miss: float, alarm: float, at: int
) -> Leaf | Split:
    """Turn a fitted tree into plain data, joining answers that lead to the same action."""
    if grown.children_left[at] == -1:
        inside = leaves == at
        rows, positives = int(inside.sum()), int(label[inside].sum())
        return Leaf(act=positives * miss >= (rows - positives) * alarm, rows=rows, positives=positives)
    below, above = (
        _kept(grown, inputs, leaves, label, miss, alarm, int(children[at]))
        for children in (grown.children_left, grown.children_right)
    )
    if isinstance(below, Leaf) and isinstance(above, Leaf) and below.act == above.act:
        return Leaf(act=below.act, rows=below.rows + above.rows, positives=below.positives + above.positives)
    return Split(input=inputs[int(grown.feature[at])], cut=float(grown.threshold[at]), below=below, above=above)
