"""Acquisition functions of active learning: how useful a row's label would be, from what the model says of the row."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions.costs import CostMatrix
from loopbook.scenario.errors import DataError
from loopbook.statistics.scores import logit, sigmoid

Floats = NDArray[np.float64]


def uncertainty(probability: ArrayLike, threshold: float = 0.5) -> Floats:
    """Return how unsure the decision is, in bits: float [n], 1 at the threshold, 0 far from it.

    It is the entropy of the probability after its log odds were moved so that the threshold is in the middle: what
    matters is whether the decision could turn, not whether the probability is near one half. For two classes, entropy
    and margin order items alike.

    References
    ----------
    Lewis & Gale (1994), A sequential algorithm for training text classifiers; Settles (2009), Active learning
    literature survey, section 3.1.
    """
    edge = min(max(threshold, 1e-6), 1 - 1e-6)
    p = np.clip(sigmoid(logit(probability) - logit(edge)), 1e-12, 1 - 1e-12)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), dtype=np.float64)


def ignorance(probability: Floats, prices: CostMatrix) -> Floats:
    """Return what not knowing the label is expected to cost, as a share of the most that it does here: float [n].

    It is the gap between the least expected cost and the expected least cost, the expected value of perfect
    information: 0 where no class would change the decision. With equal costs of mistakes it is one less the greatest
    probability. Of a number, the classes are its bands, so that a wide distribution counts where a limit lies in it;
    where costs are functions of the number, it is the entropy of the bands.

    Parameters
    ----------
    probability
        Float [n, k].
    prices
        What each action costs by class.

    References
    ----------
    Howard (1966), Information value theory; for choosing labels, Kapoor, Horvitz & Basu (2007), Selective supervision.
    """
    p = np.asarray(probability, dtype=np.float64)
    if prices.functions:
        lost = -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1)
    else:
        lost = (p @ prices.cost.T).min(axis=1) - p @ prices.cost.min(axis=0)
    most = float(lost.max(initial=0.0))
    return np.asarray(np.maximum(lost, 0.0) / most if most > 0 else np.zeros(len(p)), dtype=np.float64)


def entropy(probability: ArrayLike) -> Floats:
    """Return the entropy of the predictive distribution [n, k] as a share of the most there is: float [n], 0 to 1.

    References
    ----------
    Settles (2009), Active learning literature survey, section 3.1.
    """
    p = np.asarray(probability, dtype=np.float64)
    return np.asarray(_entropy(p) / np.log(max(2, p.shape[1])))


def margin(probability: ArrayLike) -> Floats:
    """Return one less the difference between the two most probable classes of [n, k]: float [n], 0 to 1.

    References
    ----------
    Scheffer, Decomain & Wrobel (2001), Active hidden Markov models for information extraction.
    """
    top = np.sort(np.asarray(probability, dtype=np.float64), axis=1)[:, -2:]
    return np.asarray(1 - (top[:, -1] - top[:, 0]) if top.shape[1] > 1 else np.zeros(len(top)))


def bald(samples: ArrayLike) -> Floats:
    """Return the mutual information of label and weights (BALD), as a share of the most there is: float [n], 0 to 1.

    Rows count on which plausible models are sure of different classes; noise, on which all are unsure alike, does not.

    Parameters
    ----------
    samples
        Probabilities [s, n, k] by models drawn from the posterior: passes with dropout, or members of an ensemble.

    References
    ----------
    Houlsby, Huszár, Ghahramani & Lengyel (2011), Bayesian active learning for classification and preference learning;
    Gal, Islam & Ghahramani (2017), Deep Bayesian active learning with image data: dropout as the posterior.
    """
    p = np.asarray(samples, dtype=np.float64)
    if p.ndim != 3 or len(p) < 2:
        raise DataError(f"BALD needs at least two samples of probabilities [s, n, k], not {p.shape}.")
    known = _entropy(p.mean(axis=0)) - _entropy(p).mean(axis=0)
    return np.asarray(np.maximum(known, 0.0) / np.log(max(2, p.shape[2])))


def _entropy(p: Floats) -> Floats:
    return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(axis=-1))
