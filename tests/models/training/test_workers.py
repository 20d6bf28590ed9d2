"""Several workers learn what one does; all processes here are real ones."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, settings
from tests.models.training.test_fitting import fit

from loopbook.models.training import fit_store, replicas, runtime, workers
from loopbook.models.training.method import Method, TrainingData
from loopbook.models.training.workers import Cluster, Process
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.store import content

STEPS = {"epochs": 50, "patience": 50, "batch_size": 400, "own": {"embedding": 8, "dropout": 0.0}}
"""Each epoch is one step on all rows, so the history holds the loss of every step."""
USED = {"weight_decay": 0.01, "clip_norm": 0.5, "accumulate": 2, "adversarial": 0.1, "ema": 0.5, "class_weights": True}


def test_two_workers_learn_what_one_does_though_one_of_them_dies_and_a_launcher_starts_them_anew(
    text: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fit(text, tmp_path / "one", "bag", **STEPS, **USED)
    processes: list[Process] = []
    real = workers.started

    @contextmanager
    def kept(words: Sequence[str], config: str, log: Path, gpus: Sequence[str] = ()) -> Iterator[Process]:
        with real(words, config, log, gpus) as process:
            processes.append(process)
            yield process

    def kill(said: str) -> None:
        assert said.startswith("2 workers · ")
        if re.search("epoch [1-3][0-9] ", said):  # some are over before they are told
            os.kill(processes[1].pid, signal.SIGKILL)

    monkeypatch.setattr(workers, "started", kept)
    work = tmp_path / "work" / "fits" / "two"
    with pytest.raises(LoopbookError, match="before the fit was done, and the others with it"):
        fit(text, work, "bag", kill, workers=2, **STEPS, **USED)
    assert len(processes) == 2 and all(process.poll() is not None for process in processes)
    assert not (work / "fit.json").exists()
    with np.load(work / "state.npz") as state:
        assert 10 <= len(state["history"]) < 50

    cluster = Cluster(workers._free(2), 0)
    monkeypatch.setenv("TF_CONFIG", cluster.config(0))
    told: list[str] = []
    other = threading.Thread(target=workers.join, args=(tmp_path / "work", cluster._replace(number=1), told.append))
    other.start()
    with workers.leading(tmp_path / "work"):
        two = fit(text, work, "bag", workers=2, **STEPS, **USED)
    other.join()
    assert told == ["worker 1 of 2: two"]
    assert not (work / workers.JOB).exists()

    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "work/fits/two")]
    assert len(histories[0]) == 50
    difference = (histories[0] - histories[1]).abs().max()
    assert difference["epoch"] == 0
    assert difference[["loss", "val_loss"]].max() < 1e-5
    assert two.probabilities(text.validation) == pytest.approx(one.probabilities(text.validation), abs=1e-4)


REPLICAS = """
import sys
from pathlib import Path
import tensorflow as tf
cpu, *_ = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from loopbook.models.training import replicas, worker
def both():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy
replicas.strategy = both
worker.main(Path(sys.argv[1]), Path(sys.argv[2]), None)

# docs/machines.md says that a network is not split over devices: once Keras does it, this fails.
import keras
mesh = keras.distribution.DeviceMesh((1, 2), ("batch", "model"), ["cpu:0", "cpu:1"])
layouts = keras.distribution.LayoutMap(mesh)
layouts[".*kernel"] = (None, "model")
keras.distribution.set_distribution(keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch"))
layer = keras.layers.Dense(8)
layer.build((None, 4))
assert layer.kernel.numpy().shape == (4, 8) and layer.kernel.value.device.endswith("CPU:0"), "half of it is elsewhere"
"""


def test_two_devices_of_one_worker_learn_what_one_does(text: Problem, tmp_path: Path) -> None:
    few = {**STEPS, "epochs": 10, "own": {"embedding": 8, "filters": 8, "dropout": 0.0}}
    fit(text, tmp_path / "one", "cnn", **few, **USED)
    own = {"architecture": "cnn", "settings": few.pop("own")}
    data = TrainingData(text.train, text.validation, text.features, text.task)
    method = Method(Candidate.model_validate(own), settings(workers=2, **few, **USED))
    workers.hand_over(method, data, tmp_path / "job")
    config = {"TF_CONFIG": Cluster(("a:1",), 0).config(0), "LOOPBOOK_WORKER": "1"}
    words = [sys.executable, "-c", REPLICAS, str(tmp_path / "job"), str(tmp_path / "two")]
    with subprocess.Popen(words, env={**os.environ, **config}, stdin=subprocess.PIPE) as process:
        assert process.wait() == 0
    histories = [pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "two")]
    assert (histories[0] - histories[1]).abs().max()[["epoch", "loss", "val_loss"]].max() < 1e-5


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "TF_CONFIG must read"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "the place of this machine"),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
            "others than chief",
        ),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}', "workers is 2, but .* names 1"),
    ],
)
def test_a_cluster_that_does_not_fit_is_refused(
    config: str, message: str, text: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ScenarioError, match=message):
        fit(text, tmp_path / "fit", "bag", workers=2)


def test_a_chief_stands_before_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": hosts, "task": {"type": "worker", "index": 1}}))
    found = Cluster.given()
    assert found == (("a:1", "b:2", "c:3"), 2)
    assert json.loads(found.config(2))["task"] == {"type": "worker", "index": 2}


def test_workers_without_a_gpu_each_are_refused(text: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(ScenarioError, match="there are 1 GPUs: each worker takes one"):
        fit(text, tmp_path / "fit", "bag", workers=2)


def test_who_waits_for_a_chief_that_does_not_come_says_so(tmp_path: Path) -> None:
    with pytest.raises(LoopbookError, match=r"The chief, a:1, has begun no run in 0 s"):
        workers.join(tmp_path, Cluster(("a:1", "b:2"), 1), print, patience=0.3)


def test_workers_drop_at_random_by_seeds_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime.prepare(1)
    import keras

    (state,) = (variable for variable in keras.layers.Dropout(0.5, seed=7).variables)
    before = state.numpy().tolist()
    replicas.seed_apart([state])
    assert state.numpy().tolist() == before
    monkeypatch.setenv("LOOPBOOK_WORKER", "1")
    monkeypatch.setenv("TF_CONFIG", Cluster(("a:1", "b:2", "c:3"), 0).config(2))
    replicas.seed_apart([state])
    assert state.numpy().tolist() == [before[0] + 2, before[1]]


def test_workers_are_handed_all_that_a_fit_learns_from(text: Problem, tmp_path: Path) -> None:
    fit(text, tmp_path / "fit", "bag", epochs=1)
    method = Method(Candidate(architecture="bag", settings={"embedding": 8}), settings(workers=2, fairness=0.5))
    start = tmp_path / "fit" / "model"
    data = TrainingData(text.train, text.validation, text.features, text.task, start)
    workers.hand_over(method, data, tmp_path / "job")
    same, given = workers.handed_over(tmp_path / "job")
    assert same.depends_on == method.depends_on and same.candidate == method.candidate
    assert fit_store.parts(same, given) == fit_store.parts(method, data)
    assert given.start is not None and content.digest(given.start) == content.digest(start)
