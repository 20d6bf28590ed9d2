"""A run does what is stale, keeps what is done, and says what failed."""

import io
import json
from collections.abc import Callable, Mapping

import pytest
from filelock import FileLock
from rich.console import Console
from tests.conftest import study

from loopbook.reports import site
from loopbook.runner import staleness
from loopbook.runner.execution import Request
from loopbook.runner.executor import Local
from loopbook.runner.progress import Display
from loopbook.runner.run import together
from loopbook.scenario import loading
from loopbook.store import records
from loopbook.store.project import Project
from loopbook.store.records import Run


def execute(project: Project, given: Mapping[str, object] | None = None, source: str = "s") -> tuple[Run, bool, str]:
    out = io.StringIO()
    scenario = loading.load("tiny", project.scenarios, "standard", given)
    request = Request(project, "tiny", scenario, "standard", given or {}, source)
    with Display(Console(file=out, width=200)) as display, Local.open(2, None, display.note) as engine:
        (outcome,) = together([request], display, engine)
    assert not isinstance(outcome, Exception)
    return *outcome, out.getvalue()


def states(record: Run) -> dict[str, str]:
    return {name: stage.state for name, stage in record.stages.items()}


def edit(project: Project, stage: str, old: str, new: str) -> None:
    path = project.notebooks / f"{stage}.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_run_executes_everything_once_and_then_has_nothing_to_do(project: Project) -> None:
    record, new, _ = execute(project)
    assert new
    assert set(states(record).values()) == {"done"}
    assert record.status == "good"
    assert record.champion == "two"
    assert [(each.id, each.value, each.met) for each in record.criteria] == [("sum-large", 12.0, True)]
    assert record.stages["02_data"].measurements == {"width": 1}
    again, new, _ = execute(project)
    assert not new
    assert again.run == record.run
    assert len(records.runs(project)) == 1
    stored = json.loads((project.runs / "tiny" / f"{record.run}.json").read_text())
    assert stored["stages"]["03_training[one]"]["metrics"] == {"epochs": 3}
    left = [path for path in project.work.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert {path.parent for path in left} <= {project.work / "code"}, "what is known of source files is kept"


def test_a_given_value_reruns_only_the_stage_that_uses_it_and_what_follows(project: Project) -> None:
    execute(project)
    record, _, _ = execute(project, {"training.epochs": 5})
    assert states(record) == {
        "02_data": "fresh",
        "03_training[one]": "done",
        "03_training[two]": "done",
        "04_optimization": "done",
    }
    assert record.stages["03_training[one]"].metrics == {"epochs": 5}
    assert "training.epochs: 3 -> 5" in [each.text for each in record.changes]


def test_a_comment_makes_nothing_stale_and_a_rerun_with_equal_outputs_stops_there(project: Project) -> None:
    execute(project)
    edit(project, "02_data", "import pandas as pd", "import pandas as pd  # the table")
    assert not execute(project)[1]
    edit(project, "02_data", "frame = pd", "unused = 1\\nframe = pd")
    record, _, _ = execute(project)
    assert states(record)["02_data"] == "done"
    assert states(record)["03_training[one]"] == "fresh"


def test_a_study_that_the_scenario_names_runs_beside_what_was_there_and_only_its_settings_rerun_it(
    project: Project,
) -> None:
    study(project)
    before, _, _ = execute(project)
    assert "08_honest_numbers" not in before.stages
    record, _, _ = execute(project, {"studies.honest_numbers.sizes": 3})
    assert {name for name, state in states(record).items() if state == "done"} == {"08_honest_numbers"}
    assert record.stages["08_honest_numbers"].metrics == {"sizes": 3, "champion": "two"}
    assert {name: stage.key for name, stage in before.stages.items()}.items() <= {
        name: stage.key for name, stage in record.stages.items()
    }.items(), "all others have the keys that they had"
    record, _, _ = execute(project, {"studies.honest_numbers.sizes": 4, "training.epochs": 3})
    assert [name for name, state in states(record).items() if state == "done"] == ["08_honest_numbers"]
    assert [stage for each in record.changes for stage in each.stages] == ["08_honest_numbers"]
    site.renew(project, "tiny")
    folder = project.reports / "tiny" / record.run
    assert (folder / "08_honest_numbers.html").is_file()
    assert 'href="08_honest_numbers.html"' in (folder / "index.html").read_text(encoding="utf-8")


def test_a_changed_source_reruns_the_stage_that_collects_it(project: Project) -> None:
    execute(project)
    record, _, _ = execute(project, source="other")
    assert states(record)["02_data"] == "done"


def test_a_failing_notebook_keeps_what_finished_and_skips_what_needs_it(project: Project) -> None:
    good, _, _ = execute(project)
    edit(project, "03_training", "stage.record(", "assert candidate != 'two', 'two is broken'\\nstage.record(")
    record, _, text = execute(project)
    assert record.status == "failed"
    assert states(record) == {
        "02_data": "fresh",
        "03_training[one]": "done",
        "03_training[two]": "failed",
        "04_optimization": "skipped",
    }
    error = record.stages["03_training[two]"].error
    assert error is not None
    assert (error.kind, error.message) == ("AssertionError", "two is broken")
    assert error.cell == "cell-4"
    assert (project.data / str(record.stages["03_training[two]"].notebook)).is_file()
    assert "two is broken" in text
    latest = records.latest(project, "tiny")
    assert latest is not None
    assert latest.run == good.run


def test_a_killed_kernel_is_reported_as_such(project: Project, alone: Callable[[str], FileLock]) -> None:
    edit(
        project,
        "04_optimization",
        "stage.write(",
        "import os, signal\\nos.kill(os.getpid(), signal.SIGKILL)\\nstage.write(",
    )
    with alone("kills"):
        record, _, _ = execute(project)
    error = record.stages["04_optimization"].error
    assert error is not None
    assert error.kind == "SIGKILL"
    assert error.cell == "cell-3"


def test_a_declared_output_that_was_not_written_fails_the_stage(project: Project) -> None:
    edit(project, "04_optimization", 'stage.write(\\"champion\\"', '(lambda *a: None)(\\"champion\\"')
    record, _, _ = execute(project)
    error = record.stages["04_optimization"].error
    assert error is not None
    assert "did not write it" in error.message


@pytest.mark.parametrize("value", [4, None])
def test_a_data_parameter_reaches_the_notebook(project: Project, value: int | None) -> None:
    given = {} if value is None else {"data.rows": 500}
    record, _, _ = execute(project, given)
    assert record.stages["02_data"].metrics["total"] == (12.0 if value is None else 503.0)


def test_why_names_an_input_that_was_declared_since_the_latest_run(project: Project) -> None:
    execute(project)
    for stage, part in (("02_data", "writes"), ("03_training", "reads")):
        path = project.notebooks / f"{stage}.ipynb"
        book = json.loads(path.read_text())
        book["metadata"]["loopbook"][part].append("extra")
        path.write_text(json.dumps(book))
    scenario = loading.load("tiny", project.scenarios, "standard")
    _, verdicts = staleness.why(Request(project, "tiny", scenario, "standard", {}, "s"))
    found = {verdict.name: verdict for verdict in verdicts}
    assert found["03_training[one]"].state == "stale"
    assert found["03_training[one]"].reasons[-1] == "input extra: 02_data had not written it in the latest run"
