"""The desk's day: 10,000 simulated customers with a rush hour; the desk against a person for everything, and never one.

    python -m tests.benchmarks.desk_day [--candidate minilm] [--seeds 10] [--customers 10000] [--staff 12] …

Customers bring a question of the test split (60%), an authored dialogue of the test half (30%), or a question of no
intent (10%); how many bring which is an assumption, and so are the hours at which they come. What the desk says to each
is its own reply, judged as in desk_conversations. Customers of one seed are the same for all desks.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tests.benchmarks.architectures import shipped
from tests.benchmarks.desk_conversations import Sources, built
from tests.starter.test_criteria import ROOT

from loopbook.desk import authored, day, dialogues
from loopbook.simulation.customers import Day


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="minilm")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--staff", type=int, default=12)
    parser.add_argument("--questions", type=int, default=120, help="test questions, and a third as many from outside")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    desk = built(given.candidate, given.cache)
    test = shipped("support-desk", "test").test.sample(given.questions, random_state=1)
    outside = authored.read(ROOT / desk.settings.outside, "text").sample(given.questions // 3, random_state=1)
    talks = [one for one in dialogues.read(ROOT / desk.settings.conversations) if one.half == "test"]
    groups = {0.6: day.questions(test, "text"), 0.3: talks, 0.1: day.strangers(list(outside["text"]))}
    usual = replace(Day.of(desk.settings, given.customers), staff=given.staff)
    pd.options.display.width = 200
    for title, one in {
        f"{given.customers:,} customers, {given.staff} people": usual,
        f"overload: twice the customers, half the people ({given.staff // 2})": replace(
            usual, customers=2 * given.customers, staff=given.staff // 2
        ),
    }.items():
        found = day.compare(desk, groups, one, range(1, given.seeds + 1), Sources(desk).fit)
        print(f"\n{title}\n{day.intervals_of(found).round(3).to_string(index=False)}", flush=True)


if __name__ == "__main__":
    main()
