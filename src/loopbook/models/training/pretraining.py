"""Pretraining: what a network learns of its rows before its head learns the task, kept by the epoch as training is.

Masked language modelling and SimCSE need no label; supervised contrastive pretraining is what few labels teach best.
Each has its epochs in the recipe, and they follow each other in this order. Optimiser, step size, batch and schedule
are those of the training behind them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from loopbook.models.arrays import Arrays, lengths, text
from loopbook.models.network import Network
from loopbook.models.training import optimizers
from loopbook.models.training.gradient_descent import STATE, Rows, batches
from loopbook.models.training.tensorboard import Events
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.store.content import write_atomically

STAGES = ("masked_lm", "simcse", "contrastive")
"""Stages in their order: fields of a recipe, which hold their epochs."""
MASKED = 0.15
"""Share of a row's word pieces that are to be guessed."""

Ints = NDArray[np.int32]
Report = Callable[[str], object]


@dataclass(frozen=True)
class Objective:
    """What a stage of pretraining minimises.

    Attributes
    ----------
    loss
        Of a batch, a scalar of TensorFlow.
    signature
        Of the batch behind the network's inputs.
    batches
        Gives the batches of an epoch.
    further
        Variables that are trained beside the network's, and forgotten.
    """

    loss: Callable[..., Any]
    signature: list[Any]
    batches: Callable[[int], Iterator[tuple[Any, ...]]]
    further: tuple[Any, ...] = ()


def pretrain(
    network: Network, rows: Rows, unlabelled: Arrays, recipe: Recipe, work: Path, events: Path, report: Report
) -> None:
    """Pretrain a network for a recipe's epochs of `masked_lm`, `simcse` and `contrastive`.

    Parameters
    ----------
    network
        Is left with the weights of the last epoch.
    rows
        With labels, for supervised contrast.
    unlabelled
        All rows that need none, those with labels among them.
    work
        Folder for the state of each stage, saved whole after every epoch: what was killed ends at the same weights.
    events
        Folder for TensorBoard, which gets the loss of each epoch as ``pretraining/…``.
    report
        Told after every epoch.

    Raises
    ------
    ScenarioError
        If the network, or the task, has not what a stage needs.
    LoopbookError
        If a loss is no longer a number.
    """
    asked = [name for name in STAGES if getattr(recipe, name)]
    if not asked or (work / STATE).is_file():
        return  # the state of a training that has begun holds all weights
    if network.body is None or not network.body.trainable_variables:
        raise ScenarioError(f"The network {network.model.name!r} trains nothing below its head that {asked[0]} moves.")
    with Events(events) as watch:
        for name in asked:
            given = rows.arrays if name == "contrastive" else unlabelled
            objective = _OBJECTIVES[name](network, rows, given, recipe)
            _run(name, objective, network, recipe, work / f"{name}.npz", watch, report)


def _run(
    name: str, objective: Objective, network: Network, recipe: Recipe, file: Path, watch: Events, report: Report
) -> None:
    """Minimise an objective for its epochs, from where an attempt before was killed."""
    import tensorflow as tf

    trained, epochs = [*network.body.trainable_variables, *objective.further], getattr(recipe, name)
    steps = epochs * sum(1 for _ in objective.batches(1))
    optimizer = optimizers.optimizer(recipe.model_copy(update={"ema": 0.0}), steps, trained)
    variables = [*network.model.variables, *objective.further, *optimizer.variables]

    @tf.function(input_signature=[network.signature, *objective.signature])  # type: ignore[untyped-decorator]
    def step(*batch: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = objective.loss(*batch)
        optimizer.apply(tape.gradient(loss, trained), trained)
        return loss

    losses, begun = _restore(file, variables), time.monotonic()
    before = len(losses)
    for epoch in range(before + 1, epochs + 1):
        losses.append(float(np.mean([step(*batch) for batch in objective.batches(epoch)])))
        if not np.isfinite(losses[-1]):
            raise LoopbookError(f"In epoch {epoch} of {name} the loss is no longer a number. Lower the learning rate.")
        watch.scalars(epoch, {f"pretraining/{name}": losses[-1]})
        left = (time.monotonic() - begun) / (epoch - before) * (epochs - epoch)
        report(f"{name}: epoch {epoch} of {epochs} · loss {losses[-1]:.3f} · at most {left:,.0f} s left")
        _save(file, variables, losses)


def contrast(state: Any, classes: Any, temperature: float) -> Any:
    """Return the supervised contrastive loss: rows of one class lie together, and far from all others.

    Parameters
    ----------
    state
        Features, [n, width]; only their direction counts.
    classes
        [n]; a row whose class no other has counts for nothing.

    References
    ----------
    Khosla et al. (2020), Supervised contrastive learning, the loss "out"; where each class is the two views of one row,
    it is that of Chen et al. (2020), SimCLR.
    """
    import tensorflow as tf

    unit = tf.math.l2_normalize(tf.cast(state, tf.float32), axis=1)
    itself = tf.eye(tf.shape(unit)[0])
    near = tf.nn.log_softmax(tf.matmul(unit, unit, transpose_b=True) / temperature - 1e9 * itself)
    same = tf.cast(classes[:, None] == classes[None, :], tf.float32) - itself
    count = tf.reduce_sum(same, axis=1)
    each = -tf.math.divide_no_nan(tf.reduce_sum(near * same, axis=1), count)
    return tf.math.divide_no_nan(tf.reduce_sum(each), tf.reduce_sum(tf.sign(count)))


def pairs(code: NDArray[Any], size: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Give batches in which classes come in pairs of their rows; of a class with an odd number one row is left out."""
    order = random.permutation(len(code))
    order = order[np.argsort(code[order], kind="stable")]
    ends = np.flatnonzero(np.diff(code[order], append=np.nan)) + 1
    parts = np.split(order, ends[:-1])
    couples = np.concatenate([part[: len(part) // 2 * 2].reshape(-1, 2) for part in parts])
    couples = random.permutation(couples)
    for start in range(0, len(couples), max(1, size // 2)):
        yield couples[start : start + max(1, size // 2)].ravel()


def masked(
    pieces: Ints, mask: int, special: tuple[int, ...], vocabulary: int, random: np.random.Generator
) -> tuple[Ints, Ints, Ints, NDArray[np.float32]]:
    """Hide some word pieces of each row: eight of ten behind a mask, one by another piece, one not at all.

    Parameters
    ----------
    pieces
        [n, t].
    special
        Pieces that are never hidden.

    Returns
    -------
    hidden
        [n, t].
    positions, true, weight
        What is to be guessed, [n, k]; the weight is 0 where a row has less than k.

    References
    ----------
    Devlin et al. (2019), BERT; on the text of one's own task: Gururangan et al. (2020), Don't stop pretraining.
    """
    free = ~np.isin(pieces, special)
    count = np.minimum(free.sum(axis=1), np.maximum(1, np.round(MASKED * free.sum(axis=1)))).astype(np.int64)
    drawn = np.where(free, random.random(pieces.shape), 2.0)
    positions = np.argsort(drawn, axis=1)[:, : max(1, int(count.max()))].astype(np.int32)
    weight = (np.arange(positions.shape[1]) < count[:, None]).astype(np.float32)
    true, how = np.take_along_axis(pieces, positions, axis=1), random.random(positions.shape)
    shown = np.where(how < 0.8, mask, np.where(how < 0.9, random.integers(vocabulary, size=how.shape), true))
    hidden = pieces.copy()
    np.put_along_axis(hidden, positions, np.where(weight > 0, shown, true).astype(np.int32), axis=1)
    return hidden, positions, true, weight


def _contrastive(network: Network, rows: Rows, given: Arrays, recipe: Recipe) -> Objective:
    """Return what puts rows of one class together.

    References
    ----------
    Tunstall et al. (2022), Efficient few-shot learning without prompts (SetFit): contrast first, then a logistic
    regression on what was learnt; here by Khosla's loss over all pairs of a batch.
    """
    import tensorflow as tf

    goal = rows.goals[0]
    if goal.head.numeric:
        raise ScenarioError("contrastive puts rows of one class together; the task is a number. Set contrastive to 0.")
    known = np.flatnonzero(goal.known & (goal.weight > 0))
    code, read = goal.target[known].astype(np.int32), text(given)

    def dealt(epoch: int) -> Iterator[tuple[Any, ...]]:
        for batch in pairs(code, recipe.batch_size, np.random.default_rng([recipe.seed, epoch])):
            longest = None if read is None else int(lengths(read[known[batch]]).max())
            yield network.select(given, known[batch], longest), code[batch]

    def loss(batch: Any, classes: Any) -> Any:
        return contrast(network.body(batch, training=True), classes, recipe.temperature)

    return Objective(loss, [tf.TensorSpec([None], tf.int32)], dealt)


def _simcse(network: Network, rows: Rows, given: Arrays, recipe: Recipe) -> Objective:
    """Return what puts two views of a row together that differ by dropout alone.

    References
    ----------
    Gao, Yao & Chen (2021), SimCSE: simple contrastive learning of sentence embeddings.
    """
    import tensorflow as tf

    def dealt(epoch: int) -> Iterator[tuple[Any, ...]]:
        for batch, longest in batches(given, len(given[network.inputs[0]]), recipe.batch_size, recipe.seed, epoch):
            yield (network.select(given, batch, longest),)

    def loss(batch: Any) -> Any:
        one, two = network.body(batch, training=True), network.body(batch, training=True)
        row = tf.range(tf.shape(one)[0])
        return contrast(tf.concat([one, two], axis=0), tf.concat([row, row], axis=0), recipe.temperature)

    first = network.select(given, np.arange(1))
    if np.array_equal(*(network.body(first, training=True).numpy() for _ in range(2))):
        raise ScenarioError(f"simcse needs dropout, and the network {network.model.name!r} has none. Give it some.")
    return Objective(loss, [], dealt)


def _masked_lm(network: Network, rows: Rows, given: Arrays, recipe: Recipe) -> Objective:
    """Return what guesses hidden word pieces, by a head that shares the embeddings' matrix."""
    import keras
    import keras_hub
    import tensorflow as tf
    from tokenizers import Tokenizer

    if "pieces" not in given:
        raise ScenarioError(f"masked_lm guesses word pieces, which {network.model.name!r} does not read; encoder does.")
    words = network.body.get_layer("token_embedding")
    states = keras.Model(network.body.inputs, network.body.get_layer("states").output)
    head = keras_hub.layers.MaskedLMHead(token_embedding=words, vocabulary_size=words.input_dim)
    head.build(states.output.shape)
    named = Tokenizer.from_str(network.tokenizer)
    mask, *ends = (cast(int, named.token_to_id(f"[{name}]")) for name in ("MASK", "CLS", "SEP"))

    def dealt(epoch: int) -> Iterator[tuple[Any, ...]]:
        random = np.random.default_rng([recipe.seed, epoch, len("masked")])
        for batch, longest in batches(given, len(given["pieces"]), recipe.batch_size, recipe.seed, epoch):
            chosen = network.select(given, batch, longest)
            chosen["pieces"], *aim = masked(chosen["pieces"], mask, (0, *ends), words.input_dim, random)
            yield chosen, *aim

    def loss(batch: Any, positions: Any, true: Any, weight: Any) -> Any:
        guessed = tf.cast(head(states(batch, training=True), positions), tf.float32)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=true, logits=guessed)
        return tf.math.divide_no_nan(tf.reduce_sum(each * weight), tf.reduce_sum(weight))

    table = tf.TensorSpec([None, None], tf.int32)
    # The matrix that it shares is the network's.
    own = tuple(variable for variable in head.trainable_weights if variable.path != words.embeddings.path)
    return Objective(loss, [table, table, tf.TensorSpec([None, None], tf.float32)], dealt, own)


_OBJECTIVES = dict(zip(STAGES, (_masked_lm, _simcse, _contrastive), strict=True))


def _save(file: Path, variables: list[Any], losses: list[float]) -> None:
    arrays = {f"now_{at}": variable.numpy() for at, variable in enumerate(variables)}
    write_atomically(file, lambda path: np.savez(path, losses=np.array(losses), **arrays))


def _restore(file: Path, variables: list[Any]) -> list[float]:
    if not file.is_file():
        return []
    with np.load(file, allow_pickle=False) as saved:
        for at, variable in enumerate(variables):
            variable.assign(saved[f"now_{at}"])
        return [float(loss) for loss in saved["losses"]]
