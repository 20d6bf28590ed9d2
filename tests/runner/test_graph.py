"""The order of a run follows from what the notebooks read."""

from pathlib import Path

import pytest
from tests.conftest import notebook, study

from loopbook.runner.graph import of_scenario, plan
from loopbook.scenario import loading
from loopbook.scenario.errors import LoopbookError
from loopbook.store.declaration import declarations
from loopbook.store.project import Project


def test_candidates_stand_between_what_they_read_and_who_gathers_them(project: Project) -> None:
    nodes = plan(declarations(project.notebooks), ["one", "two"])
    assert list(nodes) == ["02_data", "03_training[one]", "03_training[two]", "04_optimization"]
    assert nodes["04_optimization"].needs == {"03_training[one]", "03_training[two]"}


def test_a_new_numbered_notebook_becomes_part_of_the_run(project: Project) -> None:
    notebook(project.notebooks / "08_extra.ipynb", {"reads": ["champion"], "writes": ["note"]}, "x = 1")
    nodes = plan(declarations(project.notebooks), ["one"])
    assert list(nodes)[-1] == "08_extra"


def test_a_study_is_part_of_the_run_where_the_scenario_names_it(project: Project) -> None:
    plain = of_scenario(project.notebooks, loading.load("tiny", project.scenarios))
    study(project)
    assert of_scenario(project.notebooks, loading.load("tiny", project.scenarios)) == plain
    named = loading.load("tiny", project.scenarios, given={"studies.honest_numbers": None})
    assert of_scenario(project.notebooks, named).keys() - plain.keys() == {"08_honest_numbers"}
    (project.notebooks / "08_honest_numbers.ipynb").unlink()
    with pytest.raises(LoopbookError, match=r"names the study 'honest_numbers', but there is no notebook NN_honest"):
        of_scenario(project.notebooks, named)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"reads": ["trian"]}, "Did you mean 'train'"),
        ({"reads": ["model"]}, "must gather it"),
        ({"writes": ["train"]}, "written by 02_data and by"),
    ],
)
def test_a_declaration_that_cannot_be_met_is_refused(project: Project, declared: dict, message: str) -> None:
    notebook(project.notebooks / "08_extra.ipynb", declared, "x = 1")
    with pytest.raises(LoopbookError, match=message):
        plan(declarations(project.notebooks), ["one"])


def test_a_circle_is_named(tmp_path: Path) -> None:
    notebook(tmp_path / "01_a.ipynb", {"reads": ["b"], "writes": ["a"]}, "x = 1")
    notebook(tmp_path / "02_b.ipynb", {"reads": ["a"], "writes": ["b"]}, "x = 1")
    with pytest.raises(LoopbookError, match="wait for each other"):
        plan(declarations(tmp_path), [])
