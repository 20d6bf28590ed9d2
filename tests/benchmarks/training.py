"""Seconds of training to an equal AUC, beside plain Keras and good Keras; examples a second beside PyTorch.

    LOOPBOOK_DATA_MIRROR=... PYTHONPATH=. python tests/benchmarks/training.py lstm
    PYTHONPATH=. python tests/benchmarks/training.py tuning --torch /path/of/python/with/torch/and/transformers

``lstm`` trains the same layers from the same weights on the same posts about airlines (is one negative?) until the AUC
of the same 2,640 others is reached. ``tutorial`` is what a first tutorial does: rows padded to 128, batches of 32, Adam
at 0.001, `fit`. ``buckets`` changes one thing, `tf.data` with length buckets and prefetch; ``practice`` takes the batch
and the learning rate of ours too; ``ours`` is `gradient_descent.train`, ``ours plain`` with the tutorial's batch and
rate, ``ours looped`` with Keras' loop over the steps of an LSTM. Clocks start after imports and with token ids
at hand, and include building, tracing and validation.

``tuning`` is one step of MiniLM at 32 rows of 48 word pieces, by LoRA and in full, with AdamW and dropout, and in
PyTorch the same written with transformers (weights are random there, which takes as long).

Each run is a process of its own, in turns, so that what else the machine does strikes all alike; seconds are said by
the clock and of processors.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

TARGET, LENGTH, HELD = 0.90, 128, 2_640
OURS = {"batch_size": 256, "learning_rate": 0.005}
EPOCHS = 4
BOUNDS = (8, 12, 16, 20, 24, 28, 32)
TORCH = Path(__file__).with_name("training_torch.txt")
STEPS = 8


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median of some runs with the least and the most."""
    return f"{np.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def processor_seconds() -> float:
    """Return what this process has computed so far, in seconds of one processor."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def posts() -> tuple[np.ndarray, np.ndarray, int]:
    """Return token ids of the posts, padded to 128, whether each is negative, and the size of the vocabulary."""
    import pandas as pd

    table = pd.read_csv(Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "airline" / "Tweets.csv").drop_duplicates("text")
    table = table.sample(frac=1, random_state=0)
    words = table["text"].str.lower().str.findall(r"[a-z']+|[^\sa-z]")
    known = {word: at for at, word in enumerate(words[HELD:].explode().value_counts().index[:8_000], start=2)}
    ids = np.zeros((len(table), LENGTH), dtype=np.int32)
    for row, said in enumerate(words):
        ids[row, : len(said)] = [known.get(word, 1) for word in said[:LENGTH]]
    return ids, (table["airline_sentiment"] == "negative").to_numpy(np.float32), len(known) + 2


def by_keras(ids: np.ndarray, y: np.ndarray, vocabulary: int, buckets: bool, batch: int, rate: float) -> list[Any]:
    """Train by `fit` and return the AUC and the times after each epoch."""
    import keras
    import tensorflow as tf

    from loopbook.models.architecture import Inputs
    from loopbook.models.architectures import registry

    begun = time.perf_counter(), processor_seconds()
    keras.utils.set_random_seed(1)
    body = registry.find("lstm").make(Inputs(vocabulary, LENGTH, 0))
    model = keras.Model(body.input, keras.layers.Dense(1)(body.output))
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.AUC(from_logits=True, name="auc")],
    )
    if buckets:
        long = (ids != 0).sum(axis=1)

        def data(rows: slice, shuffled: bool) -> Any:
            ragged = tf.RaggedTensor.from_tensor(ids[rows], lengths=np.maximum(long[rows], 1))
            made = tf.data.Dataset.from_tensor_slices((ragged, y[rows])).map(lambda x, label: (x, label)).cache()
            made = made.shuffle(len(ids)) if shuffled else made
            return made.bucket_by_sequence_length(
                lambda x, _: tf.size(x), BOUNDS, [batch] * (len(BOUNDS) + 1)
            ).prefetch(tf.data.AUTOTUNE)

        given: dict[str, Any] = {"x": data(slice(HELD, None), True), "validation_data": data(slice(HELD), False)}
    else:
        given = {"x": ids[HELD:], "y": y[HELD:], "batch_size": batch, "validation_data": (ids[:HELD], y[:HELD])}
    found: list[Any] = []

    def keep(epoch: int, logs: dict[str, float]) -> None:
        found.append([logs["val_auc"], time.perf_counter() - begun[0], processor_seconds() - begun[1]])
        model.stop_training = logs["val_auc"] >= TARGET

    model.fit(**given, epochs=EPOCHS, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=keep)])
    return found


def by_us(ids: np.ndarray, y: np.ndarray, vocabulary: int, batch: int, rate: float) -> list[Any]:
    """Train by `gradient_descent.train` and return the AUC and the times after each epoch."""
    from loopbook.models.architecture import Inputs
    from loopbook.models.architectures import registry
    from loopbook.models.class_heads import Binary
    from loopbook.models.heads import Goal
    from loopbook.models.network import Network
    from loopbook.models.training import gradient_descent
    from loopbook.scenario.recipe import Recipe

    begun = time.perf_counter(), processor_seconds()
    recipe = Recipe(seed=1, epochs=EPOCHS, patience=EPOCHS, batch_size=batch, learning_rate=rate)
    network = Network.build(registry.find("lstm"), {}, Inputs(vocabulary, LENGTH, 0), recipe.seed)
    head, times = Binary(classes=("no", "yes")), []

    def rows(part: slice) -> Any:
        goal = Goal(head, y[part].astype(np.float64), np.ones(len(y[part])))
        return gradient_descent.Rows({"tokens": ids[part]}, (goal,))

    def keep(_: str) -> None:
        times.append((time.perf_counter() - begun[0], processor_seconds() - begun[1]))

    with tempfile.TemporaryDirectory() as work:
        made = rows(slice(HELD, None)), rows(slice(HELD))
        state = gradient_descent.train(network, *made, recipe, Path(work), Path(work) / "events", keep)
    return [[entry[3], *when] for entry, when in zip(state.history, times, strict=True)]


def looped(*data: Any, batch: int, rate: float) -> list[Any]:
    """Train as `by_us` does, but leave the LSTM to Keras."""
    from unittest import mock

    from loopbook.models.training import block_lstm

    with mock.patch.object(block_lstm, "in_one_operation", nullcontext):
        return by_us(*data, batch=batch, rate=rate)


LSTM: dict[str, Callable[..., list[Any]]] = {
    "tutorial": lambda *data: by_keras(*data, buckets=False, batch=32, rate=0.001),
    "buckets": lambda *data: by_keras(*data, buckets=True, batch=32, rate=0.001),
    "practice": lambda *data: by_keras(*data, buckets=True, batch=OURS["batch_size"], rate=OURS["learning_rate"]),
    "ours plain": lambda *data: by_us(*data, batch=32, rate=0.001),
    "ours looped": lambda *data: looped(*data, batch=OURS["batch_size"], rate=OURS["learning_rate"]),
    "ours": lambda *data: by_us(*data, batch=OURS["batch_size"], rate=OURS["learning_rate"]),
}


def lstm(name: str) -> dict[str, float]:
    """Train once and return the seconds to the target, by the clock and of processors, and the epochs."""
    import keras  # noqa: F401  imported before the clock starts
    import tensorboard.summary  # noqa: F401
    import tensorflow as tf

    import loopbook.models.dropout
    import loopbook.models.training.block_lstm  # noqa: F401
    from loopbook.models.training import gradient_descent  # noqa: F401

    data = posts()
    if name.startswith("ours"):
        from loopbook.models.training import runtime

        runtime.prepare(1)
    tf.constant(1.0) + 1  # wakes TensorFlow up
    found = LSTM[name](*data)
    epoch = next((at for at, entry in enumerate(found, start=1) if entry[0] >= TARGET), None)
    if epoch is None:
        raise SystemExit(f"{name} never reached {TARGET}: {[round(entry[0], 4) for entry in found]}")
    auc, clock, processor = found[epoch - 1]
    return {"clock": clock, "processor": processor, "epochs": epoch, "auc": auc}


def tuning(adaptation: str) -> dict[str, float]:
    """Return seconds a step of tuning MiniLM, by the clock and of processors, those before it, and peak bytes."""
    import keras_hub  # noqa: F401  imported before the clock starts
    import tensorflow as tf

    import loopbook.models.encoders.adaptations
    import loopbook.models.training.block_lstm
    import loopbook.models.training.one_trace  # noqa: F401
    from loopbook.models.architecture import Inputs
    from loopbook.models.architectures import registry
    from loopbook.models.class_heads import Binary
    from loopbook.models.heads import Goal
    from loopbook.models.network import Network
    from loopbook.models.training import gradient_descent, optimizers, replicas, runtime
    from loopbook.scenario.recipe import Recipe

    kind = registry.find("encoder")
    runtime.prepare(1)
    tf.constant(1.0) + 1  # wakes TensorFlow up
    begun = processor_seconds()
    network = Network.build(kind, {"adaptation": adaptation}, Inputs(0, 0, 0), 1)
    recipe, random = Recipe(epochs=200, batch_size=32, learning_rate=1e-4, weight_decay=0.01), np.random.default_rng(0)
    goal = Goal(Binary(classes=("no", "yes")), random.integers(0, 2, 32).astype(np.float64), np.ones(32))
    rows = gradient_descent.Rows({"pieces": random.integers(1_000, 30_000, (32, 48)).astype(np.int32)}, (goal,))
    build, begun, at = processor_seconds() - begun, processor_seconds(), time.perf_counter()
    optimizer = optimizers.optimizer(recipe, 100, network.model.trainable_variables)
    step = gradient_descent.stepper(network, optimizer, rows, recipe, replicas.strategy())

    def run() -> None:
        float(step(rows.arrays, rows.target, rows.weight)[0][0])

    run()
    first, first_clock = processor_seconds() - begun, time.perf_counter() - at
    clock, processor = list[float](), list[float]()
    for _ in range(STEPS):
        at = time.perf_counter(), processor_seconds()
        run()
        clock.append(time.perf_counter() - at[0])
        processor.append(processor_seconds() - at[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"clock": min(clock), "processor": min(processor), "build": build, "first": first}
    return found | {"first_clock": first_clock, "peak": peak}


def one(command: Sequence[str], **variables: str) -> dict[str, float]:
    """Return what a run in a process of its own has printed last."""
    more = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    done = subprocess.run(command, env=more, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2_000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare_lstm(rounds: int) -> None:
    """Print seconds to the target."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in LSTM}
    for _ in range(rounds):
        for name in LSTM:
            found[name].append(one([sys.executable, __file__, "lstm", "--one", name]))
    print(f"seconds to an AUC of {TARGET} on {HELD:,} posts, median of {rounds} (least to most)")
    for name, runs in found.items():
        print(f"  {name:12}clock {spread([run['clock'] for run in runs], '.1f'):22}", end="")
        print(f"processor {spread([run['processor'] for run in runs], '.1f'):22}", end="")
        epochs, auc = (np.median([run[key] for run in runs]) for key in ("epochs", "auc"))
        print(f"epochs {epochs:.0f}  AUC {auc:.4f}")
    for other, least in (("tutorial", 10.0), ("practice", 1.0)):
        for kind in ("clock", "processor"):
            ratios = [one[kind] / two[kind] for one, two in zip(found[other], found["ours"], strict=True)]
            ok = "as asked for" if np.median(ratios) >= least else "MISSED"
            print(
                f"  {other} takes {spread(ratios, '.1f')} times the {kind} seconds of ours; at least {least:.0f}: {ok}"
            )


def compare_tuning(rounds: int, torch: str) -> None:
    """Print examples a second of tuning."""
    for adaptation in ("lora", "full"):
        runs = {"ours": [sys.executable, __file__, "tuning", "--one", adaptation]}
        runs |= {f"torch, {n} threads": [torch, str(TORCH), adaptation, str(n)] for n in (1, 2) if torch}
        found: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, command in runs.items():
                found[name].append(one(command))
        print(f"{adaptation}: examples a second of 48 pieces, batch 32; best of {STEPS} steps, median of {rounds}")
        for name, each in found.items():
            print(f"  {name:17}clock {spread([32 / run['clock'] for run in each], '.1f'):22}", end="")
            print(f"a processor second {spread([32 / run['processor'] for run in each], '.1f'):22}", end="")
            parts = ("build", "first", "first_clock")
            build, first, waited = (spread([run.get(key, np.nan) for run in each], ".1f") for key in parts)
            print(f"processor seconds of building {build}, of the first step {first}, by the clock {waited}  ", end="")
            print(f"peak {np.median([run['peak'] for run in each]) / 1e9:.2f} GB")
        for name in found:
            ratios = [two["processor"] / one["processor"] for one, two in zip(found["ours"], found[name], strict=True)]
            if name != "ours":
                print(f"  a processor second of ours does {spread(ratios)} times that of {name}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Seconds of training.")
    parser.add_argument("what", choices=("lstm", "tuning"))
    parser.add_argument("--one", default="", help="run this one here and print it as JSON")
    parser.add_argument("--torch", default="", help="a Python that has torch and transformers")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(lstm(given.one) if given.what == "lstm" else tuning(given.one)))
    elif given.what == "lstm":
        compare_lstm(given.rounds)
    else:
        compare_tuning(given.rounds, given.torch)


if __name__ == "__main__":
    main()
