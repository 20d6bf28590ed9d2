"""Anomaly scores: how unlike the rows of a reference a row is; no label is needed.

Each function learns from a reference, float [n, d], and returns a score of further rows, [m, d] to float64 [m]: the
higher, the less alike. `tail` makes a probability of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.models.training import runtime

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

Floats = NDArray[np.float64]
Score = Callable[[NDArray[Any]], Floats]

_HELD = 10  # one row in so many ends the training
_BATCH = 256


def autoencoder(
    reference: NDArray[Any], *, bottleneck: int = 16, units: int = 64, epochs: int = 60, seed: int = 1
) -> Score:
    """Score by the squared error, in the mean over columns, with which an autoencoder gives a row back.

    Parameters
    ----------
    bottleneck
        Numbers through which a row has to pass.
    units
        Numbers of the hidden layer on each side of it.
    epochs
        Most passes; training ends before where held out rows are no longer given back better.

    References
    ----------
    Hinton & Salakhutdinov (2006), Reducing the dimensionality of data with neural networks. Sakurada & Yairi (2014),
    Anomaly detection using autoencoders with nonlinear dimensionality reduction.
    """
    scaled = _scaling(reference)
    model = network(scaled(reference), bottleneck=bottleneck, units=units, epochs=epochs, seed=seed)

    def score(rows: NDArray[Any]) -> Floats:
        given = scaled(rows)
        return np.asarray(((model.predict(given, _BATCH, verbose=0) - given) ** 2).mean(axis=1), dtype=np.float64)

    return score


def network(x: NDArray[Any], *, bottleneck: int, units: int, epochs: int, seed: int = 1) -> Any:
    """Return the Keras model of an autoencoder that was taught to give scaled rows back, float32 [n, d]."""
    runtime.prepare(seed)
    import keras

    width = x.shape[1]
    dense = keras.layers.Dense
    model = keras.Sequential(
        [keras.Input((width,)), dense(units, "relu"), dense(bottleneck), dense(units, "relu"), dense(width)]
    )
    model.compile("adam", "mse")
    held = np.random.default_rng(seed).permutation(len(x)) % _HELD == 0
    known, other = x[~held], x[held]
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    model.fit(known, known, batch_size=64, epochs=epochs, validation_data=(other, other), callbacks=[stop], verbose=0)
    return model


def normal(features: Features, train: pd.DataFrame, goal: Goal) -> Floats:
    """Return the table of the rows of train that are normal and count, float64 [n, width]: from no other is learned."""
    return features.table(train[(goal.target == 0) & (goal.weight > 0)]).astype(np.float64)


def standard(table: Floats) -> tuple[Floats, Floats]:
    """Return the layer, [d, d] and [d], that brings each column to mean 0 and, unless it is constant, variance 1.

    A detector is fitted on other rows than those by which the features of 02 are scaled.
    """
    spread = table.std(axis=0)
    scale = 1 / np.where(spread > 1e-9, spread, 1.0)
    return np.diag(scale), -table.mean(axis=0) * scale


def nearest_centre(reference: NDArray[Any], *, clusters: int = 20, seed: int = 1) -> Score:
    """Score by the distance from the nearest centre of k-means.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM; the first centres by Arthur & Vassilvitskii (2007), k-means++.
    """
    from sklearn.cluster import KMeans

    scaled = _scaling(reference)
    model = KMeans(min(clusters, len(reference)), n_init=3, random_state=seed).fit(scaled(reference))
    return lambda rows: np.asarray(model.transform(scaled(rows)).min(axis=1), dtype=np.float64)


def tail(reference: ArrayLike, scores: ArrayLike) -> Floats:
    """Return how probable a score at least as high is among rows like the reference, float64 [m].

    Parameters
    ----------
    reference
        Scores of rows that were not learned from, [n].
    scores
        [m].

    References
    ----------
    Laxhammar & Falkman (2010), Conformal prediction for distribution-independent anomaly detection.
    """
    known = np.sort(np.asarray(reference, dtype=np.float64))
    above = len(known) - np.searchsorted(known, np.asarray(scores, dtype=np.float64), side="left")
    return np.asarray((1 + above) / (len(known) + 1), dtype=np.float64)


def _scaling(reference: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Return what brings each column of the reference to mean 0 and variance 1; one that is constant is left out."""
    mean, spread = reference.mean(axis=0), reference.std(axis=0)
    varies = spread > 1e-12 * np.maximum(1.0, np.abs(mean))
    scale = np.where(varies, spread, 1.0)
    return lambda rows: np.where(varies, (rows - mean) / scale, 0.0).astype(np.float32)
