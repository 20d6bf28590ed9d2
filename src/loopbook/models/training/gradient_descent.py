"""Training by gradient descent: exactly repeatable, stopped early, continued after a kill as if undisturbed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models import heads
from loopbook.models.arrays import Arrays, lengths, text
from loopbook.models.heads import Goal
from loopbook.models.network import Network
from loopbook.models.training import fairness, optimizers, replicas
from loopbook.models.training.tensorboard import Events
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.store.content import write_atomically

COLUMNS = ("epoch", "loss", "val_loss", "val_score")
"""Columns of a history: the score is the primary metric of the label on validation."""
STATE = "state.npz"
_CHUNK = 16  # batches among which rows of like length are put together


@dataclass(frozen=True)
class Rows:
    """Rows to train on or to judge by: inputs, and what each head is to learn."""

    arrays: Arrays
    goals: tuple[Goal, ...]
    augmented: Callable[[int], Arrays] | None = None
    """The inputs as an epoch reads them, where that is not always the same."""
    group: NDArray[np.int32] | None = None
    """The group of each row among which the recipe asks for fairness, counted from 0."""

    def read(self, epoch: int) -> Arrays:
        """Return the inputs as an epoch reads them."""
        return self.augmented(epoch) if self.augmented else self.arrays

    def counted(self) -> "Rows":
        """Return the rows that weigh something, in any head."""
        keep = self.weight.any(axis=1)
        if keep.all():
            return self

        def part(arrays: Arrays) -> Arrays:
            return {name: values[keep] for name, values in arrays.items()}

        goals = tuple(replace(goal, target=goal.target[keep], weight=goal.weight[keep]) for goal in self.goals)
        augmented = self.augmented and (lambda epoch: part(self.read(epoch)))
        return Rows(part(self.arrays), goals, augmented, None if self.group is None else self.group[keep])

    def __len__(self) -> int:
        return len(self.goals[0].target)

    @cached_property
    def target(self) -> NDArray[np.float32]:
        """A column a head, 0 where it is not known, and behind them the group, float32 [n, heads + 1]."""
        group = np.zeros(len(self)) if self.group is None else self.group
        columns = [*(goal.target for goal in self.goals), group]
        return np.asarray(np.nan_to_num(np.column_stack(columns)), dtype=np.float32)

    @cached_property
    def weight(self) -> NDArray[np.float32]:
        """A column a head, float32 [n, heads]; 0 where the target is not known."""
        return np.column_stack([goal.weight for goal in self.goals]).astype(np.float32)


@dataclass
class Progress:
    """How far training is; `best` are the weights of the epoch with the smallest validation loss so far."""

    history: list[tuple[float, ...]] = field(default_factory=list)
    best_epoch: int = 0
    best: list[NDArray[Any]] = field(default_factory=list)

    def done(self, recipe: Recipe) -> str | None:
        """Return why training is over, or None if it is not."""
        if self.history and self.epochs - self.best_epoch >= recipe.patience:
            return "early stopping"
        return "epoch limit" if self.epochs >= recipe.epochs else None

    @property
    def epochs(self) -> int:
        """Passes over train so far."""
        return int(self.history[-1][0]) if self.history else 0


def train(
    network: Network,
    rows: Rows,
    validation: Rows,
    recipe: Recipe,
    work: Path,
    events: Path,
    report: Callable[[str], object],
    strategy: Any = None,
    until: int | None = None,
    probed: NDArray[np.float64] | None = None,
) -> Progress:
    """Minimise the heads' weighted risks by a recipe and leave the best epoch's weights in the network, if it is done.

    Parameters
    ----------
    work
        Folder for the state: weights, the optimiser's, random states and history, saved whole after every epoch.
        If it holds one, training goes on from there and ends at the same weights, bit by bit.
    events
        Folder for TensorBoard.
    report
        Told after every epoch.
    strategy
        TensorFlow's, whose replicas share each batch; None: this process alone.
    until
        Pause after this epoch, to be continued; None: not before training is over.
    probed
        Raw scores of `rows` by the head of the probe, [n, W]; None: they are asked for.

    Raises
    ------
    LoopbookError
        If the loss is no longer a number.

    References
    ----------
    Kingma & Ba (2015), Adam: a method for stochastic optimization. Prechelt (1998), Early stopping - but when?
    Berta et al. (2025), Rethinking early stopping: refine, then calibrate.
    """
    strategy = strategy or replicas.strategy()
    trained = network.model.trainable_variables
    steps = recipe.epochs * -(-len(rows) // recipe.batch_size)
    optimizer, rate = optimizers.optimizer(recipe, steps, trained), optimizers.rate(recipe, steps)
    # The model's variables include the state of every random generator that its layers hold.
    variables = [*network.model.variables, *optimizer.variables]
    # Before a state is restored, because an anchor holds what the weights began with.
    step = stepper(network, optimizer, rows, recipe, strategy)
    state = _restore(work / STATE, variables, len(network.model.variables))
    replicas.seed_apart(network.model.variables)
    if recipe.probe and not state.history:
        # What the probe is worth counts as epoch 0, and is kept if training makes it worse.
        raw = network.forward(rows.arrays) if probed is None else probed
        begin = measured(
            heads.risk(rows.goals, raw), validation.goals, network.forward(validation.arrays), recipe.refine
        )
        state.history.append((0, *begin.values()))
        state.best = [variable.numpy() for variable in network.model.variables]
    begun = time.monotonic(), state.epochs
    with Events(events) as watch:
        while state.done(recipe) is None and state.epochs < (until or recipe.epochs):
            epoch = state.epochs + 1
            losses, arrays = [], rows.read(epoch)
            for batch, longest in batches(arrays, len(rows), recipe.batch_size, recipe.seed, epoch):
                chosen = network.select(arrays, batch, longest)
                losses.append(step(chosen, rows.target[batch], rows.weight[batch]))
            total, weight = np.asarray(losses, dtype=np.float64).sum(axis=0)
            now = [variable.numpy() for variable in trained] if recipe.ema else []
            if recipe.ema:
                optimizer.finalize_variable_values(trained)
            raw = network.forward(validation.arrays)
            loss = float((total / weight) @ [goal.share for goal in rows.goals])
            found = measured(loss, validation.goals, raw, recipe.refine)
            found = dict(zip(found, replicas.of_chief(strategy, list(found.values())).tolist(), strict=True))
            if not np.isfinite(found["loss"]) or not np.isfinite(found["val_loss"]):
                raise LoopbookError(
                    f"In epoch {epoch} the loss is no longer a number. Lower training.learning_rate "
                    f"(now {recipe.learning_rate:g}), or look for enormous values in the table."
                )
            before = min((entry[2] for entry in state.history), default=np.inf)
            state.history.append((epoch, *found.values()))
            if found["val_loss"] < before:
                state.best_epoch = epoch
                state.best = [variable.numpy() for variable in network.model.variables]
            done = epoch * steps // recipe.epochs // recipe.accumulate
            watch.scalars(epoch, {**found, "learning_rate": float(rate(done)) if callable(rate) else rate})
            for variable in trained:
                watch.histogram(epoch, f"weights/{variable.path}", variable.numpy())
            for variable, value in zip(trained, now, strict=True) if now else ():
                variable.assign(value)
            left = (time.monotonic() - begun[0]) / (epoch - begun[1]) * (recipe.epochs - epoch)
            report(
                f"epoch {epoch} of {recipe.epochs} · validation loss {found['val_loss']:.3f} · "
                f"at most {left:,.0f} s left"
            )
            _save(work / STATE, variables, state)
    if state.done(recipe):
        for variable, value in zip(network.model.variables, state.best, strict=True):
            variable.assign(value)
    return state


def measured(loss: float, held: Sequence[Goal], raw: NDArray[np.float64], refined: bool = False) -> dict[str, float]:
    """Return a row of the history but its epoch: loss on train, loss and score by raw scores on validation."""
    first, z = next(heads.parts([goal.head for goal in held], raw))
    return {"loss": loss, "val_loss": heads.risk(held, raw, refined), "val_score": first.score(held[0].target, z)}


def batches(
    arrays: Arrays, rows: int, size: int, seed: int, epoch: int
) -> Iterator[tuple[NDArray[np.int64], int | None]]:
    """Give the rows of one epoch in batches: an order that depends on seed and epoch alone.

    Texts of like length share a batch, so that little time goes into padding: the shuffled rows are sorted by length
    within chunks of sixteen batches, and the batches are shuffled again.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(rows)
    read = text(arrays)
    if read is None:
        yield from ((order[start : start + size], None) for start in range(0, rows, size))
        return
    long = lengths(read)
    parts: list[NDArray[np.int64]] = []
    for start in range(0, rows, size * _CHUNK):
        chunk = order[start : start + size * _CHUNK]
        chunk = chunk[np.argsort(long[chunk], kind="stable")]
        parts += [chunk[at : at + size] for at in range(0, len(chunk), size)]
    yield from ((parts[at], int(long[parts[at]].max())) for at in random.permutation(len(parts)))


def stepper(network: Network, optimizer: Any, rows: Rows, recipe: Recipe, strategy: Any) -> Any:
    """Return the function that takes a batch and makes one step.

    References
    ----------
    Miyato, Dai & Goodfellow (2017), Adversarial training methods for semi-supervised text classification: the step away
    in the embeddings (fast gradient method), here in the table of embeddings.
    """
    import tensorflow as tf

    from loopbook.models.training.block_lstm import in_one_operation
    from loopbook.models.training.one_trace import traced_once

    outputs = [goal.head for goal in rows.goals]
    columns, grouped = (tf.TensorSpec([None, len(outputs) + more], tf.float32) for more in (0, 1))
    trained = network.model.trainable_variables
    table = optimizers.words(trained) if recipe.adversarial else None
    if recipe.adversarial and table is None:
        raise ScenarioError(f"The network {network.model.name!r} trains no embeddings, which adversarial moves.")
    terms = _terms(trained, rows, recipe)

    halved = "pieces" in network.inputs and strategy.num_replicas_in_sync == 1

    def scores_of(batch: dict[str, Any]) -> Any:
        # A layer that computes again sets its random states back, and is no function of its input.
        with nullcontext() if recipe.recompute else traced_once(network.model), in_one_operation(network.model):
            parts = _halves(batch) if halved else [batch]
            return tf.concat([network.model(part, training=True) for part in parts], axis=0)

    def gradients(batch: dict[str, Any], target: Any, weight: Any, totals: Any, count: int) -> Any:
        # Of variables that are fixed it would trace the gradient too.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in trained])
            raw, risks = tf.cast(scores_of(batch), tf.float32), []
            for at, (head, scores) in enumerate(heads.parts(outputs, raw)):
                each = head.loss(target[:, at], scores, tf)
                each = head.shaped(each, scores, tf, recipe.label_smoothing, recipe.focal)
                risks.append(tf.math.divide_no_nan(tf.reduce_sum(each * weight[:, at]), totals[at]))
            others = [*terms(raw, target, weight), *network.model.losses]
            shares = (goal.share * risk for goal, risk in zip(rows.goals, risks, strict=True))
            loss = tf.add_n([*shares, *(term / count for term in others)])
        return tape.gradient(loss, trained), tf.stack(risks)

    together = replicas.over(strategy, gradients)

    @tf.function(input_signature=[network.signature, grouped, columns], autograph=False)  # type: ignore[untyped-decorator]
    def step(batch: dict[str, Any], target: Any, weight: Any) -> Any:
        slopes, risks = together(batch, target, weight)
        if table is not None:
            (slope,) = (each for each, variable in zip(slopes, trained, strict=True) if variable is table)
            slope, before = tf.convert_to_tensor(slope), tf.identity(table.value)
            table.assign_add(recipe.adversarial * slope / (tf.norm(slope) + 1e-12))
            away, _ = together(batch, target, weight)
            table.assign(before)
            slopes = [
                tf.convert_to_tensor(one) + tf.convert_to_tensor(two) for one, two in zip(slopes, away, strict=True)
            ]
        optimizer.apply(slopes, trained)
        totals = tf.reduce_sum(weight, axis=0)
        return risks * totals, totals

    return step


def _terms(trained: Sequence[Any], rows: Rows, recipe: Recipe) -> Callable[..., list[Any]]:
    """Return what gives the terms of a batch's loss beside the risks: fairness, and the distance to the first weights.

    Of several replicas each closes the gap among its own rows of a batch.

    References
    ----------
    Li, Grandvalet & Davoine (2018), Explicit inductive bias for transfer learning with convolutional networks: L2-SP.
    """
    import tensorflow as tf

    head, count = rows.goals[0].head, int(rows.target[:, -1].max()) + 1
    start = [tf.identity(variable.value) for variable in trained] if recipe.anchor else []

    def terms(raw: Any, target: Any, weight: Any) -> list[Any]:
        away = [tf.nn.l2_loss(variable.value - first) for variable, first in zip(trained, start, strict=bool(start))]
        found = [recipe.anchor * tf.add_n(away)] if away else []
        if recipe.fairness:
            own = raw[:, : head.width], target[:, 0], weight[:, 0], tf.cast(target[:, -1], tf.int32)
            found.append(recipe.fairness * fairness.gap(head, *own, count, tf))
        return found

    return terms


def _halves(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the halves of a batch, which are read at the same time, each by a processor.

    Each operation has one thread, so the result is the same on one processor.
    """
    import tensorflow as tf

    middle = tf.shape(next(iter(batch.values())))[0] // 2
    parts = (slice(None, middle), slice(middle, None))
    return [{name: given[part] for name, given in batch.items()} for part in parts]


def _save(file: Path, variables: list[Any], state: Progress) -> None:
    arrays = {f"now_{at}": variable.numpy() for at, variable in enumerate(variables)}
    arrays |= {f"best_{at}": value for at, value in enumerate(state.best)}
    arrays["history"], arrays["best_epoch"] = np.array(state.history), np.array(state.best_epoch)
    write_atomically(file, lambda path: np.savez(path, **arrays))


def history(file: Path) -> NDArray[np.float64]:
    """Return a row an epoch, as `COLUMNS` says, of a training that is not over, from the file of its state."""
    with np.load(file, allow_pickle=False) as saved:
        return np.asarray(saved["history"])


def _restore(file: Path, variables: list[Any], own: int) -> Progress:
    if not file.is_file():
        return Progress()
    with np.load(file, allow_pickle=False) as saved:
        for at, variable in enumerate(variables):
            variable.assign(saved[f"now_{at}"])
        history = [tuple(entry) for entry in saved["history"].tolist()]
        return Progress(history, int(saved["best_epoch"]), [saved[f"best_{at}"] for at in range(own)])
