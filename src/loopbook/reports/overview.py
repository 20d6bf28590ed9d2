"""Overview of a run, what a manager reads first: ten lines of plain language, and the few numbers that matter."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from loopbook.comparison.standing import difference as measured
from loopbook.comparison.standing import standing
from loopbook.statistics import metrics
from loopbook.store.records import Change, CriterionRecord, Run, StageRecord

_WORDS = {"auc": "AUC", "ms": "(ms)"}  # in names that no registered metric is part of
_STARTS = {
    "cv_": " over folds",
    "baseline_": "Plain baseline: ",
    "champion_": "Champion: ",
    "record_": "Champion of record: ",
}
_STARTS |= {f"{split}_": f" on {split}" for split in ("test", "validation", "train", "gate")}
_LONGEST = 300  # characters of a recorded text that a page shows
_LEAST = 1e-6
_NOTHING = 1e-11  # below it, a measured value is nothing to whoever reads a report, and told as less than `_LEAST`
_FEW = 2  # changes of a kind that are named one by one
_MANY = {"settings": "settings", "code": "places in the code", "libraries": "libraries", "stages": "stages"}
_INTERNAL = ("export_difference",)
_DEAREST = 3  # open alerts that the first screen names
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


def lines(run: Run, alerts: Sequence[Mapping[str, Any]] = ()) -> tuple[Line, ...]:
    """Return what a manager wants to know of a run, each in a sentence or two; `alerts` are the open ones."""
    failed = [name for name, record in run.stages.items() if record.state == "failed"]
    stopped = f"The run stopped at {', '.join(failed)}; what was finished before is kept and shown."
    simulated = "All data in this report is simulated: the figures tell how the agent does in that simulation."
    code = f"revision {run.revision[:10]}" if run.revision else "no revision known"
    made = f"{when(run.started)}, in {duration(run.seconds)}, profile {run.profile}, {code}"
    return (
        Line("What it does", (run.description,)),
        *([Line("Data", (simulated,), "wait")] if run.simulated else []),
        Line("Criteria", verdict(run.criteria), _mood(run.criteria)),
        *([Line("Failed", (stopped,), "bad")] if failed else []),
        *_model(run),
        *_stream(run),
        *_alerts(run, alerts),
        Line("What to do next", standing(run, alerts).steps),
        Line("What changed", changed(run.changes) or ("Nothing was noted.",)),
        Line("Made", (made + (", with uncommitted changes." if run.dirty else "."),)),
    )


def _stream(run: Run) -> Iterator[Line]:
    """Say whether the agent's decisions were served or replayed, from when to when, by how many versions."""
    for record in run.stages.values():
        told = record.metrics
        if "stream" not in told:
            continue
        versions, span = told["stream_versions"], ""
        if told["stream_from"]:
            span = f" from {when(str(told['stream_from']))} to {when(str(told['stream_to']))}"
        by = f"by {versions} version{'' if versions == 1 else 's'} of the agent"
        yield Line("Stream", (f"{str(told['stream']).capitalize()}: {told['decisions']:,} decisions{span}, {by}.",))


def grouped(changes: Sequence[Change]) -> list[tuple[str, list[Change]]]:
    """Return changes by their kind, in their order."""
    return [(about, list(group)) for about, group in groupby(changes, lambda change: change.about)]


def changed(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return what changed in a few sentences; where many things of a kind did, how many."""
    sentences: list[str] = []
    for about, group in grouped(changes):
        if about == "followed" and sentences:
            continue  # its cause is said
        if len(group) > _FEW and about in _MANY:
            sentences.append(f"{len(group)} {_MANY[about]} changed, listed below.")
        else:
            sentences += [change.sentence for change in group]
    return tuple(sentence[:_LONGEST] for sentence in sentences)


def verdict(criteria: Sequence[CriterionRecord]) -> tuple[str, ...]:
    """Return how many criteria are met, missed and not yet tested, and which are missed."""
    if not criteria:
        return ("No acceptance criteria are stated.",)
    counts = Counter(criterion.verdict for criterion in sorted(criteria, key=lambda criterion: _ORDER[criterion.met]))
    parts = [f"{count} {word}" for word, count in counts.items()]
    missed = tuple(
        f"Missed, {criterion.measured}: “{criterion.text.rstrip('.')}”."
        for criterion in criteria
        if criterion.met is False
    )
    return (f"Of {len(criteria)} acceptance criteria: {', '.join(parts)}.", *missed)


def deciding(run: Run) -> StageRecord | None:
    """Return the stage that chose the champion."""
    return next((record for record in run.stages.values() if "champion" in record.metrics), None)


def numbers(metrics: Mapping[str, Any]) -> tuple[Number, ...]:
    """Return recorded results in reading form; ``x_low`` and ``x_high`` become the interval of ``x``.

    ``x_over``, what a gain is over, stands behind its name.

    What was not measured has no row, nor has what only tells that Loopbook itself works.
    """
    shown = []
    for name, value in metrics.items():
        if value is None or name in _INTERNAL:
            continue
        base = name.removesuffix("_low").removesuffix("_high").removesuffix("_over")
        if base != name and base in metrics:
            continue
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        interval = f"{number(low)} to {number(high)}" if low is not None and high is not None else ""
        if interval and low == high:
            interval = "none: all resamples agree"
        over = f": over “{_short(str(metrics[f'{name}_over']))}”" if metrics.get(f"{name}_over") else ""
        shown.append(Number(label(name) + over, number(value), interval, not isinstance(value, str)))
    return tuple(shown)


def label(name: str) -> str:
    """Return a metric's name in words: ``baseline_test_roc_auc`` is *Plain baseline: ROC AUC on test*."""
    prefix, where = "", ""
    for start, said in _STARTS.items():
        if name.startswith(start):
            name = name.removeprefix(start)
            prefix, where = (said, where) if said.endswith(" ") else (prefix, said)
    text = f"_{name}_"
    for metric in sorted(metrics.METRICS.values(), key=lambda metric: -len(metric.name)):
        text = text.replace(f"_{metric.name}_", f"_{metric.title}_")
    words = " ".join(_WORDS.get(word, word) for word in text.split("_") if word) + where
    return (prefix + (words[:1].upper() + words[1:] if not prefix else words))[:_LONGEST]


def criterion_label(name: str) -> str:
    """Return what a criterion measures in words, and which end of its interval, if it is one."""
    for ending, end in (("_low", "lower end"), ("_high", "upper end")):
        if name.endswith(ending):
            return f"{label(name.removesuffix(ending))}, {end}"
    return label(name)


def title(name: str) -> str:
    """Return the label of a metric that is named by stage and name."""
    return label(name.partition(" ")[2])


def number(value: Any) -> str:
    """Return a measured value in as few figures as tell it, never in powers of ten: 0.000066, or ``< 0.000001``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if not isinstance(value, float):
        return _short(str(value))
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 0.001:
        return f"{value:.4g}" if abs(value) >= 1 else f"{value:.3f}"
    if abs(value) < _NOTHING:
        return f"< {_LEAST:f}" if value > 0 else f"> -{_LEAST:f}"
    return f"{float(f'{value:.2g}'):.12f}".rstrip("0")


def setting(value: Any) -> str:
    """Return a value that somebody has chosen, exactly: two learning rates that differ are never shown as the same."""
    if isinstance(value, list):
        return _short(", ".join(map(setting, value)) or "none")
    if not isinstance(value, float):
        return number(value)
    if value and not _LEAST <= abs(value) < 1e15:
        return repr(value)
    whole, _, rest = f"{Decimal(repr(value)):,f}".partition(".")
    return f"{whole}.{rest.rstrip('0')}".rstrip(".")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


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
    """Return which model was chosen, how good it is, and what it gains over the best plain baseline."""
    record = deciding(run)
    champion = run.champion or (number(record.metrics["champion"]) if record else None)
    if champion is None or record is None:
        return [Line("Model", ("No model has been chosen yet.",), "wait")]
    figures, primary = record.metrics, metrics.primary(run.task)
    candidates = [stage.candidate for stage in run.stages.values() if stage.candidate]
    tuned = champion.removesuffix(", tuned")
    what = f" ({tuned} with the settings that the search found best)" if tuned != champion else ""
    chosen = f"The champion is {champion}{what}" + (
        f", from {len(candidates)} candidates." if len(candidates) > 1 else "."
    )
    tested = [f"test_{name}" for name in metrics.scores(run.task, ("full",)) if f"test_{name}" in figures]
    measured = [f"{label(name)} {number(figures[name])}{_between(figures, name)}" for name in tested]
    said = [f"{'; '.join(measured)}."] if measured else []
    # Where a single split would mislead, the difference over many folds stands for the one on the test.
    difference, of, folds = "paired_difference", primary.title, f"cv_{primary.name}"
    if folds in figures:
        difference, of = "cv_difference", label(folds)
        said.append(f"{of} {number(figures[folds])}{_between(figures, folds)}.")
    return [Line("Model", (chosen, *said)), *_gain(figures, champion, difference, of)]


def _gain(figures: Mapping[str, Any], champion: str, difference: str, of: str) -> list[Line]:
    """Say what the champion gains in a metric over the best plain baseline, if that was measured."""
    gain, baseline = measured(figures, difference), figures.get("baseline")
    if gain is None:
        return []
    than = "the best plain baseline" + (f" ({baseline})" if baseline else "")
    if champion == baseline:
        return [Line("Gain", ("A plain baseline is the best model here; no network beat it.",), "wait")]
    said = f"{number(gain.value)} in {of}{_between(figures, difference)}"
    text, mood = {
        "equal": (f"No better than {than}: equal on every row.", "wait"),
        "worse": (f"Worse than {than}, beyond chance: {said}.", "bad"),
        "better": (f"Better than {than}, beyond chance: {said}.", "good"),
    }.get(gain.word, (f"No difference beyond chance from {than}: {said}.", "wait"))
    return [Line("Gain", (text,), mood)]


def _alerts(run: Run, alerts: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Count the open alerts and name the three dearest."""
    if not alerts:
        return []
    costs = [f" {amount(alert['cost'], run)} so far." if alert.get("cost") is not None else "" for alert in alerts]
    dearest = tuple(f"{alert['title']}{cost}" for alert, cost in zip(alerts[:_DEAREST], costs, strict=False))
    more = f"; the {_DEAREST} dearest:" if len(alerts) > _DEAREST else "."
    return [Line("Alerts", (f"{len(alerts)} open when this run ended{more}", *dearest), "bad")]


def amount(value: float, run: Run) -> str:
    """Return an amount with its currency; a negative cost is called a gain."""
    said = f"{number(abs(value))} {run.resolved.get('currency', '')}".rstrip()
    return f"{said} gained" if value < 0 else said


def _between(metrics: Mapping[str, Any], name: str) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if low is not None and low == high:
        return " (no interval: all resamples agree)"
    return f" (95% interval {number(low)} to {number(high)})" if low is not None and high is not None else ""


def _mood(criteria: Sequence[CriterionRecord]) -> str:
    if any(criterion.met is False for criterion in criteria):
        return "bad"
    return "good" if criteria and all(criterion.met for criterion in criteria) else "wait"
