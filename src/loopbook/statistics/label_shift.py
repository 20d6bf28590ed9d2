"""Label shift: the shares of classes behind a classifier's answers, corrected for the errors it makes.

If only the mix of the classes changes, the answers' shares are q = Cp with the confusion matrix C of labelled rows, so
p = C⁻¹q: each class is a contrast of the answers, with a larger variance than theirs. For two classes and hard answers
it is the estimator of Rogan & Gladen. A class without a labelled row has no column of C: the others are corrected as
far as they go without it, and nothing is said of it.

References
----------
Rogan & Gladen (1978), Estimating prevalence from the results of a screening test; King & Lu (2008), Verbal autopsy
methods with multiple causes of death; Lipton, Wang & Smola (2018), Detecting and correcting for label shift with black
box predictors, for probabilities in place of hard answers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Floats, Kinds

_MOST = 20.0
"""Classes that one row could count for; where it counts for more, the answers hardly tell a class from others."""


class Correction(NamedTuple):
    """How much each answer counts for each class.

    Attributes
    ----------
    weights
        float64 [K, K]: C⁻¹, class by answer.
    error
        float64 [K, K]: C's own sampling error gives the shares p, whatever day they are of, the variance p² @ error
        (delta method). Between two days it cancels out as far as their shares are the same.
    told
        bool [K]: whether the answers tell the class apart; never of a class without a labelled row, whose weights and
        errors are 0.
    """

    weights: Floats
    error: Floats
    told: NDArray[np.bool_]


def correction(answers: Floats, label: Kinds, day: Kinds, correlation: float) -> Correction:
    """Return the correction that labelled rows teach.

    Parameters
    ----------
    answers
        [n, K]: probabilities of the classes, or 1 for the class answered and 0 else.
    label
        Class of each row, [n].
    day
        Day of each row, [n], whose rows are alike by `correlation`.
    """
    classes = answers.shape[1]
    seen = Counts.of(label, classes, day, int(day.max(initial=0)) + 1, None).count
    there = np.flatnonzero(seen.sum(axis=0))
    found = Correction(np.zeros((classes, classes)), np.zeros((classes, classes)), np.zeros(classes, bool))
    rows, one = seen.sum(axis=0)[there], np.eye(classes)[label][:, there]
    inside = np.ix_(there, there)
    matrix = answers[:, there].T @ one / rows
    if len(there) < 2 or np.linalg.matrix_rank(matrix) < len(there):
        return found
    weights = np.linalg.inv(matrix)
    # Corrected, the answers to class j have the mean 1 for it and 0 for the others.
    spread = one.T @ (answers[:, there] @ weights.T) ** 2 / rows[:, None] - np.eye(len(there))
    inverse = 1 / rows + correlation * (seen[:, there] ** 2).sum(axis=0) / rows**2
    found.weights[inside], found.error[inside] = weights, spread * inverse[:, None]
    found.told[there] = np.ptp(weights, axis=1) <= _MOST
    return found
