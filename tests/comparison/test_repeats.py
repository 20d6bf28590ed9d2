"""A band is made of runs that differ by seeds alone; those of other code are a last resort, and named."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from tests.comparison.conftest import again, made

from loopbook.comparison import repeats, verdict
from loopbook.store.project import Project
from loopbook.store.records import Run


def names(found: repeats.Repeats) -> list[str]:
    return [each.run for each in found.runs]


def other_code(parts: dict[str, Any]) -> None:
    statements = next(iter(parts["cells"].values()))
    statements[0][-1] = "another digest"


def other_package(parts: dict[str, Any]) -> None:
    parts["packages"]["nothing"] = "2 another digest"


def other_lines(parts: dict[str, Any]) -> None:
    for statements in parts["modules"].values():
        for each in statements:
            each[1], each[2] = each[1] + 7, each[2] + 7


def test_band_leaves_out_what_it_judges(project: Project, ran: Run) -> None:
    others = [again(project, ran, f"20200101-00000{at}", 12 + at, 100 + at) for at in range(4)]
    assert names(repeats.repeats(project, ran, others[0])) == [each.run for each in others[1:]]
    assert verdict.compare(project, ran, others[0]).kind == "none"
    shutil.rmtree(project.runs)
    assert names(repeats.repeats(project, ran, others[0])) == []


def test_a_set_of_seeds_counts_once(project: Project, ran: Run) -> None:
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12, 100)
    other = again(project, ran, "20300101-000000", 12, 200)
    assert len(repeats.repeats(project, ran, other).runs) == 1


@pytest.mark.parametrize("field", [{"profile": "smoke"}, {"round": 1}, {"status": "failed"}])
def test_runs_of_another_profile_or_round_or_that_failed_are_no_repeats(
    project: Project, ran: Run, field: dict[str, Any]
) -> None:
    again(project, ran, "20200101-000000", 12, 100)
    again(project, ran, "20200101-000001", 12, 101, **field)
    other = again(project, ran, "20300101-000000", 12, 200)
    assert names(repeats.repeats(project, ran, other)) == ["20200101-000000"]


def test_runs_with_another_setting_are_no_repeats(project: Project, ran: Run) -> None:
    longer = {**ran.resolved, "training": {**ran.resolved["training"], "epochs": 9}}
    again(project, ran.model_copy(update={"resolved": longer}), "20200101-000000", 12, 100)
    again(project, ran, "20200101-000001", 12, 101)
    other = again(project, ran, "20300101-000000", 12, 200)
    assert names(repeats.repeats(project, ran, other)) == ["20200101-000001"]


@pytest.mark.parametrize("change", [other_code, other_package])
def test_repeats_of_other_code_are_not_used_where_enough_are_of_the_same(
    project: Project, ran: Run, change: Any
) -> None:
    key = made(project, ran, "f" * 20, change)
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12 + at / 100, 100 + at)
    for at in range(4, 9):
        again(project, ran, f"20200101-00000{at}", 2 * at, 100 + at, key=key)
    other = again(project, ran, "20300101-000000", 12, 200)
    found = repeats.repeats(project, ran, other)
    assert (names(found), found.other) == ([f"20200101-00000{at}" for at in range(4)], frozenset())


def test_lines_that_only_moved_are_the_same_code(project: Project, ran: Run) -> None:
    key = made(project, ran, "f" * 20, other_lines)
    again(project, ran, "20200101-000000", 12, 100, key=key)
    other = again(project, ran, "20300101-000000", 12, 200)
    assert repeats.repeats(project, ran, other).other == frozenset()


def test_repeats_of_other_or_forgotten_code_are_a_last_resort_and_named(project: Project, ran: Run) -> None:
    key = made(project, ran, "f" * 20, other_code)
    for at in range(2):
        again(project, ran, f"20200101-00000{at}", 12 + at / 10, 100 + at)
    again(project, ran, "20200101-000002", 12.2, 102, key=key)
    again(project, ran, "20200101-000003", 12.3, 103, key="e" * 20)  # nothing is known of that key
    b = again(project, ran, "20300101-000000", 8, 200)
    found = verdict.compare(project, ran, b)
    assert found.repeats.other == {"20200101-000002", "20200101-000003"}
    assert [each.name for each in found.regressions] == ["02_data total"]
    said = next(each for each in found.notes if "other code" in each)
    assert said.startswith("Only 2 of the repeats come from the code of A.")
    assert "20200101-000002, 20200101-000003" in said


def test_repeats_of_b_serve_where_a_has_too_few(project: Project, ran: Run) -> None:
    key = made(project, ran, "f" * 20, other_code)
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12 + at / 10, 100 + at, key=key)
    b = again(project, ran, "20300101-000000", 8, 200, key=key)
    found = repeats.repeats(project, ran, b)
    assert (found.of, found.like, len(found.runs), found.other) == ("B", b, 4, frozenset())


def test_a_metric_that_its_own_run_does_not_share_with_equal_repeats_is_not_judged(project: Project, ran: Run) -> None:
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12, 100 + at)
    a = again(project, ran, "20300101-000000", 13, 200)
    b = again(project, ran, "20300101-000001", 11, 201)
    found = verdict.compare(project, a, b)
    assert (found.kind, found.judged) == ("none", ())  # the seed of A shows that seeds move it after all


def test_equal_metrics_are_not_judged_on_other_rows_or_over_a_seed_that_no_repeat_varies(
    project: Project, ran: Run
) -> None:
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12, 100 + at)
    b = again(project, ran, "20300101-000000", 11, 200)
    assert verdict.compare(project, ran, b).regressions
    rows = b.stages["02_data"].model_copy(update={"inputs": {"source": "other"}})
    there = verdict.compare(project, ran, b.model_copy(update={"stages": {**b.stages, "02_data": rows}}))
    assert (there.judged, "A and B took in other data" in there.notes[0]) == ((), True)
    (project.runs / "tiny" / f"{b.run}.json").unlink()  # or it would repeat A now
    search = {**b.resolved["optimization"], "search_seed": 77}
    held = verdict.compare(project, ran, b.model_copy(update={"resolved": {**b.resolved, "optimization": search}}))
    assert (held.judged, "optimization.search_seed, which no repeat varies" in held.notes[0]) == ((), True)


def test_a_pair_that_differs_only_by_seed_is_called_so(project: Project, ran: Run) -> None:
    for at in range(4):
        again(project, ran, f"20200101-00000{at}", 12 + at / 10, 100 + at)
    same = again(project, ran, "20300101-000000", 12, 200)
    other = again(project, ran, "20300101-000001", 12, 201, key=made(project, ran, "f" * 20, other_code))
    assert any("themselves differ only by seed" in each for each in verdict.compare(project, ran, same).notes)
    assert not any("themselves differ only by seed" in each for each in verdict.compare(project, ran, other).notes)
