"""Each option of a recipe acts: it changes weights, and in the way that it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, goals
from tests.models.training.test_fitting import facts, fit

from loopbook.models import heads
from loopbook.models.training import augmentation, optimizers, runtime
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe

TRIED = {
    name: field.json_schema_extra["tried"]
    for name, field in Recipe.model_fields.items()
    if isinstance(field.json_schema_extra, dict)
    and name not in ("layer_decay", "swaps", "recompute", "refine", "masked_lm", "replay")
}


@pytest.fixture(scope="module")
def plain(text: Problem, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    return list(fit(text, tmp_path_factory.mktemp("plain"), "bag").predictor.model.get_weights())


@pytest.mark.parametrize("name", TRIED)
def test_an_option_acts_and_learns(
    name: str, text: Problem, plain: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few words have no nearer neighbours.
    monkeypatch.setattr(augmentation, "_LIKE", 0.3)
    # A gradient as short as these is not clipped at 1.
    value = 0.001 if name == "clip_norm" else TRIED[name]
    slow = {"learning_rate": 0.05} if name == "optimizer" else {}
    groups = {"fairness_by": "weight"} if name == "fairness" else {}
    model = fit(text, tmp_path / "fit", "bag", **{name: value, **slow, **groups})
    after = model.predictor.model.get_weights()
    assert max(np.abs(one - two).max() for one, two in zip(plain, after, strict=True)) > 1e-7
    assert all(np.isfinite(weight).all() for weight in after)
    assert all(weight.dtype == np.float32 for weight in after)
    yes = text.validation["label"].to_numpy() == 1
    said = model.probabilities(text.validation)[:, 1]
    assert said[yes].mean() > said[~yes].mean()


def test_the_step_size_rises_and_falls_as_said() -> None:
    rate = optimizers.rate(Recipe(learning_rate=0.1, schedule="cosine", warmup=0.1), 100)
    assert [float(rate(step)) for step in (0, 5, 10, 55, 100)] == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=1e-6)
    level = optimizers.rate(Recipe(learning_rate=0.1, warmup=0.1), 100)
    assert [float(level(step)) for step in (0, 5, 10, 100)] == pytest.approx([0, 0.05, 0.1, 0.1], abs=1e-6)
    assert optimizers.rate(Recipe(learning_rate=0.1), 100) == 0.1


def test_the_lower_a_layer_the_smaller_its_steps(text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    own = {"preset": tiny_bert, "adaptation": "full", "dropout": 0.0}

    def moved(decay: float) -> dict[str, float]:
        models = [
            fit(text, tmp_path / f"{decay}-{rate}", "encoder", own=own, **more)
            for rate in (1e-12, 1e-3)
            for more in ({"epochs": 1, "batch_size": 400, "learning_rate": rate, "layer_decay": decay},)
        ]
        before, after = ({v.path: v.numpy() for v in model.predictor.model.trainable_variables} for model in models)
        parts = ("token_embedding", "transformer_layer_0", "transformer_layer_1", "probability")
        return {part: max(np.abs(after[p] - before[p]).max() for p in after if part in p) for part in parts}

    one, less = moved(1.0), moved(0.5)
    shares = [less[part] / one[part] for part in one]
    # Adam's first step is as long as the step size, whatever the gradient.
    assert shares == pytest.approx([0.125, 0.25, 0.5, 1.0], rel=0.05)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("focal", [0.0, 2.0])
def test_shaped_losses_are_what_the_papers_say(smoothing: float, focal: float) -> None:
    runtime.prepare()
    import tensorflow as tf

    from loopbook.models.class_heads import Binary, Multiclass

    random = np.random.default_rng(3)
    z3, y3 = random.normal(size=(20, 3)), random.integers(0, 3, 20)
    z1 = random.normal(size=(20, 1))
    two = Binary(classes=("no", "yes"))
    three = Multiclass(classes=("a", "b", "c"), seen=(0, 1, 2), rows=20)
    for head, z, y, logits in (
        (two, z1, y3 % 2, np.column_stack([np.zeros(20), z1[:, 0]])),
        (three, z3, y3, z3),
    ):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        own = p[np.arange(20), y]
        expected = (1 - smoothing) * -((1 - own) ** focal) * np.log(own) - smoothing * np.log(p).mean(axis=1)
        scores = tf.constant(z)
        loss = head.loss(tf.constant(y, dtype=tf.float64), scores, tf)
        assert head.shaped(loss, scores, tf, smoothing, focal).numpy() == pytest.approx(expected)


def test_what_reads_words_in_their_order_sees_them_exchanged(text: Problem, tmp_path: Path) -> None:
    plain, other = (fit(text, tmp_path / str(swaps), "cnn", swaps=swaps, epochs=1) for swaps in (0.0, 0.1))
    weights = zip(plain.predictor.model.get_weights(), other.predictor.model.get_weights(), strict=True)
    assert max(np.abs(one - two).max() for one, two in weights) > 1e-4


def test_an_adversary_needs_embeddings(cells: Problem, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="trains no embeddings"):
        fit(cells, tmp_path, "mlp", adversarial=0.5)


def test_an_epoch_is_judged_at_the_best_temperature(text: Problem, tmp_path: Path) -> None:
    more = {"epochs": 6, "patience": 6, "learning_rate": 0.02}
    for refine in (False, True):
        fit(text, tmp_path / str(refine), "cnn", refine=refine, **more)
    plain, refined = (pd.read_csv(tmp_path / str(refine) / "history.csv") for refine in (False, True))
    # Steps are the same; only how an epoch is judged differs.
    assert refined["loss"].tolist() == plain["loss"].tolist()
    assert refined["val_score"].tolist() == plain["val_score"].tolist()
    assert (refined["val_loss"] < plain["val_loss"] - 0.05).any()
    assert facts(tmp_path / "True")["best_epoch"] == refined["val_loss"].idxmin() + 1


@pytest.mark.parametrize("warmth", [0.2, 1.0, 7.0])
def test_how_sure_scores_are_does_not_count_for_a_refined_risk(warmth: float, text: Problem) -> None:
    (goal,) = goals(text)
    z = (goal.target - 0.5 + np.random.default_rng(1).normal(size=len(goal.target)))[:, None]
    assert heads.risk([goal], z * warmth, True) == pytest.approx(heads.risk([goal], z, True), abs=1e-6)
    assert heads.risk([goal], z, True) <= heads.risk([goal], z * warmth) + 1e-3
