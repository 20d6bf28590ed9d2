"""Rules are found where the agent keeps deciding wrongly, judged on other rows, and not found in noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.feedback.conftest import known as known_of
from tests.feedback.conftest import sorted_log

from loopbook.decisions import costs, rules
from loopbook.feedback import rule_search
from loopbook.scenario.contract import Scenario
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Anomaly

PRICES = Costs(false_positive=1, false_negative=5)


def priced(scenario: Scenario, costs: Costs = PRICES) -> Scenario:
    return scenario.model_copy(update={"decisions": scenario.decisions.model_copy(update={"costs": costs})})


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
    found = rule_search.search(log, known, priced(scenario))
    first = found[0]
    assert (first.rule.when, first.rule.action) == ('"ransomware" in words', "act")
    assert 0 < first.low < first.saving < first.high
    assert first.changed == first.rows > 20
    assert first.precision == 1
    assert 2 < first.lift < 5  # three in ten are grave
    # By a second method: what the rule saves on the whole log is about what it saved on the half it was judged by.
    (compiled,) = rules.read({first.name: first.rule}, scenario.task)
    holds = compiled.holds(log)
    label = log["label"].astype(int)
    prices = costs.of(PRICES, scenario.task)
    before = prices.realised(log["action"] == "act", label).mean()
    after = prices.realised((log["action"] == "act") | holds, label).mean()
    assert first.low < before - after < first.high


def test_fields_and_numbers_can_be_rules_too(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log = decide(1_200).assign(action="act")
    label = (log["size"] > 1.5).astype(int)
    found = rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), priced(scenario))
    assert any(one.rule.when.startswith("size <=") and one.rule.action == "leave" for one in found)
    label = (log["place"] == "north").astype(int)
    found = rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), priced(scenario))
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
        found += len(rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), priced(scenario, even)))
    assert found <= 1


@pytest.mark.parametrize(("failures", "found"), [(1, False), (9, True)])
def test_one_failure_of_a_series_is_no_rule_however_many_windows_it_has(
    decide: Callable[..., pd.DataFrame], scenario: Scenario, failures: int, found: bool
) -> None:
    log = decide(2_016).assign(action="leave", size=0.0)
    log["time"] = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(len(log)), unit="h")
    week = np.arange(len(log)) // 168
    failed = (week < failures) & (np.arange(len(log)) % 168 < 100)
    log["size"] = np.random.default_rng(3).normal(0, 1, len(log)) + 5 * failed
    known = dict(zip(log["row_id"], failed.astype(int), strict=True))
    fields, actions = dict(scenario.task.fields), list(scenario.task.actions)
    task = Anomaly.model_validate({"type": "anomaly", "fields": fields, "actions": actions})
    windows = priced(scenario).model_copy(update={"task": task})
    assert bool(rule_search.search(log, known, windows)) == found
    assert rule_search.search(log, known, priced(scenario)), "rows that say nothing of each other"


def test_few_known_labels_give_no_rule(decide: Callable[..., pd.DataFrame], scenario: Scenario) -> None:
    log, known = planted(decide)
    assert rule_search.search(log, dict(list(known.items())[:30]), priced(scenario)) == []
    assert rule_search.search(log, {}, priced(scenario)) == []


def test_hostile_values_do_not_break_out_of_the_expression(
    decide: Callable[..., pd.DataFrame], scenario: Scenario
) -> None:
    log = decide(1_200)
    hostile = 'north" or true or place == "'
    log = log.assign(place=np.where(log["place"] == "north", hostile, "south"), action="act")
    label = (log["place"] == "south").astype(int)
    found = rule_search.search(log, dict(zip(log["row_id"], label, strict=True)), priced(scenario))
    assert all(hostile not in one.rule.when for one in found)


def test_of_several_classes_a_rule_takes_the_action_of_the_class_that_was_overlooked(sorting: Scenario) -> None:
    log = sorted_log(1_500)
    hit = np.random.default_rng(1).random(len(log)) < 0.08
    log = log.assign(
        text=np.where(hit, "Unknown login", log["text"]),
        label=pd.Series(np.where(hit, "fraud", log["label"].astype(str))).astype(log["label"].dtype),
        action=np.where(hit, "praise", log["action"]),
    )
    first = rule_search.search(log, known_of(log), sorting)[0]
    assert first.rule.action == "fraud"
    assert first.rule.when in ('"unknown" in words', '"login" in words')
    assert 0 < first.low < first.saving < first.high
    fraud = (log["label"] == "fraud").mean()
    assert first.precision == 1
    assert first.lift == pytest.approx(1 / fraud, rel=0.2)


def test_of_several_classes_noise_is_no_rule(sorting: Scenario) -> None:
    words, found = [f"word{chr(97 + at)}" for at in range(26)], 0
    for seed in range(6):
        random = np.random.default_rng(seed)
        log = sorted_log(600, seed)
        texts = [" ".join(random.choice(words, 4)) for _ in range(len(log))]
        log = log.assign(text=texts, action=random.permutation(log["action"]), size=random.normal(size=len(log)))
        found += len(rule_search.search(log, known_of(log), sorting))
    # To answer by lot is dearer than always the most frequent class: that may be found, and nothing else.
    assert found <= 6 * 3
