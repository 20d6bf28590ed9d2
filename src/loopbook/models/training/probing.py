"""Linear probing: the head is fitted on a network's features as they are, before the network is trained (LP-FT)."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loopbook.models import heads
from loopbook.models.network import HEAD, Network
from loopbook.models.training.gradient_descent import Rows
from loopbook.scenario.errors import ScenarioError

Floats = NDArray[np.float64]


def probe(network: Network, rows: Rows, C: float) -> None:
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

    Raises
    ------
    ScenarioError
        If the network ends in a layer of its own instead of a head.

    References
    ----------
    Kumar et al. (2022), Fine-tuning can distort pretrained features and underperform out-of-distribution.
    """
    from scipy.optimize import minimize

    if network.body is None:
        raise ScenarioError(f"The network {network.model.name!r} is its own head; set probe to 0.")
    features = replace(network, model=network.body).forward(rows.arrays)
    x = np.column_stack([features, np.ones(len(features))])
    ridge = np.append(np.full(features.shape[1], (features**2).sum(axis=1).mean() / len(features) / C), 0.0)[:, None]
    outputs = [goal.head for goal in rows.goals]

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(x.shape[1], -1)
        z = x @ weights
        slopes = [
            own.slope(np.nan_to_num(goal.target), part) * (goal.weight / max(goal.weight.sum(), 1e-12))[:, None]
            for goal, (own, part) in zip(rows.goals, heads.parts(outputs, z), strict=True)
        ]
        loss = heads.risk(rows.goals, z) + 0.5 * float((ridge * weights**2).sum())
        return loss, (x.T @ np.hstack(slopes) + ridge * weights).ravel()

    start = np.zeros((x.shape[1], heads.width(outputs)))
    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B").x.reshape(start.shape)
    network.model.get_layer(HEAD).set_weights([found[:-1], found[-1]])
