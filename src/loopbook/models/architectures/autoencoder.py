"""Autoencoder: how badly a network that was taught to give normal rows back gives a row back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import Count, Size, architecture
from loopbook.models.distance import Distance
from loopbook.models.unsupervised import anomaly

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Distance, needs="table", types=("anomaly",), also=False)
def autoencoder(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    *,
    bottleneck: Size = 4,
    units: Size = 32,
    passes: Count = 100,
) -> Distance:
    """Fit an autoencoder with one hidden layer on each side of its bottleneck.

    Parameters
    ----------
    bottleneck, units
        As `anomaly.autoencoder` has them.
    passes
        Most passes over train; what is no longer given back better ends it before.

    References
    ----------
    Sakurada & Yairi (2014), Anomaly detection using autoencoders with nonlinear dimensionality reduction.
    """
    table = anomaly.normal(features, train, goals[0])
    scale = anomaly.standard(table)
    model = anomaly.network(table @ scale[0] + scale[1], bottleneck=bottleneck, units=units, epochs=passes)
    layers = [[np.asarray(part, dtype=np.float64) for part in layer.get_weights()] for layer in model.layers]
    weights, biases = zip(scale, *layers, strict=True)
    losses = {"given back": model.history.history["loss"], "held out": model.history.history["val_loss"]}
    return Distance(weights, biases, np.array([False, True, False, True, False]), given_back=True, losses=losses)
