"""Of two notebooks as executed, the cells that differ are shown line by line."""

from __future__ import annotations

import json
from pathlib import Path

from nbformat import v4

from loopbook.comparison import code_changes
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord


def run(project: Project, name: str, **cells: str) -> Run:
    book = v4.new_notebook(
        cells=[
            v4.new_code_cell(f"seed = '{name}'", id="put-in", metadata={"tags": ["injected-parameters"]}),
            v4.new_markdown_cell(f"Prose of {name}", id="prose"),
            *(v4.new_code_cell(source, id=each) for each, source in cells.items()),
        ]
    )
    place = project.store / "05_decisions" / name / "notebook.ipynb"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(book))
    notebook = place.relative_to(project.data).as_posix()
    record = StageRecord(stage="05_decisions", key=name, state="done", notebook=notebook)
    return Run(
        scenario="tiny", title="Tiny", description="", simulated=False, run=name, profile="standard", status="good",
        started="2026-11-24T03:12:00+00:00", seconds=1.0, stages={"05_decisions": record},
    )  # fmt: skip


def test_only_code_that_differs_is_shown_with_the_lines_around_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    a = run(project, "a", fit="one\ntwo\n---three\nfour", same="x = 1")
    b = run(project, "b", fit="one\ntwo\n+++three\nfour", same="x = 1", more="y = 2")
    found = code_changes.cells(project, a, b)
    assert list(found) == ["notebooks/05_decisions.ipynb, cell fit", "notebooks/05_decisions.ipynb, cell more"]
    changed, new = found.values()
    assert changed[1:] == [" one", " two", "----three", "++++three", " four"]
    assert new[1:] == ["+y = 2"]


def test_a_long_difference_says_how_much_is_left_out(tmp_path: Path) -> None:
    project = Project(tmp_path)
    a, b = run(project, "a", fit="x"), run(project, "b", fit="\n".join(map(str, range(500))))
    (lines,) = code_changes.cells(project, a, b).values()
    assert lines[-1] == "… 302 lines more"


def test_a_notebook_that_left_the_store_is_not_told_as_new(tmp_path: Path) -> None:
    project = Project(tmp_path)
    a, b = run(project, "a", fit="x"), run(project, "b", fit="y")
    (project.data / str(a.stages["05_decisions"].notebook)).unlink()
    assert code_changes.cells(project, a, b) == {}
