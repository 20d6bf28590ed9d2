from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.models.conftest import Problem, frame, settings, silent

from loopbook.models.model import FORMAT, Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError, LoopbookError, ScenarioError
from loopbook.statistics import calibration, evaluation, folds, metrics, scores
from loopbook.statistics.scores import sigmoid
from loopbook.store import content

SMALL = {"lstm": {"embedding": 8, "units": 8}, "cnn": {"embedding": 8, "filters": 8}, "bag": {"embedding": 8}}


def fit(problem: Problem, work: Path, architecture: str, report: object = silent, **changed: object) -> Model:
    own = changed.pop("own", SMALL.get(architecture, {}))
    candidate = Candidate(architecture=architecture, settings=own)  # type: ignore[arg-type]
    data = TrainingData(problem.train, problem.validation, problem.features, problem.task)
    fitting.fit(Method(candidate, settings(**changed)), data, work, report, work.parent / "embeddings")  # type: ignore[arg-type]
    return Model.load(work / "model")


def facts(work: Path) -> dict:
    return json.loads((work / "fit.json").read_text())


@pytest.mark.parametrize("architecture", ["majority", "word_list", "tfidf", "bag", "cnn", "lstm"])
def test_a_fit_leaves_model_history_predictions_and_events(architecture: str, text: Problem, tmp_path: Path) -> None:
    model = fit(
        text, tmp_path / "fit", architecture, own={} if architecture == "tfidf" else SMALL.get(architecture, {})
    )
    found = {path.name for path in (tmp_path / "fit").iterdir()}
    assert {"model", "events", "history.csv", "predictions.parquet", "fit.json"} <= found
    assert "state.npz" not in found

    history = pd.read_csv(tmp_path / "fit" / "history.csv")
    assert list(history) == ["epoch", "loss", "val_loss", "val_score"]
    table = content.load(tmp_path / "fit" / "predictions.parquet")
    assert list(table) == [*("row_id", "group", "label", "weight", "before.0", "before.1", "answer.0", "answer.1")]
    assert table["row_id"].tolist() == text.validation["row_id"].tolist()
    (head,) = model.outputs
    before = sigmoid(model.raw(text.validation)[:, 0] - head.offset[0])
    assert before == pytest.approx(table["before.1"].to_numpy(), abs=1e-6)
    fold, logit = folds.grouped(table["group"], 5), scores.logit(before)
    for number in range(5):
        inside = fold == number
        warmth = calibration.temperature(table["label"][~inside], logit[~inside])
        assert table["answer.1"][inside].to_numpy() == pytest.approx(sigmoid(logit[inside] / warmth), abs=1e-6)
    assert facts(tmp_path / "fit")["temperature"] == head.temperature
    assert facts(tmp_path / "fit")["family"] == model.family

    events = EventAccumulator(str(tmp_path / "fit" / "events"), size_guidance={"tensors": 0})
    events.Reload()
    plugins = {tag: events.SummaryMetadata(tag).plugin_data.plugin_name for tag in events.Tags()["tensors"]}
    assert set(plugins.values()) == {"scalars", "histograms", "pr_curves"}
    assert {"loss", "val_loss", "val_score", "validation/roc_auc"} <= set(plugins)
    assert len(events.Tensors("val_loss")) == len(history)


def test_networks_learn_what_word_order_means(text: Problem, tmp_path: Path) -> None:
    model = fit(text, tmp_path / "fit", "cnn", epochs=60, patience=4, own={"embedding": 16, "filters": 32})
    probability = model.probabilities(frame(300, 9))[:, 1]
    assert metrics.score("roc_auc", frame(300, 9)["label"], probability) > 0.9
    assert facts(tmp_path / "fit")["ended"] == "early stopping"
    history = pd.read_csv(tmp_path / "fit" / "history.csv")
    assert facts(tmp_path / "fit")["best_epoch"] == history["val_loss"].idxmin() + 1 == len(history) - 4


def test_the_best_epochs_weights_are_kept(text: Problem, tmp_path: Path) -> None:
    from loopbook.statistics.scores import cross_entropy

    model = fit(text, tmp_path / "fit", "bag", epochs=6, patience=6, learning_rate=0.3)
    history = pd.read_csv(tmp_path / "fit" / "history.csv")
    assert history["val_loss"].idxmin() < len(history) - 1
    logits = model.raw(text.validation)[:, 0]
    own = np.average(cross_entropy(text.validation["label"], logits), weights=text.validation["weight"])
    assert own == pytest.approx(history["val_loss"].min(), abs=1e-6)


def test_a_killed_fit_continues_to_the_same_weights(text: Problem, tmp_path: Path) -> None:
    whole = fit(text, tmp_path / "whole", "lstm", epochs=4)

    def kill(report: str) -> None:
        if report.startswith("epoch 3"):  # the third epoch is computed, but not yet kept
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(text, tmp_path / "killed", "lstm", kill, epochs=4)
    assert not (tmp_path / "killed" / "fit.json").exists()
    told: list[str] = []
    again = fit(text, tmp_path / "killed", "lstm", told.append, epochs=4)
    assert [line.split(" ·")[0] for line in told] == ["epoch 3 of 4", "epoch 4 of 4"]
    for one, two in zip(whole.predictor.model.get_weights(), again.predictor.model.get_weights(), strict=True):
        assert np.array_equal(one, two)
    assert (tmp_path / "whole" / "history.csv").read_text() == (tmp_path / "killed" / "history.csv").read_text()
    assert content.digest(tmp_path / "whole" / "model") == content.digest(tmp_path / "killed" / "model")


def test_another_process_gets_the_same_bits_even_after_a_hard_kill(text: Problem, tmp_path: Path) -> None:
    fit(text, tmp_path / "here", "cnn")
    script = dedent(
        """
        import os, sys
        from pathlib import Path
        from tests.models.conftest import frame, problem
        from tests.models.training.test_fitting import fit

        text = problem({"text": "text"}, frame(400, 1), frame(150, 2))
        kill = sys.argv[2] == "kill"
        fit(text, Path(sys.argv[1]), "cnn", lambda said: kill and said.startswith("epoch 2") and os._exit(9))
        """
    )
    for mode, code in (("kill", 9), ("finish", 0)):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "there"), mode],
            cwd=Path(__file__).resolve().parents[3],
            env={**os.environ, "PYTHONHASHSEED": mode[0].replace("k", "1").replace("f", "2")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
    assert content.digest(tmp_path / "here" / "model") == content.digest(tmp_path / "there" / "model")


def test_a_finished_fit_is_not_fitted_again(text: Problem, tmp_path: Path) -> None:
    fit(text, tmp_path / "fit", "bag")
    told: list[str] = []
    fit(text, tmp_path / "fit", "bag", told.append)
    assert told == []


def test_tables_are_learnt_by_a_perceptron(cells: Problem, tmp_path: Path) -> None:
    model = fit(cells, tmp_path / "fit", "mlp", epochs=30, learning_rate=0.003, own={"units": 16, "layers": 1})
    table = evaluation.metrics(cells.validation["label"], model.probabilities(cells.validation), resamples=100)
    assert table.loc["roc_auc", "value"] > 0.98


def test_text_and_table_are_learnt_together(mixed: Problem, tmp_path: Path) -> None:
    model = fit(mixed, tmp_path / "fit", "bag", epochs=2)
    assert set(model.predictor.inputs) == {"tokens", "table"}
    assert model.probabilities(mixed.validation).shape == (80, 2)


def test_the_sentence_encoder_is_trained_upon(text: Problem, tmp_path: Path) -> None:
    few = replace(text, train=text.train.head(60), validation=text.validation.head(30))
    model = fit(few, tmp_path / "fit", "minilm", epochs=2)
    told: list[str] = []
    first = model.probabilities(few.validation, tmp_path / "embeddings", told.append)
    assert told == []  # the fit has left the embeddings
    assert first == pytest.approx(model.probabilities(few.validation), abs=1e-6)


@pytest.mark.parametrize("architecture", ["tfidf", "bag"])
def test_weights_do_not_move_the_base_rate(architecture: str, text: Problem, tmp_path: Path) -> None:
    plain = fit(text, tmp_path / "plain", architecture, epochs=12, patience=12)
    weighed = replace(text, train=text.train.assign(weight=np.where(text.train["label"] == 1, 0.4, 1.0)))
    row_weights = fit(weighed, tmp_path / "rows", architecture, epochs=12, patience=12)
    class_weights = fit(text, tmp_path / "classes", architecture, epochs=12, patience=12, class_weights=True)
    expected = plain.probabilities(text.validation)[:, 1].mean()
    assert row_weights.probabilities(text.validation)[:, 1].mean() == pytest.approx(expected, abs=0.05)
    assert class_weights.probabilities(text.validation)[:, 1].mean() == pytest.approx(expected, abs=0.05)
    assert row_weights.outputs[0].offset[0] < -0.8 and class_weights.outputs[0].offset[0] > 0.1


def test_row_and_class_weights_multiply(text: Problem, tmp_path: Path) -> None:
    """Balanced class weights of weighted rows equal row weights that are balanced by hand."""
    train, validation = text.train, text.validation
    total = train.groupby("label")["weight"].sum()
    factor = {at: total.sum() / (2 * total[at]) for at in (0, 1)}

    def balanced(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(weight=(rows["weight"] * rows["label"].map(factor)).astype(np.float32))

    by_class = fit(text, tmp_path / "class", "tfidf", class_weights=True)
    by_hand = fit(replace(text, train=balanced(train), validation=balanced(validation)), tmp_path / "hand", "tfidf")
    assert by_class.raw(validation) == pytest.approx(by_hand.raw(validation), abs=1e-4)
    assert by_class.outputs[0].offset == pytest.approx(by_hand.outputs[0].offset, abs=1e-6)


class TestUsersArchitecture:
    HEAD = "import keras\nfrom keras import layers\n"

    def test_is_fitted_like_ours(self, text: Problem, users_module: Path, tmp_path: Path) -> None:
        users_module.write_text(
            self.HEAD + "def build(inputs, *, units: int = 4):\n"
            "    x = keras.Input((inputs.length,), dtype='int32', name='tokens')\n"
            "    y = layers.Flatten()(layers.Embedding(inputs.vocabulary_size, units)(x))\n"
            "    return keras.Model(x, layers.Dense(1, activation='sigmoid')(y))\n"
        )
        model = fit(text, tmp_path / "fit", f"{users_module.stem}:build", own={"units": 3})
        assert model.parameters == model.features.vocabulary_size * 3 + 16 * 3 + 1

    def test_that_sees_padding_is_refused(self, text: Problem, users_module: Path, tmp_path: Path) -> None:
        users_module.write_text(
            self.HEAD + "def build(inputs):\n"
            "    x = inputs.tokens()\n"
            "    y = layers.GlobalAveragePooling1D()(layers.Embedding(inputs.vocabulary_size, 4)(x))\n"
            "    return keras.Model(x, layers.Dense(1, activation='sigmoid', kernel_initializer='ones')(y))\n"
        )
        with pytest.raises(ScenarioError, match="answers differently when a text is padded further"):
            fit(text, tmp_path / "fit", f"{users_module.stem}:build")

    def test_that_wants_what_the_task_lacks_is_refused(self, text: Problem, users_module: Path, tmp_path: Path) -> None:
        users_module.write_text(
            self.HEAD + "def build(inputs):\n"
            "    x = keras.Input((5,), name='table')\n"
            "    return keras.Model(x, layers.Dense(1)(x))\n"
        )
        with pytest.raises(ScenarioError, match="uses the input 'table', but the task has no field for it"):
            fit(text, tmp_path / "fit", f"{users_module.stem}:build")

    def test_whose_loss_explodes_is_stopped(self, cells: Problem, users_module: Path, tmp_path: Path) -> None:
        users_module.write_text(
            self.HEAD + "def build(inputs):\n"
            "    x = inputs.table()\n"
            "    y = layers.Rescaling(1e38)(layers.Rescaling(1e38)(x))\n"
            "    return keras.Model(x, layers.Dense(1)(y))\n"
        )
        with pytest.raises(LoopbookError, match="In epoch 1 the loss is no longer a number"):
            fit(cells, tmp_path / "fit", f"{users_module.stem}:build")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[rows["label"] == 1], "All .* rows of the split 'train' have the label 'bad'"),
        (lambda rows: rows[:0], "The split 'train' has no rows"),
        (lambda rows: rows.assign(weight=0.0), "weights of the split 'train'"),
        (lambda rows: rows.assign(weight=-1.0), "weights of the split 'train'"),
        (lambda rows: rows.assign(weight=rows["label"].astype(float)), "All rows of one class have the weight 0"),
    ],
)
def test_a_split_that_teaches_nothing_is_refused(change: object, message: str, text: Problem, tmp_path: Path) -> None:
    broken = replace(text, train=change(text.train))  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        fit(broken, tmp_path / "fit", "majority")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoopbookError, match=r"holds no model: model.json is missing"):
        Model.load(tmp_path)
    for other in (FORMAT - 1, FORMAT + 1):
        (tmp_path / "model.json").write_text(f'{{"format": {other}}}')
        with pytest.raises(LoopbookError, match=f"format {other} is not {FORMAT}.* Train it again"):
            Model.load(tmp_path)


def test_a_network_that_is_too_large_is_told_so(text: Problem, users_module: Path, tmp_path: Path) -> None:
    users_module.write_text(
        dedent("""
        import keras

        def build(inputs):
            tokens = inputs.tokens()
            return keras.Model(tokens, keras.layers.GlobalMaxPooling1D()(keras.layers.Embedding(9**9, 9**9)(tokens)))
        """)
    )
    with pytest.raises(LoopbookError, match=r"(?s)cannot be split over several\. Lower batch_size .*OOM"):
        fit(text, tmp_path / "fit", f"{users_module.stem}:build", own={})
