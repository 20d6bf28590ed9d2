"""Standing of a run: one sentence that says whether it is ready, and one action for each thing that is wrong."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loopbook.comparison import artifacts
from loopbook.store.records import SMOKE, Run, StageRecord

Mood = Literal["good", "wait", "bad"]

_FEW_ROWS = 100
"""Judged rows below which a share is not known to within ten points either way (1.96 · 0.5 / √100)."""
_ACTIONS = {
    "01_requirements": "ask those who need the agent whether a model is needed",
    "02_data": "mend the source, or the rules that clean it",
    "03_training": "train longer, on more rows, or another candidate",
    "04_optimization": "add candidates, inputs or rows",
    "05_decisions": "look at costs, threshold and review capacity",
    "06_monitoring": "look at what the watch raised, and at its settings",
    "07_feedback": "look at what users said before anything is approved",
}


@dataclass(frozen=True)
class Difference:
    """What something gains over something plain, positive where better, with a 95% interval where there is one."""

    value: float
    low: float | None
    high: float | None

    @property
    def word(self) -> Literal["better", "worse", "no difference beyond chance", "equal"]:
        """What the interval allows to say: a difference only if there is one and all of it lies on one side of zero."""
        if self.value == (self.low or 0) == (self.high or 0) == 0:
            return "equal"
        low, high = (0.0 if end is None else end for end in (self.low, self.high))
        if low > 0:
            return "better"
        return "worse" if high < 0 else "no difference beyond chance"


@dataclass(frozen=True)
class Standing:
    """Where a run stands; `steps` are what to do next, the most urgent first."""

    sentence: str
    mood: Mood
    steps: tuple[str, ...]


@dataclass(frozen=True)
class _Finding:
    """Something that stands between a run and its trial: a few words for the sentence, and the action."""

    words: str
    step: str
    mood: Mood = "bad"


def difference(figures: Mapping[str, Any], *names: str) -> Difference | None:
    """Return the first of these differences that was recorded as a number."""
    for name in names:
        value, *ends = (figures.get(f"{name}{end}") for end in ("", "_low", "_high"))
        if isinstance(value, int | float):
            low, high = (float(end) if isinstance(end, int | float) else None for end in ends)
            return Difference(float(value), low, high)
    return None


def open_alerts(run: Run, data: Path) -> tuple[dict[str, Any], ...]:
    """Return the alerts of a run that still lasted when it ended, the dearest first; good news is none."""
    found = artifacts.rows(run, data, artifacts.ALERTS)
    rows = [row for row in found[1] if not row.get("until") and not row.get("told")] if found else []
    return tuple(sorted(rows, key=lambda row: -(row.get("cost") or 0.0)))


def standing(run: Run, alerts: Sequence[Mapping[str, Any]]) -> Standing:
    """Weigh criteria, baselines, alerts, profile and rows of a run; `alerts` are the open ones, the dearest first."""
    failed = [record for record in run.stages.values() if record.state == "failed"]
    found = [*_stages(failed), *_profile(run), *_criteria(run), *_baselines(run), *_alerts(alerts), *_rows(run)]
    steps = tuple(finding.step for finding in found)
    words = ", ".join(finding.words for finding in found if finding.words)
    if failed:
        return Standing(f"Not finished: {words}.", "bad", steps)
    if run.profile == SMOKE:
        rest = f" Besides: {words}." if words else ""
        return Standing(f"Not judged: a smoke run only shows that everything runs.{rest}", "wait", steps)
    if any(finding.mood == "bad" for finding in found):
        return Standing(f"Not ready: {words}.", "bad", steps)
    if found:
        return Standing(f"Not ready yet: {words}.", "wait", steps)
    held = f"all {len(run.criteria)} criteria met, no alert open when this run ended"
    if run.simulated:
        step = "Point the scenario's source at real data, and run again: a simulation cannot speak for real users."
        return Standing(f"Ready in simulation: {held}.", "good", (step,))
    return Standing(
        f"Ready for a trial: {held}.",
        "good",
        (f"{run.champion or 'The champion'} can go on to a trial with real users.",),
    )


def _stages(failed: Sequence[StageRecord]) -> Iterator[_Finding]:
    for record in failed:
        message = record.error.message.strip().partition("\n")[0] if record.error else ""
        yield _Finding(f"{record.name} failed", f"Mend {record.name}: {message}")


def _profile(run: Run) -> Iterator[_Finding]:
    if run.profile == SMOKE:
        yield _Finding("", f"Run it in earnest, which judges the criteria: make SCENARIO={run.scenario}", "wait")


def _criteria(run: Run) -> Iterator[_Finding]:
    missed = [criterion for criterion in run.criteria if criterion.met is False]
    for number, criterion in enumerate(missed):
        action = _ACTIONS.get(criterion.stage, "look at its page")
        yield _Finding(
            "" if number else f"{len(missed)} of {len(run.criteria)} criteria missed",
            f"“{criterion.text.rstrip('.')}”: {criterion.measured}. In {criterion.stage}: {action}.",
        )
    if any(record.metrics.get("fresh_rows") is False for record in run.stages.values()):
        yield _Finding(
            "no fresh rows to judge by",
            "The agent has lived through all its windows: what was approved last was found on the rows that 05 judges "
            "by, so its figures flatter and its criteria are not tested. Bring newer rows.",
            "wait",
        )
    untested = [criterion for criterion in run.criteria if criterion.met is None and not criterion.untested]
    if untested:
        stages = ", ".join(sorted({criterion.stage for criterion in untested}))
        yield _Finding(
            f"{len(untested)} of {len(run.criteria)} criteria not tested yet",
            f"Some criteria are not tested yet; their evidence comes from {stages}.",
            "wait",
        )
    if not run.criteria:
        yield _Finding("no criteria are stated", "State acceptance criteria in the scenario's stories.", "wait")


def _baselines(run: Run) -> Iterator[_Finding]:
    """Compare the champion with the plain baseline, and its decisions with always or never acting."""
    figures = {name: value for record in run.stages.values() if not record.candidate
               for name, value in record.metrics.items()}  # fmt: skip
    champion, baseline = figures.get("champion"), figures.get("baseline")
    gain = difference(figures, "cv_difference", "paired_difference")
    if gain is not None and champion != baseline and gain.word != "better":
        worse, than = gain.word == "worse", {"worse": " than", "equal": " to"}.get(gain.word, " from")
        yield _Finding(
            f"{gain.word}{than} a plain baseline",
            f"Prefer {baseline or 'the plain baseline'}, which is simpler"
            + (" and better" if worse else ", or show on more rows that the champion is better")
            + ".",
            "bad" if worse else "wait",
        )
    saving = difference(figures, "cv_saving", "saving_per_decision")
    if saving is not None and saving.word != "better":
        worse = saving.word == "worse"
        yield _Finding(
            "dearer than deciding without a model" if worse else "no saving beyond chance",
            "Check the costs in the scenario and the policy in 05: what needs no model "
            + ("is cheaper." if worse else "may be as cheap."),
            "bad" if worse else "wait",
        )


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> Iterator[_Finding]:
    """Count the alerts as the run left them, whatever people have said of them since."""
    unfair = [alert for alert in alerts if alert.get("cause") == "fairness"]
    others = [alert for alert in alerts if alert not in unfair]
    counts = [_many(len(unfair), "fairness alert")] if unfair else []
    counts += [_many(len(others), "other alert" if unfair else "alert")] if others else []
    words = f"{' and '.join(counts)} open when this run ended"
    if unfair:
        named = "; ".join(str(alert["title"]).rstrip(".") for alert in unfair[:3])
        yield _Finding(
            words,
            f"Find out why groups are treated differently before anybody is decided about: {named}.",
        )
    if others:
        yield _Finding("" if unfair else words, "Look into the open alerts, the dearest first.")


def _rows(run: Run) -> Iterator[_Finding]:
    """Say where criteria hang on few rows; a cross-validation judges by all of them."""
    data = next((record for record in run.stages.values() if record.number("rows_test") is not None), None)
    if data is None:
        return
    folds = any(name.startswith("cv_") for record in run.stages.values() for name in record.metrics)
    rows = int(data.number("rows" if folds else "rows_test") or 0)
    if rows < _FEW_ROWS:
        apart = math.ceil(98 / math.sqrt(max(1, rows)))
        yield _Finding(
            f"judged on {rows} rows only",
            f"Bring more rows: on {rows} a share is not known to within {apart} points either way.",
            "wait",
        )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
