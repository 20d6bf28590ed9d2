"""Training further without forgetting: a network begins with a model's weights and learns some of its rows again.

What keeps it near these weights is the recipe's `anchor`, a term of the loss.

References
----------
Replay: Robins (1995), Catastrophic forgetting, rehearsal and pseudorehearsal. Warm start: Ash & Adams (2020), On
warm-starting neural network training, who also say what it may cost.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models import seen_rows
from loopbook.models.network import Network
from loopbook.models.training.method import TrainingData
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.statistics.coin import coin


def replayed(data: TrainingData, recipe: Recipe) -> TrainingData:
    """Return what is learned from: of the rows that the start knows, a share `replay` of each class.

    Which these are, a hash of their ids says.
    """
    if data.start is None or recipe.replay == 1:
        return data
    old = seen_rows.known(data.features, data.train, seen_rows.load(data.start))
    drawn = pd.Series([coin(f"replay {recipe.seed} {row}") for row in data.train["row_id"][old]], dtype="float64")
    label = pd.Series(0 if data.task.type == "number" else data.train["label"][old].astype(str).to_numpy(), drawn.index)
    place, size = drawn.groupby(label).rank(), drawn.groupby(label).transform("size")
    keep = ~old
    keep[old] = place <= np.ceil(recipe.replay * size)
    return replace(data, train=data.train[keep].reset_index(drop=True))


def begun(network: Network, start: Path | None) -> Network:
    """Return a network with the weights of the model that it begins with, if there is one.

    Raises
    ------
    ScenarioError
        If the weights are of another form, as where a class has come since.
    """
    if start is None:
        return network
    weights = Network.load(start).model.get_weights()
    shapes = [weight.shape for weight in weights]
    if shapes != [tuple(weight.shape) for weight in network.model.weights]:
        raise ScenarioError(
            "A model is to be trained further, but what it has learned no longer fits: its weights have other shapes, "
            "because classes, fields or the architecture's settings have changed. Set feedback.warm_start to false."
        )
    network.model.set_weights(weights)
    return network


def learned(data: TrainingData) -> NDArray[np.uint64]:
    """Return the hashes of all rows that a model knows: of those it was fitted on, and of those its start knows."""
    own = seen_rows.learned(data.features, data.train, data.validation)
    return own if data.start is None else np.union1d(own, seen_rows.load(data.start))
