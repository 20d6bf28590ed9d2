"""The distributions that code uses are read from the lock alone, and are those that are installed."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from loopbook.store import code, packages, syntax
from loopbook.store.declaration import declarations

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_names_of_imports_lead_to_the_distributions_that_hold_them() -> None:
    locked = packages.read(LOCK)
    for name, holders in metadata.packages_distributions().items():
        found = packages.DISTRIBUTIONS.get(name, normal(name))
        if found in locked:
            assert found in {normal(each) for each in holders}, name


def test_the_names_that_differ_are_all_in_use_by_something_locked() -> None:
    installed = metadata.packages_distributions()
    for name, distribution in packages.DISTRIBUTIONS.items():
        assert distribution in {normal(each) for each in installed[name]}


def test_all_that_loopbook_imports_is_known() -> None:
    readings = [syntax.read(path.read_text(encoding="utf-8")) for path in (ROOT / "src" / "loopbook").rglob("*.py")]
    readings += [each for one in declarations(ROOT / "notebooks").values() for each in one.code.values()]
    names = {name for each in readings for name in each.imports if not code.ours(name)}
    assert {"sklearn", "yaml", "stdnum", "IPython"} <= {name.partition(".")[0] for name in names}
    names -= {name for name in names if name.partition(".")[0] in ("pip", "setuptools")}  # set-up's own
    assert packages.WHOLE_LOCK not in packages.used(names, (), LOCK)


def test_the_lock_says_who_needs_what_as_the_installed_ones_do() -> None:
    from packaging.requirements import Requirement

    locked = packages.read(LOCK)
    for name in ("pandas", "scikit-learn", "keras", "tensorflow", "pydantic", "optuna"):
        wanted = [Requirement(each) for each in metadata.requires(name) or ()]
        direct = {normal(each.name) for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})}
        assert direct <= locked[name].needs, name


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "lock"
    file.write_text(
        "alpha==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n    # via loopbook (pyproject.toml)\n"
        "beta==2.0 ; python_version < '3.12' \\\n    --hash=sha256:b1\n    # via\n    #   alpha\n    #   gamma[x]\n"
        "beta==2.5 ; python_version >= '3.12' \\\n    --hash=sha256:b2\n    # via\n    #   alpha\n    #   gamma[x]\n"
        "gamma==3.0 \\\n    --hash=sha256:cc\n    # via loopbook (pyproject.toml:dev)\n"
    )
    return file


def test_what_is_needed_in_turn_counts_in_all_its_versions(lock: Path) -> None:
    used = packages.used(["alpha.part", "json"], (), lock)
    assert list(used) == ["alpha", "beta"]
    assert used["beta"].startswith("2.0 ; python_version < '3.12', 2.5 ; python_version >= '3.12' ")
    assert list(packages.used(["gamma"], (), lock)) == ["beta", "gamma"]


def test_a_distribution_that_is_looked_for_by_name_counts(lock: Path) -> None:
    assert list(packages.used([], ["Alpha", "some text"], lock)) == ["alpha", "beta"]


def test_an_unknown_import_counts_as_the_whole_lock(lock: Path) -> None:
    before = packages.used(["unheard"], (), lock)
    lock.write_text(lock.read_text() + "delta==1.0\n")
    assert list(before) == [packages.WHOLE_LOCK] and before != packages.used(["unheard"], (), lock)


def test_python_itself_needs_no_distribution(lock: Path) -> None:
    assert packages.used(sys.stdlib_module_names, (), lock) == {}
    assert packages.used(["alpha"], (), lock.with_name("none")) == {}
