from __future__ import annotations

import pytest
from pydantic import Field

from loopbook.models.architectures import registry
from loopbook.models.studies import ablation
from loopbook.models.studies.ablation import Row
from loopbook.models.studies.outer_folds import Measured
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import Binary, YesNo
from loopbook.scenario.training import TrainingSettings

TEXT = Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,)))
BAG = Candidate(architecture="bag")


def measured(score: float, risk: float = 1.0) -> Measured:
    return Measured(score, risk, 0.7, 0.3, 5, 1.0, 0.1, 0.2)


def test_every_field_of_a_recipe_is_tried_or_has_a_reason() -> None:
    tried = {name for name, *_ in ablation.fields()}
    reasoned = {*ablation.UNTRIED, *ablation.ELSEWHERE}
    assert tried | reasoned == set(Recipe.model_fields)
    assert not tried & reasoned
    for name, _, value, _ in ablation.fields():
        Recipe.model_validate({name: value})


def test_a_field_without_a_value_to_try_and_without_a_reason_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class More(Recipe):
        forgotten: float = Field(0.0)

    monkeypatch.setattr(ablation, "Recipe", More)
    with pytest.raises(LoopbookError, match=r"'forgotten' is not tried: .*UNTRIED"):
        list(ablation.fields())


def test_what_a_base_has_on_is_left_out_and_all_else_is_added() -> None:
    base = Candidate.model_validate({"architecture": "bag", "recipe": {"ema": 0.9}})
    found = {each.name: each for each in ablation.of_base(base, Recipe(clip_norm=2.0))}
    out = {name for name, each in found.items() if each.way == "leave-one-out"}
    assert out == {"ema", "clip_norm", "patience", "dropout"}
    assert (found["ema"].recipe.ema, found["focal"].recipe.ema) == (0.0, 0.9)
    assert found["dropout"].candidate.settings == {"dropout": 0.0}
    assert found["focal"].recipe.focal == 2.0 and found["focal"].recipe.clip_norm == 2.0


def test_ensembles_of_seeds_and_of_architectures_are_tried() -> None:
    found = {each.name: each for each in ablation.of_base(BAG, Recipe(), Candidate(architecture="tfidf"))}
    assert [part.architecture for part in found["ensemble of architectures"].candidate.members] == ["bag", "tfidf"]
    assert found["ensemble of seeds"].candidate.settings["seeds"] == 3


def test_every_architecture_and_adaptation_has_a_row_and_what_does_not_suit_says_why() -> None:
    found = list(ablation.architectures(TrainingSettings(candidates={"bag": BAG}), TEXT))
    assert {each.name for each, _ in found} == set(registry.names())
    adapted = {each.value for each, _ in found if each.name == "encoder"}
    assert {"frozen", "lora", "adapters", "prefix", "last", "full"} <= adapted
    steps = {each.value: each.recipe.learning_rate for each, _ in found if each.name == "encoder"}
    assert steps["full"] < steps["lora"] == 0.001, "each adaptation is tried with its own step size"
    reasons = {each.name: reason for each, reason in found}
    assert "table" in reasons["mlp"] and not reasons["bag"]


def test_a_trial_is_chosen_by_the_inner_fold_alone() -> None:
    trials = [[measured(0.9, 0.5), measured(0.1, 0.4)], [measured(0.2, 0.1), measured(0.8, 0.2)]]
    assert [one.score for one in ablation.chosen(trials)] == [0.1, 0.2]


def test_what_is_left_out_counts_the_other_way() -> None:
    found, plain = [measured(0.6), measured(0.7)], [measured(0.8), measured(0.8)]
    assert ablation.estimate(found, plain, "add-one", 2).gain.value == pytest.approx(-0.15)
    assert ablation.estimate(found, plain, "leave-one-out", 2).gain.value == pytest.approx(0.15)


def row(gains: list[float]) -> Row:
    (technique, *_) = ablation.of_base(BAG, Recipe())
    found = Row(technique, "bag", found=[measured(0.5 + gain) for gain in gains])
    found.plain = [measured(0.5) for _ in gains]
    found.screened = ablation.estimate(found.found, found.plain, "add-one", 5)
    return found


def test_verdicts() -> None:
    good, bad = row([0.1, 0.11, 0.1, 0.12, 0.1]), row([-0.1, -0.11, -0.1, -0.12, -0.1])
    chance, unmeasured = row([0.1, -0.1, 0.02, -0.03, 0.01]), Row(good.technique, reason="out of the limit")
    ablation.correct([good, bad, chance, unmeasured])
    assert [each.verdict for each in (good, bad, chance, unmeasured)] == [
        "helps, not confirmed",
        "hurts",
        "no difference shown",
        "not measured here",
    ], "nothing is said to help before it is confirmed"
    assert [each.survives(0.1) for each in (good, bad, chance, unmeasured)] == [True, False, False, False]
    good.confirmed = {"own": good.screened, "other": bad.screened}  # type: ignore[dict-item]
    ablation.correct_confirmed([good])
    assert good.verdict == "helps"
