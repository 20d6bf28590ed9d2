"""The leaderboard: all candidates beside each other, with quality, uncertainty, size and speed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.scenario.errors import LoopbookError
from loopbook.statistics import evaluation, metrics

if TYPE_CHECKING:
    from loopbook.models.architecture import Family
    from loopbook.models.seen_rows import Learner


@dataclass(frozen=True)
class Entry:
    """What is known of one candidate on the split that is scored.

    Attributes
    ----------
    answer
        What metrics judge, float64 [n, …] (`Answers.judged`): rows and classes in the order that all candidates share.
    size_bytes
        Of what would be shipped; None: not exported.
    latency_ms
        Median time of a single decision; None: not measured.
    monotone
        Whether its answers keep to `task.monotone`; None: the task names no such field.
    """

    family: Family
    parameters: int
    answer: ArrayLike
    size_bytes: int | None = None
    latency_ms: float | None = None
    monotone: bool | None = None


def leaderboard(
    label: ArrayLike,
    entries: Mapping[str, Entry],
    groups: ArrayLike | None = None,
    resamples: int = 1_000,
    seed: int = 0,
    task: str = "binary",
) -> pd.DataFrame:
    """Return a row for each candidate, the best in the primary metric first.

    All candidates are scored on the same resamples. Labels and `task`, its type, are as in `evaluation.metrics`.

    Returns
    -------
    DataFrame
        ``candidate``, ``family``, ``parameters``, the metrics that the registry shows on leaderboards (those shown in
        full with ``_low`` and ``_high``), ``size_bytes``, ``latency_ms``.
    """
    if not entries:
        raise LoopbookError("A leaderboard needs at least one candidate.")
    rows, shown, primary = [], metrics.scores(task, ("full", "value")), metrics.primary(task)
    for name, entry in entries.items():
        scored = evaluation.metrics(label, entry.answer, 0.5, groups, resamples, seed, shown, task)
        row = {"candidate": name, "family": entry.family, "parameters": entry.parameters}
        for metric in shown:
            row[metric] = scored.loc[metric, "value"]
            if metrics.METRICS[metric].shown == "full":
                row |= {f"{metric}_low": scored.loc[metric, "low"], f"{metric}_high": scored.loc[metric, "high"]}
        if entry.monotone is not None:
            row["monotone"] = entry.monotone
        rows.append({**row, "size_bytes": entry.size_bytes, "latency_ms": entry.latency_ms})
    table = pd.DataFrame(rows).astype({"size_bytes": "Int64", "latency_ms": "Float64"})
    ascending = primary.direction.better == "lower"
    return table.sort_values([primary.name, "candidate"], ascending=[ascending, True], ignore_index=True)


def latency(model: Learner, frame: pd.DataFrame, repeats: int = 200) -> dict[str, float]:
    """Return ``median_ms`` and ``p95_ms`` of a single decision: encoding one row and computing its probability.

    Parameters
    ----------
    frame
        Rows to decide on in turn; ten are decided before the clock starts.
    repeats
        Decisions that are timed.
    """
    if not len(frame):
        raise LoopbookError("Latency is measured on rows; there are none.")
    single = [frame.iloc[[at % len(frame)]] for at in range(repeats + 10)]
    times = []
    for row in single:
        start = time.perf_counter_ns()
        model.answer(row)
        times.append((time.perf_counter_ns() - start) / 1e6)
    counted = np.array(times[10:])
    return {"median_ms": float(np.median(counted)), "p95_ms": float(np.percentile(counted, 95))}
