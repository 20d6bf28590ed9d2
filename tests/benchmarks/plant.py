"""Alarms of a plant: the four known failures of a real machine, other real series, and simulated plants.

    python -m tests.benchmarks.plant [--only machine|others|simulated] [--worlds 20]

Protocol of the real series: everything is learned from the windows before the first known failure, features, model and
threshold; known failures judge and choose nothing. Scores of the learned windows come from models that have not seen
them (five contiguous blocks), and the threshold is that of the budget, one false alarm a month. An alarm counts where
it begins. Windows, features and settings are those of the scenario file; other steps and windows stand beside them, so
that one sees what would have come of another choice. Plain rules: a moving z-score over 12 hours, a day and 7 days, and
the level by its distance from the learned mean, each with a threshold of the same kind.

Simulated plants: nothing fails in 12 months after the learning, so each alarm is false; in others failures come.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tests.starter.test_criteria import ROOT

from loopbook.data import series, sources
from loopbook.data.features import Features
from loopbook.decisions import alarms
from loopbook.models import heads
from loopbook.models.architectures import registry
from loopbook.models.heads import Goal
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.source import CsvSource
from loopbook.simulation import plant
from loopbook.statistics import intervals, metrics, tails
from loopbook.store.project import Project

BLOCKS = 5
LEAST = 10  # windows before the first known failure
DETECTORS = ("z_score", "pca", "isolation_forest", "forecast", "autoencoder")
Floats = NDArray[np.float64]


def scored(name: str, learned: pd.DataFrame, rows: pd.DataFrame, scenario: Scenario) -> Floats:
    """Return the raw scores of rows by an architecture that was fitted on normal windows."""
    features = Features.fit(learned, scenario)
    (head,) = heads.learn(learned, np.ones(len(learned)), scenario.task)
    goal = Goal(head, np.zeros(len(learned)), np.ones(len(learned)))
    return registry.find(name).make(features, learned, [goal]).raw(features, rows)[:, 0]


def reference(name: str, learned: pd.DataFrame, scenario: Scenario) -> Floats:
    """Return scores of the learned windows, each by a model that has not seen its stretch of time."""
    block = np.arange(len(learned)) * BLOCKS // len(learned)
    found = np.zeros(len(learned))
    for at in range(BLOCKS):
        rest, own = (learned[mask].reset_index(drop=True) for mask in (block != at, block == at))
        found[block == at] = scored(name, rest, own, scenario)
    return found


def canonical(frame: pd.DataFrame, time: str) -> pd.DataFrame:
    """Return windows with the columns that models and judges ask for."""
    label = (frame["known"] == "failure").astype("int8")
    return frame.assign(time=pd.to_datetime(frame[time], utc=True), label=label)


def windows(scenario: Scenario, **changed: Any) -> pd.DataFrame:
    """Return the measured windows of a scenario's source, with other settings of its series if there are any."""
    given = scenario.source.series.model_copy(update={"injected": (), **changed})  # type: ignore[union-attr]
    source = scenario.source.model_copy(update={"series": given})
    project = Project(ROOT)
    return canonical(sources.collect(source, project.root, project.raw).frame, str(source.time))


def judged(acting: NDArray[np.bool_], later: pd.DataFrame, scenario: Scenario) -> str:
    """Return in words what alarms find, and how many are false."""
    task: Any = scenario.task
    monthly = 30.44 * 24 * 60 / scenario.source.series.step_minutes  # type: ignore[union-attr]
    found = alarms.judge(pd.DatetimeIndex(later["time"]), acting, later["label"], pd.Timedelta(hours=24), monthly)
    _, low, high = found.rate
    met = "in budget" if found.rate.value <= task.false_alarms else "over"
    late = "" if np.isnan(found.delay_hours) else f", median {found.delay_hours:.0f} h after the window's begin"
    told = f"found {found.found} of {len(found.failures)}{late}; false {found.false} in {found.months:.2f} months"
    return f"{told}: {found.rate.value:.2f} a month ({low:.2f} to {high:.2f}), {met}"


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the windows before the first known failure, and all later ones."""
    first = frame.loc[frame["label"] == 1, "time"].min()
    learned = frame["time"] < first
    return frame[learned].reset_index(drop=True), frame[~learned].reset_index(drop=True)


def level(task: Any, series_: Any) -> float:
    """Return the tail probability from which a window is an alarm."""
    return float(task.false_alarms * series_.step_minutes / (30.44 * 24 * 60))


def detectors(frame: pd.DataFrame, scenario: Scenario, names: tuple[str, ...]) -> dict[str, NDArray[np.bool_]]:
    """Return which later windows are an alarm, by detector, and by all of them together (mean log tail probability)."""
    learned, later = split(frame)
    edge = level(scenario.task, scenario.source.series)  # type: ignore[union-attr]
    found, logs, known = {}, [], []
    for name in names:
        own = reference(name, learned, scenario)
        tail = tails.Tail.of(own)
        p = tail.probability(scored(name, learned, later, scenario))
        found[name] = p <= edge
        logs.append(-np.log(p))
        known.append(-np.log(tail.probability(own)))
    together = tails.Tail.of(np.log(np.mean(known, axis=0)))
    found["all, mean log p"] = together.probability(np.log(np.mean(logs, axis=0))) <= edge
    return found


def rules(scenario: Scenario) -> Mapping[str, tuple[NDArray[np.bool_], pd.DataFrame]]:
    """Return which later windows are an alarm by plain rules, and these windows."""
    found = {}
    edge = level(scenario.task, scenario.source.series)  # type: ignore[union-attr]
    for hours in (12, 24, 168):
        learned, later = split(windows(scenario, window_hours=hours, lags=()))
        if len(learned) < LEAST:
            continue  # no threshold comes of so few
        columns = [name for name in later if str(name).endswith("_z")]
        far = [np.log(part[columns].abs().max(axis=1) + 1e-9) for part in (learned, later)]
        found[f"z-score over {hours} h ({len(learned)} windows)"] = (
            tails.Tail.of(far[0]).probability(far[1]) <= edge,
            later,
        )
    learned, later = split(windows(scenario))
    columns = [name for name in later if str(name).endswith("_now")]
    middle, spread = learned[columns].mean(), learned[columns].std()
    far = [np.log(((part[columns] - middle) / spread).abs().max(axis=1) + 1e-9) for part in (learned, later)]
    found["level"] = (tails.Tail.of(far[0]).probability(far[1]) <= edge, later)
    return found


def report(name: str, names: tuple[str, ...]) -> None:
    """Print what detectors and rules find in a scenario's series."""
    scenario = load(name, ROOT / "notebooks" / "scenarios", "standard")
    frame = windows(scenario)
    learned, later = split(frame)
    print(f"\n{name}: learned from {len(learned):,} windows before {later['time'].iloc[0]}, judged on {len(later):,}")
    for detector, acting in detectors(frame, scenario, names).items():
        print(f"  {detector:32s} {judged(acting, later, scenario)}", flush=True)
    for rule, (acting, rows) in rules(scenario).items():
        print(f"  {rule:32s} {judged(acting, rows, scenario)}", flush=True)
    never = np.zeros(len(later), dtype=bool)
    print(f"  {'never':32s} {judged(never, later, scenario)}\n  {'always':32s} {judged(~never, later, scenario)}")


def choice(name: str, names: tuple[str, ...]) -> None:
    """Print how well each detector tells simulated faults, by which one would be chosen."""
    scenario = load(name, ROOT / "notebooks" / "scenarios", "standard")
    learned, _ = split(windows(scenario))
    last = learned["time"].max()
    half = learned["time"].iloc[len(learned) * 3 // 5]
    faults = ((half.date(), last.date()),)
    rows = windows(scenario, injected=faults)
    own = rows[(rows["time"] <= last)].reset_index(drop=True)
    known, held = own[own["time"] < half].reset_index(drop=True), own[own["time"] >= half].reset_index(drop=True)
    print(f"\n{name}: simulated faults in windows from {half} on; areas with DeLong's interval")
    for detector in names:
        z = scored(detector, known, held, scenario)
        value, low, high = intervals.delong(held["label"], z)
        print(f"  {detector:32s} {value:.3f} ({low:.3f} to {high:.3f}) {metrics.score('pr_auc', held['label'], z):.3f}")


def others_of(name: str) -> None:
    """Print what other steps and windows would have found."""
    scenario = load(name, ROOT / "notebooks" / "scenarios", "standard")
    print(f"\n{name}: other windows, for comparison; nothing is chosen by these")
    for step, hours, lags in (
        (60, 24, (1, 2, 12)),
        (60, 12, (1, 2, 12)),
        (30, 24, (1, 2, 12)),
        (30, 6, (1, 2, 12)),
        (15, 12, (1, 2, 12)),
    ):
        changed = {"step_minutes": step, "window_hours": hours, "lags": lags}
        other = scenario.model_copy(
            update={
                "source": scenario.source.model_copy(
                    update={"series": scenario.source.series.model_copy(update=changed)}
                )
            }  # type: ignore[union-attr]
        )
        frame = windows(other)
        _, later = split(frame)
        for detector, acting in detectors(frame, other, ("pca", "isolation_forest", "forecast")).items():
            print(f"  step {step} min, {hours} h: {detector:20s} {judged(acting, later, other)}", flush=True)


def simulated(worlds: int, names: tuple[str, ...]) -> None:
    """Print false alarms in quiet simulated plants, and what is found where they fail, by how long was learned."""
    base = load("plant-watch", ROOT / "notebooks" / "scenarios", "standard")
    sensors = ("temperature", "pressure")
    fields = {
        f"{sensor}_{one.partition('_')[2]}": kind
        for sensor in sensors
        for one, kind in base.task.fields.items()
        if one.startswith("value_")
    }
    task = base.task.model_copy(update={"fields": fields | {"day_sin": "number", "day_cos": "number"}})
    for days in (8, 30):
        quiet: dict[str, list[tuple[int, float]]] = {}
        hits: dict[str, list[tuple[int, int, float]]] = {}
        for seed in range(1, worlds + 1):
            for failing in (None, days):
                made = plant.simulate(days + 180, seed, failures_from=failing)
                spans = tuple(
                    (row.begins.to_pydatetime(), row.ends.to_pydatetime()) for row in made.failures.itertuples()
                )
                given = base.source.series.model_copy(update={"sensors": sensors, "known": spans, "injected": ()})  # type: ignore[union-attr]
                source = CsvSource(kind="csv", path="simulated", time="time", series=given)
                scenario = base.model_copy(update={"task": task, "source": source})
                lines = np.arange(1, len(made.readings) + 1)
                frame = canonical(series.windows(made.readings, lines, source)[0], "time")
                learning = frame["time"] < pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(days=days)
                learned, later = (frame[part].reset_index(drop=True) for part in (learning, ~learning))
                for name in names:
                    tail = tails.Tail.of(reference(name, learned, scenario))
                    p = tail.probability(scored(name, learned, later, scenario))
                    found = alarms.judge(
                        pd.DatetimeIndex(later["time"]),
                        p <= level(task, given),
                        later["label"],
                        pd.Timedelta(hours=24),
                        1461,
                    )
                    if failing is None:
                        quiet.setdefault(name, []).append((found.false, found.months))
                    else:
                        hits.setdefault(name, []).append((found.found, len(found.failures), found.delay_hours))
        print(f"\nsimulated: {worlds} plants, learned from {days} days, then 180 days; budget 1 false alarm a month")
        for name in names:
            false, months = (sum(part) for part in zip(*quiet[name], strict=True))
            rate = intervals.poisson(int(false), months)
            over = np.mean([count / long > task.false_alarms for count, long in quiet[name]])  # type: ignore[attr-defined]
            spread = np.array([count / long for count, long in quiet[name]])
            many, of = (sum(part) for part in list(zip(*hits[name], strict=True))[:2])
            share = intervals.wilson(many / of, of)
            late = float(np.nanmedian([one for *_, one in hits[name]]))
            print(
                f"  {name:18s} quiet: {rate.value:.2f} a month ({rate.low:.2f} to {rate.high:.2f}), plants from "
                f"{spread.min():.2f} to {spread.max():.2f}, {over:.0%} over the budget; failing: found {many} of {of}, "
                f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f}), median {late:.1f} h late",
                flush=True,
            )


def main() -> None:
    """Print all that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("machine", "others", "simulated"))
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--detectors", default=",".join(DETECTORS), help="names, with commas")
    asked = parser.parse_args()
    names = tuple(asked.detectors.split(","))
    if asked.only in (None, "machine"):
        choice("plant-watch", names)
        report("plant-watch", names)
        others_of("plant-watch")
    if asked.only in (None, "others"):
        for name in ("city-pulse", "road-pulse", "ticker-volume"):
            report(name, names)
    if asked.only in (None, "simulated"):
        simulated(asked.worlds, names)


if __name__ == "__main__":
    main()
