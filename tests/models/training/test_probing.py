from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from tests.models.conftest import Problem, classes_task, number_task
from tests.models.test_types import problem
from tests.models.training.test_fitting import fit

from loopbook.models import heads
from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.network import HEAD, Network
from loopbook.models.training import probing
from loopbook.models.training.gradient_descent import Rows
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import Multiclass, Task


def probed(given: Problem, architecture: str, **own: object) -> tuple[Network, Rows, float]:
    """Return a network that was probed, the rows, and the risk of a head of zeros."""
    from loopbook.models.training.fitting import goals_of
    from loopbook.models.training.method import TrainingData

    goals = goals_of(TrainingData(given.train, given.validation, given.features, given.task), Recipe(), False).train
    width = heads.width([goal.head for goal in goals])
    network = Network.build(registry.find(architecture), own, Inputs.of(given.features), 1, width)  # type: ignore[arg-type]
    rows = Rows(network.encode(given.features, given.train), goals)
    probing.probe(network, rows, 2.0)
    return network, rows, heads.risk(goals, np.zeros((len(rows), width)))


def test_the_head_is_a_logistic_regression_on_the_encoders_features(text: Problem, tiny_bert: str) -> None:
    given = problem(text.task, text.train.assign(weight=np.float32(1)), text.validation)
    network, rows, _ = probed(given, "encoder", preset=tiny_bert)
    import keras

    below = Network(keras.Model(network.model.input, network.model.get_layer(HEAD).input), network.tokenizer)
    features = below.forward(rows.arrays)
    assert np.linalg.norm(features, axis=1) == pytest.approx(4)  # the square root of its 16 numbers
    second = LogisticRegression(C=2, tol=1e-8, max_iter=10_000).fit(features / 4, given.train["label"])
    expected = second.decision_function(features / 4)
    assert network.forward(rows.arrays)[:, 0] == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("task", [number_task("squared"), number_task("quantiles"), classes_task()])
def test_every_head_is_fitted(task: Task, cells: Problem) -> None:
    classes = pd.qcut(cells.train["mean perimeter"], 3, labels=["small", "middle", "large"])
    label = classes if isinstance(task, Multiclass) else cells.train["mean radius"]
    rows = cells.train.assign(x=cells.train["mean area"], label=label)
    network, own, before = probed(problem(task, rows[:300], rows[300:].reset_index(drop=True)), "mlp")
    assert heads.risk(own.goals, network.forward(own.arrays)) < before - 0.1


def test_a_network_that_is_its_own_head_is_refused(cells: Problem, users_module: Path, tmp_path: Path) -> None:
    users_module.write_text(
        "import keras\n"
        "def build(inputs):\n"
        "    table = inputs.table()\n"
        "    return keras.Model(table, keras.layers.Dense(1)(table))\n"
    )
    with pytest.raises(ScenarioError, match="its own head"):
        fit(cells, tmp_path / "fit", f"{users_module.stem}:build", own={}, probe=1.0)
