"""The command line says by exit code and message how it went, and leaves the last good report in place."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.operations import scenario_schema
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[1]


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def tiny(project: Project) -> Project:
    """Return the small project with enough rows for its preflight."""
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    return project


def edit(project: Project, stage: str, old: str, new: str) -> None:
    path = project.notebooks / f"{stage}.ipynb"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_good_run_ends_with_0_and_prints_where_the_report_is(tiny: Project) -> None:
    done = call("run", "--scenario", "tiny")
    assert done.exit_code == 0, done.output
    page = tiny.reports / "tiny" / "latest" / "index.html"
    assert f"Report: {page}" in done.output
    assert page.is_file()
    record = json.loads((page.parent / "run.json").read_text())
    assert record["status"] == "good"
    again = call("run", "--scenario", "tiny")
    assert again.exit_code == 0
    assert "Nothing to do" in again.output


def test_a_missed_criterion_ends_with_3(tiny: Project) -> None:
    path = tiny.scenarios / "tiny.yaml"
    path.write_text(path.read_text().replace("threshold: 10", "threshold: 99"))
    done = call("run", "--scenario", "tiny")
    assert done.exit_code == 3
    assert "missed: The sum is large (total: wanted ≥ 99, measured 12)" in done.output
    assert "Not ready: 1 of 1 criteria missed" in done.output
    assert done.output.rstrip().endswith("criterion missed"), "the last line, above make's own"


def test_a_failing_notebook_ends_with_1_and_leaves_latest_good(tiny: Project) -> None:
    assert call("run", "--scenario", "tiny").exit_code == 0
    latest = tiny.reports / "tiny" / "latest"
    good = json.loads((latest / "run.json").read_text())["run"]
    edit(tiny, "03_training", "stage.record(", "assert candidate != 'two', 'two is <b>broken</b>'\\nstage.record(")
    done = call("run", "--scenario", "tiny")
    assert done.exit_code == 1
    assert "two is <b>broken</b>" in done.output
    assert json.loads((latest / "run.json").read_text())["run"] == good
    notice = (latest / "index.html").read_text()
    assert "failed" in notice
    assert "03_training[two]" in notice
    failed = max(path for path in (tiny.reports / "tiny").iterdir() if path.name != "latest")
    assert f"Report of this failed run: {failed / 'index.html'}" in done.output.replace("\n", "")
    page = (failed / "03_training-two.html").read_text()
    assert "two is &lt;b&gt;broken&lt;/b&gt;" in page
    assert (failed / "03_training-one.html").is_file()


def test_a_dead_kernel_is_shown_at_its_cell_with_what_was_printed_last(tiny: Project) -> None:
    dies = "print('the last words', flush=True)\\nimport ctypes\\nctypes.string_at(0)\\nstage.write("
    edit(tiny, "04_optimization", "stage.write(", dies)
    assert call("run", "--scenario", "tiny").exit_code == 1
    page = next((tiny.reports / "tiny").glob("2*/04_optimization.html")).read_text()
    cell = page[page.index('id="04_optimization-cell-cell-3"') :]
    assert "This cell failed" in cell
    assert cell.index("the last words") < cell.index("Fatal Python error: Segmentation fault")
    assert 'href="#04_optimization-cell-cell-3"' in page


def test_a_report_that_a_kill_kept_from_being_written_is_written_by_the_next_run(tiny: Project) -> None:
    assert call("run", "--scenario", "tiny").exit_code == 0
    first = (tiny.reports / "index.html").read_bytes()
    edit(tiny, "04_optimization", "stage.write(", "unused = 1\\nstage.write(")
    assert call("run", "--scenario", "tiny").exit_code == 0
    (tiny.reports / "index.html").write_bytes(first)  # as if the run had been killed after its record
    again = call("run", "--scenario", "tiny")
    assert "Nothing to do" in again.output
    newest = max(path.stem for path in (tiny.runs / "tiny").glob("*.json"))
    assert newest in (tiny.reports / "index.html").read_text()


OPERANDS = {
    "compare": ["latest", "latest"],
    "new": ["mine", "my.csv"],
    "reproduce": ["20261124-031200"],
    "gc": ["--days", "30"],
}
ANYWHERE = {"doctor", "schema"}
"""Commands that need no project."""


@pytest.mark.parametrize(
    "command", sorted({command.callback.__name__ for command in app.registered_commands} - ANYWHERE)
)
def test_outside_a_project_every_command_says_so_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOOPBOOK_PROJECT", raising=False)
    done = call(command, *OPERANDS.get(command, []))
    assert done.exit_code == 2, done.output
    assert "is not inside a Loopbook project" in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scenario", "tinny"], "Did you mean 'tiny'"),
        (["--scenario", "tiny", "--profile", "smok"], "Did you mean 'smoke'"),
        (["--scenario", "tiny", "--params", "training.epoch=3"], "Did you mean 'epochs'"),
        (["--scenario", "tiny", "--params", "training.epochs=-1"], "training.epochs"),
        (["--scenario", "tiny", "--params", "epochs"], "section.name=value"),
        (["--scenario", "tiny", "--params", "task.label.column=z"], "'z'"),
        (["--scenario", "tiny", "--params", "source.path=number.csv"], "number.csv"),
        (["--scenario", "tiny", "--params", "training.candidates.one.architecture=majorty"], "'majority'"),
    ],
)
def test_bad_input_ends_with_2_before_anything_is_started(tiny: Project, words: list[str], message: str) -> None:
    done = call("run", *words)
    assert done.exit_code == 2
    assert message in done.output
    assert not tiny.work.exists()
    assert not tiny.runs.exists()


def test_the_committed_schema_is_that_of_the_contract() -> None:
    committed = json.loads((ROOT / "notebooks" / "scenarios" / "scenario.schema.json").read_text(encoding="utf-8"))
    assert committed == scenario_schema.schema(), (
        "write it anew: python -m loopbook schema notebooks/scenarios/scenario.schema.json"
    )


def test_reports_can_be_deleted_and_rebuilt(tiny: Project) -> None:
    call("run", "--scenario", "tiny")
    pages = {path.name: path.read_bytes() for path in (tiny.reports / "tiny" / "latest").glob("*.html")}
    call("clean")
    subprocess.run(["rm", "-r", str(tiny.reports)], check=True)
    assert call("report").exit_code == 0
    assert {path.name: path.read_bytes() for path in (tiny.reports / "tiny" / "latest").glob("*.html")} == pages


def test_cleaning_keeps_sources_and_runs_unless_everything_is_asked_for(tiny: Project) -> None:
    call("run", "--scenario", "tiny")
    (tiny.raw).mkdir(parents=True)
    (tiny.raw / "source.csv").write_text("x")
    call("clean")
    assert tiny.runs.exists()
    call("clean", "--everything")
    assert not tiny.store.exists()
    assert (tiny.raw / "source.csv").is_file()


def test_parameters_are_listed_with_value_origin_and_meaning(tiny: Project) -> None:
    done = call("parameters", "--scenario", "tiny", "--params", "training.epochs=7")
    line = next(line for line in done.output.splitlines() if "training.epochs" in line)
    assert "7" in line
    assert "given" in line


def test_a_notebook_past_the_time_limit_ends_with_1_and_says_so(tiny: Project) -> None:
    assert call("run", "--scenario", "tiny").exit_code == 0
    edit(tiny, "04_optimization", "stage.write(", "import time\\ntime.sleep(600)\\nstage.write(")
    done = call("run", "--scenario", "tiny", "--time-limit", "2")
    assert done.exit_code == 1
    assert "TimeLimit: The notebook took longer than its time limit of 2 s." in done.output


def test_a_way_of_making_kernels_that_does_not_exist_is_bad_input(
    tiny: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELS", "frok")
    done = call("run", "--scenario", "tiny")
    assert done.exit_code == 2
    assert "KERNELS must be fork or spawn, not 'frok'" in done.output
    assert not tiny.store.exists()
