"""Peak memory and time of tuning all of MiniLM, with and without activation checkpointing, on sentences and articles.

    LOOPBOOK_DATA_MIRROR=... PYTHONPATH=. python tests/benchmarks/recompute.py

Each fit has a process of its own. An article is all its sentences in a row, cut at 256 word pieces; its label, that of
its first sentence, does not matter here.
"""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from tests.benchmarks import tuned

BATCH, STEPS = 32, 4


def measured(kind: str, recompute: bool) -> dict[str, object]:
    """Return what one epoch of a few steps took."""
    from loopbook.data.features import Features
    from loopbook.models.training import fitting
    from loopbook.models.training.method import Method, TrainingData
    from loopbook.scenario.candidate import Candidate
    from loopbook.scenario.recipe import Recipe

    scenario, rows = tuned.scenario("nyt"), tuned.rows("nyt")
    if kind == "articles":
        rows = rows.groupby("group", as_index=False, sort=False).agg(
            {"row_id": "first", "label": "first", "text": " ".join, "weight": "first", "time": "first"}
        )
    rows = rows.head(BATCH * (STEPS + 1))
    train, validation = rows.iloc[: BATCH * STEPS], rows.iloc[BATCH * STEPS :].reset_index(drop=True)
    data = TrainingData(train, validation, Features.fit(train, scenario), scenario.task)
    candidate = Candidate(architecture="encoder", settings={"adaptation": "full"})
    method = Method(candidate, Recipe(epochs=1, batch_size=BATCH, learning_rate=1e-4, recompute=recompute))
    with tempfile.TemporaryDirectory() as work:
        begun = time.process_time()
        fitting.fit(method, data, Path(work), lambda _: None)
        seconds = time.process_time() - begun
        peak = json.loads((Path(work) / "fit.json").read_text())["peak_memory_mb"]
    return {"texts": kind, "recompute": recompute, "peak, MB": peak, "processor seconds": round(seconds, 1)}


def main() -> None:
    """Print a row for each fit."""
    found = []
    for kind in ("sentences", "articles"):
        for recompute in (False, True):
            with ProcessPoolExecutor(1, get_context("spawn")) as own:
                found.append(own.submit(measured, kind, recompute).result())
    print(pd.DataFrame(found).to_string(index=False))


if __name__ == "__main__":
    main()
