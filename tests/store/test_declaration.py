"""Notebooks declare what they read and write, and their parameters cell is read without executing it."""

import os
import threading
from pathlib import Path

import pytest
from tests.conftest import notebook

from loopbook.scenario.errors import LoopbookError
from loopbook.store.declaration import assignments, declaration, declarations
from loopbook.store.project import Project


def test_declarations_come_in_the_order_of_their_numbers(project: Project) -> None:
    found = declarations(project.notebooks)
    assert list(found) == ["02_data", "03_training", "04_optimization"]
    assert found["03_training"].each == "candidates"
    assert found["03_training"].flat == ("epochs",)
    assert found["02_data"].modules >= {"loopbook.store.stage"}


def test_prose_and_parameter_defaults_do_not_change_the_code_digest(tmp_path: Path) -> None:
    first = declaration(notebook(tmp_path / "01_a.ipynb", {}, "x = 1", "y = 2  # why"))
    second = declaration(notebook(tmp_path / "01_b.ipynb", {}, "x = 5", "y = 2"))
    third = declaration(notebook(tmp_path / "01_c.ipynb", {}, "x = 1", "y = 3"))
    assert first.code == second.code != third.code


def test_a_notebook_that_is_just_being_saved_is_read_again_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = notebook(tmp_path / "01_a.ipynb", {}, "x = 1", "y = 2")
    whole = path.read_text()
    path.write_text(whole[:50])
    saving = threading.Timer(0.2, path.write_text, [whole])
    saving.start()
    assert declaration(path).stage == "01_a"
    saving.join()
    path.write_text(whole[:50])
    os.utime(path, (0, 0))
    with pytest.raises(LoopbookError, match=r"01_a\.ipynb is not a readable notebook"):
        declaration(path)


def test_the_parameters_cell_is_read_with_annotations_and_comments() -> None:
    text = 'a: int | None = None  # epochs\nb = "x"\nc = [1, 2]\n'
    assert assignments(text) == {"a": None, "b": "x", "c": [1, 2]}


@pytest.mark.parametrize(
    ("declared", "cell", "message"),
    [
        (None, "x = 1", "declares nothing"),
        ({"read": ["a"]}, "x = 1", "Did you mean 'reads'"),
        ({"sections": ["trainig"]}, "x = 1", "Did you mean 'training'"),
        ({}, "x = open('f')", "only plain assignments"),
        ({"study": True}, "x = 1", "there is no section 'studies.a'. Known: .*honest_numbers"),
        ({"study": "yes please"}, "x = 1", "loopbook.study: "),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(tmp_path: Path, declared: dict, cell: str, message: str) -> None:
    path = notebook(tmp_path / "01_a.ipynb", declared or {}, cell)
    if declared is None:
        path.write_text(path.read_text().replace('"loopbook"', '"other"'))
    with pytest.raises(LoopbookError, match=message):
        declaration(path)
