"""A small project for tests that need one, and how tests run side by side: what comes first, what is shared.

What keeps all tests within 20 minutes on two processors, however many there are:

- whoever needs a run of one of the three agents takes it from ``smoke_run``, copies it to go on, and makes none;
- small runs in a test's own process take ``project``, whose kernels are forked from one server;
- a page is opened once and looked at for all that can be wrong with it (``tests.browsing.Visit.faults``);
- a file of more than a minute stands in `LONGEST`; what two tests cannot use at once is locked by ``alone``;
- ``.ci/run`` prints the twenty slowest tests with their seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
import pytest
from filelock import FileLock
from hypothesis import settings

from loopbook.runner.kernels.forking import Server
from loopbook.runner.kernels.pool import environment
from loopbook.store.project import Project
from tests import browsing, smoke
from tests.postgres import postgres

__all__ = ["postgres"]

ROOT = Path(__file__).resolve().parents[1]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests run side by side: what they start and compute themselves takes one thread each.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

LONGEST = (
    "notebooks/test_three_ways.py",
    "test_readme.py",
    "starter/test_three_files.py",
    "notebooks/test_rounds.py",
    "test_environment.py",
    "notebooks/test_own_model.py",
    "notebooks/test_jupyterlab.py",
    "setup/test_steps.py",
    "notebooks/test_sites.py",
)
"""Files whose tests take a minute and more, in the order in which they begin, before all others.

A file's tests run in one process, one after the other (``--dist loadfile``); so no long one may be left for the end.
Neighbours do not need the same run of notebooks, for which the second would have to wait.
"""

# A run of CI says the same twice; elsewhere hypothesis looks for new examples each time.
# No example has a deadline: how long one takes says how busy the machine is.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

SCENARIO = """\
name: tiny
title: Tiny
description: Adds numbers.
stories:
  - id: adding
    as_a: tester
    i_want: sums
    so_that: something can be compared
    criteria:
      - {id: sum-large, text: The sum is large, stage: 02_data, metric: total, comparison: ">=", threshold: 10}
task:
  fields: {x: number}
  label: {column: y, positive: [1]}
source: {kind: csv, path: numbers.csv}
training:
  epochs: 3
  candidates:
    one: {architecture: majority}
    two: {architecture: majority}
"""


def notebook(path: Path, declared: dict, parameters: str, *cells: str) -> Path:
    """Write a notebook with a declaration, a parameters cell and code cells."""
    book = nbformat.v4.new_notebook(
        metadata={"loopbook": declared, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    head = nbformat.v4.new_code_cell(dedent(parameters), metadata={"tags": ["parameters"]}, id="parameters")
    body = [nbformat.v4.new_code_cell(dedent(cell), id=f"cell-{index}") for index, cell in enumerate(cells)]
    book.cells = [nbformat.v4.new_markdown_cell(f"# {path.stem}", id="title"), head, *body]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)
    return path


def small(folder: Path) -> Project:
    """Write a project with a stage that makes a table, one for each candidate, and one that gathers."""
    (folder / "notebooks" / "scenarios").mkdir(parents=True)
    (folder / "notebooks" / "scenarios" / "tiny.yaml").write_text(SCENARIO)
    (folder / "numbers.csv").write_text("x,y\n1,0\n2,1\n")
    (folder / "requirements.lock").write_text("nothing==1\n")
    smoke.remember_code(folder / "data")
    notebook(
        folder / "notebooks" / "02_data.ipynb",
        {"reads": ["source"], "writes": ["train"], "sections": ["name", "source"]},
        'scenario = "tiny"\nprofile = "standard"\nrows = None',
        "import pandas as pd\nfrom loopbook.store.stage import Stage",
        'stage = Stage.open("02_data", globals())',
        'frame = pd.DataFrame({"x": [1.0, 2.0, float(stage.settings.rows or 9)]})',
        'stage.write("train", frame)\nstage.record(total=frame.x.sum())\nstage.measure(width=1)',
    )
    notebook(
        folder / "notebooks" / "03_training.ipynb",
        {"reads": ["train"], "writes": ["model"], "each": "candidates"},
        'scenario = "tiny"\nprofile = "standard"\ncandidate = "one"\nepochs = None',
        "from loopbook.store.stage import Stage",
        'stage = Stage.open("03_training", globals())',
        'train = stage.read("train")',
        'stage.write("model", {"sum": float(train.x.sum()), "epochs": stage.settings.epochs, "name": candidate})',
        "stage.record(epochs=stage.settings.epochs)",
    )
    notebook(
        folder / "notebooks" / "04_optimization.ipynb",
        {"gathers": ["model"], "writes": ["champion"], "sections": ["training"]},
        'scenario = "tiny"\nprofile = "standard"',
        "from loopbook.store.stage import Stage",
        'stage = Stage.open("04_optimization", globals())',
        'models = stage.gather("model")',
        'stage.write("champion", {"name": max(models)})\nstage.record(champion=max(models))',
    )
    return Project(folder)


def study(project: Project) -> Path:
    """Write a study into a project: a notebook that is part of the run only where the scenario names it."""
    return notebook(
        project.notebooks / "08_honest_numbers.ipynb",
        {"reads": ["champion"], "study": True},
        'scenario = "tiny"\nprofile = "standard"\nsizes = None',
        "from loopbook.store.stage import Stage",
        'stage = Stage.open("08_honest_numbers", globals())',
        'stage.record(sizes=stage.settings.sizes, champion=stage.read("champion")["name"])',
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes ``-n auto`` starts: no more than there are long files.

    One more than there are processors: a third of the time a test waits for a browser, a kernel or a server.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors + 1, len(LONGEST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others keep their order."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of these tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def alone(shared: Path) -> Callable[[str], FileLock]:
    """Return a lock by the name of what only one test at a time may use: a port, the machine's count of kills."""
    return lambda name: FileLock(shared / f"{name}.lock")


@pytest.fixture(scope="session")
def smoke_run(shared: Path) -> Callable[[str], smoke.Ran]:
    """Return what gives the smoke run of one of the agents, made once for all processes of these tests."""

    def run(scenario: str) -> smoke.Ran:
        if scenario not in smoke.AT_HAND and not os.environ.get("LOOPBOOK_DATA_MIRROR"):
            pytest.skip(f"{scenario}'s data would be downloaded; set LOOPBOOK_DATA_MIRROR to test with a mirror")
        return smoke.run_once(scenario, shared)

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return the system's Chromium."""
    if browsing.BROWSER is None:
        pytest.skip("no Chromium on this machine: install Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browsing.BROWSER, args=browsing.ARGUMENTS)
        yield started
        started.close()


def enter(project: Project, patch: pytest.MonkeyPatch) -> Project:
    """Let this process, and those that it starts, work in a project."""
    patch.setenv("LOOPBOOK_PROJECT", str(project.root))
    patch.delenv("LOOPBOOK_DATA", raising=False)
    patch.delenv("LOOPBOOK_REPORTS", raising=False)
    return project


start_server = Server.start


@cache
def lasting_server() -> Server:
    """Return a fork server for all runs in this process, with which it ends; a small run is mostly such a start."""
    named = {name: value for name, value in environment().items() if not name.startswith("LOOPBOOK_")}
    server = start_server(named)
    server.end = lambda: None
    return server


@pytest.fixture
def fork_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs in this process fork their kernels from one server; a module whose tests need their own overrides it."""
    monkeypatch.setattr(Server, "start", lambda environment: lasting_server())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork_server: None) -> Project:
    """Return the small project, in which this process works."""
    return enter(small(tmp_path / "project"), monkeypatch)
