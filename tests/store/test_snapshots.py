"""Snapshots are sealed once, in order, whole, and never change."""

from __future__ import annotations

import json
import threading

import pytest

from loopbook.scenario.errors import LoopbookError
from loopbook.store import snapshots
from loopbook.store.content import digest_json
from loopbook.store.project import Project
from loopbook.store.snapshots import Snapshot


def folder(project: Project) -> list[str]:
    return sorted(path.name for path in (project.state / "snapshots" / "tiny" / "smoke").glob("[0-9]*"))


def test_a_sealed_snapshot_is_the_current_one(project: Project) -> None:
    path = snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, threshold=0.4))
    assert path is not None
    assert path.name.startswith("0001-")
    assert path.stat().st_mode & 0o077 == 0
    assert snapshots.current(project, "tiny", "smoke") == Snapshot(round=1, threshold=0.4)
    assert snapshots.current(project, "other", "smoke") == Snapshot()
    assert snapshots.current(project, "tiny", "standard") == Snapshot()  # another profile has other rows


@pytest.mark.parametrize("label", [1, 0, "praise", "<b>1</b> & “co”", 12.5])
def test_labels_of_any_type_come_back_as_they_were_sealed(project: Project, label: object) -> None:
    said = {"row_id": "r1", "content": "abc", "label": label}
    snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, outcomes=[said], corrections=[{**said, "weight": 0.5}]))
    found = snapshots.current(project, "tiny", "smoke")
    assert [one["label"] for one in (*found.outcomes, *found.corrections)] == [label, label]
    assert type(found.outcomes[0]["label"]) is type(label)


def test_nothing_new_is_no_new_snapshot(project: Project) -> None:
    assert snapshots.seal(project, "tiny", "smoke", Snapshot()) is None
    assert snapshots.seal(project, "tiny", "smoke", Snapshot(round=1)) is None
    assert folder(project) == []
    snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, threshold=0.4))
    assert snapshots.seal(project, "tiny", "smoke", Snapshot(round=2, threshold=0.4)) is None
    new_finding = Snapshot(round=2, threshold=0.4, findings=[{"kind": "x"}], window=2, first="abc")
    assert snapshots.seal(project, "tiny", "smoke", new_finding) is None
    assert len(folder(project)) == 1


def test_rounds_follow_each_other(project: Project) -> None:
    with pytest.raises(LoopbookError, match="that of round 1, not 2"):
        snapshots.seal(project, "tiny", "smoke", Snapshot(round=2, threshold=0.4))
    for number in range(1, 12):
        snapshots.seal(project, "tiny", "smoke", Snapshot(round=number, threshold=number / 20))
    assert snapshots.current(project, "tiny", "smoke").round == 11
    assert [each.round for each in snapshots.history(project, "tiny", "smoke")] == list(range(1, 12))


def test_going_back_a_round_lays_the_newest_aside_and_changes_no_other(project: Project) -> None:
    assert snapshots.withdraw(project, "tiny", "smoke") is None
    for number in (1, 2):
        snapshots.seal(project, "tiny", "smoke", Snapshot(round=number, threshold=number / 10))
    assert snapshots.withdraw(project, "tiny", "smoke") == Snapshot(round=2, threshold=0.2)
    assert snapshots.current(project, "tiny", "smoke") == Snapshot(round=1, threshold=0.1)
    snapshots.seal(project, "tiny", "smoke", Snapshot(round=2, threshold=0.3))
    assert [each.threshold for each in snapshots.history(project, "tiny", "smoke")] == [0.1, 0.3]


def test_a_snapshot_that_an_older_version_sealed_is_read(project: Project) -> None:
    plain = {name: value for name, value in Snapshot(round=1, threshold=0.4).model_dump().items() if name != "layout"}
    folder = project.state / "snapshots" / "tiny" / "smoke"
    folder.mkdir(parents=True)
    (folder / f"0001-{digest_json(plain)[:16]}.json").write_text(json.dumps(plain))
    assert snapshots.current(project, "tiny", "smoke") == Snapshot(round=1, threshold=0.4)


def test_an_earlier_snapshot_stays_as_it_is(project: Project) -> None:
    first = snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, threshold=0.4))
    assert first is not None
    before = first.read_bytes()
    snapshots.seal(project, "tiny", "smoke", Snapshot(round=2, threshold=0.5))
    assert first.read_bytes() == before


def test_a_snapshot_that_somebody_changed_is_refused(project: Project) -> None:
    path = snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, threshold=0.4))
    assert path is not None
    path.write_text(path.read_text().replace("0.4", "0.9"))
    with pytest.raises(LoopbookError, match="changed after it was sealed"):
        snapshots.current(project, "tiny", "smoke")
    path.write_text("{")
    with pytest.raises(LoopbookError, match="is no snapshot"):
        snapshots.current(project, "tiny", "smoke")


def test_what_a_killed_program_left_is_not_read(project: Project) -> None:
    snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, threshold=0.4))
    (project.state / "snapshots" / "tiny" / "smoke" / ".123.0002-0123456789abcdef.json").write_text("{")
    assert snapshots.current(project, "tiny", "smoke").round == 1


def test_of_two_that_seal_at_once_one_is_refused(project: Project) -> None:
    refused: list[str] = []

    def approve(threshold: float) -> None:
        try:
            snapshots.seal(project, "tiny", "smoke", Snapshot(round=1, threshold=threshold))
        except LoopbookError as error:
            refused.append(str(error))

    both = [threading.Thread(target=approve, args=(value,)) for value in (0.1, 0.2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert len(refused) == 1
    assert "approve again" in refused[0]
    assert len(folder(project)) == 1


def test_what_a_stage_carries_does_not_depend_on_round_or_history() -> None:
    one = Snapshot(round=1, threshold=0.4, approved=[{"id": "a"}])
    other = Snapshot(round=5, threshold=0.4)
    assert one.digest("threshold") == other.digest("threshold")
    assert not one.says_more_than(other)
    for name in ("round", "approved"):
        with pytest.raises(LoopbookError, match="carries no"):
            one.part(name)
