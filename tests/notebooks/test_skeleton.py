"""Every committed notebook has the skeleton that readers know: DESIGN's five parts, short cells, no output, no path."""

from __future__ import annotations

import ast
import json
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from loopbook.store.declaration import GENERAL, declaration, fields_of
from loopbook.store.parameters import sections_of

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def lines(cell: dict[str, Any]) -> int:
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in source(cell).splitlines())


def test_there_are_notebooks() -> None:
    assert IDS[:4] == ["01_requirements", "02_data", "03_training", "04_optimization"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_the_first_cell_says_goal_reads_writes_and_runtime(path: Path) -> None:
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    assert first["cell_type"] == "markdown"
    assert source(first).startswith(f"# {int(path.stem[:2])} · ")
    for word in ("**Goal**", "**Reads**", "**Writes**", "**Runtime**"):
        assert word in source(first)
    declared = declaration(path)
    for name in (*declared.reads, *declared.gathers, *declared.writes):
        assert f"`{name}`" in source(first), f"the head of {path.stem} does not name {name}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_the_parameters_cell_has_a_comment_on_each_line_and_matches_the_scenario(path: Path) -> None:
    tagged = [cell for cell in cells(path, "code") if "parameters" in cell["metadata"].get("tags", [])]
    assert cells(path, "code")[0] == tagged[0]
    assert all("#" in line for line in source(tagged[0]).splitlines() if line.strip())
    declared = declaration(path)
    section = fields_of(declared.section)
    for name in declared.flat:
        assert name in section, f"{name} is no setting of {declared.section}"
        assert declared.cell[name] is None
    scalar = [
        name
        for name, field in section.items()
        if not re.search(r"dict|tuple|Splits|Names|Costs|Generator|RecipeChanges|Sentiment", str(field.annotation))
    ]
    assert set(scalar) <= {*declared.flat}, "settings that the parameters cell does not offer"
    assert [name for name in declared.cell if name in GENERAL] == (
        ["scenario", "profile", "candidate"] if declared.each else ["scenario", "profile"]
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_the_second_code_cell_imports_and_only_it(path: Path) -> None:
    for index, cell in enumerate(cells(path, "code")):
        body = ast.parse(source(cell)).body
        is_import = [isinstance(node, ast.Import | ast.ImportFrom) for node in body]
        assert all(is_import) if index == 1 else not any(is_import), f"code cell {index}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_cells_are_few_and_short(path: Path) -> None:
    counts = [lines(cell) for cell in cells(path, "code")]
    words = sum(len(source(cell).split()) for cell in cells(path, "markdown"))
    assert 10 <= len(counts) <= 18
    assert statistics.median(counts) <= 5
    # The parameters cell is a list: a line for each setting of its stage.
    others = [cell for cell in cells(path, "code") if "parameters" not in cell["metadata"].get("tags", [])]
    assert max(map(lines, others)) <= 16
    assert sum(counts) <= 120
    assert 400 <= words <= 900


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem >= "05"], ids=lambda path: path.stem)
def test_plumbing_stays_in_the_library(path: Path) -> None:
    trees = [ast.parse(source(cell)) for cell in cells(path, "code")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = [name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names]
    assert len(imported) <= 10
    for node in nodes:
        if isinstance(node, ast.Call):
            assert len(node.args) + len(node.keywords) <= 5, ast.unparse(node)
        assert not isinstance(node, ast.If | ast.IfExp), f"a table or figure says itself when it is empty: {path.stem}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_the_last_code_cell_records(path: Path) -> None:
    assert "stage.record(" in source(cells(path, "code")[-1])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_no_output_no_path_no_long_function_and_stable_ids(path: Path) -> None:
    book = json.loads(path.read_text(encoding="utf-8"))
    identifiers = [cell["id"] for cell in book["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    assert not any(re.fullmatch(r"[0-9a-f]{8,}", identifier) for identifier in identifiers)
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert not re.search(r"[\"'](\.{0,2}/|data/|\.\./)|sys\.path|Path\(", source(cell)), source(cell)
        for node in ast.walk(ast.parse(source(cell))):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_what_is_declared_is_used(path: Path) -> None:
    declared = declaration(path)
    code = "\n".join(source(cell) for cell in cells(path, "code"))
    for verb, names in (
        ("read", declared.reads),
        ("gather", declared.gathers),
        ("carry", declared.carries),
        ("write", declared.writes),
    ):
        for name in names:
            if name != "source":
                assert f'stage.{verb}("{name}"' in code, f"{path.stem} never does stage.{verb}({name!r})"
    assert set(sections_of(declared)) >= {declared.section}
