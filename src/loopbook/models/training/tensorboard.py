"""TensorBoard's event files: scalars, histograms and precision-recall curves, written without TensorFlow.

Plain baselines leave the same files as networks do, so they must not cost the four seconds that TensorFlow takes to
start. Records are framed and summaries built by TensorBoard's own code; only the writer is ours, because TensorBoard's
looks for TensorFlow and puts the machine's name into the file's name.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

_THRESHOLDS = 201


class Events:
    """An event file in a folder; use it in a ``with`` statement."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        # A fit that was killed and continued leaves several files; TensorBoard reads them in the order of their names.
        name = f"events.out.tfevents.{time.time_ns() // 1_000_000_000}.{len(list(folder.iterdir())):03d}.loopbook"
        self._stream = (folder / name).open("wb")
        self._records = RecordWriter(self._stream)
        self._write(file_version="brain.Event:2")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write one number a name; what is not a number is left out."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        for name, value in values.items():
            if np.isfinite(value):
                self._write(step=step, summary=scalar_pb(name, float(value)))

    def histogram(self, step: int, name: str, values: ArrayLike) -> None:
        """Write how numbers are distributed."""
        from tensorboard.plugins.histogram.summary_v2 import histogram_pb

        self._write(step=step, summary=histogram_pb(name, np.asarray(values, dtype=np.float64).ravel()))

    def precision_recall(self, step: int, name: str, label: ArrayLike, probability: ArrayLike) -> None:
        """Write precision and recall at 201 thresholds from 0 to 1.

        Parameters
        ----------
        label
            0 or 1, [n].
        probability
            In [0, 1], [n].
        """
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.pr_curve import metadata
        from tensorboard.util import tensor_util

        truth, score = np.asarray(label).astype(bool), np.asarray(probability, dtype=np.float64)
        at = np.floor(np.clip(score, 0, 1) * (_THRESHOLDS - 1)).astype(np.int64)
        # What lies in a threshold's bucket or above is called positive.
        tp = np.cumsum(np.bincount(at[truth], minlength=_THRESHOLDS)[::-1])[::-1].astype(np.float64)
        fp = np.cumsum(np.bincount(at[~truth], minlength=_THRESHOLDS)[::-1])[::-1].astype(np.float64)
        fn, tn = truth.sum() - tp, (~truth).sum() - fp
        precision = tp / np.maximum(tp + fp, 1e-7)
        recall = tp / np.maximum(tp + fn, 1e-7)
        curve = np.stack([tp, fp, tn, fn, precision, recall]).astype(np.float32)
        summary = Summary()
        summary.value.add(
            tag=name,
            metadata=metadata.create_summary_metadata(name, "", _THRESHOLDS),
            tensor=tensor_util.make_tensor_proto(curve),
        )
        self._write(step=step, summary=summary)

    def add(self, summary: Any, step: int = 0) -> None:
        """Write a summary that a plugin of TensorBoard understands."""
        self._write(step=step, summary=summary)

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._records.write(Event(wall_time=time.time(), **fields).SerializeToString())
        self._stream.flush()
