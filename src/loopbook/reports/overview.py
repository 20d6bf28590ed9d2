"""What a manager reads first: ten lines of plain language, and the few numbers that matter."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from loopbook.store.records import Change, CriterionRecord, Run, StageRecord

_WORDS = {
    "roc": "ROC", "auc": "AUC", "pr": "PR", "f1": "F1", "ece": "calibration error", "ms": "(ms)", "bytes": "(bytes)",
}  # fmt: skip
_LONGEST = 300  # characters of a recorded text that a page shows
_FEW = 2  # changes of a kind that are told one by one
_MANY = {"settings": "settings", "code": "places in the code", "libraries": "libraries", "stages": "stages"}
_ORDER = {True: 0, False: 1, None: 2}


@dataclass(frozen=True)
class Line:
    """One line of the overview: what it answers, the answer, and whether that is good news."""

    term: str
    sentences: tuple[str, ...]
    mood: str = ""


@dataclass(frozen=True)
class Number:
    """A recorded result with its interval, if it has one."""

    name: str
    value: str
    interval: str = ""
    numeric: bool = True


def lines(run: Run) -> tuple[Line, ...]:
    """Return what a manager wants to know of a run, each in a sentence or two."""
    told = [Line("What it does", (run.description,))]
    if run.simulated:
        simulated = "All data in this report is simulated: the figures tell how the agent does in that simulation."
        told.append(Line("Data", (simulated,), "wait"))
    told.append(Line("Criteria", verdict(run.criteria), _mood(run.criteria)))
    failed = [name for name, record in run.stages.items() if record.state == "failed"]
    if failed:
        reason = f"The run stopped at {', '.join(failed)}; what was finished before is kept and shown."
        told.append(Line("Failed", (reason,), "bad"))
    told += _model(run)
    told.append(Line("What to do next", run.next_steps or ("Nothing was proposed.",)))
    told.append(Line("What changed", changed(run.changes) or ("Nothing was noted.",)))
    code = f"revision {run.revision[:10]}" if run.revision else "no revision known"
    made = f"{when(run.started)}, in {duration(run.seconds)}, profile {run.profile}, {code}"
    told.append(Line("Made", (made + (", with uncommitted changes." if run.dirty else "."),)))
    return tuple(told)


def grouped(changes: Sequence[Change]) -> list[tuple[str, list[Change]]]:
    """Return changes by their kind, in their order."""
    return [(about, list(group)) for about, group in groupby(changes, lambda each: each.about)]


def changed(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return what changed in a few sentences; where many things of a kind did, how many."""
    told: list[str] = []
    for about, group in grouped(changes):
        if about == "followed" and told:
            continue  # its cause is told
        if len(group) > _FEW and about in _MANY:
            told.append(f"{len(group)} {_MANY[about]} changed, listed below.")
        else:
            told += [each.sentence for each in group]
    return tuple(each[:_LONGEST] for each in told)


def verdict(criteria: Sequence[CriterionRecord]) -> tuple[str, ...]:
    """Return how many criteria are met, missed and not yet tested, and which are missed."""
    if not criteria:
        return ("No acceptance criteria are stated.",)
    counts = Counter(each.verdict for each in sorted(criteria, key=lambda each: _ORDER[each.met]))
    parts = [f"{count} {word}" for word, count in counts.items()]
    missed = tuple(f"Missed: {each.text}" for each in criteria if each.met is False)
    return (f"Of {len(criteria)} acceptance criteria: {', '.join(parts)}.", *missed)


def deciding(run: Run) -> StageRecord | None:
    """Return the stage that chose the champion."""
    return next((record for record in run.stages.values() if "champion" in record.metrics), None)


def numbers(metrics: Mapping[str, Any]) -> tuple[Number, ...]:
    """Return recorded results in reading form; ``x_low`` and ``x_high`` become the interval of ``x``."""
    shown = []
    for name, value in metrics.items():
        base = name.removesuffix("_low").removesuffix("_high")
        if base != name and base in metrics:
            continue
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        interval = f"{number(low)} to {number(high)}" if low is not None and high is not None else ""
        if interval and low == high:
            interval = "none: all resamples agree"
        shown.append(Number(label(name), number(value), interval, not isinstance(value, str)))
    return tuple(shown)


def label(name: str) -> str:
    """Return a metric's name in words: ``baseline_test_roc_auc`` is *Plain baseline: ROC AUC on test*."""
    prefix, where = "", ""
    if name.startswith("cv_"):
        name, where = name.removeprefix("cv_"), " over folds"
    for start, said in (("baseline_", "Plain baseline: "), ("champion_", "Champion: ")):
        if name.startswith(start):
            name, prefix = name.removeprefix(start), said
    for split in ("test", "validation", "train", "gate"):
        if name.startswith(f"{split}_"):
            name, where = name.removeprefix(f"{split}_"), f" on {split}"
    words = " ".join(_WORDS.get(word, word) for word in name.split("_") if word) + where
    return (prefix + (words[:1].upper() + words[1:] if not prefix else words))[:_LONGEST]


def number(value: Any) -> str:
    """Return a value in as few figures as tell it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        if value == int(value) and abs(value) < 1000:
            return f"{value:.0f}"
        if abs(value) >= 1:
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.3g}"
    said = str(value)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}… ({len(said):,} characters)"


def when(started: str) -> str:
    """Return a time as people write it: 24 November 2026, 03:12 UTC."""
    try:
        moment = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """Return a length of time in words."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _model(run: Run) -> list[Line]:
    record = deciding(run)
    champion = run.champion or (number(record.metrics["champion"]) if record else None)
    if champion is None or record is None:
        return [Line("Model", ("No model has been chosen yet.",), "wait")]
    metrics = record.metrics
    candidates = [each.candidate for each in run.stages.values() if each.candidate]
    chosen = f"The champion is {champion}" + (f", from {len(candidates)} candidates." if len(candidates) > 1 else ".")
    measured = [
        f"{label(name)} {number(metrics[name])}" + _between(metrics, name)
        for name in ("test_accuracy", "test_roc_auc")
        if name in metrics
    ]
    said = [f"{'; '.join(measured)}."] if measured else []
    # Where a single split would mislead, the difference over many folds stands for the one on the test.
    difference = "paired_difference"
    if "cv_roc_auc" in metrics:
        difference = "cv_difference"
        said.append(f"{label('cv_roc_auc')} {number(metrics['cv_roc_auc'])}{_between(metrics, 'cv_roc_auc')}.")
    told = [Line("Model", (chosen, *said))]
    gain, low = metrics.get(difference), metrics.get(f"{difference}_low")
    if isinstance(gain, int | float) and not isinstance(gain, bool):
        baseline = f" ({metrics['baseline']})" if metrics.get("baseline") else ""
        measure = f" in {label('cv_roc_auc')}" if difference == "cv_difference" else _measure(metrics)
        words = f"{number(abs(gain))}{measure}" + _between(metrics, difference)
        beyond = isinstance(low, int | float) and low > 0
        if gain == 0 and champion != metrics.get("baseline"):
            told.append(Line("Gain", (f"No better than the best plain baseline{baseline}.",), "wait"))
        elif champion == metrics.get("baseline"):
            told.append(Line("Gain", ("A plain baseline is the best model here; no network beat it.",), "wait"))
        elif gain > 0:
            sure = "beyond chance" if beyond else "but this could be chance"
            line = f"Better than the best plain baseline{baseline} by {words}, {sure}."
            told.append(Line("Gain", (line,), "good" if beyond else "wait"))
        else:
            told.append(Line("Gain", (f"Worse than the best plain baseline{baseline} by {words}.",), "bad"))
    return told


def _measure(metrics: Mapping[str, Any]) -> str:
    """Say which measure the paired difference is of: the one whose two values differ by it."""
    for name in ("roc_auc", "accuracy"):
        own, plain = metrics.get(f"test_{name}"), metrics.get(f"baseline_test_{name}")
        if (
            isinstance(own, float)
            and isinstance(plain, float)
            and abs(own - plain - metrics["paired_difference"]) < 1e-9
        ):
            return f" in {label(name)}" if name == "roc_auc" else " in accuracy"
    return ""


def _between(metrics: Mapping[str, Any], name: str) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if low is not None and low == high:
        return " (no interval: all resamples agree)"
    return f" (95 % interval {number(low)} to {number(high)})" if low is not None and high is not None else ""


def _mood(criteria: Sequence[CriterionRecord]) -> str:
    if any(each.met is False for each in criteria):
        return "bad"
    return "good" if criteria and all(each.met for each in criteria) else "wait"
