"""Rule induction: words or fields under which the agent has kept deciding wrongly, judged in money and by lift."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import column
from loopbook.decisions import costs as money
from loopbook.decisions import rules
from loopbook.decisions.language import symbols, words
from loopbook.scenario.contract import Scenario
from loopbook.scenario.decisions import Rule
from loopbook.scenario.task import Anomaly, Task
from loopbook.statistics import bootstrap, targets
from loopbook.statistics.coin import coin

LEAST = 12
"""Rows with a known label under a rule, in each half, below which nothing is proposed."""

_CLEAR = 3.0  # standard errors that a saving must be above zero where rules are looked for, since there are many
_TRIED = 6  # rules that are then judged on the other half
_MOST = 3  # rules that are proposed
_RESAMPLES, _SEED = 2_000, 1
_CUTS = (0.05, 0.1, 0.2, 0.8, 0.9, 0.95)
_COMMON = 0.3  # a word in more texts than this share is no sign of anything
_REFUSED = re.compile(r"[\"\\\n]")

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FoundRule:
    """A rule and what it would have saved on rows that it was not found on.

    Attributes
    ----------
    name, rule
        As they would be approved.
    rows
        Rows with a known label, of the half by which it was judged, under which it holds.
    changed
        How many of these it would have decided otherwise.
    saving, low, high
        Saving a decision over that whole half, with an interval of 95% for all rules that were judged together.
    precision, lift
        Share of the rows under it for which its action is the right one, and how many times as often that is as over
        the whole half.
    """

    name: str
    rule: Rule
    rows: int
    changed: int
    saving: float
    low: float
    high: float
    precision: float
    lift: float


def search(decisions: pd.DataFrame, known: Mapping[str, Any], scenario: Scenario) -> list[FoundRule]:
    """Return the rules that save money beyond chance, the best first; often there is none.

    Groups are dealt into two halves; of anomalies these are weeks, since windows look back on each other's hours, and
    one failure is one however many windows it has. On one half, every word, category and cut of a number is tried as a
    rule for each action, before the model is asked; the few clearest are judged on the other, with the rule engine that
    would apply them. Rules that hold where a better one already does must save on the rows that are left.

    Parameters
    ----------
    decisions
        The decision log: `row_id`, `action`, `reviewed`, `label` (for its type) and the task's fields.
    known
        Labels that are known by now (outcomes and accepted answers of users), by `row_id`.
    scenario
        The fields and actions of its task are what a rule can name; its costs judge.
    """
    task, kind = scenario.task, decisions["label"].dtype
    label = pd.Series([known.get(row) for row in decisions["row_id"].astype(str)], index=decisions.index, dtype=kind)
    side, label = decisions[label.notna()].reset_index(drop=True), label[label.notna()]
    prices = money.of(scenario.decisions.costs, task, targets.classes(label, task))
    truth = prices.truth(label, task)
    if len(side) < 4 * LEAST:
        return []
    group = (side["group"] if "group" in side else side["row_id"]).astype(str)
    if isinstance(task, Anomaly) and side["time"].notna().all():
        group = side["time"].dt.strftime("%G-%V")
    half = group.map(lambda name: coin(f"rules {_SEED} {name}") < 0.5).to_numpy(dtype=bool)
    each = prices.by_row(truth).T
    savings, suits = _spent(side, prices, truth) - each, each <= each.min(axis=0)
    seen = ((text, mask & half) for text, mask in _conditions(side, half, task))
    scored = [
        (score, text, act)
        for text, rows in seen
        if rows.sum() >= LEAST
        for act, score in enumerate(_scores(savings[:, rows], int(half.sum())))
    ]
    clear = [found for found in scored if found[0] >= _CLEAR]
    tried = sorted(clear, key=lambda found: (-found[0], found[1]))[:_TRIED]
    judged, gains, suited = side[~half].reset_index(drop=True), savings[:, ~half], suits[:, ~half]
    found: list[FoundRule] = []
    left = np.ones(len(judged), dtype=bool)
    for _, text, act in tried:
        rule = Rule(when=text, action=prices.actions[act], position="before")
        name = _name(text, prices.actions[act])
        (compiled,) = rules.read({name: rule}, task, "a rule that feedback proposes", prices.actions)
        holds = compiled.holds(judged) & left
        saved = np.where(holds, gains[act], 0.0)
        if holds.sum() < LEAST or len(found) >= _MOST:
            continue
        gain = bootstrap.mean(saved, group[~half].to_numpy(), _RESAMPLES, _SEED, level=0.05 / len(tried))
        if gain.low > 0:
            precision, usual = float(suited[act][holds].mean()), float(suited[act].mean())
            lift = precision / usual if usual else float("nan")
            found.append(FoundRule(name, rule, int(holds.sum()), int((saved != 0).sum()), *gain, precision, lift))
            left &= ~holds
    return sorted(found, key=lambda rule: -rule.saving)


def _spent(side: pd.DataFrame, prices: money.CostMatrix, truth: NDArray[Any]) -> Floats:
    """Return what each decision has cost; of one that waits for a person what the right action will."""
    action = prices.index(side["action"])
    return prices.realised(np.where(action < 0, prices.should(truth), action), truth, side["reviewed"])


def _conditions(side: pd.DataFrame, half: Mask, task: Task) -> Iterator[tuple[str, Mask]]:
    """Yield expressions, and where they hold: bool [n]. Only the half on which rules are looked for names them."""
    if task.text_fields:
        found = pd.Series([list(row) for row in words(side, task.text_fields)], dtype=object).explode()
        for word, rows in found.groupby(found).groups.items():
            mask = np.zeros(len(side), dtype=bool)
            mask[rows] = True
            if LEAST <= (mask & half).sum() <= _COMMON * half.sum() and not _REFUSED.search(str(word)):
                yield f'"{word}" in words', mask
    for symbol in symbols(task).values():
        kind = task.fields.get(symbol.fields[0]) if len(symbol.fields) == 1 else None
        if kind == "number" and symbol.kind == "number":
            values = column(side, symbol.fields[0]).to_numpy(dtype=np.float64, na_value=np.nan)
            known = values[half & np.isfinite(values)]
            for cut in dict.fromkeys(f"{end:.4g}" for end in (np.quantile(known, _CUTS) if len(known) else ())):
                yield f"{symbol.name} > {cut}", values > float(cut)
                yield f"{symbol.name} <= {cut}", values <= float(cut)
        elif kind == "category" and symbol.kind == "text":
            texts = column(side, symbol.fields[0]).astype(str)
            fit = (value for value in sorted(set(texts[half])) if 0 < len(value) <= 60 and not _REFUSED.search(value))
            yield from ((f'{symbol.name} == "{value}"', (texts == value).to_numpy(dtype=bool)) for value in fit)


def _scores(saved: Floats, count: int) -> list[float]:
    """Return by action the mean saving over `count` rows in standard errors, 0 if nothing would change.

    `saved` are the savings by action on the rows under a rule; on all others there is none.
    """
    mean, square = saved.sum(axis=1) / count, (saved**2).sum(axis=1) / count
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    clear = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 1e-9 * np.abs(mean))
    return [float(score) for score in clear * np.sqrt(count)]


def _name(text: str, action: str) -> str:
    plain = re.sub(r"[^\w .-]", "", text.replace('" in words', "").replace(">", "above").replace("<=", "at most"))
    return re.sub(r"\s+", " ", f"{action} on {plain}").strip()[:80]
