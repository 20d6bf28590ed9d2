"""Fitting one candidate: the one way from rows to a model, for notebook 03, the search in 04 and challengers alike."""

import gc
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models import heads, memory, predictions
from loopbook.models.architecture import Architecture, Inputs, Predictor
from loopbook.models.architectures import registry
from loopbook.models.arrays import TEXT, Arrays
from loopbook.models.averaged import member_name
from loopbook.models.class_heads import Anomaly
from loopbook.models.head import Head
from loopbook.models.heads import Goal
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.training import (
    augmentation,
    fairness,
    forgetting,
    gradient_descent,
    learning_rate,
    pretraining,
    probing,
    pseudo_labels,
    runtime,
    workers,
)
from loopbook.models.training.cross_fitting import cross_fit
from loopbook.models.training.gradient_descent import COLUMNS, STATE, Rows
from loopbook.models.training.method import Method, TrainingData
from loopbook.models.training.recompute import recomputed
from loopbook.models.training.tensorboard import Events
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import evaluation
from loopbook.store import content

SUMMARY, MODEL, EVENTS, PREDICTIONS, HISTORY = "fit", "model", "events", "predictions", "history.csv"
MEMBERS, PEAK = "members", "peak_memory_mb"
RATES = "learning_rates.csv"
_LARGE = 1_000_000  # numbers of a network

Floats = NDArray[np.float64]
Progress = Callable[[str], object]


class Goals(NamedTuple):
    """What each head is to learn of train, and what validation says; their heads are not calibrated."""

    train: tuple[Goal, ...]
    held: tuple[Goal, ...]

    @property
    def heads(self) -> tuple[Head, ...]:
        """The heads, in the order of their columns of raw scores."""
        return tuple(goal.head for goal in self.train)


class Fitted(NamedTuple):
    """What fitting gave.

    `raw` are the scores of validation, [n, W]; `history` has a row an epoch; `normal` are the scores that calibrate a
    detector of anomalies, [m, 1], by models that have not seen these rows.
    """

    predictor: Predictor
    raw: Floats
    history: list[tuple[float, ...]]
    best_epoch: int
    facts: dict[str, Any]
    normal: Floats | None = None


def fit(
    method: Method,
    data: TrainingData,
    work: Path,
    progress: Progress,
    cache: Path | None = None,
    until: int | None = None,
) -> None:
    """Fit a candidate and write all that is known of it into a folder.

    Parameters
    ----------
    method, data
        Equal arguments give equal weights, bit by bit.
    work
        Receives ``model/``, ``history.csv`` (an epoch a row), ``predictions.parquet`` (validation), ``events/``
        (TensorBoard) and, last, ``fit.json``, with the peak memory meanwhile. What an attempt that was killed left
        there is continued, and ends at the same weights.
    progress
        Is called with a text that says how far it is.
    cache
        Folder where sentence embeddings are kept over many fits; None: in `work`.
    until
        A network pauses after this epoch, and is continued by the next call; None: it is fitted to the end.

    Raises
    ------
    ScenarioError
        If the candidate does not suit the task.
    DataError
        If train or validation cannot teach anything.
    LoopbookError
        If the loss is no longer a number.
    """
    if (work / f"{SUMMARY}.json").is_file():
        return
    memory.set_back()
    registry.check(method.candidate, data.task)
    kind = registry.find(method.candidate.architecture)
    if kind.family == "network" and method.recipe.workers > 1 and not workers.is_worker():
        workers.fit(method, data, work, progress, cache)
        return
    data = forgetting.replayed(data, method.recipe)
    goals = goals_of(data, method.recipe, kind.described)
    if kind.family == "network":
        with runtime.within_memory():
            found = _network(kind, method, data, goals, work, progress, cache or work / "embeddings", until)
        if found is None:
            return
        fitted = found
    elif kind.family == "ensemble":
        fitted = _ensemble(kind, method, data, goals, work, progress, cache)
    else:
        progress("fitting")
        learn = partial(kind.make, data.features, **method.candidate.settings)
        facts = {"epochs": 0, "best_epoch": 0, "ended": "closed form"}
        plain = learn(data.train, goals.train)
        fitted = _at_once(plain, data, goals, work, progress, cache or work / "embeddings", facts)
        if isinstance(goals.heads[0], Anomaly) and (whole := cross_fit(learn, goals.heads[0], data, progress)):
            # Validation has judged one that learned from train alone; what is kept knows all that is normal.
            fitted = fitted._replace(predictor=whole.predictor, normal=whole.raw)
    _finish(method, data, goals, fitted, work)


def goals_of(data: TrainingData, recipe: Recipe, described: bool) -> Goals:
    """Return what each head is to learn, checked, with the weights of classes in the weights.

    Where classes are known by their description, those have a score too of which train has no row.
    """
    weight, held_weight = _weights(data.train, "train"), _weights(data.validation, "validation")
    signs, pairs = heads.signs(data.features.columns, data.task), []
    for head in heads.learn(data.train, weight, data.task, every=described):
        own, held = Goal.on(head, data.train, weight), Goal.on(head, data.validation, held_weight)
        if recipe.class_weights:
            # All classes count alike, and all rows together as much as before.
            factor = head.balanced(own.target, own.weight)
            own, held = own.balanced(factor), held.balanced(factor)
        weighted, known = head.weighted(own.target, own.weight), None if head.name else signs
        words, share = data.task.described(head.name), recipe.further if head.name else 1.0
        own = replace(own, head=weighted, signs=known, described=words, share=share)
        pairs.append((own, replace(held, head=weighted, share=share)))
    return Goals(*zip(*pairs, strict=True))


def _at_once(
    made: Any,
    data: TrainingData,
    goals: Goals,
    work: Path,
    progress: Progress,
    cache: Path | None,
    facts: dict[str, Any],
) -> Fitted:
    """Measure what was not fitted by epochs; its history has one row, as if it were one epoch."""
    own, raw = (made.raw(data.features, frame, cache, progress) for frame in (data.train, data.validation))
    measured = gradient_descent.measured(heads.risk(goals.train, own), goals.held, raw)
    with Events(work / EVENTS) as events:
        events.scalars(1, measured)
        for what, losses in getattr(made, "losses", {}).items():  # of towers and autoencoders, which Keras trains
            for step, loss in enumerate(losses, 1):
                events.scalars(step, {f"loss/{what}": loss})
        for what, values in made.learnt.items():
            if len(values):
                events.histogram(1, what, values)
        events.histogram(1, "validation/raw", raw)
    return Fitted(made, raw, [(1, *measured.values())], 1, facts)


def _ensemble(
    kind: Architecture,
    method: Method,
    data: TrainingData,
    goals: Goals,
    work: Path,
    progress: Progress,
    cache: Path | None,
) -> Fitted:
    """Fit each member by itself, in a folder of its own; what is fitted already stays so after a kill."""
    members, peaks, parts = [], [], method.members
    for at, part in enumerate(parts):
        folder, name = work / MEMBERS / member_name(at), part.candidate.architecture
        said = f"member {at + 1} of {len(parts)}, {name}: "
        fit(part, data, folder, lambda text, said=said: progress(said + text), cache)  # type: ignore[misc]
        members.append(Model.load(folder / MODEL))
        peaks.append(content.load(folder / f"{SUMMARY}.json")[PEAK])
    made = kind.make(members, **method.candidate.settings)
    facts = {"epochs": 0, "best_epoch": 0, "ended": f"{len(members)} members", PEAK: max(peaks)}
    return _at_once(made, data, goals, work, progress, cache, facts)


def _network(
    kind: Architecture,
    method: Method,
    data: TrainingData,
    goals: Goals,
    work: Path,
    progress: Progress,
    cache: Path,
    until: int | None,
) -> Fitted | None:
    """Build a network and train it by gradient descent; None: it was paused."""
    if not method.recipe.epochs and not method.recipe.probe:
        raise ScenarioError("With epochs = 0 nothing is learnt; give probe a C, or epochs at least 1.")
    inputs = Inputs.of(data.features)
    width = heads.width(goals.heads)
    aside = goals.heads[0].aside  # further outputs, behind the label, have none
    build = partial(Network.build, kind, method.candidate.settings, inputs, method.recipe.seed, width, aside=aside)
    network = forgetting.begun(build(), data.start)
    _check_inputs(kind, network, inputs)
    own, held = (network.encode(data.features, frame, cache, progress) for frame in (data.train, data.validation))
    _check_padding(kind, network, held)
    augmented = _augmented(network, method.recipe, data, work)
    rows = Rows(own, goals.train, augmented, fairness.groups(data.train, method.recipe))
    validation = Rows(held, goals.held)
    trained = network
    if method.recipe.mixed_precision:
        # Its twin computes in half the bits; the weights that it learns are whole, and are what is kept.
        trained = forgetting.begun(build(half=True), data.start)
    with recomputed(trained.model) if method.recipe.recompute else nullcontext():
        pretraining.pretrain(trained, rows, own, method.recipe, work, work / EVENTS, progress)
        if method.recipe.pseudo_labels:
            rows = pseudo_labels.label(trained, rows, method.recipe, work, progress)
        rows = rows.counted()
        begins = method.recipe.probe and not (work / STATE).is_file()
        probed = probing.probe(trained, rows, method.recipe.probe) if begins else None
        recipe, found = _with_rate(trained, rows, method.recipe, work, progress)
        state = gradient_descent.train(
            trained, rows, validation, recipe, work, work / EVENTS, progress, until=until, probed=probed
        )
    if state.done(method.recipe) is None:
        return None
    if network.model.count_params() > _LARGE:
        gc.collect()  # what the step has held refers to itself, and the next fit in this process needs the room
    if trained is not network:
        network.model.set_weights(trained.model.get_weights())
    facts = {"epochs": state.epochs, "best_epoch": state.best_epoch, "ended": state.done(recipe), **found}
    return Fitted(network, network.forward(held), state.history, state.best_epoch, facts)


def _with_rate(
    network: Network, rows: Rows, recipe: Recipe, work: Path, progress: Progress
) -> tuple[Recipe, dict[str, float]]:
    """Return the recipe with the learning rate that a range test finds, if it asks for one, and what to tell of it."""
    if not recipe.range_test:
        return recipe, {}
    if not (work / RATES).is_file():
        curve = learning_rate.range_test(network, rows, recipe, progress)
        content.write_text(work / RATES, curve.to_csv(index=False))
    found = {"learning_rate": learning_rate.chosen(pd.read_csv(work / RATES))}
    return recipe.model_copy(update=found), found


def _augmented(network: Network, recipe: Recipe, data: TrainingData, work: Path) -> Callable[[int], Arrays] | None:
    """Return what gives the inputs of train as an epoch reads them; None if all epochs read the same."""
    read = augmentation.epochs(recipe, data.features, data.train, work)
    if read and not set(TEXT) & set(network.inputs):
        raise ScenarioError(
            f"The network {network.model.name!r} reads no words, which {', '.join(augmentation.used(recipe))} would "
            "change. Leave them out of its recipe; of a sentence encoder take encoder with adaptation frozen."
        )
    return (lambda epoch: network.encode(data.features, read(epoch))) if read else None


def _finish(method: Method, data: TrainingData, goals: Goals, fitted: Fitted, work: Path) -> None:
    """Calibrate the model, measure it on validation, and write all that is known; what says so comes last."""
    each = [
        (goal.target, head, z) for goal, (head, z) in zip(goals.held, heads.parts(goals.heads, fitted.raw), strict=True)
    ]
    if fitted.normal is not None:
        each = [(np.zeros(len(fitted.normal)), goals.heads[0], fitted.normal)]
    model = Model(
        method.candidate.architecture,
        data.features,
        fitted.predictor,
        tuple(head.calibrated(target, z) for target, head, z in each),
        settings=method.candidate.settings,
        training=method.depends_on,
        learned=forgetting.learned(data),
    )
    said = predictions.table(data.validation, goals.held, fitted.raw)
    answer, kind = predictions.array(said), data.task.type
    measured = evaluation.metrics(said["label"], answer, groups=said["group"], resamples=0, task=kind)["value"]
    with Events(work / EVENTS) as events:
        if answer.shape[1] == 2:
            yes = answer[:, 1]
            events.precision_recall(fitted.best_epoch, "validation/precision_recall", goals.held[0].target, yes)
        events.scalars(fitted.best_epoch, {f"validation/{metric}": float(value) for metric, value in measured.items()})
    pd.DataFrame(fitted.history, columns=list(COLUMNS)).astype({"epoch": int}).to_csv(work / HISTORY, index=False)
    content.save(said, work / PREDICTIONS)
    model.save(work / MODEL)
    for state in (STATE, MEMBERS, pseudo_labels.FILE, *(f"{stage}.npz" for stage in pretraining.STAGES)):
        content.remove(work / state)
    facts = {
        **fitted.facts,
        "family": model.family,
        "parameters": model.parameters,
        PEAK: max(round(memory.peak() / 2**20), fitted.facts.get(PEAK, 0)),
        **({"monotone": registry.find(model.architecture).monotone} if data.task.monotone else {}),
        **model.outputs[0].facts,
    }
    content.save(facts, work / SUMMARY)


def _check_inputs(kind: Architecture, network: Network, inputs: Inputs) -> None:
    """Refuse a network that uses an input for which the task has no field."""
    offered = dict.fromkeys((*TEXT, "embedding"), inputs.vocabulary_size) | {"table": inputs.width}
    for needed in network.inputs:
        if not offered[needed]:
            raise ScenarioError(
                f"The architecture {kind.name!r} uses the input {needed!r}, but the task has no field for it."
            )


def _check_padding(kind: Architecture, network: Network, arrays: Arrays) -> None:
    """Refuse a network that takes rows of any length but answers otherwise when a row is padded further."""
    if not network.trims:
        return
    few = {given: arrays[given][:8] for given in network.inputs}
    read = next(name for name in TEXT if name in few)
    width = max(1, int((few[read] != 0).sum(axis=1).max()))
    longer = {**few, read: np.pad(few[read][:, :width], ((0, 0), (0, 7)))}
    # One row at a time is fed without padding, all together as long as the longest.
    alone = np.concatenate(
        [
            network.forward({name: values[row : row + 1] for name, values in few.items()})
            for row in range(len(few[read]))
        ]
    )
    together = network.model(longer, training=False).numpy()
    if np.abs(alone - together).max() > 1e-3:
        raise ScenarioError(
            f"The architecture {kind.name!r} answers differently when a text is padded further. Mask "
            'token 0, or take keras.Input((inputs.length,), dtype="int32", name="tokens") for a fixed length.'
        )


def _weights(frame: pd.DataFrame, split: str) -> NDArray[np.float64]:
    weight = frame["weight"].to_numpy(np.float64)
    if not len(weight):
        raise DataError(f"The split {split!r} has no rows.")
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.sum() > 0:
        raise DataError(f"The weights of the split {split!r} must be numbers from 0 up, and not all of them 0.")
    return weight
