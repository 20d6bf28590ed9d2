"""Distillation: a small network learns what a large one says of the rows of train, besides their labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopbook.models import heads
from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.arrays import encode
from loopbook.models.heads import Goal
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.recipe import Recipe

_TAUGHT = "taught"
_OF_LABELS = 0.5  # share of the labels in the loss


def distilled(
    teacher: Model,
    student: str,
    recipe: Recipe,
    data: TrainingData,
    cache: Path | None,
    progress: Callable[[str], object],
) -> Model:
    """Return a student trained on the teacher's raw scores (their squared error) and on the labels, in equal parts.

    The teacher answers each row once, before, instead of once an epoch.

    Parameters
    ----------
    student
        Name of an architecture, which is taken with the settings that it has of itself.
    recipe
        Seed, epochs, patience, batch size and learning rate of its training by Adam.

    References
    ----------
    Ba & Caruana (2014), Do deep nets really need to be deep? (scores as targets); Hinton, Vinyals & Dean (2015),
    Distilling the knowledge in a neural network.
    """
    import keras

    candidate = Candidate(architecture=student)
    registry.check(candidate, data.task)
    kind = registry.find(student)
    if kind.family != "network":
        raise LoopbookError(f"A student is a network; {student!r} is none.")
    goals = fitting.goals_of(data, recipe, registry.described(teacher.architecture).described)
    inputs, width = Inputs.of(data.features), heads.width(goals.heads)
    network = Network.build(kind, {}, inputs, recipe.seed, width)

    def rows(frame: pd.DataFrame, goal: tuple[Goal, ...]) -> tuple[dict[str, Any], Any]:
        progress(f"distillation: the teacher answers {len(frame):,} rows")
        given = encode(data.features, frame, network.inputs, cache)
        given[_TAUGHT] = teacher.raw(frame, cache).astype(np.float32)
        known = [column for each in goal for column in (np.nan_to_num(each.target), each.weight)]
        return given, np.column_stack(known).astype(np.float32)

    own, held = rows(data.train, goals.train), rows(data.validation, goals.held)
    taught = keras.Input((width,), name=_TAUGHT)
    given = {each.name: keras.Input(each.shape[1:], dtype=each.dtype, name=each.name) for each in network.model.inputs}
    asked = {**given, _TAUGHT: taught}
    distiller = keras.distillation.Distiller(
        teacher=keras.Model(asked, keras.layers.Identity()(taught)),
        student=keras.Model(asked, network.model(given)),
        distillation_losses=keras.distillation.FeatureDistillation(loss="mse"),
        student_loss_weight=_OF_LABELS,
    )
    distiller.compile(keras.optimizers.Adam(recipe.learning_rate), loss=_supervised(goals.heads))
    progress(f"distillation: {student} learns")
    stop = keras.callbacks.EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True)
    distiller.fit(
        *own, batch_size=recipe.batch_size, epochs=recipe.epochs, validation_data=held, callbacks=[stop], verbose=0
    )
    raw = network.forward({name: held[0][name] for name in network.inputs})
    each = zip(goals.held, heads.parts(goals.heads, raw), strict=True)
    return Model(
        student,
        data.features,
        network,
        tuple(head.calibrated(goal.target, z) for goal, (head, z) in each),
        training=Method(candidate, recipe).depends_on,
        learned=teacher.learned,
    )


def _supervised(outputs: tuple[Any, ...]) -> Callable[[Any, Any], Any]:
    """Return the weighted risk of labels; they come as target and weight of each head, column by column."""
    import tensorflow as tf

    def loss(known: Any, z: Any) -> Any:
        risks = []
        for at, (head, own) in enumerate(heads.parts(outputs, z)):
            target, weight = known[:, 2 * at], known[:, 2 * at + 1]
            risk = tf.reduce_sum(weight * head.loss(target, own, tf))
            risks.append(tf.math.divide_no_nan(risk, tf.reduce_sum(weight)))
        return tf.add_n(risks)

    return loss
