"""Rules are found where the agent keeps deciding wrongly, judged on other rows, and not found in noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from loopbook.decisions import costs, rules
from loopbook.feedback import rule_search
from loopbook.scenario.contract import Scenario
from loopbook.scenario.decisions import Costs

PRICES = Costs(false_positive=1, false_negative=5)


def planted(decide: Callable[..., pd.DataFrame], seed: int = 0) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return a log in which everything with the word ransomware was left alone although it was grave."""
    log = decide(1_200, seed=seed)
    random = np.random.default_rng(seed)
    hit = random.random(len(log)) < 0.08
    label = np.where(hit, 1, log["label"].astype(int))
    action = np.where(hit, "leave", np.where(label == 1, "act", "leave"))
    text = np.where(hit, "Ransomware", "An ordinary day")
    changed = log.assign(action=action, text=text, label=pd.array(label, dtype="Int8"))
    return changed, dict(zip(log["row_id"], map(int, label), strict=True))


def test_a_word_under_which_the_agent_is_always_wrong_becomes_a_rule(
    decide: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    log, known = planted(decide)
    found = rule_search.search(log, known, scenario.task, PRICES)
    first = found[0]
    assert (first.rule.when, first.rule.action) == ('"ransomware" in words', "act")
    assert 0 < first.low < first.saving < first.high
    assert first.changed == first.rows > 20
    # By a second method: what the rule saves on the whole log is about what it saved on the half it was judged by.
    (compiled,) = rules.read({first.name: first.rule}, scenario.task)
    holds = compiled.holds(log)
    label = log["label"].astype(int)
    before = costs.realised(PRICES, log["action"] == "act", label).mean()
    after = costs.realised(PRICES, (log["action"] == "act") | holds, label).mean()
    assert first.low < before - after < first.high


def test_fields_and_numbers_can_be_rules_too(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log = decide(1_200).assign(action="act")
    label = (log["size"] > 1.5).astype(int)
    found = rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), scenario.task, PRICES)
    assert any(one.rule.when.startswith("size <=") and one.rule.action == "leave" for one in found)
    label = (log["place"] == "north").astype(int)
    found = rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), scenario.task, PRICES)
    assert any(one.rule.when == 'place == "south"' and one.rule.action == "leave" for one in found)


def test_noise_is_no_rule(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    words = [f"word{chr(97 + at)}" for at in range(26)]
    found = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        log = decide(600, seed=seed)
        texts = [" ".join(random.choice(words, 4)) for _ in range(len(log))]
        label = random.integers(0, 2, len(log))
        log = log.assign(
            text=texts, action=random.choice(["act", "leave"], len(log)), size=random.normal(size=len(log))
        )
        even = Costs(false_positive=1, false_negative=1)
        found += len(rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), scenario.task, even))
    assert found <= 1


def test_few_known_labels_give_no_rule(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log, known = planted(decide)
    assert rule_search.search(log, dict(list(known.items())[:30]), scenario.task, PRICES) == []
    assert rule_search.search(log, {}, scenario.task, PRICES) == []


def test_hostile_values_do_not_break_out_of_the_expression(
    decide: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    log = decide(1_200)
    hostile = 'north" or true or place == "'
    log = log.assign(place=np.where(log["place"] == "north", hostile, "south"), action="act")
    label = (log["place"] == "south").astype(int)
    found = rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), scenario.task, PRICES)
    assert all(hostile not in one.rule.when for one in found)
