"""A notebook opened by hand: its parameters cell counts each time, and it says from where it reads."""

from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from loopbook.scenario.errors import LoopbookError, MissingInput, ScenarioError
from loopbook.store.by_hand import aligned, parameters_cell
from loopbook.store.project import Project
from loopbook.store.stage import Stage

CELL = 'scenario = "tiny"\nprofile = "standard"\n'
OPEN = 'from loopbook.store.stage import Stage\nstage = Stage.open("02_data", globals())'


@pytest.fixture
def shell() -> InteractiveShell:
    """Return a kernel's shell, in which cells can be run again and again."""
    found = InteractiveShell()
    found.history_manager.enabled = False
    return found


def run(shell: InteractiveShell, *cells: str) -> Any:
    for cell in cells:
        done = shell.run_cell(cell, store_history=True)
        if done.error_in_exec:
            raise done.error_in_exec
    return shell.user_ns["stage"]


def test_a_misspelt_parameter_is_refused_in_a_warm_kernel_too(shell: InteractiveShell, project: Project) -> None:
    assert run(shell, CELL + "rows = 700", OPEN, "share = 0.5").settings.rows == 700
    with pytest.raises(ScenarioError, match=r"no parameter 'row'\. Did you mean 'rows'"):
        run(shell, CELL + "row = 800", OPEN)
    assert run(shell, CELL + "rows = None", OPEN).settings.rows is None
    assert run(shell, OPEN).settings.rows is None, "the cell of the stage again, among the notebook's own variables"


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["rows = 3", CELL, "import os", "rows = 4"], {}),
        ([CELL + "rows = 3", "# Parameters\nrows = 5", "import os"], {"rows": 5}),
        ([CELL + "rows = 3\nstart = None", f"# Parameters\n{CELL}rows = 5", "import os"], {"rows": 5, "start": None}),
        ([CELL + "rows: int = 3", CELL, "share = f(1)\n_own = 1", "x += 1"], {"share": None}),
        ([CELL + "rows = 2 * 350"], {"rows": 700}),
    ],
)
def test_only_what_the_last_execution_assigns_counts(cells: list[str], wanted: dict[str, Any]) -> None:
    found = parameters_cell({"In": ["", *cells], "rows": 700})
    assert found == {"scenario": "tiny", "profile": "standard", **wanted}


def test_without_a_history_nothing_is_known() -> None:
    assert parameters_cell({"scenario": "tiny"}) is None


def test_a_notebook_says_from_where_it_reads(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"scenario": "tiny", "profile": "standard"}
    Stage.open("03_training", {**given, "candidate": "one"})
    assert "Reads train from nowhere yet." in capsys.readouterr().out
    Stage.open("02_data", {**given, "rows": 700}).write("train", pd.DataFrame({"x": [1]}))
    capsys.readouterr()
    Stage.open("03_training", {**given, "candidate": "one"})
    said = capsys.readouterr().out
    assert said.startswith("Reads train from your draft of ") and said.endswith(" with rows = 700.\n")


def test_what_is_missing_is_said_without_our_own_traceback(shell: InteractiveShell, project: Project) -> None:
    cell = 'stage = Stage.open("03_training", {**globals(), "candidate": "one"})\nstage.read("train")'
    shell.run_cell(CELL + 'candidate = "one"', store_history=True)
    try:
        raise MissingInput("There is no 'train' yet.")
    except LoopbookError as error:
        assert error._render_traceback_() == ["MissingInput: There is no 'train' yet."]
    assert not shell.run_cell(cell).success


def test_texts_of_a_table_stand_at_the_left_and_dates_on_one_line() -> None:
    frame = pd.DataFrame({"n": [1.5, -2e-7], "day": ["2026-03-01", ""], "text": ["<b>$x$</b> " * 5, "a"]})
    html = aligned(frame)
    assert html is not None
    assert (
        "<td>1.500000e+00</td>" in html and '<td style="text-align: left; white-space: nowrap">2026-03-01</td>' in html
    )
    assert '<td style="text-align: left">&lt;b&gt;$x$' in html
