"""Samples of what plausible models say: passes with dropout (Monte Carlo dropout), or the members of an ensemble."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models.answers import Answers
from loopbook.models.arrays import Arrays
from loopbook.models.averaged import Averaged
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.scenario.errors import ScenarioError

_BATCH = 1_024


def samples(model: Model, frame: pd.DataFrame, many: int = 20) -> NDArray[np.float64]:
    """Return probabilities by models drawn from the posterior, float64 [s, n, k].

    Parameters
    ----------
    model
        A network with dropout, or an ensemble, whose members are taken as they are.
    frame
        Rows with the task's fields.
    many
        Passes of a network. A model that was just loaded draws the same ones each time.

    Raises
    ------
    ScenarioError
        If the model has neither members nor dropout.

    References
    ----------
    Gal & Ghahramani (2016), Dropout as a Bayesian approximation; Lakshminarayanan, Pritzel & Blundell (2017), Simple
    and scalable predictive uncertainty estimation using deep ensembles.
    """
    if isinstance(model.predictor, Averaged):
        return np.stack([member.answer(frame).probability for member in model.predictor.members])
    if isinstance(model.predictor, Network):
        network, arrays = model.predictor, model.predictor.encode(model.features, frame)
        starts = range(0, len(frame), _BATCH)
        drawn = []
        for _ in range(many):
            raw = [np.asarray(network.model(_part(arrays, start), training=True)) for start in starts]
            drawn.append(Answers.of(model.outputs, np.concatenate(raw).astype(np.float64)).probability)
        if np.ptp(np.stack(drawn), axis=0).any():
            return np.stack(drawn)
    raise ScenarioError(
        f"feedback.strategy is 'bald', but the champion ({model.architecture}) has neither dropout nor members, so "
        "there are no plausible models that could disagree. Take 'margin', or a network with dropout."
    )


def _part(arrays: Arrays, start: int) -> Arrays:
    return {name: rows[start : start + _BATCH] for name, rows in arrays.items()}
