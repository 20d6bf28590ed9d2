"""The process of one worker: it makes the fit that `workers` hands over, together with the others."""

import os
import shutil
import sys
import threading
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory

from loopbook.models.training import fitting, replicas, runtime, workers

_LOST = ("UnavailableError", "AbortedError", "CancelledError")
"""What TensorFlow raises in the others when one of them is gone."""


def main(job: Path, work: Path, cache: Path | None) -> None:
    """Fit into `work` as the chief; as another worker, into a folder that goes away."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cluster = workers.Cluster.given()
    assert cluster is not None
    method, data = workers.handed_over(job)
    with TemporaryDirectory(prefix="loopbook-") as folder:
        own = Path(folder) if cluster.number else work
        for state in work.glob("*.npz") if cluster.number else ():
            shutil.copy(state, own)  # before the chief, who waits for all, writes the next one
        runtime.prepare()
        replicas.strategy()
        fitting.fit(method, data, own, lambda text: print(f"{workers.SAYS}{text}", flush=True), cache)


def _end_with_parent() -> None:
    while os.read(0, 1024):  # past Python's buffer, whose lock a thread must not hold when the process ends
        pass
    os._exit(1)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3] else None)
    except Exception as error:  # the last line of a log is what is told
        traceback.print_exc()
        kind = type(error).__name__
        lost = "another worker does not answer any more" if kind in _LOST else " ".join(str(error).split())
        sys.exit(f"{kind}: {lost}")
