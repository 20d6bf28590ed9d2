"""Learning-rate range test: a few steps of ever greater size, whose losses say which size to train with."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from loopbook.models.network import Network
from loopbook.models.training import gradient_descent, optimizers, replicas
from loopbook.models.training.gradient_descent import Rows
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.recipe import Recipe

_LOWEST, _HIGHEST = 1e-6, 1.0
_SMOOTH = 0.9  # share of the mean of losses so far in the next
_WORSE, _LEAST = 4.0, 10  # it ends at so many times the smallest loss, after so many steps at the earliest
_BELOW = 10.0  # the size chosen, below that of the smallest loss


def range_test(network: Network, rows: Rows, recipe: Recipe, report: Callable[[str], object]) -> pd.DataFrame:
    """Train for some steps whose size rises from 1e-6 to 1 and return the losses; the network is left as it was.

    Parameters
    ----------
    rows, recipe
        Those of the training to come; ``recipe.range_test`` says how many steps. Schedule, rates by layer,
        accumulation and the moving average are left out.

    Returns
    -------
    DataFrame
        A row a step: ``learning_rate``, ``loss``, and ``smooth``, the exponential mean of the losses. It ends where the
        loss explodes.

    Raises
    ------
    LoopbookError
        If the loss is no number from the beginning.

    References
    ----------
    Smith (2017), Cyclical learning rates for training neural networks, section 3.3.
    """
    plain = {"schedule": "constant", "warmup": 0.0, "layer_decay": 1.0, "accumulate": 1, "ema": 0.0}
    own = recipe.model_copy(update=plain)
    optimizer = optimizers.optimizer(own, recipe.range_test, network.model.trainable_variables)
    step = gradient_descent.stepper(network, optimizer, rows, own, replicas.strategy())
    before = [variable.numpy() for variable in network.model.variables]
    arrays, found, mean = rows.read(0), list[tuple[float, float, float]](), 0.0
    order = itertools.chain.from_iterable(
        gradient_descent.batches(arrays, len(rows), recipe.batch_size, recipe.seed, epoch)
        for epoch in itertools.count()
    )
    for rate, (batch, longest) in zip(np.geomspace(_LOWEST, _HIGHEST, recipe.range_test), order, strict=False):
        optimizer.learning_rate = float(rate)
        total, weight = (np.asarray(part) for part in step(
            network.select(arrays, batch, longest), rows.target[batch], rows.weight[batch]
        ))  # fmt: skip
        loss = float((total / np.where(weight > 0, weight, 1)).sum())
        mean = _SMOOTH * mean + (1 - _SMOOTH) * loss
        smooth = mean / (1 - _SMOOTH ** (len(found) + 1))
        if not np.isfinite(loss) or (len(found) >= _LEAST and smooth > _WORSE * min(row[2] for row in found)):
            break
        found.append((float(rate), loss, smooth))
        report(f"range test: step {len(found)} of {recipe.range_test}")
    for variable, value in zip(network.model.variables, before, strict=True):
        variable.assign(value)
    if not found:
        raise LoopbookError("The first loss of the range test is no number. Look for enormous values in the table.")
    return pd.DataFrame(found, columns=["learning_rate", "loss", "smooth"])


def chosen(curve: pd.DataFrame) -> float:
    """Return the size to train with: a tenth of the one at which the smoothed loss is smallest."""
    return float(curve["learning_rate"].iloc[int(curve["smooth"].argmin())] / _BELOW)
