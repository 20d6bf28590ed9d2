"""What changed between two runs is told by kind, cause before consequence, with the stages that it concerns."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.runner.test_run import edit, execute

from loopbook.reports import overview
from loopbook.runner import changes
from loopbook.store.project import Project
from loopbook.store.records import Approval, Change, Run, StageRecord


def record(project: Project, champion: str | None = "one", given: int = 0, **stages: StageRecord) -> Run:
    return Run(
        scenario="tiny", title="", description="", simulated=True, run="r", profile="standard", status="good",
        started="2026-01-01T00:00:00+00:00", seconds=1, stages={each.name: each for each in stages.values()},
        champion=champion, round=given,
    )  # fmt: skip


def told(run: Run) -> Mapping[tuple[str, str], tuple[str, ...]]:
    return {(each.about, each.text): each.stages for each in run.changes}


def test_a_setting_is_named_with_both_values_and_all_its_stages(project: Project) -> None:
    first, _, _ = execute(project)
    assert told(first) == {("noted", "This is the first run of this scenario in this profile"): ()}
    assert first.before is None
    second, _, _ = execute(project, {"training.epochs": 5})
    assert second.before == first.run
    assert told(second)["settings", "training.epochs: 3 -> 5"] == (
        "03_training[one]",
        "03_training[two]",
        "04_optimization",
    )
    kinds = [each.about for each in second.changes]
    assert kinds == sorted(kinds, key=["champion", "settings", "followed"].index), "causes come first"


def test_a_place_in_the_code_is_named_and_what_only_followed_is_not_called_a_cause(project: Project) -> None:
    execute(project)
    edit(project, "02_data", "stage.settings.rows or 9", "stage.settings.rows or 10")
    second, _, _ = execute(project)
    ((place, stages),) = [(text, stages) for (about, text), stages in told(second).items() if about == "code"]
    assert place.startswith("notebooks/02_data.ipynb, cell ")
    assert stages == ("02_data",)
    (followed,) = [stages for (about, _), stages in told(second).items() if about == "followed"]
    assert followed == ("03_training[one]", "03_training[two]", "04_optimization")


def test_new_data_is_named(project: Project) -> None:
    execute(project)
    second, _, _ = execute(project, source="t")
    assert ("data", "The data of the scenario's source") in told(second)


def test_what_changed_before_a_failure_is_named_too(project: Project) -> None:
    execute(project)
    edit(project, "02_data", "stage.settings.rows or 9", "1 / 0")
    failed, _, _ = execute(project)
    assert failed.status == "failed"
    assert any(about == "code" and "02_data" in stages for (about, _), stages in told(failed).items())


def test_what_is_not_in_the_store_any_more_is_said(project: Project) -> None:
    execute(project)
    for each in Path(project.store / "02_data").rglob("key.json"):
        each.chmod(0o644)
        each.unlink()
    edit(project, "02_data", "stage.settings.rows or 9", "stage.settings.rows or 10")
    second, _, _ = execute(project)
    assert ("noted", "What 02_data was made of is not in the store any more") in told(second)


def test_champion_approvals_and_stages_come_first(project: Project) -> None:
    one = StageRecord(stage="02_data", key="k", state="done")
    two = StageRecord(stage="03_training", key="k", state="done", candidate="one")
    approval = Approval(id="rule-1", kind="rule", title="Rule: alert where x > 5", reason="It saves.", by="ann")
    before = record(project, data=one, training=two)
    after = record(project, "two", 1, data=one).model_copy(update={"approved": (approval,)})
    assert [each.sentence for each in changes.between(project, before, after)] == [
        "Approved by ann: Rule: alert where x > 5.",
        "The champion is now two; it was one.",
        "03_training[one] is gone.",
    ]
    assert [each.sentence for each in changes.between(project, before, before)] == [
        "Nothing changed since the last run."
    ]


@pytest.mark.parametrize(("count", "line"), [(2, "s1: 1 -> 2 (x)."), (3, "3 settings changed, listed below.")])
def test_a_manager_reads_how_many_where_there_are_many(count: int, line: str) -> None:
    many = tuple(Change(about="settings", text=f"s{at}: 1 -> 2", stages=("x",)) for at in range(count))
    assert line in overview.changed(many)
    assert len(overview.changed(many)) == (1 if count == 3 else 2)


def test_a_record_of_before_there_were_kinds_is_read(project: Project) -> None:
    old = record(project).model_dump(mode="json") | {"changes": ["x is 5 instead of 3."]}
    assert [each.sentence for each in Run.model_validate(old).changes] == ["x is 5 instead of 3."]
