"""What a decision costs, from the row to the action, and what the sentence encoder in 8 bits saves.

    make SCENARIO=press-monitor PARAMS="training.only=[tfidf,bag,cnn,lstm,minilm] optimization.trials=0"
    LOOPBOOK_DATA_MIRROR=... PYTHONPATH=. python tests/benchmarks/inference.py press-monitor

reads the latest run of each agent that is named. Each model is exported and measured in a process of its own; what is
compared is measured in turns, so that what else the machine does strikes both alike. Asked for are at most 1 ms for
networks trained from scratch, and of the sentence encoder in 8 bits half the time, 3.5 times less to ship, and an
accuracy that is at most one point lower. Last come Banking77's questions a second of the encoder alone, which uses two
processors; 300 are asked for. Without an agent they alone are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.decisions import footprint
from loopbook.models.encoders import sentence_encoder
from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export, variants
from loopbook.models.shipping.bundle import OnnxModel
from loopbook.models.shipping.variants import Source
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario import loading
from loopbook.scenario.small_models import SmallModelsSettings
from loopbook.statistics import evaluation, targets
from loopbook.store import content

ROUNDS, DECISIONS = 5, 200


def said(ok: bool) -> str:
    """Return a verdict."""
    return "as asked for" if ok else "MISSED"


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median of some rounds with the least and the most."""
    return f"{np.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def agent(name: str, root: Path, work: Path) -> None:
    """Print the figures of an agent's candidates."""
    scenario = loading.load(name, root / "notebooks" / "scenarios")
    run = json.loads((root / "reports" / name / "latest" / "run.json").read_text("utf-8"))
    folders = {
        stage: root / "data" / "store" / stage.split("[")[0] / entry["key"] for stage, entry in run["stages"].items()
    }
    parts = {each: pd.read_parquet(folders["02_data"] / f"{each}.parquet") for each in ("train", "validation", "test")}
    policy, test = content.load(folders["05_decisions"] / "policy.json"), parts["test"]
    classes = targets.classes(test["label"], scenario.task)
    bundles: dict[str, Path] = {}
    for stage, folder in folders.items():
        model = Model.load(folder / "model") if stage.startswith("03_training[") else None
        if model is None or model.architecture == "majority":
            continue
        bundle = bundles[stage[12:-1]] = work / name / stage[12:-1]
        onnx_export.export(model, bundle)
        if model.architecture == "minilm":
            data = TrainingData(parts["train"], parts["validation"], model.features, scenario.task)
            source = Source(model, bundle, Method.of(model, scenario.training), data, SmallModelsSettings())
            bundles[f"{stage[12:-1]} int8"] = work / name / "int8"
            variants.int8(source, work / name / "int8")
    costs = {model: list[dict[str, float]]() for model in bundles}
    for _ in range(ROUNDS):
        for model, bundle in bundles.items():
            costs[model].append(footprint.measure(bundle, policy, classes, test.head(500), DECISIONS))
    print(f"\n{name}: ms a decision p50, p99, rows a second, MB shipped, peak MB; median of {ROUNDS} (least to most)")
    for model, rounds in costs.items():
        p50, p99, rate, peak = (
            [each[key] for each in rounds] for key in ("p50_ms", "p99_ms", "rows_per_second", "peak_bytes")
        )
        plain = "minilm" not in model
        print(
            f"  {model:14}{spread(p50):26}{spread(p99):28}{np.median(rate):>9,.0f}"
            f"{content.size(bundles[model]) / 1e6:8.2f}{np.median(peak) / 1e6:7.0f}"
            + (f"  at most 1 ms: {said(float(np.median(p50)) <= 1)}" if plain else "")
        )
    for model in [model for model in costs if f"{model} int8" in costs]:
        small = f"{model} int8"
        ratios = [one["p50_ms"] / two["p50_ms"] for one, two in zip(costs[model], costs[small], strict=True)]
        size = content.size(bundles[model]) / content.size(bundles[small])
        whole, less = (OnnxModel.load(bundles[each]).answer(test).aligned(classes).judged for each in (model, small))
        lost = evaluation.paired(test["label"], whole, less, "accuracy", test["group"])
        print(f"  {model} in 8 bits: {spread(ratios)} times faster, {said(float(np.median(ratios)) >= 2)}")
        print(f"  {size:.2f} times smaller, {said(size >= 3.5)}")
        print(f"  accuracy lost {lost.value:.4f} ({lost.low:.4f} to {lost.high:.4f}), {said(lost.value <= 0.01)}")


def encoding(texts: Sequence[str]) -> None:
    """Print sentences a second of the encoder as training sees it, by the clock and of a processor."""
    sentence_encoder.embed(texts[:64])
    clock, processor = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter(), time.process_time()
        sentence_encoder.embed(texts)
        clock.append(len(texts) / (time.perf_counter() - begun[0]))
        processor.append(len(texts) / (time.process_time() - begun[1]))
    print(f"\nencoding {len(texts):,} questions in float32: {spread(clock, '.0f')} a second,", end=" ")
    print(f"at least 300: {said(float(np.median(clock)) >= 300)}; {spread(processor, '.0f')} a second of a processor")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description="What a decision costs.")
    parser.add_argument("agents", nargs="*")
    parser.add_argument("--project", type=Path, default=Path())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        for name in given.agents:
            agent(name, given.project, Path(work))
    file = Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "banking77" / "test.csv"
    encoding(pd.read_csv(file)["text"].drop_duplicates().tolist())


if __name__ == "__main__":
    main()
