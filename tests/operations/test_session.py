"""What a run starts beside its notebooks: nothing where nothing is to do, and nothing stays where it is refused."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from loopbook.operations import session
from loopbook.runner.kernels.forking import Server
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project


@pytest.fixture
def fork_server() -> None:
    """Each run starts a server of its own, which is what these tests are about."""


@pytest.fixture
def started(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the process ids of the fork servers that are started, as they are."""
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    found: list[int] = []
    start = Server.start

    def noted(environment: dict[str, str]) -> Server:
        server = start(environment)
        assert server.process is not None
        found.append(server.process.pid)
        return server

    monkeypatch.setattr(Server, "start", noted)
    return found


def run(params: str = "") -> str:
    said = io.StringIO()
    session.run(session.read("tiny", "standard", params), Console(file=said, width=200))
    return said.getvalue()


def test_a_refused_scenario_leaves_no_process(started: list[int]) -> None:
    with pytest.raises(LoopbookError, match=r"number\.csv"):
        run("source.path=number.csv")
    with pytest.raises(LoopbookError, match="nothing"):
        run("source.id=nothing")
    assert started
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_where_nothing_is_to_do_no_library_is_imported_for_kernels(started: list[int]) -> None:
    run()
    once = list(started)
    assert len(once) == 1
    assert "Nothing to do" in run()
    assert started == once


def test_a_parameter_saved_in_a_notebook_is_named(project: Project) -> None:
    assert session.saved(project) == {}
    path = project.notebooks / "02_data.ipynb"
    path.write_text(path.read_text().replace("rows = None", "rows = 700"))
    assert session.saved(project) == {"02_data": "rows = 700"}


def test_checking_notebooks_builds_no_grammar() -> None:
    code = """
import sys
from typer.testing import CliRunner
from loopbook.cli.commands import app
assert CliRunner().invoke(app, ["parameters", "--help"]).exit_code == 0
import nbformat, papermill
nbformat.validate(nbformat.v4.new_notebook())
print(sys.modules["rfc3987_syntax"], "lark" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.split() == ["None", "False"], done.stderr
