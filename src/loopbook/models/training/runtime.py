"""The one place that makes TensorFlow repeatable: seeds, deterministic operations, one thread an operation."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from loopbook.scenario.errors import LoopbookError


def prepare(seed: int | None = None) -> None:
    """Make what TensorFlow computes from here on depend on nothing but its inputs and `seed`.

    Sums of floats depend on the order of their terms, so one thread computes an operation whatever the machine. Two
    operations may be computed at the same time; candidates run beside each other in processes of their own.

    Parameters
    ----------
    seed
        Seed of initial weights and of dropout; None leaves the random state alone (prediction needs none).

    Raises
    ------
    LoopbookError
        If this process already computes with several threads: they cannot be changed once TensorFlow has begun.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_notes():
        import keras
        import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(2)
        except RuntimeError as error:
            raise LoopbookError(
                "TensorFlow has begun to compute in this process with several threads, so a fit would not be "
                "repeatable. Restart the kernel and run the notebook from the top."
            ) from error
    tf.config.experimental.enable_op_determinism()
    # What its optimiser of graphs saves later (nothing here) does not pay for seconds before the first step.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    if seed is not None:
        # keras refuses seeds of 2**32 and more
        keras.utils.set_random_seed(seed % 2**32)


@contextmanager
def within_memory() -> Iterator[None]:
    """Say what helps if the memory of a device does not suffice for what is done within.

    Raises
    ------
    LoopbookError
        Then. Networks are not split over devices: Keras' ModelParallel shards nothing on TensorFlow.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise LoopbookError(
            "The network, its gradients and a batch do not fit into the memory of one device, and a network cannot be "
            "split over several. Lower batch_size and raise accumulate by as much, set recompute or mixed_precision, "
            f"or train fewer weights. TensorFlow says: {str(error).splitlines()[0][:200]}"
        ) from error


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keep back what TensorFlow notes of its start, past Python's own streams; it is shown if the start fails."""
    with tempfile.TemporaryFile() as notes:
        stream = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            yield
            notes.truncate(0)
        finally:
            os.dup2(stream, 2)
            os.close(stream)
            notes.seek(0)
            os.write(2, notes.read())
