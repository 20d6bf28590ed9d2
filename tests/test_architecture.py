"""The house rules: who may import whom, what stays light, what is banned."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
PACKAGE = SOURCE / "loopbook"
MODULES = sorted(PACKAGE.rglob("*.py"))

GROUND = ("scenario", "statistics", "figures", "privacy", "store")
PHASES = ("simulation", "requirements", "data", "models", "decisions", "desk", "monitoring", "feedback")
ABOVE = ("operations", "service", "cli", "__main__", "setup")
BESIDE = ("runner", "comparison", "reports")
"""No phase uses these, and they use none; reports may draw what comparison has computed."""
STARTER = "starter"
"""Writes a scenario by the phases' own detection; only the command line uses it."""
HEAVY = ("tensorflow", "keras", "matplotlib", "papermill", "nbconvert")


def part(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> list[tuple[str, int]]:
    """Return the imported names with their lines, those in functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: import by the full name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, node.lineno) for name in names]
    return found


def allowed(part_name: str) -> set[str]:
    if part_name in ABOVE:
        return {*GROUND, *PHASES, *ABOVE, *BESIDE} | ({STARTER} if part_name == "cli" else set())
    if part_name == STARTER:
        return {*GROUND, *PHASES, STARTER}
    if part_name in BESIDE:
        return {*GROUND, *BESIDE[: BESIDE.index(part_name) + 1]} - ({"runner"} if part_name != "runner" else set())
    if part_name in PHASES:
        return {*GROUND, *PHASES[: PHASES.index(part_name) + 1]}
    return set(GROUND)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    for name, line in imports(path):
        if name.startswith("loopbook."):
            assert name.split(".")[1] in allowed(part(path)), f"{path}:{line} imports {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {name_of(path): path for path in MODULES}
    graph = {}
    for name, path in names.items():
        found = (target for target, _ in imports(path))
        graph[name] = {next((known for known in (target, target.rpartition(".")[0]) if known in names), name)
                       for target in found if target.startswith("loopbook")} - {name}  # fmt: skip
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These import each other: {' → '.join(error.args[1])}")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


DOORS = {"runner.kernels": "pool"}
"""The one module of a folder that may be imported from outside it."""


@pytest.mark.parametrize(("folder", "door"), DOORS.items())
def test_a_folder_is_entered_by_its_door(folder: str, door: str) -> None:
    inside = f"loopbook.{folder}."
    for path in MODULES:
        for name, line in imports(path):
            if not name_of(path).startswith(inside) and f"{name}.".startswith(inside):
                assert f"{name}.".startswith(f"{inside}{door}."), f"{path}:{line} imports {name}"


def test_every_part_of_the_package_has_its_place() -> None:
    known = {*GROUND, *PHASES, *ABOVE, STARTER, *BESIDE, "__init__"}
    assert {part(path) for path in MODULES} <= known


def test_package_inits_are_empty() -> None:
    assert [path for path in MODULES if path.name == "__init__.py" and path.read_text().strip()] == []


DYNAMIC = {"models/architectures/registry.py", "models/training/augmentation.py", "runner/kernels/libraries.py"}
"""Where a user's candidate or translation, named as ``package.module:function``, is imported (its code enters the key
by its name), and where kernels are given the libraries of one table."""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_evaluates_text_or_unpickles(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, line in imports(path):
        banned = {"pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}
        assert name.split(".")[0] not in banned, f"{path}:{line} imports {name}"
        if name.split(".")[0] in ("importlib", "runpy") and not name.startswith("importlib.metadata"):
            assert path.relative_to(PACKAGE).as_posix() in DYNAMIC or name.startswith("importlib.resources"), (
                f"{path}:{line}: dynamic import"
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "__import__", "compile"}, f"{path}:{node.lineno}"


@pytest.mark.parametrize("module", ["loopbook", "loopbook.cli.commands", "loopbook.store.stage", "loopbook.runner.run"])
def test_light_modules_stay_light(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
