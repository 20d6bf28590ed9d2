"""Training by gradient descent: exactly repeatable, stopped early, continued after a kill as if undisturbed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models.arrays import Arrays, lengths
from loopbook.models.network import Network
from loopbook.models.training.tensorboard import Events
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import scores
from loopbook.store.content import write_atomically

COLUMNS = ("epoch", "loss", "val_loss", "val_auc")
STATE = "state.npz"
_CHUNK = 16  # batches among which rows of like length are put together


@dataclass(frozen=True)
class Rows:
    """Rows to train on or to judge by: inputs, label (0 or 1, float32 [n]) and weight (float32 [n])."""

    arrays: Arrays
    label: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass
class Progress:
    """How far training is; `best` are the weights of the epoch with the smallest validation loss so far."""

    history: list[tuple[float, ...]] = field(default_factory=list)
    best_epoch: int = 0
    best: list[NDArray[Any]] = field(default_factory=list)

    def done(self, recipe: Recipe) -> str | None:
        """Return why training is over, or None if it is not."""
        if self.history and len(self.history) - self.best_epoch >= recipe.patience:
            return "early stopping"
        return "epoch limit" if len(self.history) >= recipe.epochs else None


def train(
    network: Network,
    rows: Rows,
    validation: Rows,
    recipe: Recipe,
    work: Path,
    events: Path,
    report: Callable[[str], object],
) -> Progress:
    """Minimise the weighted cross-entropy by Adam and leave the best epoch's weights in the network.

    Parameters
    ----------
    work
        Folder for the state: weights, Adam's moments, random states and history, saved whole after every epoch.
        If it holds one, training goes on from there and ends at the same weights, bit by bit.
    events
        Folder for TensorBoard.
    report
        Told after every epoch.

    Raises
    ------
    LoopbookError
        If the loss is no longer a number.

    References
    ----------
    Kingma & Ba (2015), Adam: a method for stochastic optimization. Prechelt (1998), Early stopping - but when?
    """
    import keras

    optimizer = keras.optimizers.Adam(recipe.learning_rate)
    optimizer.build(network.model.trainable_variables)
    # The model's variables include the state of every random generator that its layers hold.
    variables = [*network.model.variables, *optimizer.variables]
    state = _restore(work / STATE, variables, len(network.model.variables))
    step = _step(network, optimizer)
    with Events(events) as watch:
        while state.done(recipe) is None:
            epoch = len(state.history) + 1
            losses = []
            for batch, longest in batches(rows.arrays, len(rows.label), recipe.batch_size, recipe.seed, epoch):
                chosen = network.select(rows.arrays, batch, longest)
                losses.append(step(chosen, rows.label[batch], rows.weight[batch]))
            total, weight = np.asarray(losses, dtype=np.float64).sum(axis=0)
            logits = network.forward(validation.arrays)
            measured = {
                "loss": float(total / weight),
                "val_loss": scores.cross_entropy(validation.label, logits, validation.weight),
                "val_auc": scores.auc(validation.label, logits),
            }
            if not np.isfinite(measured["loss"]) or not np.isfinite(measured["val_loss"]):
                raise LoopbookError(
                    f"In epoch {epoch} the loss is no longer a number. Lower training.learning_rate "
                    f"(now {recipe.learning_rate:g}), or look for enormous values in the table."
                )
            before = min((entry[2] for entry in state.history), default=np.inf)
            state.history.append((epoch, *measured.values()))
            if measured["val_loss"] < before:
                state.best_epoch = epoch
                state.best = [variable.numpy() for variable in network.model.variables]
            watch.scalars(epoch, measured)
            for variable in network.model.trainable_variables:
                watch.histogram(epoch, f"weights/{variable.path}", variable.numpy())
            report(f"epoch {epoch} of {recipe.epochs} · validation loss {measured['val_loss']:.3f}")
            _save(work / STATE, variables, state)
    for variable, value in zip(network.model.variables, state.best, strict=True):
        variable.assign(value)
    return state


def batches(
    arrays: Arrays, rows: int, size: int, seed: int, epoch: int
) -> Iterator[tuple[NDArray[np.int64], int | None]]:
    """Give the rows of one epoch in batches: an order that depends on seed and epoch alone.

    Texts of like length share a batch, so that little time goes into padding: the shuffled rows are sorted by length
    within chunks of sixteen batches, and the batches are shuffled again.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(rows)
    if "tokens" not in arrays:
        yield from ((order[start : start + size], None) for start in range(0, rows, size))
        return
    long = lengths(arrays["tokens"])
    parts: list[NDArray[np.int64]] = []
    for start in range(0, rows, size * _CHUNK):
        chunk = order[start : start + size * _CHUNK]
        chunk = chunk[np.argsort(long[chunk], kind="stable")]
        parts += [chunk[at : at + size] for at in range(0, len(chunk), size)]
    yield from ((parts[at], int(long[parts[at]].max())) for at in random.permutation(len(parts)))


def _step(network: Network, optimizer: Any) -> Any:
    import tensorflow as tf

    column = tf.TensorSpec([None], tf.float32)

    @tf.function(input_signature=[network.signature, column, column])  # type: ignore[untyped-decorator]
    def step(batch: dict[str, Any], label: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            logit = network.model(batch, training=True)[:, 0]
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)
            total = tf.reduce_sum(weight)
            risk = tf.math.divide_no_nan(tf.reduce_sum(each * weight), total)
            loss = risk + tf.add_n(network.model.losses) if network.model.losses else risk
        gradients = tape.gradient(loss, network.model.trainable_variables)
        optimizer.apply(gradients, network.model.trainable_variables)
        return risk * total, total

    return step


def _save(file: Path, variables: list[Any], state: Progress) -> None:
    arrays = {f"now_{at}": variable.numpy() for at, variable in enumerate(variables)}
    arrays |= {f"best_{at}": value for at, value in enumerate(state.best)}
    arrays["history"], arrays["best_epoch"] = np.array(state.history), np.array(state.best_epoch)
    write_atomically(file, lambda path: np.savez(path, **arrays))


def _restore(file: Path, variables: list[Any], own: int) -> Progress:
    if not file.is_file():
        return Progress()
    with np.load(file, allow_pickle=False) as saved:
        for at, variable in enumerate(variables):
            variable.assign(saved[f"now_{at}"])
        history = [tuple(entry) for entry in saved["history"].tolist()]
        return Progress(history, int(saved["best_epoch"]), [saved[f"best_{at}"] for at in range(own)])
