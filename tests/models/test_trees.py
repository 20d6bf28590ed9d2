from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from tests.models.conftest import Problem, goals, heads_of

from loopbook.models.architectures.boosted_trees import boosted_trees
from loopbook.models.model import Model
from loopbook.models.trees import Trees
from loopbook.scenario.errors import LoopbookError
from loopbook.statistics import metrics
from loopbook.store import content


def grown(problem: Problem, **settings: object) -> Trees:
    found = boosted_trees.make(problem.features, problem.train, goals(problem, np.ones(len(problem.train))), **settings)
    assert isinstance(found, Trees)
    return found


def test_the_trees_answer_as_the_library_that_grew_them(cells: Problem) -> None:
    model = GradientBoostingClassifier(subsample=0.5, random_state=0)
    model.fit(cells.features.table(cells.train), cells.train["label"])
    expected = model.decision_function(cells.features.table(cells.validation))
    assert grown(cells).raw(cells.features, cells.validation)[:, 0] == pytest.approx(expected, abs=1e-5)
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
