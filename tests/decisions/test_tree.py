from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from sklearn.tree import DecisionTreeClassifier
from tests.decisions.conftest import PRICES, rows, two

from loopbook.decisions import tree
from loopbook.models import answers
from loopbook.scenario.decisions import Costs
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Binary, Task, YesNo


def grow(frame: pd.DataFrame, p: object, prices: Costs, task: Task, **how: int) -> tree.Leaf | tree.Split:
    return tree.grow(frame, answers.of(p), two(prices), frame["label"], task, **how)  # type: ignore[arg-type]


def apply(grown: tree.Leaf | tree.Split, frame: pd.DataFrame, p: object) -> tuple[np.ndarray, list[str]]:
    return tree.apply(grown, frame, answers.of(p))  # type: ignore[arg-type]


NODE: TypeAdapter[tree.Leaf | tree.Split] = TypeAdapter(tree.Node)


def test_the_tree_finds_the_word_and_says_so(task: Binary) -> None:
    frame = rows(400).assign(label=lambda each: each["text"].str.contains("loss").astype("int8"))
    grown = grow(frame, np.full(400, 0.5), Costs(), task, depth=3)
    act, ways = apply(grown, frame, np.full(400, 0.5))
    assert (act == (frame["label"] == 1)).all()
    assert isinstance(grown, tree.Split) and grown.input.kind == "word" and isinstance(grown.below, tree.Leaf)
    lines = tree.text(grown, task.actions).splitlines()
    assert lines[0].startswith("if “") and lines[0].endswith("does not occur:")
    assert all("called for it)" in line for line in lines[1::2])
    assert "occurs" in ways[0] or "does not occur" in ways[0]


def test_it_decides_as_scikit_learn_does_on_the_same_inputs() -> None:
    task = Binary(fields={"mean size": "number"}, label=YesNo(column="y", positive=(1,)))
    frame = rows(800, seed=2)
    grown = grow(frame, frame["p"], PRICES, task, depth=4)
    size = frame["mean size"].fillna(frame["mean size"].median())
    matrix = np.column_stack([frame["p"], size])
    other = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=0)
    weight = np.where(frame["label"] == 1, 7.0, 2.0)  # what a miss and a false alarm cost more than the right action
    other.fit(matrix, frame["label"], sample_weight=weight)
    fresh = rows(800, seed=3)
    fresh_matrix = np.column_stack([fresh["p"], fresh["mean size"].fillna(frame["mean size"].median())])
    assert (apply(grown, fresh, fresh["p"])[0] == (other.predict(fresh_matrix) == 1)).all()


def test_leaves_take_the_cheaper_action_and_count_every_row_once(task: Binary, frame: pd.DataFrame) -> None:
    grown = grow(frame, frame["p"], PRICES, task, depth=3)

    def leaves(node: tree.Leaf | tree.Split) -> list[tree.Leaf]:
        return [node] if isinstance(node, tree.Leaf) else leaves(node.below) + leaves(node.above)

    assert sum(leaf.rows for leaf in leaves(grown)) == len(frame)
    called = [leaf.right if leaf.action else leaf.rows - leaf.right for leaf in leaves(grown)]
    assert sum(called) == int(frame["label"].sum())
    for leaf, positives in zip(leaves(grown), called, strict=True):
        assert leaf.action == (positives * 7 >= (leaf.rows - positives) * 2)


def test_no_question_leads_to_the_same_action_twice(task: Binary, frame: pd.DataFrame) -> None:
    def check(node: tree.Leaf | tree.Split) -> None:
        if isinstance(node, tree.Split):
            if isinstance(node.below, tree.Leaf) and isinstance(node.above, tree.Leaf):
                assert node.below.action != node.above.action
            check(node.below)
            check(node.above)

    for depth in (1, 3, 6):
        check(grow(frame, frame["p"], PRICES, task, depth=depth, min_leaf=5))


def test_it_comes_back_from_plain_values(task: Binary, frame: pd.DataFrame) -> None:
    grown = grow(frame, frame["p"], PRICES, task, depth=3)
    assert NODE.validate_python(grown.model_dump(mode="json")) == grown


def test_an_answer_does_not_depend_on_the_other_rows(task: Binary, frame: pd.DataFrame) -> None:
    grown = grow(frame, frame["p"], PRICES, task, depth=4, min_leaf=5)
    act, ways = apply(grown, frame, frame["p"])
    for at in range(0, 600, 97):
        alone, way = apply(grown, frame.iloc[[at]], frame["p"].iloc[[at]])
        assert alone[0] == act[at] and way[0] == ways[at]


def test_one_class_gives_one_leaf_and_no_rows_an_error(task: Binary, frame: pd.DataFrame) -> None:
    calm = frame.assign(label=0)
    assert grow(calm, frame["p"], PRICES, task, depth=3) == tree.Leaf(action=0, rows=600, right=600)
    with pytest.raises(DataError, match="without rows"):
        grow(frame.iloc[:0], [], PRICES, task, depth=3)
