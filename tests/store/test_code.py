"""Code digests see what code does, not how it is written."""

from pathlib import Path

import pytest

from loopbook.store import code

BASE = 'def f(x):\n    """Doc."""\n    return x + 1\n'


@pytest.mark.parametrize(
    "same",
    [
        'def f(x):\n    """Other words."""\n    # comment\n\n    return x + 1\n',
        "def f(x):\n    return (x + 1)\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(same: str) -> None:
    assert code.digest_source(same) == code.digest_source(BASE)


@pytest.mark.parametrize("other", ["def f(x):\n    return x + 2\n", "def g(x):\n    return x + 1\n", BASE + "y = 1\n"])
def test_anything_else_counts(other: str) -> None:
    assert code.digest_source(other) != code.digest_source(BASE)


def test_imports_are_followed_into_functions_and_parent_packages(tmp_path: Path) -> None:
    package = tmp_path / "demo"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from demo.inner import b\n    return b.x\n")
    (package / "inner" / "b.py").write_text("import demo.c\nx = 1\n")
    (package / "c.py").write_text("y = 2\n")
    (package / "unused.py").write_text("z = 3\n")
    assert set(code.closure(["demo.a"], tmp_path)) == {"demo", "demo.a", "demo.inner", "demo.inner.b", "demo.c"}
    before = code.closure(["demo.a"], tmp_path)
    (package / "c.py").write_text("y = 3\n")
    after = code.closure(["demo.a"], tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["demo.c"]


def test_notebook_magics_count_as_they_stand() -> None:
    assert code.digest_source("%matplotlib inline\nx = 1") != code.digest_source("x = 1")
