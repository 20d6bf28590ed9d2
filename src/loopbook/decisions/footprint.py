"""Footprint: what a shipped model costs to run, measured in a process of its own; times vary and choose nothing.

    python -m loopbook.decisions.footprint FOLDER

is that process: it reads what `measure` wrote into the folder and prints what it measured.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopbook.decisions import policies
from loopbook.models import memory
from loopbook.models.shipping import serving
from loopbook.store import content

_WARM = 20  # decisions before the clock starts
_JOB, _ROWS = "job", "rows"


def measure(
    variant: Path, policy: Mapping[str, Any], classes: Sequence[str], rows: pd.DataFrame, decisions: int
) -> dict[str, float]:
    """Return what it costs to decide with a model: of single rows from the row to the action, and of all together.

    Parameters
    ----------
    variant
        Folder of an ONNX bundle, or of a model that Keras answers.
    policy
        As plain data, which `policies.load` reads.
    classes
        Those that the policy knows, in its order.
    rows
        At least one, with the task's fields; decided on in turn, and all at once for the throughput.
    decisions
        Single decisions that are timed.

    Returns
    -------
    dict
        ``p50_ms`` and ``p99_ms`` of a decision, ``rows_per_second`` of the model's answers, ``load_ms``, and
        ``peak_bytes``, the most memory that the process held.

    Raises
    ------
    subprocess.CalledProcessError
        If the process fails; what it said stands in the notebook.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = {"variant": str(variant.resolve()), "policy": dict(policy), "classes": list(classes)}
        content.save({**job, "decisions": decisions}, folder / _JOB)
        content.save(rows.reset_index(drop=True), folder / _ROWS)
        command = [sys.executable, "-m", __name__, str(folder)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(
    folders: Mapping[str, Path], policy: Mapping[str, Any], classes: Sequence[str], rows: pd.DataFrame, decisions: int
) -> pd.DataFrame:
    """Return what `measure` says of each variant, one after the other, so that none disturbs another."""
    found = {name: measure(folder, policy, classes, rows, decisions) for name, folder in folders.items()}
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("variant")


def timed(decide: Callable[[pd.DataFrame], object], rows: pd.DataFrame, decisions: int) -> tuple[float, float]:
    """Return median and 99th percentile of the time of single decisions, in milliseconds."""
    single = [rows.iloc[[at % len(rows)]] for at in range(decisions + _WARM)]
    times = []
    for row in single:
        begun = time.perf_counter_ns()
        decide(row)
        times.append((time.perf_counter_ns() - begun) / 1e6)
    return float(np.median(times[_WARM:])), float(np.percentile(times[_WARM:], 99))


def _run(folder: Path) -> dict[str, float]:
    job, rows = content.read_json(folder / f"{_JOB}.json"), content.load(folder / f"{_ROWS}.parquet")
    begun = time.perf_counter()
    model, policy, classes = serving.variant(Path(job["variant"])), policies.load(job["policy"]), job["classes"]
    loaded = time.perf_counter()
    p50, p99 = timed(lambda row: policy.proposals(row, model.answer(row).aligned(classes)), rows, job["decisions"])
    start = time.perf_counter()
    model.answer(rows)
    seconds = time.perf_counter() - start
    told = {"p50_ms": p50, "p99_ms": p99, "rows_per_second": len(rows) / seconds}
    return {**told, "load_ms": (loaded - begun) * 1e3, "peak_bytes": memory.peak()}


if __name__ == "__main__":
    print(json.dumps(_run(Path(sys.argv[1]))))
