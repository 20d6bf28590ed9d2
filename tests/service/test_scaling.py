"""The rule of scaling: within its limits, up at once, down after calm, and without flapping under a steady load."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.service.conftest import SCENARIO
from tests.service.started import Service, measured

from loopbook.scenario.errors import LoopbookError
from loopbook.service import scaling
from loopbook.service.scaling import Meter, Rule, Sample, limits, wanted
from loopbook.store.project import Project

RULE = Rule(1, 8, target=0.05, settle=5, calm=60, memory=900)


def steady(workers: int, queue: float, seconds: int = 100, rate: float = 10.0, start: float = 0.0) -> list[Sample]:
    return [Sample(start + second, workers, queue, rate) for second in range(seconds)]


@pytest.mark.parametrize(("text", "found"), [("1", (1, 1)), ("3", (3, 3)), ("1:4", (1, 4)), ("2:2", (2, 2))])
def test_workers_are_given_as_a_number_or_as_limits(text: str, found: tuple[int, int]) -> None:
    assert limits(text) == found


@pytest.mark.parametrize("text", ["", "0", "4:1", "1:", ":3", "1:2:3", "a", "-1", "1.5", "65", "٣", "1:9999"])
def test_other_limits_are_refused_with_what_was_given(text: str) -> None:
    if text in ("1:",):
        assert limits(text) == (1, 1)
        return
    with pytest.raises(LoopbookError, match="--workers"):
        limits(text)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.floats(0, 100), st.floats(0, 1e5)), max_size=200),
    st.integers(1, 4),
    st.integers(0, 6),
)
def test_the_limits_hold_whatever_was_measured_and_one_goes_at_a_time(
    measured: list[tuple[int, float, float]], least: int, further: int
) -> None:
    rule = replace(RULE, least=least, most=least + further)
    history = [Sample(float(at), *values) for at, values in enumerate(measured)]
    found = wanted(history, rule)
    assert rule.least <= found <= rule.most
    assert wanted(scaling.trimmed(history, rule), rule) == found
    if history and rule.least <= history[-1].workers <= rule.most:
        assert history[-1].workers - 1 <= found <= 2 * history[-1].workers


@pytest.mark.parametrize(
    ("workers", "queue", "found"),
    [(1, 0.051, 1), (1, 0.06, 2), (2, 0.07, 3), (2, 5.0, 4), (4, 0.1, 8), (6, 1.0, 8), (8, 9.0, 8)],
)
def test_it_grows_in_proportion_at_most_twofold_and_not_for_a_trifle(workers: int, queue: float, found: int) -> None:
    assert wanted([*steady(workers, 0.01, 20), Sample(20, workers, queue, 10)], RULE) == found


def test_after_a_change_it_waits_for_the_new_workers() -> None:
    changed = [Sample(0, 1, 0.5, 10), *(Sample(1 + second, 2, 0.5, 20) for second in range(8))]
    assert [wanted(changed[: size + 1], RULE) for size in range(9)] == [2, 2, 2, 2, 2, 2, 4, 4, 4]


def test_it_shrinks_after_calm_only() -> None:
    calm = steady(4, 0.0, 100)
    assert wanted(calm[:60], RULE) == 4 and wanted(calm, RULE) == 3
    calm[70] = replace(calm[70], queue=0.05)
    assert wanted(calm, RULE) == 4, "in the time of calm the four were just enough once"


def test_it_does_not_go_back_to_what_was_not_enough() -> None:
    short = Sample(0, 1, 0.5, 100)  # one worker does 100 a second and no more
    for rate, found in ((150, 2), (90, 2), (75, 1), (0, 1)):
        assert wanted([short, *steady(2, 0.0, 100, rate, start=1)], RULE) == found
    late = [short, *steady(2, 0.0, 100, 150, start=1000)]
    assert wanted(late, RULE) == 1, "what was long ago is tried again"


def simulated(load: Callable[[int], float], seconds: int, capacity: float = 100.0) -> list[Sample]:
    """Return what a queue gives whose workers each make so many decisions a second, under the rule, a second a step."""
    history: list[Sample] = []
    workers, backlog = 1, 0.0
    for second in range(seconds):
        backlog += load(second)
        done = min(backlog, workers * capacity)
        backlog -= done
        history.append(Sample(float(second), workers, backlog / (workers * capacity), done))
        workers = wanted(scaling.trimmed(history, RULE), RULE)
    return history


@pytest.mark.parametrize(("load", "needed"), [(50, 1), (150, 2), (310, 4), (2_000, 8)])
def test_a_steady_load_finds_its_number_and_keeps_it(load: float, needed: int) -> None:
    history = simulated(lambda second: load, 1_800)
    workers = [sample.workers for sample in history[:900]]
    assert all(after <= before for before, after in pairwise(workers[100:])), "it flaps"
    assert needed <= workers[400] == workers[-1] <= needed + (needed > 1)
    if load < 800:
        assert max(sample.queue for sample in history[200:900]) == 0


def test_a_burst_is_followed_up_and_down_to_where_it_began() -> None:
    history = simulated(lambda second: 350 if 100 <= second < 200 else 20, 1_200)
    workers = [sample.workers for sample in history]
    assert workers[:100] == [1] * 100 and max(workers[100:130]) >= 4 and workers[-1] == 1
    changes = [after - before for before, after in pairwise(workers) if after != before]
    assert all(change == -1 for change in changes[changes.index(-1) :]), "one at a time, and never up again"


def test_a_burst_brings_a_second_worker_which_goes_when_it_is_over(own: Project, engine: Engine) -> None:
    params = "service.batch_most=1 service.scale_calm_seconds=2 service.decisions_per_second=1000000"
    answers: Counter[str] = Counter()

    def reached(number: int) -> bool:
        """Call gently until so many workers are ready."""
        until = time.monotonic() + 90
        while len(running.ready) != number and time.monotonic() < until:
            answers.update(measured(running.load(callers=2, pause=0.02, seconds=2.0, keyed=True))["answers"])
        return len(running.ready) == number

    with Service(own, engine, SCENARIO, "1:2", params) as running:
        assert len(running.ready) == 1
        crowd = running.load(callers=200, seconds=600.0)
        try:
            assert reached(2)
        finally:
            crowd.kill()
            crowd.communicate()
        assert reached(1)
    assert answers["200"] > 20 and answers.keys() == {"200"}, "nobody is refused or cut off while workers come and go"


def test_a_quantile_lies_within_its_bin_and_counts_only_what_is_new() -> None:
    before = {0.01: 90.0, 0.1: 100.0, math.inf: 100.0}
    now = {0.01: 100.0, 0.1: 190.0, math.inf: 200.0}
    assert scaling.quantile(before, now, 0.10) == pytest.approx(0.01)
    assert scaling.quantile(before, now, 0.50) == pytest.approx(0.01 + 0.09 * 40 / 80)
    assert scaling.quantile(before, now, 0.95) == 0.1
    assert scaling.quantile(now, now) == 0 == scaling.quantile({}, {})


def test_a_meter_tells_the_rate_and_the_queue_between_two_looks() -> None:
    read = iter([{0.01: 5.0, math.inf: 5.0}, {0.01: 5.0, math.inf: 5.0}, {0.01: 25.0, math.inf: 25.0}])
    meter = Meter(lambda: next(read))
    assert meter.sample(10.0, 1) == Sample(10.0, 1, 0.0, 0.0)
    assert meter.sample(14.0, 2) == Sample(14.0, 2, pytest.approx(0.0095), 5.0)
