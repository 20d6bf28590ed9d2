"""Policy costs with their intervals, and alerts, read from the artifacts of the stages that wrote them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.comparison import artifacts
from loopbook.comparison.standing import difference, open_alerts
from loopbook.reports import chart
from loopbook.reports.overview import number
from loopbook.store.records import Run

_SHOWN = 50  # alerts that a page lists
_FAR = 5  # times the middle cost beyond which a policy is listed, but not drawn

_UNTOLD = {"until": "", "told": False, "expected_cost": None, "associated": "", "words": "", "rows": ""}
"""What alerts of an older run do not say."""
_QUALITIES = {"precision": "Precision", "recall": "Recall", "accuracy": "Accuracy", "macro_f1": "Macro-F1"}
"""What is shown of a policy besides money: the first two that it has; with two classes all but the last."""


def money(run: Run, data: Path) -> dict[str, Any] | None:
    """Return the policies held against each other; None if the run has no such artifact (any more).

    Returns
    -------
    dict or None
        ``finding`` is the sentence that says it, ``drawing`` the costs, ``policies`` the rows of the artifact, the
        cheapest first, each with whether it is ``chosen`` and its interval as a text ``between``; ``qualities`` the
        names and titles of two more columns of them.
    """
    found = artifacts.rows(run, data, artifacts.POLICIES)
    if found is None or not found[1]:
        return None
    stage, rows = found
    taken = stage.metrics.get("policy")
    judged = ({**row, "chosen": row["policy"] == taken, "between": chart.span(row["low"], row["high"])} for row in rows)
    policies = sorted(judged, key=lambda row: row["cost"])
    middle = policies[len(policies) // 2]["cost"]
    drawn = [row for row in policies if row["cost"] <= _FAR * max(middle, 0) or row["chosen"]]
    currency = str(run.resolved.get("currency", ""))
    finding = _finding(policies, stage.metrics, currency)
    bars = [(row["policy"], row["cost"], row["low"], row["high"]) for row in drawn]
    title = f"Cost a decision{f', {currency}' if currency else ''}, with its 95% interval"
    drawing = chart.intervals(title, bars, [str(taken)], alt=f"{title}. {finding}")
    qualities = [(name, title) for name, title in _QUALITIES.items() if name in rows[0]][:2]
    return {"finding": finding, "drawing": drawing, "policies": policies, "currency": currency, "qualities": qualities}


def alerts(run: Run, data: Path) -> dict[str, Any] | None:
    """Return the alerts of a run; None if the run has no such artifact (any more).

    Returns
    -------
    dict or None
        ``rows`` of the artifact, each with the interval of its cost as a text ``between``; ``left_out`` is how many a
        page has no room for, ``open`` how many of all still lasted when the run ended.
    """
    found = artifacts.rows(run, data, artifacts.ALERTS)
    if found is None:
        return None
    _, rows = found
    shown = [
        {**_UNTOLD, **row, "between": chart.span(row.get("cost_low"), row.get("cost_high"))} for row in rows[:_SHOWN]
    ]
    shown.sort(key=lambda row: (bool(row.get("told")), bool(row["until"]), -(row.get("expected_cost") or 0.0)))
    return {
        "rows": shown,
        "left_out": len(rows) - len(shown),
        "open": len(open_alerts(run, data)),
        "currency": run.resolved.get("currency", ""),
    }


def _finding(policies: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any], currency: str) -> str:
    money = f" {currency}" if currency else ""
    cheapest = policies[0]
    chosen = next((row for row in policies if row["chosen"]), None)
    least = f"{number(cheapest['cost'])}{money}"
    if chosen is None or chosen is cheapest:
        said = f"{cheapest['policy']}{', which the agent follows,' if chosen else ''} is the cheapest: "
        said += f"{least} a decision{chart.bracketed(cheapest['low'], cheapest['high'])}."
    else:
        said = f"The agent follows {chosen['policy']}: {number(chosen['cost'])}{money} a decision"
        said += f"{chart.bracketed(chosen['low'], chosen['high'])}; on these rows {cheapest['policy']} would have been "
        said += f"cheapest, {least}."
    saving = difference(metrics, "saving_per_decision")
    if saving is not None and saving.low is not None:
        sure = {"better": "it saves", "worse": "it loses"}.get(saving.word, "there is no difference beyond chance:")
        value = abs(saving.value) if saving.word == "worse" else saving.value
        ends = (saving.low, saving.high) if saving.word != "worse" else (-(saving.high or 0.0), -saving.low)
        beyond = ", beyond chance" if saving.word in ("better", "worse") else " saved"
        said += f" Against the cheapest without a model {sure} {number(value)}{money} a decision{beyond}"
        said += f"{chart.bracketed(*ends)}."
    if any(row["cost"] < 0 for row in policies):
        said += " A cost below zero is a gain: the scenario says that an outcome brings money in."
    return said[:1].upper() + said[1:]
