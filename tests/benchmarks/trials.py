"""Live trials: how often a better challenger is promoted by the sequential test, and how often an equal one is.

    python -m tests.benchmarks.trials [--trials 100]

Simulated traffic of market-monitor's costs: a quarter of the rows are alarming; the champion's action is wrong on 15 %
of the rows. A better challenger puts 45 % of these right and gets 2 % of the others wrong (10 % wrong in all), a worse
one is the champion of that pair; an equal one puts 30 % right and gets as many wrong. Half of the rows get an outcome.
In shadow both decide 6,000 rows, by share each half of 12,000. A trial is looked at after every outcome, which costs an
ordinary test its error rate: beside it stands a t-test at 5 %, one-sided, looked at every 50 outcomes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from scipy import stats

from loopbook.decisions.audit.entry import Stored
from loopbook.feedback import live_comparison
from loopbook.feedback.live_comparison import Comparison, Mode
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.statistics.coin import coin
from loopbook.statistics.intervals import wilson
from loopbook.store.project import Project

BETTER, EQUAL, WORSE = "better", "equal", "worse"
ROWS = {"shadow": 6_000, "share": 12_000}
KNOWN = 0.5
_BEGAN = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Traffic:
    """Entries of one simulated trial: decisions, shadows, and what was right of some."""

    decided: list[Stored]
    shadows: list[Stored]
    right: dict[str, tuple[datetime, Any]]


def simulate(scenario: Scenario, kind: str, mode: Mode, rows: int, seed: int, share: float = 0.5) -> Traffic:
    """Return the traffic of a trial."""
    rng = np.random.default_rng(seed)
    no, yes = scenario.task.label.classes
    truth, known = rng.random(rows) < 0.25, rng.random(rows) < KNOWN
    wrong = rng.random(rows) < 0.15
    mended, broken = (0.3, 0.3 * 0.15 / 0.85) if kind == EQUAL else (0.45, 0.02)
    other = np.where(wrong, rng.random(rows) >= mended, rng.random(rows) < broken)
    if kind == WORSE:
        wrong, other = other, wrong
    actions = [scenario.task.actions[int(act)] for act in truth ^ wrong]
    others = [scenario.task.actions[int(act)] for act in truth ^ other]
    decided, shadows, right = [], [], {}
    scores = {no: 0.5, yes: 0.5}
    for at in range(rows):
        theirs = mode == "share" and coin(f"{seed} {at}") < share
        mark = {"id": "t", "arm": "challenger" if theirs else "champion", "mode": mode, "share": share}
        facts = {"action": others[at] if theirs else actions[at], "scores": scores, "trial": mark}
        decided.append(Stored("decision", f"d{at}", facts, {"row_id": f"r{at}"}))
        if mode == "shadow":
            shadows.append(Stored("shadow", f"s{at}", {**facts, "action": others[at], "decision_id": f"d{at}"}))
        if known[at]:
            right[f"d{at}"] = _BEGAN + timedelta(seconds=at), yes if truth[at] else no
    return Traffic(decided, shadows, right)


def judge(scenario: Scenario, traffic: Traffic, error: float = 0.05) -> Comparison:
    """Return what the sequential test says in the end; it holds at every outcome before."""
    return live_comparison.compare(traffic.decided, traffic.shadows, traffic.right, scenario, error)


def peeked(scenario: Scenario, traffic: Traffic) -> bool:
    """Say whether a one-sided t-test at 5 %, looked at every 50 outcomes, ever calls the challenger better (shadow)."""
    facts = [(own.facts, beside.facts) for own, beside in zip(traffic.decided, traffic.shadows, strict=True)]
    costs = scenario.decisions.costs
    no, _ = scenario.task.label.classes
    idle = scenario.task.actions[0]

    def lost(action: str, label: str) -> float:
        rows = (costs.true_negative, costs.false_negative), (costs.false_positive, costs.true_positive)
        return float(rows[action != idle][label != no])

    pairs = [
        lost(own["action"], traffic.right[f"d{at}"][1]) - lost(beside["action"], traffic.right[f"d{at}"][1])
        for at, (own, beside) in enumerate(facts)
        if f"d{at}" in traffic.right
    ]
    return any(
        np.std(pairs[:many]) > 0 and stats.ttest_1samp(pairs[:many], 0, alternative="greater").pvalue < 0.05
        for many in range(50, len(pairs), 50)
    )


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    many = parser.parse_args().trials
    scenario = loading.load("market-monitor", Project.find().scenarios, "standard")
    for mode in ("shadow", "share"):
        for kind in (BETTER, EQUAL, WORSE):
            worlds = [simulate(scenario, kind, mode, ROWS[mode], seed) for seed in range(many)]  # type: ignore[arg-type]
            found = [judge(scenario, traffic).test for traffic in worlds]
            rates = {
                name: wilson(np.mean([test.finding == name for test in found]), many)
                for name in (BETTER, WORSE, "open")
            }
            told = "   ".join(
                f"{name} {rate:.0%} ({low:.0%} to {high:.0%})" for name, (rate, low, high) in rates.items()
            )
            soon = [test.at for test in found if test.finding != "open"]
            after = f"   after {np.median(soon):,.0f} outcomes (median)" if soon else ""
            print(f"{mode}, {kind}: {told}{after}", flush=True)
            if mode == "shadow" and kind == EQUAL:
                rate, low, high = wilson(np.mean([peeked(scenario, traffic) for traffic in worlds]), many)
                print(
                    f"    a t-test looked at every 50 outcomes: better {rate:.0%} ({low:.0%} to {high:.0%})", flush=True
                )


if __name__ == "__main__":
    main()
