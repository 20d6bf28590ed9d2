"""Ensembles of seeds and of architectures: fitted, kept, exported and described like any other model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from tests.models.conftest import Problem, settings, silent
from tests.models.shipping.test_model_card import DATASET, METRICS
from tests.models.test_types import problem_of
from tests.models.training.test_fitting import facts

from loopbook.models.architectures import registry
from loopbook.models.model import Model
from loopbook.models.shipping import model_card, onnx_export, serving
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.training import TrainingSettings
from loopbook.store import content

BAG = {"architecture": "bag", "settings": {"embedding": 4}}


def together(*members: dict, **own: object) -> Candidate:
    return Candidate.model_validate({"architecture": "ensemble", "settings": own, "members": members})


def fit(data: TrainingData, candidate: Candidate, work: Path, report: object = silent) -> Model:
    fitting.fit(Method.to_try(candidate, settings(epochs=2)), data, work, report)  # type: ignore[arg-type]
    return Model.load(work / "model")


def data_of(text: Problem) -> TrainingData:
    return TrainingData(text.train, text.validation, text.features, text.task)


def test_seeds_and_architectures_answer_together(text: Problem, tmp_path: Path) -> None:
    told: list[str] = []
    candidate = together(BAG, {"architecture": "tfidf"}, seeds=2)
    model = fit(data_of(text), candidate, tmp_path / "fit", told.append)
    members = model.predictor.members
    assert [member.architecture for member in members] == ["bag", "bag", "tfidf"]
    assert [member.training.get("seed") for member in members[:2]] == [5, 6]
    assert not np.allclose(*(member.raw(text.validation) for member in members[:2]))
    assert model.family == "ensemble" and model.parameters == sum(member.parameters for member in members)
    assert told[0].startswith("member 1 of 3, bag: epoch 1")
    assert not (tmp_path / "fit" / "members").exists()

    tempered = [member.outputs[0].tempered(member.raw(text.validation)) for member in members]
    assert model.raw(text.validation) == pytest.approx(np.mean(tempered, axis=0))
    assert facts(tmp_path / "fit")["temperature"] == model.outputs[0].temperature
    label = text.validation["label"].to_numpy(float)
    risks = [model.outputs[0].risk(label, z).mean() for z in tempered]
    assert model.outputs[0].risk(label, model.raw(text.validation)).mean() <= np.mean(risks), "the risk is convex"

    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", text.validation) <= 2e-6
    shipped = serving.variant(tmp_path / "onnx")
    assert shipped.probabilities(text.validation) == pytest.approx(model.probabilities(text.validation), abs=2e-6)
    card = model_card.card(model, text.task, DATASET, METRICS, {})
    assert card["model"]["members"] == ["bag", "bag", "tfidf"]

    again = Method.of(model, settings(epochs=2))
    assert [part.recipe.seed for part in again.members[:2]] == [5, 6]
    assert [part.candidate.architecture for part in again.members] == ["bag", "bag", "tfidf"]
    assert again.architectures == ("ensemble", "bag", "bag", "tfidf")


def test_a_killed_ensemble_keeps_the_members_that_it_has(text: Problem, tmp_path: Path) -> None:
    candidate = together(BAG, BAG | {"recipe": {"seed": 9}})
    whole = fit(data_of(text), candidate, tmp_path / "whole")

    def kill(report: str) -> None:
        if report.startswith("member 2 of 2, bag: epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(data_of(text), candidate, tmp_path / "killed", kill)
    told: list[str] = []
    again = fit(data_of(text), candidate, tmp_path / "killed", told.append)
    assert [line.split(" ·")[0] for line in told] == ["member 2 of 2, bag: epoch 2 of 2"]
    assert np.array_equal(whole.raw(text.validation), again.raw(text.validation))
    assert content.digest(tmp_path / "whole" / "model") == content.digest(tmp_path / "killed" / "model")


@pytest.mark.parametrize("kind", ["multiclass", "number"])
def test_networks_and_plain_models_answer_together_on_every_type_of_task(kind: str, tmp_path: Path) -> None:
    given = problem_of(kind)
    candidate = together(BAG, {"architecture": "tfidf"}, {"architecture": "boosted_trees"})
    registry.check(candidate, given.task)
    model = fit(data_of(given), candidate, tmp_path / "fit")
    answer = model.answer(given.validation)
    assert set(answer.also) == set(given.task.also)
    assert (answer.distribution is not None) == (kind == "number")
    assert answer.probability.sum(axis=1) == pytest.approx(np.ones(100))
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", given.validation) <= 1e-5


class TestRefused:
    @pytest.mark.parametrize(
        ("candidate", "message"),
        [
            (together(), "The ensemble has no members"),
            (together({"architecture": "ensemble", "members": [BAG]}), "an ensemble among its members"),
            (together({"architecture": "zero_shot"}), "scores classes that others do not"),
            (together(BAG | {"recipe": {"class_weights": True}}), "differ in class_weights"),
            (together(BAG | {"settings": {"units": 1}}), "'bag' has no setting 'units'"),
            (together({"architecture": "mlp"}), "needs a table field"),
            (Candidate.model_validate(BAG | {"members": [BAG]}), "'bag' has members; an ensemble may"),
        ],
    )
    def test_before_anything_is_fitted(self, candidate: Candidate, message: str, text: Problem) -> None:
        with pytest.raises(ScenarioError, match=message):
            registry.check(candidate, text.task)

    def test_a_member_that_is_no_candidate(self) -> None:
        with pytest.raises(ValidationError, match=r"has a member 'bg', no candidate\. Did you mean 'bag'\?"):
            TrainingSettings(candidates={"bag": BAG, "both": {"architecture": "ensemble", "members": ["bg"]}})


def test_members_are_named_among_the_candidates() -> None:
    made = TrainingSettings(candidates={"a": BAG, "both": {"architecture": "ensemble", "members": ["a", BAG]}})
    assert made.candidates["both"].members == (made.candidates["a"], Candidate.model_validate(BAG))
