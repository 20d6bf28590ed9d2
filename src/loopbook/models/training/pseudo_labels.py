"""Pseudo-labels: rows without a label join those with one where the probe upon the features is sure of their class."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from loopbook.models.network import Network
from loopbook.models.training import probing
from loopbook.models.training.gradient_descent import Rows
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.store.content import write_atomically

FILE = "pseudo_labels.npz"
ROUNDS, WEIGHT = 3, 0.5
"""How often the probe is asked and fitted again, and what a row that joins weighs beside the mean one with a label."""


def label(network: Network, rows: Rows, recipe: Recipe, work: Path, report: Callable[[str], object]) -> Rows:
    """Give the rows that weigh nothing the class of which a logistic regression on the features is sure.

    Each round asks it anew of all of them, so that a row may change its class or leave again.

    Parameters
    ----------
    network
        Pretrained, if it is to be; it is not changed.
    rows
        With those of weight 0, which have no label that counts.
    recipe
        Its `pseudo_labels` is the least probability that is sure, its `probe` the regression's C.
    work
        Keeps what joined, for a fit that is continued.

    Returns
    -------
    Rows
        The same rows, with what joined.

    Raises
    ------
    ScenarioError
        If the task has no classes, or the recipe no probe.

    References
    ----------
    Lee (2013), Pseudo-label; with rounds as of Yarowsky (1995), Unsupervised word sense disambiguation rivaling
    supervised methods.
    """
    (goal, *others), file = rows.goals, work / FILE
    if goal.head.numeric or not recipe.probe:
        raise ScenarioError("pseudo_labels needs a task of classes, and a probe that is sure of some: give probe a C.")
    if not file.is_file():
        free, width = np.flatnonzero(goal.weight == 0), goal.head.width
        features, weight = probing.features(network, rows), goal.weight[goal.weight > 0].mean() * WEIGHT
        for number in range(1, ROUNDS + 1):
            weights, bias = probing.fitted(features, (goal, *others), recipe.probe)
            z = (features[free] @ weights + bias)[:, :width]
            sure = goal.head.probabilities(z).max(axis=1) >= recipe.pseudo_labels
            target, counts = goal.target.copy(), goal.weight.copy()
            target[free] = z.argmax(axis=1) if width > 1 else z[:, 0] > 0
            counts[free] = np.where(sure, weight, 0.0)
            goal = replace(goal, target=target, weight=counts)
            report(f"pseudo_labels: round {number} of {ROUNDS} · {sure.sum():,} of {len(free):,} rows joined")
        write_atomically(file, lambda path: np.savez(path, target=goal.target, weight=goal.weight))
    with np.load(file, allow_pickle=False) as saved:
        goal = replace(goal, target=saved["target"], weight=saved["weight"])
    return replace(rows, goals=(goal, *others))
