"""What monitoring finds: every injected effect over seeds of the simulated world, and alerts where nothing happened.

    python tests/benchmarks/monitoring.py --first 1 --last 10

A cheap stand-in plays the model: TF-IDF with logistic regression, trained on the first 60% of the rows. The next 14%
are the reference, the last 22% the stream, as in the scenario market-monitor. On effect-free worlds the styles are
shuffled, so that nothing is there to find in fairness either; every alert counts as false. "unequal recall" takes a
share of casual serious posts away from the stand-in: how well fairness finds a gap that the texts alone may not make.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta, chi2
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from loopbook.data.features import tokenize
from loopbook.decisions.costs import of
from loopbook.monitoring import scoring
from loopbook.monitoring.timeline import prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.source import SimulationSource
from loopbook.simulation.world import simulate

SCENARIOS = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios"
TRAIN, REFERENCE, STREAM = 0.60, 0.14, 0.22
GAP = 0.15
"""Share of the casual style's serious posts of which the stand-in sees nothing, for "unequal recall"."""


def standin(posts: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Return the training texts, and the later rows with the stand-in's probabilities."""
    end = round(TRAIN * len(posts))
    train, rest = posts.iloc[:end], posts.iloc[end:]
    words = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, tokenizer=tokenize, token_pattern=None, lowercase=False
    )
    model = LogisticRegression(max_iter=1000, C=3.0).fit(words.fit_transform(train["text"]), train["alert"])
    rest = rest.assign(probability=model.predict_proba(words.transform(rest["text"]))[:, 1])
    return train["text"], rest.rename(columns={"alert": "label"})


def monitor(texts: pd.Series, rest: pd.DataFrame, rows: int, scenario: Scenario) -> Watch:
    """Decide by the cost threshold and watch the stream."""
    at = of(scenario.decisions.costs, scenario.task).threshold
    no, yes = scenario.task.actions
    rest = rest.assign(action=np.where(rest["probability"] >= at, yes, no))
    reference, stream = rest.iloc[: round(REFERENCE * rows)], rest.iloc[-round(STREAM * rows) :]
    return watch(prepare(stream, reference, scenario), texts)


def unequal(rest: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Give a share of the casual serious posts the probability of a casual post that is not serious."""
    rng = np.random.default_rng(seed)
    probability = rest["probability"].to_numpy(copy=True)
    casual, serious = (rest["style"] == "casual").to_numpy(), (rest["label"] == 1).to_numpy()
    hidden = np.flatnonzero(casual & serious & (rng.random(len(rest)) < GAP))
    probability[hidden] = rng.choice(probability[casual & ~serious], len(hidden))
    return rest.assign(probability=probability)


def shares(found: int, of: int) -> str:
    """Return a count with its exact 95% interval (Clopper & Pearson 1934)."""
    low = beta.ppf(0.025, found, of - found + 1) if found else 0.0
    high = beta.ppf(0.975, found + 1, of - found) if found < of else 1.0
    return f"{found} of {of} [{low:.2f}, {high:.2f}]"


def rate(events: int, days: int) -> tuple[float, float, float]:
    """Return events a hundred days with the exact Poisson interval (Garwood 1936)."""
    low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
    return tuple(100 * count / days for count in (events, low, chi2.ppf(0.975, 2 * events + 2) / 2))


def main() -> None:
    """Print the tables for some seeds."""
    parser = argparse.ArgumentParser(description="What monitoring finds, by seed.")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=10)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--quiet", type=int, default=1, help="effect-free worlds for each seed")
    given = parser.parse_args()
    scenario = load("market-monitor", SCENARIOS)
    status: dict[str, Counter[str]] = {}
    delays: dict[str, list[float]] = {}
    verdicts: Counter[str] = Counter()
    false, days, seconds = [], 0, []

    def count(kind: str, what: str, delay: float) -> None:
        status.setdefault(kind, Counter())[what] += 1
        if delay == delay:
            delays.setdefault(kind, []).append(delay)

    for seed in range(given.first, given.last + 1):
        world = simulate(SimulationSource(kind="simulation", rows=given.rows, seed=seed))
        texts, rest = standin(world.posts)
        start = SimulationSource(kind="simulation").start
        begin = time.perf_counter()
        seen = monitor(texts, rest, given.rows, scenario)
        seconds.append(time.perf_counter() - begin)
        scored, judged = scoring.score(seen.log, seen.alerts, world.truth.effects, start)
        verdicts.update(judged["verdict"])
        for row in scored.itertuples():
            count(str(row.effect), str(row.status), float(row.delay))
        odd = judged[judged["verdict"] != "right"]
        print(
            f"seed {seed}:",
            ", ".join(f"{row.effect} {row.status} {row.delay:g}" for row in scored.itertuples()),
            flush=True,
        )
        for row in odd.itertuples():
            print(f"    {row.verdict}: {row.title} {row.evidence}")
        gap = monitor(texts, unequal(rest, seed), given.rows, scenario)
        fair = gap.alerts[gap.alerts["cause"] == "fairness"]
        count("unequal recall", "found" if len(fair) else "missed", float(fair["named"].min()) if len(fair) else np.nan)
        for copy in range(given.quiet):
            quiet = simulate(
                SimulationSource(kind="simulation", rows=given.rows, seed=seed + 1000 * copy, effects=False)
            )
            texts, rest = standin(quiet.posts)
            rng = np.random.default_rng(seed)
            rest = rest.assign(style=rng.permutation(rest["style"].to_numpy()))
            calm = monitor(texts, rest, given.rows, scenario)
            days += calm.log.stream.days
            false.append(len(calm.alerts))
            for row in calm.alerts.itertuples():
                print(f"    false alarm without effects (world {seed + 1000 * copy}): {row.title} {row.evidence}")
    print(f"\n{'effect':16}{'found':34}{'late':>6}{'missed':>8}{'absent':>8}   delay in days: median, longest")
    for kind, counts in status.items():
        there = sum(counts.values()) - counts["absent"]
        waited = delays.get(kind, [])
        delay = f"{np.median(waited):g}, {max(waited):g}" if waited else "-"
        shown = shares(counts["found"], there) if there else "-"
        print(f"{kind:16}{shown:34}{counts['late']:>6}{counts['missed']:>8}{counts['absent']:>8}   {delay}")
    print("alerts in worlds with effects:", dict(verdicts))
    value, low, high = rate(sum(false), days)
    promised = scenario.monitoring.false_alarms
    print(
        f"without effects: {sum(false)} alerts in {len(false)} streams of together {days} days: {value:.2f} a hundred"
        f" days [{low:.2f}, {high:.2f}], promised at most {promised:g}"
    )
    print(f"a watch takes {np.median(seconds):.1f} s (longest {max(seconds):.1f} s)")


if __name__ == "__main__":
    main()
