"""What plausible models say: passes with dropout, members of an ensemble; what has neither is refused."""

from __future__ import annotations

import numpy as np
import pytest
from tests.models.conftest import Problem, heads_of

from loopbook.models import posterior
from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.averaged import Averaged
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.scenario.errors import ScenarioError


def network(problem: Problem, dropout: float, seed: int = 1) -> Model:
    architecture = registry.find("mlp")
    inputs = Inputs(0, 0, problem.features.width)
    built = Network.build(architecture, {"dropout": dropout, "units": 16, "layers": 1}, inputs, seed)
    return Model("mlp", problem.features, built, heads_of(problem))


def test_passes_with_dropout_are_drawn_around_what_the_network_says(cells: Problem) -> None:
    model, rows = network(cells, 0.3), cells.validation.head(40)
    drawn = posterior.samples(model, rows, 60)
    assert drawn.shape == (60, 40, 2) and (drawn.std(axis=0) > 0).all()
    np.testing.assert_allclose(drawn.sum(axis=2), 1)
    np.testing.assert_allclose(drawn.mean(axis=0), model.answer(rows).probability, atol=0.1)


def test_members_are_taken_as_they_are_and_what_has_neither_is_refused(cells: Problem) -> None:
    members, rows = tuple(network(cells, 0.0, seed) for seed in (1, 2)), cells.validation.head(9)
    drawn = posterior.samples(Model("ensemble", cells.features, Averaged(members), members[0].outputs), rows)
    for said, member in zip(drawn, members, strict=True):
        np.testing.assert_array_equal(said, member.answer(rows).probability)
    with pytest.raises(ScenarioError, match="neither dropout nor members"):
        posterior.samples(members[0], rows, 3)
