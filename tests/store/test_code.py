"""Code digests see what code does, not how it is written."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loopbook.store import code, syntax

BASE = 'def f(x):\n    """Doc."""\n    return x + 1\n'


def digest(text: str, *, cell: bool = False) -> str:
    return syntax.digest(syntax.read(text, cell=cell).statements)


@pytest.mark.parametrize(
    "same",
    [
        'def f(x):\n    """Other words."""\n    # comment\n\n    return x + 1\n',
        "def f(x):\n    return (x + 1)\n",
    ],
)
def test_comments_docstrings_and_layout_do_not_count(same: str) -> None:
    assert digest(same) == digest(BASE)


@pytest.mark.parametrize("other", ["def f(x):\n    return x + 2\n", "def g(x):\n    return x + 1\n", BASE + "y = 1\n"])
def test_anything_else_counts(other: str) -> None:
    assert digest(other) != digest(BASE)


def test_imports_are_followed_into_functions_and_parent_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "SOURCE", tmp_path)
    package = tmp_path / "demo"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from demo.inner import b\n    return b.x\n")
    (package / "inner" / "b.py").write_text("import demo.c\nx = 1\n")
    (package / "c.py").write_text("y = 2\n")
    (package / "unused.py").write_text("z = 3\n")
    assert set(code.readings(["demo.a"])) == {"demo", "demo.a", "demo.inner", "demo.inner.b", "demo.c"}
    before = code.readings(["demo.a"])
    (package / "c.py").write_text("y = 3\n")
    after = code.readings(["demo.a"])
    assert [name for name in before if before[name] != after[name]] == ["demo.c"]


def test_modules_are_looked_up_again_only_where_a_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "SOURCE", tmp_path)
    looked: list[str] = []
    find = code._find
    monkeypatch.setattr(code, "_find", lambda name: (looked.append(name), find(name))[1])
    (tmp_path / "a.py").write_text("import b\n")
    (tmp_path / "b.py").write_text("x = 1\n")

    def passes(seconds: int) -> tuple[set[str], int]:
        for path in tmp_path.glob("*.py"):
            os.utime(path, (path.stat().st_atime, time.time() - seconds))
        looked.clear()
        return set(code.readings(["a"])), len(looked)

    assert passes(0) == ({"a", "b"}, 2) == passes(0), "what was changed just now may change again at the same time"
    assert passes(60) == ({"a", "b"}, 2)
    assert passes(60)[1] == 2, "its time has changed"
    looked.clear()
    assert set(code.readings(["a"])) == {"a", "b"} and not looked
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    assert set(code.readings(["a"])) == {"a"}


def test_passes_of_several_threads_end_each_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "SOURCE", tmp_path)
    (tmp_path / "a.py").write_text("x = 1\n")
    begun, over = threading.Event(), threading.Event()

    def other() -> None:
        with code.once():
            code.readings(["a"])
            begun.set()
            over.wait(60)

    thread = threading.Thread(target=other)
    with code.once():
        thread.start()
        begun.wait(60)
    over.set()
    thread.join()
    before = code.readings(["a"])
    (tmp_path / "a.py").write_text("x = 2\n")
    assert code.readings(["a"]) != before


def test_notebook_magics_count_as_they_stand() -> None:
    plain = digest("x = 1", cell=True)
    assert digest("%matplotlib inline\nx = 1", cell=True) != plain
    assert digest("!ls\nx = 1", cell=True) != digest("!ls -l\nx = 1", cell=True) != plain
    with pytest.raises(SyntaxError):
        syntax.read("%matplotlib inline\nx = 1")


@pytest.mark.parametrize(
    ("same", "as_this"),
    [
        ("x = 1\n", '"""Doc of a module."""\nx = 1\n'),
        ("", '"""Doc of an empty module."""\n'),
        ("x = 1\n", 'x = 1\n"""Doc of an attribute."""\n'),
        ("class A:\n    x: int\n", 'class A:\n    """Doc."""\n\n    x: int\n    """Doc."""\n'),
    ],
)
def test_docs_of_modules_classes_and_attributes_do_not_count(same: str, as_this: str) -> None:
    assert digest(same) == digest(as_this)


def test_docstrings_count_where_they_are_read() -> None:
    reads = "\nprint(f.__doc__)\n"
    assert digest(BASE + reads) != digest(BASE.replace("Doc.", "Other.") + reads)


def test_imports_for_type_checkers_are_none() -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
    assert syntax.read(text).imports == syntax.read(text).at_once == ("b", "typing", "typing.TYPE_CHECKING")
    assert "a" in syntax.read(text.replace("if TYPE_CHECKING", "if not TYPE_CHECKING")).imports


def test_imports_within_a_package_and_from_another_one_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "SOURCE", tmp_path)
    for name, text in {
        "mine/__init__.py": "from . import base\n",
        "mine/base.py": "",
        "mine/deep/models.py": "from ..layers import Layer\nfrom .near import x\nimport other.things\n",
        "mine/layers.py": "",
        "mine/deep/near.py": "x = 1\n",
        "other/things.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = set(code.readings(["mine.deep.models"]))
    assert found == {"mine", "mine.base", "mine.layers", "mine.deep.models", "mine.deep.near", "other.things"}


def test_files_that_belong_to_a_package_are_its_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "SOURCE", tmp_path)
    for name in ("a/__init__.py", "a/words/list.yaml", "a/b/__init__.py", "a/b/other.yaml", "a/__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert list(code.resources(["a", "a.x"])) == ["a/words/list.yaml"]


def test_what_was_read_is_remembered_between_processes_unless_the_file_is_broken(tmp_path: Path) -> None:
    text = f"def remembered_{tmp_path.name}():\n    return 1\n"
    with syntax.remembered(tmp_path):
        first = syntax.read(text)
    (file,) = tmp_path.glob("*.json")
    syntax._known.clear()
    with syntax.remembered(tmp_path):
        assert syntax._known
        assert syntax.read(text) == first
    file.write_text('{"broken')
    syntax._known.clear()
    with syntax.remembered(tmp_path):
        assert syntax.read(text) == first
    assert file.read_text().endswith("}")


def test_many_threads_may_read_at_once() -> None:
    texts = [f"x = {'(' * 60}{at}{')' * 60}\n" * 200 for at in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(syntax.read, texts))
    assert [len(reading.statements) for reading in found] == [200] * 24
