"""A small project with a short lock of real packages, set up by the real make, pip, uv and git."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from loopbook.setup.lock import pins
from loopbook.setup.place import Place, SetupError
from loopbook.setup.steps import FILTER, ROOM, UNFILTERED, create, locked

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("uv", "hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers", "ipykernel")
STRIPPER = ("nbstripout", "nbformat", "fastjsonschema", "jsonschema", "jsonschema-specifications", "referencing")
BELOW = ("attrs", "rpds-py", "traitlets", "jupyter-core", "platformdirs", "typing-extensions")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
"""What JupyterLab writes into a notebook on saving."""
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
UNREACHABLE = "http://127.0.0.1:9"


def lock_of(*names: str) -> str:
    return "".join(locked(ROOT / "requirements.lock", name) for name in (*TOOLS, *STRIPPER, *BELOW, *names))


def clone(folder: Path) -> Path:
    """Return a git repository with all that a set-up needs, and a lock that is short."""
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", ".gitattributes", ".gitignore"):
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder)
    shutil.copytree(
        ROOT / "src" / "loopbook" / "setup",
        folder / "src" / "loopbook" / "setup",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / "src" / "loopbook" / "__init__.py").touch()
    (folder / "requirements.lock").write_text(lock_of("six"), encoding="utf-8")
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


def surroundings(more: Mapping[str, str]) -> dict[str, str]:
    outer = ("CONDA_", "MAKE", "VIRTUAL_ENV", "PYTHON", "GPU")
    return {name: value for name, value in os.environ.items() if not name.startswith(outer)} | dict(more)


def command(*arguments: str) -> list[str]:
    return ["make", "--no-print-directory", f"PYTHONS={sys.executable}", *arguments]


def make(project: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=project, env=surroundings(more), capture_output=True, text=True, timeout=300
    )


def packages(python: Path) -> set[str]:
    code = "from importlib.metadata import distributions as d; print(*[each.metadata['Name'] for each in d()])"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.lower().replace("_", "-").split())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that make has set up; each test leaves it set up."""
    folder = clone(tmp_path_factory.mktemp("setup") / "a project")  # a space in the path, as people have them
    done = make(folder, "ready")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ready" in done.stdout
    return folder


def test_the_environment_holds_the_lock_and_loopbook_from_src(project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    assert packages(python) - {"pip", "setuptools"} == {*TOOLS, *STRIPPER, *BELOW, "six", "loopbook"}
    code = "import loopbook; print(loopbook.__file__)"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == project / "src" / "loopbook" / "__init__.py"
    (named,) = (project / ".venv").rglob("_editable_impl_loopbook.pth")
    assert named.read_text() == "../../../../src", "with LC_ALL=C no other letters can be read in it"
    assert list((project / ".venv").rglob("six.cpython-*.pyc")), "no bytecode: imports would be slow"


def test_the_kernel_is_the_environments_own(project: Path) -> None:
    path = project / ".venv" / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    specification = json.loads(path.read_text())
    assert specification["argv"][0] == str(project / ".venv" / "bin" / "python")
    assert {**specification, "name": "python3"}.items() >= KERNEL.items()


def test_nothing_is_done_or_said_when_all_is_in_place(project: Path) -> None:
    before = (project / ".venv" / ".loopbook-ready").stat().st_mtime_ns
    done = make(project, "ready")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (project / ".venv" / ".loopbook-ready").stat().st_mtime_ns == before


def test_outputs_stay_out_of_commits_and_cell_ids_in(project: Path) -> None:
    printed = {"name": "stdout", "output_type": "stream", "text": ["a secret\n"]}
    cell = {"cell_type": "code", "execution_count": 3, "id": "loss", "metadata": {"tags": ["parameters"]}}
    cell |= {"outputs": [printed], "source": ["print('a secret')"]}
    metadata = {"kernelspec": {"name": "python3"}, "loopbook": {"reads": ["train"]}}
    notebook = {"cells": [cell], "metadata": metadata | {"language_info": {"version": "3.11.7"}}}
    notebook |= {"nbformat": 4, "nbformat_minor": 5}
    (project / "nine.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    subprocess.run(["git", "add", "nine.ipynb"], cwd=project, check=True, env=surroundings({}))
    done = subprocess.run(["git", "show", ":nine.ipynb"], cwd=project, capture_output=True, text=True, check=True)
    staged = json.loads(done.stdout)
    assert staged["cells"][0] == cell | {"outputs": [], "execution_count": None}
    assert staged["metadata"] == metadata


def test_without_its_environment_git_goes_on_and_says_that_outputs_stay(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".venv"), symlinks=True)
    (copy / "ten.ipynb").write_text("{}\n", encoding="utf-8")
    done = subprocess.run(
        ["git", "add", "--verbose", "ten.ipynb"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        env=surroundings({}),
    )
    assert (done.returncode, done.stderr.strip()) == (0, UNFILTERED)
    done = subprocess.run(["git", "status", "--short"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "A  ten.ipynb" in done.stdout


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the committed notebooks as git's filter leaves them; it is started once for all."""
    folder = tmp_path_factory.mktemp("filtered")
    copies = [shutil.copy(path, folder) for path in NOTEBOOKS]
    subprocess.run([sys.executable, *FILTER, *copies], capture_output=True, check=True)
    return folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_notebooks_pass_the_filter_unchanged(path: Path, filtered: Path) -> None:
    found = (filtered / path.name).read_bytes()
    assert found == path.read_bytes(), f"type: {' '.join(['python', *FILTER, str(path)])}"
    assert json.loads(found)["metadata"]["kernelspec"] == KERNEL


def test_a_changed_lock_is_followed_and_packages_it_no_longer_names_go(project: Path) -> None:
    python = project / ".venv" / "bin" / "python"
    lock = project / "requirements.lock"
    lock.write_text(lock_of("webencodings"), encoding="utf-8")
    assert make(project, "ready").returncode == 0
    assert "webencodings" in packages(python)
    assert "six" not in packages(python)
    lock.write_text(lock_of("six"), encoding="utf-8")
    assert make(project, "ready").returncode == 0


def test_a_changed_setting_needs_no_registry(project: Path, tmp_path: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    done = make(project, "ready", HTTPS_PROXY=UNREACHABLE, UV_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Install the packages" not in done.stdout


def test_without_a_registry_it_says_so_and_what_was_there_goes_on_working(project: Path, tmp_path: Path) -> None:
    lock = project / "requirements.lock"
    lock.write_text(lock_of("webencodings"), encoding="utf-8")
    more = {"HTTPS_PROXY": UNREACHABLE, "UV_CACHE_DIR": str(tmp_path), "UV_HTTP_RETRIES": "0"}
    done = make(project, "ready", **more)
    assert done.returncode == 2
    assert "registry cannot be reached" in done.stderr
    lock.write_text(lock_of("six"), encoding="utf-8")
    done = make(project, "ready", **more)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_file_with_another_hash_is_refused(project: Path, tmp_path: Path) -> None:
    lock = project / "requirements.lock"
    version = pins(ROOT / "requirements.lock")["webencodings"][0]
    altered = f"{version} \\\n    --hash=sha256:{'0' * 64}\n"
    lock.write_text(lock_of("six") + altered, encoding="utf-8")
    done = make(project, "ready", UV_CACHE_DIR=str(tmp_path))
    assert done.returncode == 2
    assert "not the one that the lock names" in done.stderr
    lock.write_text(lock_of("six"), encoding="utf-8")
    assert make(project, "ready").returncode == 0


def test_a_set_up_that_was_killed_is_done_anew(project: Path) -> None:
    lock = project / "requirements.lock"
    lock.write_text(lock_of("six", "webencodings"), encoding="utf-8")
    killed = subprocess.Popen(
        command("ready"), cwd=project, env=surroundings({}), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert killed.stdout is not None
    for line in killed.stdout:
        if "Install the packages" in line:
            os.killpg(killed.pid, signal.SIGKILL)
    assert killed.wait() != 0
    for metadata in (project / ".venv").rglob("six-*/METADATA"):
        metadata.unlink()  # as a kill between two files leaves it
    done = make(project, "ready")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Create .venv" in done.stdout
    assert {"six", "webencodings"} <= packages(project / ".venv" / "bin" / "python")


def test_two_at_once_wait_for_each_other(project: Path) -> None:
    lock = project / "requirements.lock"
    lock.write_text(lock_of(), encoding="utf-8")
    started = [
        subprocess.Popen(command("ready"), cwd=project, env=surroundings({}), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = "".join(process.communicate()[0] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    assert said.count("Install the packages") == 1


def test_a_conda_environment_is_completed_and_keeps_what_it_has(tmp_path: Path) -> None:
    folder, conda = clone(tmp_path / "project"), tmp_path / "conda"
    subprocess.run([sys.executable, "-m", "venv", conda], check=True)
    (conda / "conda-meta").mkdir()
    site = next(conda.glob("lib/python*/site-packages")) / "theirs-1.0.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    done = make(folder, "ready", CONDA_PREFIX=str(conda), CONDA_DEFAULT_ENV="loopbook")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"theirs", "six", "loopbook"} <= packages(conda / "bin" / "python")
    assert not (folder / ".venv").exists()
    assert make(folder, "ready", CONDA_PREFIX=str(conda), CONDA_DEFAULT_ENV="loopbook").stdout == ""


def test_pip_alone_does_it_too(tmp_path: Path) -> None:
    folder = clone(tmp_path / "project")
    done = make(folder, "ready", "PIP=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"six", "loopbook"} <= packages(folder / ".venv" / "bin" / "python")
    assert make(folder, "ready").stdout == ""


def test_without_a_suitable_python_it_says_which_are_needed(tmp_path: Path) -> None:
    folder = clone(tmp_path / "project")
    done = make(folder, "ready", "PYTHONS=python-that-is-not-there")
    assert done.returncode == 2
    assert "Loopbook needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (folder / ".venv").exists()


def test_a_conda_environment_without_python_is_named(tmp_path: Path) -> None:
    folder = clone(tmp_path / "project")
    (tmp_path / "conda" / "conda-meta").mkdir(parents=True)
    done = make(folder, "ready", CONDA_PREFIX=str(tmp_path / "conda"), CONDA_DEFAULT_ENV="other")
    assert done.returncode == 2
    assert "has no Python" in done.stderr


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    folder = clone(tmp_path / "project")
    (folder / "requirements.lock").unlink()
    done = make(folder, "ready")
    assert done.returncode == 2
    assert "requirements.lock is missing" in done.stderr


def test_a_folder_that_is_no_environment_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "diary.txt").write_text("mine")
    with pytest.raises(SetupError, match="no virtual environment"):
        create(Place(tmp_path, tmp_path / ".venv"), "requirements.lock")
    assert (tmp_path / ".venv" / "diary.txt").read_text() == "mine"


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROOM, "requirements.lock", 1e9)
    with pytest.raises(SetupError, match=r"needs about 1000000000 GB and has .* Free some"):
        create(Place(tmp_path, tmp_path / ".venv"), "requirements.lock")
