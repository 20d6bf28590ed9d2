"""`loopbook new` says what is wrong before it writes anything, and keeps data where it is safe."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.scenario.loading import load
from loopbook.store.project import Project
from tests.starter import tables


def new(name: str, file: Path | str, *words: str) -> Result:
    return CliRunner().invoke(app, ["new", "--no-run", *words, "--", name, str(file)], env={"COLUMNS": "200"})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "outside" / "de'liveries $(touch x).csv"
    path.parent.mkdir()
    tables.deliveries(path, rows=300)
    return path


@pytest.mark.parametrize("name", ["", "My Agent", "-x", "ä", "a/b", "../x", "a\n", "x" * 61, "a.b"])
def test_a_name_that_does_not_fit_is_refused_with_one_that_does(name: str, table: Path, empty_project: Project) -> None:
    done = new(name, table)
    assert done.exit_code == 2
    assert "cannot be an agent's name" in done.output
    assert not list(empty_project.scenarios.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no file"),
        (b"", "is empty"),
        (b"PK\x03\x04xxxx", "cannot be unpacked"),
        (b"one\n1\n2\n", "one column"),
        (b"a,b\n" + b"".join(b"%d,%d\n" % (row, row**2) for row in range(99)), "no column looks like a label"),
        (b"x,label\n" + b"".join(b"%d,%d\n" % (row % 7, row % 2) for row in range(40)), "at least 60"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_nothing_is_written(
    content: bytes | None, message: str, tmp_path: Path, empty_project: Project
) -> None:
    file = tmp_path / "x.csv"
    if content is not None:
        file.write_bytes(content)
    done = new("agent", file)
    assert done.exit_code == 2
    assert message in done.output
    assert not list(empty_project.scenarios.iterdir())
    assert not empty_project.data.exists()


def test_a_folder_or_no_name_is_no_file(tmp_path: Path, empty_project: Project) -> None:
    assert "is a folder" in new("agent", tmp_path).output
    assert "No file is named" in new("agent", "").output


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "link to a pipe"])
def test_what_would_block_or_never_end_is_refused_unopened(kind: str, tmp_path: Path, empty_project: Project) -> None:
    done = new("agent", tables.special(kind, tmp_path))
    assert done.exit_code == 2
    assert "is a pipe, device or socket, not a file" in done.output
    assert not list(empty_project.scenarios.iterdir())


def test_data_from_outside_is_copied_for_the_owner_only(table: Path, empty_project: Project) -> None:
    done = new("agent", table)
    assert done.exit_code == 0, done.output
    source = load("agent", empty_project.scenarios).source
    kept = empty_project.root / source.path
    assert source.path == "data/raw/files/agent.csv"
    assert kept.read_bytes() == table.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert f"Copied to {kept}, readable by you only." in done.output


def test_data_inside_the_project_stays_where_it_is(table: Path, empty_project: Project) -> None:
    inside = empty_project.root / "my data" / table.name
    inside.parent.mkdir()
    table.rename(inside)
    assert "Copied" not in new("agent", inside).output
    assert load("agent", empty_project.scenarios).source.path == f"my data/{table.name}"
    assert not empty_project.data.exists()


def test_a_copy_of_something_else_is_not_overwritten(table: Path, empty_project: Project) -> None:
    other = empty_project.raw / "files" / "agent.csv"
    other.parent.mkdir(parents=True)
    other.write_text("precious")
    done = new("agent", table)
    assert done.exit_code == 2
    assert "where another one stands" in done.output
    assert other.read_text() == "precious"


def test_an_existing_scenario_is_refused_with_the_remedy(table: Path, empty_project: Project) -> None:
    path = empty_project.scenarios / "agent.yaml"
    path.write_text("mine")
    done = new("agent", table)
    assert done.exit_code == 2
    assert "not overwritten. Take another name, or remove" in done.output
    assert path.read_text() == "mine"


def test_the_label_can_be_named(table: Path, empty_project: Project) -> None:
    assert new("agent", table, "--label", "🚚 Express").exit_code == 0
    assert load("agent", empty_project.scenarios).task.label.column == "🚚 Express"
    assert "Did you mean 'Lager'" in new("other", table, "--label", "Lage").output


def test_another_reading_is_offered_as_a_command_that_the_shell_reads_as_it_was_meant(
    table: Path, empty_project: Project
) -> None:
    printed = new("agent", table, "--label", "Lager").output
    assert (
        "several classes (multiclass)" in printed and load("agent", empty_project.scenarios).task.type == "multiclass"
    )
    (command,) = (line.strip() for line in printed.splitlines() if line.strip().startswith("make new"))
    said = dict(word.replace("$$", "$").split("=", 1) for word in shlex.split(command)[2:])
    assert "$$(touch x)" in command, "make would call what a single dollar begins"
    assert said == {"NAME": "agent-binary", "FILE": str(table), "LABEL": "Lager", "TASK": "binary"}
    assert new(said["NAME"], said["FILE"], "--label", said["LABEL"], "--task", said["TASK"]).exit_code == 0
    assert load("agent-binary", empty_project.scenarios).task.type == "binary"
    assert "cannot be read as a number" in new("third", table, "--label", "Lager", "--task", "number").output
    assert "Did you mean 'multiclass'" in new("third", table, "--task", "multiclas").output


def test_what_to_edit_next_names_lines_that_are_there(table: Path, empty_project: Project) -> None:
    output = new("agent", table).output
    lines = (empty_project.scenarios / "agent.yaml").read_text(encoding="utf-8").splitlines()
    steps = [line.strip() for line in output.split("Edit next")[1].splitlines() if line.startswith("  line ")]
    assert len(steps) >= 4
    for step in steps:
        number, key = step.removeprefix("line ").split(":")[0].split(", ")
        assert lines[int(number) - 1].strip().startswith(f"{key.rpartition('.')[2]}:")
