"""What is approved enters the next snapshot; what is not, does not; approving nothing changes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.decisions import rules, thresholds
from loopbook.feedback import approval
from loopbook.feedback.proposals import Proposal, make
from loopbook.scenario.contract import Scenario
from loopbook.scenario.decisions import Rule
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project
from loopbook.store.snapshots import Snapshot, current, seal

RULE = Rule(when='"ransomware" in words', action="act")


def suggestion(kind: str, change: dict[str, object], caution: str = "") -> Proposal:
    return make(kind, f"a {kind}", "because", {"rows": 3}, change, caution)  # type: ignore[arg-type]


LABELS = suggestion("labels", {"corrections": [{"row_id": "r1", "label": 1, "weight": 0.9, "votes": 2}]})
OUTCOMES = suggestion("outcomes", {"outcomes": [{"row_id": "r2", "label": 0}, {"row_id": "r1", "label": 0}]})
CHAMPION = suggestion("champion", {"champion": "abc"})
THRESHOLD = suggestion("threshold", {"threshold": 0.3}, "not safe")
RULES = suggestion("rule", {"rule": {"name": "act on it", "text": RULE.model_dump_json()}}, "read it")
WANTED = suggestion("requirement", {"requirement": {"id": "segment-1", "text": "better"}}, "people decide")
EVERYTHING = [LABELS, OUTCOMES, CHAMPION, THRESHOLD, RULES, WANTED]


def test_all_of_it_enters_the_next_snapshot(scenario: Scenario) -> None:
    after = approval.next_snapshot(
        EVERYTHING, "all", Snapshot(), "ann", [{"kind": "imbalance", "text": "few are grave"}]
    )
    assert after.round == 1
    assert after.corrections == LABELS.change["corrections"]
    assert [one["row_id"] for one in after.outcomes] == ["r1", "r2"]
    assert (after.champion, after.threshold) == ("abc", 0.3)
    assert rules.merged({}, after.rules) == {"act on it": RULE}
    assert rules.read(rules.merged({}, after.rules), scenario.task)
    assert after.requirement_changes == [{"id": "segment-1", "text": "better"}]
    assert after.findings == [{"kind": "imbalance", "text": "few are grave"}]
    assert [(one["round"], one["id"], one["by"]) for one in after.approved] == [
        (1, one.id, "ann") for one in EVERYTHING
    ]


def test_safe_takes_only_what_is_safe() -> None:
    after = approval.next_snapshot(EVERYTHING, "safe", Snapshot(), "policy safe")
    assert {one["kind"] for one in after.approved} == {"labels", "outcomes", "champion"}
    assert (after.rules, after.threshold, after.requirement_changes) == ({}, None, [])


def test_some_are_chosen_by_id() -> None:
    after = approval.next_snapshot(EVERYTHING, [RULES.id, THRESHOLD.id], Snapshot(), "ann")
    assert {one["kind"] for one in after.approved} == {"rule", "threshold"}
    with pytest.raises(LoopbookError, match="No proposal is called 'rule-0'"):
        approval.next_snapshot(EVERYTHING, ["rule-0"], Snapshot(), "ann")
    with pytest.raises(LoopbookError, match="not 'some'"):
        approval.next_snapshot(EVERYTHING, "some", Snapshot(), "ann")  # type: ignore[arg-type]


def test_approving_nothing_changes_nothing() -> None:
    before = approval.next_snapshot(EVERYTHING, "all", Snapshot(), "ann")
    finding = [{"kind": "new", "text": "other data"}]
    assert approval.next_snapshot(EVERYTHING, "none", before, "ann", finding) is before
    assert approval.next_snapshot(EVERYTHING, [], before, "ann", finding) is before
    assert approval.next_snapshot([], "all", before, "ann", finding) is before
    assert approval.next_snapshot(EVERYTHING, "all", before, "ann", finding) is before  # all of it is approved already


def test_an_approved_threshold_is_void_once_labels_train_the_same_candidate_anew() -> None:
    first = approval.next_snapshot([THRESHOLD], "all", Snapshot(), "ann", model="a" * 64)
    assert thresholds.approved(first.threshold, first.threshold_model, "a" * 64) == (0.3, "")
    later = approval.next_snapshot([LABELS], "all", first, "ann", model="a" * 64)
    valid, why = thresholds.approved(later.threshold, later.threshold_model, "b" * 64)
    assert valid is None
    assert "threshold 0.300 is void" in why and "aaaaaaaaaaaa" in why and "bbbbbbbbbbbb" in why
    anew = approval.next_snapshot([THRESHOLD], "all", later, "ann", model="b" * 64)
    assert anew.round == 3, "the same value for another model is another approval"
    assert thresholds.approved(anew.threshold, anew.threshold_model, "b" * 64) == (0.3, "")
    assert "was not noted" in thresholds.approved(0.3, None, "b" * 64)[1]
    assert thresholds.approved(None, None, "b" * 64) == (None, "")


def test_what_is_approved_already_is_not_pending() -> None:
    everything = {one.id for one in EVERYTHING}
    assert approval.pending(EVERYTHING, Snapshot(), "a" * 64) == everything
    some = approval.next_snapshot(EVERYTHING, [RULES.id, THRESHOLD.id], Snapshot(), "ann", model="a" * 64)
    assert approval.pending(EVERYTHING, some, "a" * 64) == everything - {RULES.id, THRESHOLD.id}
    assert approval.pending(EVERYTHING, some, "b" * 64) == everything - {RULES.id}, "for another model it is open again"
    assert approval.pending(EVERYTHING, approval.next_snapshot(EVERYTHING, "all", Snapshot(), "ann")) == set()


def test_a_later_label_of_a_row_takes_the_place_of_the_earlier() -> None:
    before = approval.next_snapshot([LABELS], "all", Snapshot(), "ann")
    newer = suggestion(
        "labels",
        {"corrections": [{"row_id": "r1", "label": 0, "weight": 1.0}, {"row_id": "r0", "label": 1, "weight": 1.0}]},
    )
    after = approval.next_snapshot([newer], "all", before, "ann")
    assert [(one["row_id"], one["label"]) for one in after.corrections] == [("r0", 1), ("r1", 0)]
    assert [one["round"] for one in after.approved] == [1, 2]


def test_a_threshold_belongs_to_the_champion_of_its_run_whatever_is_promoted_with_it() -> None:
    before = approval.next_snapshot([THRESHOLD], "all", Snapshot(), "ann", model="a" * 64)
    for kinds in ([CHAMPION], [CHAMPION, suggestion("threshold", {"threshold": 0.4})]):
        after = approval.next_snapshot(kinds, "all", before, "ann", model="a" * 64)
        assert thresholds.approved(after.threshold, after.threshold_model, "c" * 64)[0] is None
        assert thresholds.approved(after.threshold, after.threshold_model, "a" * 64) == (after.threshold, "")


@pytest.mark.parametrize(
    "broken",
    [
        suggestion("labels", {"outcomes": []}),
        suggestion("rule", {"rule": {"name": "x", "text": "not json"}}),
        suggestion("threshold", {"threshold": "high"}),
        suggestion("requirement", {"requirement": {}}),
    ],
)
def test_a_proposal_without_its_content_is_refused(broken: Proposal) -> None:
    with pytest.raises(LoopbookError, match="does not hold what it should"):
        approval.next_snapshot([broken], "all", Snapshot(), "ann")


@given(st.lists(st.permutations(EVERYTHING).map(lambda some: some[:3]), min_size=1, max_size=3))
def test_rounds_count_up_only_with_changes(batches: list[list[Proposal]]) -> None:
    snapshot = Snapshot()
    for batch in batches:
        after = approval.next_snapshot(batch, "all", snapshot, "ann")
        changed = after.says_more_than(snapshot)
        assert after.round == snapshot.round + changed
        assert (len(after.approved) > len(snapshot.approved)) == changed
        assert Snapshot.model_validate_json(after.model_dump_json()) == after
        snapshot = after


def test_approved_and_sealed_is_what_the_next_round_carries(project: Project) -> None:
    path = seal(
        project,
        "tiny",
        "smoke",
        approval.next_snapshot(EVERYTHING, "safe", current(project, "tiny", "smoke"), "policy safe"),
    )
    assert path is not None
    assert current(project, "tiny", "smoke").part("outcomes") == json.loads(path.read_text())["outcomes"]
    again = approval.next_snapshot(EVERYTHING, "safe", current(project, "tiny", "smoke"), "policy safe")
    assert seal(project, "tiny", "smoke", again) is None
