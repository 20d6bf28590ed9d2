"""Data parallelism: each step's rows are shared among replicas of the network, and their gradients are summed.

Weights stand once in each process and are equal in all, because equal sums are applied to equal weights. So the
optimiser is that of one process: only gradients are computed in `strategy.run`.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models.training import workers

Gradients = Callable[[dict[str, Any], Any, Any, Any, int], tuple[list[Any], Any]]
"""Of a batch, its targets and weights, the sum of all replicas' weights by column, and how many replicas there are:
gradients, one a variable, and risks, one a head."""


@cache
def strategy() -> Any:
    """Return what this process trains with: in a worker, all workers that ``TF_CONFIG`` names.

    The first call waits until all of them are there, and nothing of TensorFlow may have run before.
    """
    import tensorflow as tf

    # A process that only hands over to workers computes alone, though TF_CONFIG be set.
    return tf.distribute.MultiWorkerMirroredStrategy() if workers.is_worker() else tf.distribute.get_strategy()


def over(strategy: Any, gradients: Gradients) -> Callable[[dict[str, Any], Any, Any], tuple[list[Any], Any]]:
    """Return the function that computes gradients and risks of a whole batch on all replicas of a strategy.

    Every process is given the whole batch, and every replica takes each R-th row of it. Losses are divided by the
    weights of the whole batch, so their sum is that of one replica, whatever rows weigh. A replica without a row, in a
    batch smaller than R, takes one that counts nothing.

    References
    ----------
    Goyal et al. (2017), Accurate, large minibatch SGD: sums that are normalised by the whole batch.
    """
    import tensorflow as tf

    count = strategy.num_replicas_in_sync

    def own(batch: dict[str, Any], target: Any, weight: Any) -> tuple[list[Any], Any]:
        context, rows = tf.distribute.get_replica_context(), tf.shape(weight)[0]
        first = context.replica_id_in_sync_group
        index = tf.range(first, tf.maximum(rows, first + 1), count)
        at = tf.minimum(index, rows - 1)
        counted = tf.gather(weight, at) * tf.cast(index < rows, tf.float32)[:, None]
        part = {name: tf.gather(values, at) for name, values in batch.items()}
        slopes, risks = gradients(part, tf.gather(target, at), counted, tf.reduce_sum(weight, axis=0), count)
        given = [tf.convert_to_tensor(slope) for slope in slopes if slope is not None]
        *sums, risks = context.all_reduce(tf.distribute.ReduceOp.SUM, [*given, risks])
        return [None if slope is None else sums.pop(0) for slope in slopes], risks

    def together(batch: dict[str, Any], target: Any, weight: Any) -> tuple[list[Any], Any]:
        if count == 1:
            return gradients(batch, target, weight, tf.reduce_sum(weight, axis=0), 1)
        slopes, risks = strategy.run(own, args=(batch, target, weight))
        one = [None if slope is None else strategy.experimental_local_results(slope)[0] for slope in slopes]
        return one, strategy.experimental_local_results(risks)[0]

    return together


def seed_apart(variables: Sequence[Any]) -> None:
    """Give the random generators of this process's layers seeds of their own, or all workers would drop alike."""
    cluster = workers.Cluster.given() if workers.is_worker() else None
    if cluster is None:
        return
    for variable in variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign(variable.numpy() + np.array([cluster.number, 0], dtype=variable.dtype))


def of_chief(strategy: Any, values: Sequence[float]) -> NDArray[np.float64]:
    """Return the chief's values, float64 as given, in every process: what is decided by them is decided alike."""
    import tensorflow as tf

    given = np.asarray(values, dtype=np.float64)
    if strategy.num_replicas_in_sync == 1:
        return given

    def shared() -> Any:
        context = tf.distribute.get_replica_context()
        first = tf.cast(tf.equal(context.replica_id_in_sync_group, 0), tf.float64)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(given) * first)

    return np.asarray(strategy.experimental_local_results(tf.function(lambda: strategy.run(shared))())[0])
