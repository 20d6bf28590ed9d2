from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.models.conftest import Problem
from tests.models.test_types import problem_of
from tests.models.training.test_fitting import fit

from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export
from loopbook.scenario.errors import ScenarioError

CHANGES = {
    "frozen": (),
    "lora": ("query", "key", "value", "attention_output", "intermediate_dense", "output_dense"),
    "adapters": ("adapter",),
    "prefix": ("vectors",),
    "last": ("transformer_layer_1",),
    "full": ("embedding", "transformer_layer_0", "transformer_layer_1"),
}


def weights(model: Model) -> dict[str, np.ndarray]:
    return {variable.path: variable.numpy() for variable in model.predictor.model.trainable_variables} | {
        variable.path: variable.numpy() for variable in model.predictor.model.non_trainable_variables
    }


@pytest.mark.parametrize("adaptation", CHANGES)
def test_an_adaptation_trains_what_it_names_and_ships_the_same(
    adaptation: str, text: Problem, tiny_bert: str, tmp_path: Path
) -> None:
    own = {"preset": tiny_bert, "adaptation": adaptation, "rank": 2, "last": 1}
    before = weights(fit(text, tmp_path / "still", "encoder", own=own, epochs=1, learning_rate=1e-12))
    model = fit(text, tmp_path / "fit", "encoder", own=own, epochs=2)
    after = weights(model)
    changed = {path for path in after if "seed" not in path and np.abs(after[path] - before[path]).max() > 1e-6}
    body = {path for path in changed if not path.startswith("probability")}
    assert bool(body) == bool(CHANGES[adaptation])
    assert all(any(part in path for part in CHANGES[adaptation]) for path in body), body
    for part in CHANGES[adaptation]:
        assert any(part in path for path in body), part
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", text.validation) <= onnx_export.TOLERANCE


def test_text_and_table_are_tuned_together_with_fewer_layers(mixed: Problem, tiny_bert: str, tmp_path: Path) -> None:
    own = {"preset": tiny_bert, "adaptation": "full", "layers": 1}
    model = fit(mixed, tmp_path / "fit", "encoder", own=own, epochs=1)
    assert set(model.predictor.inputs) == {"pieces", "table"}
    assert not any("transformer_layer_1" in path for path in weights(model))
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", mixed.validation) <= onnx_export.TOLERANCE


@pytest.mark.parametrize("adaptation", ["lora", "full"])
def test_a_killed_tuning_continues_to_the_same_weights(
    adaptation: str, text: Problem, tiny_bert: str, tmp_path: Path
) -> None:
    own = {"preset": tiny_bert, "adaptation": adaptation}
    more = {
        **{"epochs": 6, "patience": 6, "schedule": "cosine", "warmup": 0.1, "weight_decay": 0.01, "ema": 0.9},
        **{"layer_decay": 0.8, "accumulate": 2, "clip_norm": 1.0},
    }
    whole = fit(text, tmp_path / "whole", "encoder", own=own, **more)

    def kill(report: str) -> None:
        if report.startswith("epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(text, tmp_path / "killed", "encoder", kill, own=own, **more)
    again = fit(text, tmp_path / "killed", "encoder", own=own, **more)
    for path, value in weights(whole).items():
        assert np.array_equal(value, weights(again)[path]), path


def test_padding_changes_no_answer(text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    model = fit(text, tmp_path / "fit", "encoder", own={"preset": tiny_bert, "adaptation": "full"}, epochs=1)
    arrays = model.predictor.encode(text.features, text.validation)
    longer = {"pieces": np.pad(arrays["pieces"], ((0, 0), (0, 9)))}
    alone = model.predictor.model(arrays, training=False).numpy()
    assert model.predictor.model(longer, training=False).numpy() == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("hostile", ["=1+1", "<script>", "", "x" * 5_000, "\u200d\u200d"])
def test_hostile_text_gets_an_answer(hostile: str, text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    rows = text.validation.head(3).assign(text=[hostile, "profit", hostile])
    model = fit(replace(text), tmp_path / "fit", "encoder", own={"preset": tiny_bert}, epochs=1)
    assert np.isfinite(model.probabilities(rows)).all()


def test_an_unknown_adaptation_is_refused(text: Problem, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="adaptation = 'magic'"):
        fit(text, tmp_path, "encoder", own={"adaptation": "magic"})


@pytest.mark.parametrize("kind", ["multiclass", "number"])
def test_every_type_of_task_and_further_outputs_are_tuned(kind: str, tiny_bert: str, tmp_path: Path) -> None:
    given = problem_of(kind)
    model = fit(given, tmp_path / "fit", "encoder", own={"preset": tiny_bert, "adaptation": "full"}, epochs=1)
    answer = model.answer(given.validation)
    assert set(answer.also) == set(given.task.also)
    assert (answer.distribution is not None) == (kind == "number")
    assert answer.probability.sum(axis=1) == pytest.approx(np.ones(100))
    onnx_export.export(model, tmp_path / "onnx")
    onnx_export.check(model, tmp_path / "onnx", given.validation)
