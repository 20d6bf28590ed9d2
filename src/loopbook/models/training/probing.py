"""Linear probing: the head is fitted on a network's features as they are, before the network is trained (LP-FT)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loopbook.models import heads
from loopbook.models.heads import Goal
from loopbook.models.network import HEAD, Network
from loopbook.models.training.gradient_descent import Rows
from loopbook.scenario.errors import ScenarioError

Floats = NDArray[np.float64]


def probe(network: Network, rows: Rows, C: float) -> Floats:
    """Put into a network the head that is best upon its features: a logistic regression, or what its task has.

    A head with random weights sends random gradients into a pretrained encoder, which spoil what it knows.

    Parameters
    ----------
    network
        Just built; its head is changed.
    rows
        Those that it is going to be trained on.
    C
        Squared coefficients are weighed as in a logistic regression of this C on features of length 1, whatever length
        these have.

    Returns
    -------
    Floats
        The rows' raw scores by this head, [n, W].

    Raises
    ------
    ScenarioError
        If the network ends in a layer of its own instead of a head.

    References
    ----------
    Kumar et al. (2022), Fine-tuning can distort pretrained features and underperform out-of-distribution.
    """
    seen = features(network, rows)
    weights, bias = fitted(seen, rows.goals, C)
    network.model.get_layer(HEAD).set_weights([weights, bias])
    return seen @ weights + bias


def features(network: Network, rows: Rows) -> Floats:
    """Return what a network that was just built gives to its head, float64 [n, columns]."""
    if network.body is None:
        raise ScenarioError(f"The network {network.model.name!r} is its own head; set probe to 0.")
    return replace(network, model=network.body).forward(rows.arrays)


def fitted(features: Floats, goals: Sequence[Goal], C: float) -> tuple[Floats, Floats]:
    """Return the weights [columns, W] and biases [W] of the best head upon features; see `probe`."""
    from scipy.optimize import minimize

    x = np.column_stack([features, np.ones(len(features))])
    count = goals[0].weight.sum()
    ridge = np.append(np.full(features.shape[1], (features**2).sum(axis=1).mean() / count / C), 0.0)[:, None]
    outputs = [goal.head for goal in goals]

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(x.shape[1], -1)
        z = x @ weights
        slopes = [
            own.slope(np.nan_to_num(goal.target), part) * (goal.weight / max(goal.weight.sum(), 1e-12))[:, None]
            for goal, (own, part) in zip(goals, heads.parts(outputs, z), strict=True)
        ]
        loss = heads.risk(goals, z) + 0.5 * float((ridge * weights**2).sum())
        return loss, (x.T @ np.hstack(slopes) + ridge * weights).ravel()

    start = np.zeros((x.shape[1], heads.width(outputs)))
    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B").x.reshape(start.shape)
    return found[:-1], found[-1]
