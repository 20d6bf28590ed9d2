"""``make debug`` opens what failed as the run had it: the same cell fails again, and passes once mended."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tests.conftest import enter, small
from tests.runner.test_run import edit, execute
from typer.testing import CliRunner

from loopbook.cli.commands import app
from loopbook.runner import debugging
from loopbook.store import content, records
from loopbook.store.project import Project

DEFECT = "def share(total):\n    return int(total) / 0\n"


def surroundings(project: Project, patch: pytest.MonkeyPatch) -> None:
    """Let this process work in a project beside which a module stands."""
    enter(project, patch)
    patch.setenv("PYTHONPATH", str(project.root / "source"))
    patch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # a mended module of the same second and size is read anew


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """Return the small project after a run whose candidate two failed by a defect in a module, and a copy of it."""
    project = small(tmp_path_factory.mktemp("debugging") / "project")
    (project.root / "source").mkdir()
    (project.root / "source" / "tiny_agent.py").write_text(DEFECT)
    use = "print('before')\\nimport tiny_agent\\nshare = tiny_agent.share(train.x.sum()) if candidate == 'two' else 0"
    edit(project, "03_training", 'stage.write(\\"model\\"', f'{use}\\nstage.write(\\"model\\"')
    with pytest.MonkeyPatch.context() as patch:
        surroundings(project, patch)
        record, _, _ = execute(project, {"training.epochs": 5})
    assert [name for name, each in record.stages.items() if each.state == "failed"] == ["03_training[two]"]
    copy = project.root.with_name("copy")
    shutil.copytree(project.root, copy)
    return project, copy


@pytest.fixture
def broken(kept: tuple[Project, Path], monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return the project of the failed run as the run left it, whatever another test did to it."""
    project, copy = kept
    content.remove(project.root)
    shutil.copytree(copy, project.root)
    surroundings(project, monkeypatch)
    return project


def again(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Execute a notebook from top to bottom, as JupyterLab does: in a kernel that knows of no run."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(book, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    return book


def test_the_same_cell_fails_again_and_passes_once_mended(broken: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path for path in broken.store.rglob("*") if path.is_file())
    (opened,) = debugging.failed(broken, "tiny", "standard")
    assert opened.path == broken.drafts / "tiny" / "standard" / "debug" / "03_training-two.ipynb"
    assert (opened.name, opened.cell) == ("03_training[two]", "cell-3")
    for name in ("LOOPBOOK_PROJECT", "LOOPBOOK_JOB"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        again(opened.path, opened.path.parent)
    (broken.root / "source" / "tiny_agent.py").write_text("def share(total):\n    return int(total) / 2\n")
    book = again(opened.path, opened.path.parent)
    shown = book.cells[-1]
    assert shown.execution_count is not None
    made = json.loads((opened.path.with_suffix("") / "model.json").read_text())
    assert made == {"sum": 12.0, "epochs": 5, "name": "two"}, "parameters and inputs are the run's"
    assert sorted(path for path in broken.store.rglob("*") if path.is_file()) == before


def test_it_says_what_failed_and_keeps_the_outputs_down_to_there(broken: Project) -> None:
    (opened,) = debugging.failed(broken, "tiny", "standard")
    cells = nbformat.read(opened.path, as_version=4).cells
    names = [cell.id for cell in cells]
    assert names[:2] == [debugging.TOP, debugging.ENTER]
    assert names.index(debugging.HERE) + 1 == names.index("cell-3")
    assert "03_training[two] failed" in cells[0].source
    assert "ZeroDivisionError" in cells[0].source
    failing = cells[names.index("cell-3")]
    assert failing.outputs[0].text == "before\n"
    assert failing.outputs[-1].ename == "ZeroDivisionError"
    assert cells[-1].outputs == []
    assert opened.path.with_suffix(".job").stat().st_mode & 0o077 == 0


def test_inputs_that_have_left_the_store_are_named(broken: Project) -> None:
    (opened,) = debugging.failed(broken, "tiny", "standard")
    subprocess.run(["rm", "-r", str(broken.store / "02_data")], check=True)
    with pytest.raises(CellExecutionError, match="no longer in the store"):
        again(opened.path, opened.path.parent)


def test_the_command_writes_it_and_says_where(broken: Project) -> None:
    done = CliRunner().invoke(app, ["debug", "--scenario", "tiny", "--no-lab"])
    assert done.exit_code == 0, done.output
    assert "03_training[two]: ZeroDivisionError" in done.output
    assert str(broken.drafts / "tiny" / "standard" / "debug" / "03_training-two.ipynb") in done.output


def test_where_nothing_failed_the_command_says_so(project: Project) -> None:
    for stage in ("03_training", "04_optimization"):
        (project.notebooks / f"{stage}.ipynb").unlink()
    for run in (False, True):
        if run:
            execute(project)
        done = CliRunner().invoke(app, ["debug", "--scenario", "tiny"])
        assert done.exit_code == 0
        assert "Nothing failed in the latest run of tiny" in done.output


def test_lab_answers_at_the_address_of_the_cell(
    broken: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (opened,) = debugging.failed(broken, "tiny", "standard")
    with opened.lab() as server:
        try:
            address = opened.address(server)
            assert address is not None
            assert "/lab/tree/03_training-two.ipynb?token=" in address
            assert address.endswith("#cell-id=cell-3")
            with urllib.request.urlopen(address.partition("#")[0].replace("/lab/tree/", "/api/contents/")) as answer:
                assert json.load(answer)["name"] == "03_training-two.ipynb"
        finally:
            server.terminate()


def test_a_dead_kernel_is_debugged_like_an_exception(project: Project) -> None:
    edit(project, "02_data", "stage.write(", "import os\\nos.abort()\\nstage.write(")
    execute(project)
    (opened,) = debugging.failed(project, "tiny", "standard")
    assert (opened.error.kind, opened.cell) == ("SIGABRT", "cell-3")
    run = records.latest(project, "tiny", good=False)
    assert run is not None
    assert "SIGABRT" in opened.path.read_text()
