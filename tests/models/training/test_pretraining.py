"""Pretraining acts on what it says, its losses are those of the papers, and a kill changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.models.conftest import Problem, number_task
from tests.models.test_types import problem
from tests.models.training.test_fitting import facts, fit

from loopbook.models.encoders import pretrained
from loopbook.models.model import Model
from loopbook.models.training import pretraining, runtime
from loopbook.scenario.errors import ScenarioError
from loopbook.statistics import metrics


def weights(model: Model) -> dict[str, np.ndarray]:
    return {variable.path: variable.numpy() for variable in model.predictor.model.variables}


def trace(work: Path, stage: str) -> list[float]:
    """Return the loss of each epoch of a stage, as TensorBoard reads it."""
    events = EventAccumulator(str(work / "events"), size_guidance={"tensors": 0})
    events.Reload()
    return [float(entry.tensor_proto.float_val[0]) for entry in events.Tensors(f"pretraining/{stage}")]


@pytest.mark.parametrize(
    ("stage", "adaptation"),
    [("masked_lm", "full"), ("simcse", "full"), ("contrastive", "full"), ("contrastive", "lora")],
)
def test_a_stage_moves_the_encoder_and_its_loss_falls(
    stage: str, adaptation: str, text: Problem, tiny_bert: str, tmp_path: Path
) -> None:
    told: list[str] = []
    own, few = {"preset": tiny_bert, "adaptation": adaptation}, replace(text, train=text.train.head(160))
    after = weights(fit(few, tmp_path / "fit", "encoder", told.append, own=own, epochs=0, probe=1.0, **{stage: 4}))
    if adaptation == "lora":
        assert all(value.any() for path, value in after.items() if "lora_kernel_b" in path)
    else:
        before = pretrained.load(tiny_bert, 0.0).embeddings[0].embeddings.numpy()
        (words,) = (value for path, value in after.items() if path.startswith("token_embedding"))
        assert np.abs(words - before).max() > 1e-3
    losses = trace(tmp_path / "fit", stage)
    assert len(losses) == 4 and losses[-1] < losses[0] - 0.02
    assert [line.split(" · ")[0] for line in told] == [f"{stage}: epoch {epoch} of 4" for epoch in range(1, 5)]


def test_classes_lie_apart_after_contrast(text: Problem, tmp_path: Path) -> None:
    def auc(**more: object) -> float:
        more |= {"epochs": 0, "probe": 10.0, "temperature": 0.5}
        model = fit(text, tmp_path / str(len(more)), "bag", **more)
        return metrics.score("roc_auc", text.validation["label"], model.probabilities(text.validation)[:, 1])

    assert auc(contrastive=10) > auc() + 0.05


def test_killed_in_every_stage_the_weights_are_equal(text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    few = replace(text, train=text.train.head(96), validation=text.validation.head(30))
    stages = {"masked_lm": 2, "simcse": 1, "contrastive": 2}

    def tuned(work: str, report: object) -> dict[str, np.ndarray]:
        own = {"preset": tiny_bert, "adaptation": "full", "layers": 1}
        more = {"epochs": 2, "schedule": "cosine", "probe": 1.0}
        return weights(fit(few, tmp_path / work, "encoder", report, own=own, **more, **stages))

    told: list[str] = []
    whole, again = tuned("whole", told.append), []
    for killed in ("masked_lm: epoch 2", "contrastive: epoch 2", "epoch 1"):

        def kill(report: str, killed: str = killed) -> None:
            if report.startswith(killed):
                raise KeyboardInterrupt
            again.append(report)

        with pytest.raises(KeyboardInterrupt):
            tuned("killed", kill)
    for path, value in tuned("killed", again.append).items():
        assert np.array_equal(value, whole[path]), path
    # What was computed but not yet kept is computed again, and nothing before it.
    assert [line.split(" · at most")[0] for line in again] == [line.split(" · at most")[0] for line in told]
    assert not list((tmp_path / "killed").glob("*.npz"))


def test_the_loss_is_that_of_the_paper() -> None:
    runtime.prepare()
    import tensorflow as tf

    random = np.random.default_rng(1)
    z, classes, temperature = random.normal(size=(7, 4)), np.array([0, 0, 1, 1, 1, 2, 0]), 0.2
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    each = []
    for row in (0, 1, 2, 3, 4, 6):  # row 5 is alone in its class
        others = [other for other in range(7) if other != row]
        log_sum = np.log(sum(np.exp(unit[row] @ unit[other] / temperature) for other in others))
        own = [other for other in others if classes[other] == classes[row]]
        each.append(-np.mean([unit[row] @ unit[other] / temperature - log_sum for other in own]))
    found = pretraining.contrast(tf.constant(z), tf.constant(classes), temperature)
    assert float(found) == pytest.approx(np.mean(each), rel=1e-5)
    alone = pretraining.contrast(tf.constant(z), tf.range(7), temperature)
    assert float(alone) == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 20))
def test_pairs_are_of_one_class_and_leave_out_one_row_of_an_odd_class(codes: list[int], size: int) -> None:
    code = np.array(codes)
    parts = list(pretraining.pairs(code, size, np.random.default_rng(0)))
    rows = np.concatenate([*parts, np.zeros(0, np.int64)]).astype(np.int64)
    assert len(set(rows.tolist())) == len(rows) == sum(np.bincount(code) // 2 * 2)
    assert (code[rows[::2]] == code[rows[1::2]]).all()
    assert all(len(part) <= max(2, size) for part in parts)


def test_masks_hide_what_is_guessed_and_nothing_else() -> None:
    random = np.random.default_rng(2)
    pieces = random.integers(10, 100, (500, 30)).astype(np.int32)
    pieces[:, 0], pieces[:, 20] = 2, 3
    pieces[:, 21:] = 0
    pieces[0, 1:20] = 3  # a row with nothing to hide
    hidden, positions, true, weight = pretraining.masked(pieces, 4, (0, 2, 3), 100, random)
    rows = np.repeat(np.arange(500), positions.shape[1]).reshape(positions.shape)
    asked = weight > 0
    assert (weight[1:].sum(axis=1) == 3).all() and not weight[0].any()  # 15 % of 19
    assert (true == pieces[rows, positions]).all() and not np.isin(true[asked], (0, 2, 3)).any()
    touched = hidden != pieces
    assert touched.sum() == touched[rows, positions][asked].sum()
    assert np.mean(hidden[rows, positions][asked] == 4) == pytest.approx(0.8, abs=0.04)
    assert np.mean(~touched[rows, positions][asked]) == pytest.approx(0.1, abs=0.03)


def test_a_probe_that_training_makes_worse_is_kept(text: Problem, tmp_path: Path) -> None:
    fit(text, tmp_path / "fit", "bag", probe=1.0, epochs=4, learning_rate=1.0, optimizer="sgd", patience=2)
    history = pd.read_csv(tmp_path / "fit" / "history.csv")
    assert facts(tmp_path / "fit")["best_epoch"] == history["epoch"][history["val_loss"].idxmin()]
    assert history["epoch"].tolist()[:2] == [0, 1]


@pytest.mark.parametrize(
    ("architecture", "own", "changed", "message"),
    [
        ("minilm", {}, {"contrastive": 1}, "trains nothing below its head"),
        ("bag", {}, {"masked_lm": 1}, "guesses word pieces"),
        ("bag", {"dropout": 0.0}, {"simcse": 1}, "needs dropout"),
        ("bag", {}, {"epochs": 0}, "nothing is learnt"),
    ],
)
def test_what_a_network_lacks_is_said(
    architecture: str, own: dict, changed: dict, message: str, text: Problem, tmp_path: Path
) -> None:
    few = replace(text, train=text.train.head(40), validation=text.validation.head(20))
    with pytest.raises(ScenarioError, match=message):
        fit(few, tmp_path / "fit", architecture, own=own, **changed)


def test_a_number_has_no_classes_to_put_together(tickets_number: Problem, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="the task is a number"):
        fit(tickets_number, tmp_path / "fit", "bag", contrastive=1)
    probed = fit(tickets_number, tmp_path / "probe", "bag", epochs=0, probe=1.0)
    assert np.isfinite(probed.raw(tickets_number.validation)).all()


@pytest.fixture
def tickets_number(text: Problem) -> Problem:
    task = number_task("squared", {"text": "text"})

    def minutes(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(label=rows["text"].str.len().astype(float))

    return problem(task, minutes(text.train.head(80)), minutes(text.validation.head(40)))
