"""Group fairness in the loss: training makes the gap between groups' mean answers small beside the risk."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.scenario.errors import ScenarioError
from loopbook.statistics import bands

if TYPE_CHECKING:
    from loopbook.models.head import Head
    from loopbook.scenario.recipe import Recipe


def groups(train: pd.DataFrame, recipe: "Recipe") -> NDArray[np.int32]:
    """Return the group of each row, counted from 0, int32 [n]: all 0 where the recipe asks for no fairness.

    Numbers that are many are grouped in bands, as monitoring does.

    Raises
    ------
    ScenarioError
        If the recipe names no attribute, the rows do not have it, or there is one group only.
    """
    if not recipe.fairness:
        return np.zeros(len(train), np.int32)
    attribute, place = recipe.fairness_by, f"training.fairness is {recipe.fairness:g}"
    if attribute not in train.columns:
        raise ScenarioError(
            f"{place}, and needs groups: name one of source.protected in training.fairness_by, not {attribute!r}."
        )
    values = train[attribute].astype(str)
    codes, names = pd.factorize(bands.groups(values, values), sort=True)
    if len(names) < 2:
        raise ScenarioError(f"{place}, but all rows of train have the same {attribute!r}: there is no gap to close.")
    return codes.astype(np.int32)


def gap(head: "Head", z: Any, target: Any, weight: Any, group: Any, count: int, tf: Any) -> Any:
    """Return the variance of the groups' mean probabilities within each class, of tensors, a scalar.

    It is 0 where, among rows of the same class, each group is answered alike in the mean: equalised odds for scores.

    Parameters
    ----------
    z
        The label's raw scores, float32 [n, width].
    target, weight
        float32 [n].
    group, count
        int32 [n], and how many groups there are.

    References
    ----------
    Hardt, Price & Srebro (2016), Equality of opportunity in supervised learning; in the mean: Kleinberg, Mullainathan &
    Raghavan (2017), balance for the positive and the negative class. As a term of the loss: Beutel et al. (2019),
    Putting fairness principles into practice.
    """
    said = tf.sigmoid(z) if head.width == 1 else tf.nn.softmax(z)
    classes = max(2, head.width)
    cell = tf.cast(target, tf.int32) * count + group
    total = tf.math.unsorted_segment_sum(weight, cell, classes * count)
    answers = tf.math.unsorted_segment_sum(weight[:, None] * said, cell, classes * count)
    means = tf.math.divide_no_nan(answers, total[:, None])
    of_class = tf.reshape(total, [classes, count, 1])
    middle = tf.math.divide_no_nan(
        tf.reduce_sum(tf.reshape(answers, [classes, count, -1]), 1), tf.reduce_sum(of_class, 1)
    )
    off = tf.reduce_sum((means - tf.repeat(middle, count, axis=0)) ** 2, axis=1)
    return tf.math.divide_no_nan(tf.reduce_sum(total * off), tf.reduce_sum(total))
