"""A summary says what a person asks first, and carries nothing from data but plain words."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.operations.conftest import HOSTILE

from loopbook.operations.delivery import as_json
from loopbook.operations.night_summary import Entry, Summary, line, of_error
from loopbook.scenario.errors import ScenarioError


def test_the_text_says_status_criteria_numbers_error_and_place(night: Summary) -> None:
    text = night.text()
    assert text.splitlines()[0] == "Loopbook, nightly smoke: 1 failed, 1 missed, 1 good"
    for told in (
        "24 November 2026, 03:12 UTC, 1 min 20 s",
        "one: good, in 1 min 1 s\n  Simulated data.\n  Nothing was to do since run 20261124-031200.",
        "  Report: /r/one/index.html",
        "  Missed: The sum is large: total is 3, wanted >= 10",
        "  Total (02_data): 3, before 12",
        "  ROC AUC on test (04): –, before 0.500",
        "  Error at 03_training[lstm], cell plot: bad Bcc:",
        "  latest still shows the good run 20261123-031400.",
    ):
        assert told in text


def test_the_worst_run_says_how_the_night_was(night: Summary) -> None:
    assert night.status == "failed"
    refused = of_error("x", ScenarioError("no such"), 0)
    assert replace(night, entries=(*night.entries, refused)).status == "refused"
    assert replace(night, entries=night.entries[:2]).status == "missed"
    assert replace(night, entries=night.entries[:1]).status == "good"
    assert replace(night, entries=night.entries[:1], problems=("x",)).status == "failed"
    assert replace(night, entries=()).status == "good"


def test_json_holds_the_same_for_programs(night: Summary) -> None:
    values = json.loads(as_json(night))
    assert values["status"] == "failed"
    assert values["id"] == "nightly-1"
    assert [each["status"] for each in values["scenarios"]] == ["good", "missed", "failed"]
    assert values["scenarios"][1]["numbers"][0] == {
        "stage": "02_data", "metric": "total", "value": 3.0, "before": 12.0,
    }  # fmt: skip
    assert values["scenarios"][2]["errors"][0]["cell"] == "plot"


def test_text_from_data_is_one_plain_line_without_personal_data() -> None:
    assert line(HOSTILE) == "bad Bcc: [MAIL] <script>[31mevil? [MAIL]"
    assert len(line("x" * 10_000)) <= 301


@given(st.text(max_size=400))
def test_no_text_makes_a_second_line_or_a_control(text: str) -> None:
    said = line(text)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in said)
    assert len(said.splitlines()) <= 1
    said.encode("utf-8")
    entry = Entry("one", "good", 1, changes=(said,))
    assert len(Summary("i", "2026-11-24", "smoke", 1, (entry,)).text().splitlines()) == 5
