from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier
from tests.models.conftest import Problem, classes_task, goals, heads_of

from loopbook.models.architectures import registry
from loopbook.models.architectures.boosted_trees import boosted_trees
from loopbook.models.heads import KINDS, Goal
from loopbook.models.model import Model
from loopbook.models.trees import Trees
from loopbook.scenario.errors import LoopbookError
from loopbook.statistics import metrics
from loopbook.store import content


def grown(problem: Problem, **settings: object) -> Trees:
    found = boosted_trees.make(problem.features, problem.train, goals(problem, np.ones(len(problem.train))), **settings)
    assert isinstance(found, Trees)
    return found


@pytest.mark.parametrize(
    ("own", "asked"), [({}, {}), ({"columns": 0.5, "leaf": 20}, {"max_features": 0.5, "min_samples_leaf": 20})]
)
def test_the_trees_answer_as_the_library_that_grew_them(
    own: dict[str, float], asked: dict[str, float], cells: Problem
) -> None:
    model = GradientBoostingClassifier(subsample=0.5, random_state=0, **asked)
    model.fit(cells.features.table(cells.train), cells.train["label"])
    expected = model.decision_function(cells.features.table(cells.validation))
    assert grown(cells, **own).raw(cells.features, cells.validation)[:, 0] == pytest.approx(expected, abs=1e-5)
    assert metrics.score("roc_auc", cells.validation["label"], expected) > 0.97


def test_a_value_on_the_threshold_goes_below() -> None:
    # The nearest float32 lies above this threshold; a value there must still go above.
    cut = np.float64(np.float32(0.1)) - 1e-12

    class Stump:
        node_count = 3
        children_left, children_right = np.array([1, -1, -1]), np.array([2, -1, -1])
        threshold, feature = np.array([cut, -2, -2]), np.array([0, -2, -2])
        value = np.array([0.0, -1.0, 1.0])[:, None, None]

    trees = Trees.of([[Stump()]], 1.0, 0.0)

    class Table:
        def table(self, frame: object) -> np.ndarray:
            return np.array([[0.1], [np.nextafter(np.float32(0.1), np.float32(0))]], dtype=np.float32)

    assert trees.raw(Table(), None).tolist() == [[1.0], [-1.0]]  # type: ignore[arg-type]


@pytest.mark.parametrize(("depth", "leaf"), [(1, 1), (4, 10), (3, 40)])
def test_a_decision_tree_answers_as_scikit_learn_and_takes_nothing_for_impossible(
    depth: int, leaf: int, cells: Problem
) -> None:
    said = goals(cells, np.ones(len(cells.train)))
    trees = registry.find("decision_tree").make(cells.features, cells.train, said, depth=depth, leaf=leaf)
    model = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf, random_state=0)
    model.fit(cells.features.table(cells.train), cells.train["label"])
    share = model.predict_proba(cells.features.table(cells.validation))
    expected = np.diff(np.log(np.maximum(share, 1 / (leaf + 2))), axis=1)[:, 0]
    assert trees.raw(cells.features, cells.validation)[:, 0] == pytest.approx(expected, abs=1e-5)
    assert len(trees.roots) == 1 and np.isfinite(trees.value).all()


def test_a_leaf_of_one_class_leaves_the_others_together_one_row(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    rows = pd.DataFrame({"label": pd.Categorical(np.repeat(names, 20), names), "x": np.repeat(np.arange(4.0), 20)})
    head = KINDS["multiclass"].of(rows["label"], np.ones(80), classes_task())
    task = type("Fake", (), {"table": staticmethod(lambda frame: frame[["x"]].to_numpy(np.float32))})()
    goal = Goal.on(head, rows, np.ones(80))
    trees = registry.find("decision_tree").make(task, rows, (goal,), depth=3, leaf=10)
    said = np.exp(trees.raw(task, rows))
    assert said.max(axis=1) == pytest.approx(np.ones(80)) and said.min(axis=1) == pytest.approx(np.full(80, 1 / 36))


def test_saved_trees_answer_the_same_and_their_model_says_what_it_is(cells: Problem, tmp_path: Path) -> None:
    model = Model("boosted_trees", cells.features, grown(cells, trees=5), heads_of(cells), {"trees": 5})
    model.save(tmp_path)
    again = Model.load(tmp_path)
    assert again.family == "plain"
    assert again.parameters == model.parameters > 10
    assert again.raw(cells.validation).tolist() == model.raw(cells.validation).tolist()


def test_trees_that_are_not_whole_are_refused(cells: Problem, tmp_path: Path) -> None:
    grown(cells, trees=2).save(tmp_path)
    arrays = content.load(tmp_path / "trees.npz")
    content.save({**arrays, "value": arrays["value"][:-1]}, tmp_path / "trees")
    with pytest.raises(LoopbookError, match="not whole"):
        Trees.load(tmp_path)
