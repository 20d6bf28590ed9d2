"""The revision of the code and what is not committed, as git's filters would commit it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loopbook.store import origin

FILTER = f"\"{sys.executable}\" -c \"import sys; open('asked', 'a').write('.'); print(sys.stdin.read().split()[0])\""


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a filter that keeps the first word of each notebook, and tells that it was asked."""
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "filter.first.clean", FILTER)
    git(tmp_path, "config", "filter.first.required", "true")
    (tmp_path / ".gitattributes").write_text("*.ipynb filter=first\n")
    (tmp_path / ".gitignore").write_text("asked\n")
    (tmp_path / "a.ipynb").write_text("code\n")
    (tmp_path / "a*.py").write_text("x = 1\n")
    (tmp_path / "ab.py").write_text("y = 1\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.py").write_text("z = 1\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "all")
    (tmp_path / "asked").unlink()
    return tmp_path


def test_a_clean_tree_has_nothing_uncommitted_and_asks_no_filter(repository: Path) -> None:
    revision, uncommitted = origin.code(repository)
    assert revision is not None and uncommitted is None
    (repository / "a.ipynb").touch()
    assert origin.code(repository) == (revision, None)
    assert not (repository / "asked").exists()


def test_outputs_of_a_notebook_are_no_change_and_its_code_is(repository: Path) -> None:
    (repository / "a.ipynb").write_text("code output\n")
    assert origin.code(repository)[1] is None
    (repository / "a.ipynb").write_text("other output\n")
    assert origin.code(repository)[1] is not None


@pytest.mark.parametrize("name", ["a*.py", "ab.py", "inner/b.py", "new.py", "inner/new.py"])
def test_each_change_has_a_hash_of_its_own_wherever_it_is(repository: Path, name: str) -> None:
    (repository / name).write_text("first\n")
    first = origin.code(repository)[1]
    (repository / name).write_text("second\n")
    second = origin.code(repository)[1]
    assert first is not None and second is not None and first != second


def test_a_project_inside_a_repository_sees_changes_of_both(repository: Path) -> None:
    inner = repository / "inner"
    assert origin.code(inner)[1] is None
    (inner / "b.py").write_text("z = 2\n")
    own = origin.code(inner)[1]
    (repository / "ab.py").write_text("y = 2\n")
    assert own is not None and origin.code(inner)[1] not in (None, own)


def test_without_git_nothing_is_known(tmp_path: Path) -> None:
    assert origin.code(tmp_path) == (None, None)
