"""The locks, environment.yml and pyproject.toml say the same."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from loopbook.setup.lock import INCOMPLETE, SERVICE_LOCK, conda_file, direct, pins
from loopbook.setup.place import GPU_LOCK, LOCK, SUPPORTED, SetupError

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def project(folder: Path, *dependencies: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f"[project]\nname = 'x'\ndependencies = {list(dependencies)!r}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", [LOCK, GPU_LOCK, SERVICE_LOCK])
def test_locks_hold_a_hash_for_each_package_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    entries = re.findall(r"^\S.*\n(?:[ \t].*\n)*", text, re.M)
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize("name", [LOCK, GPU_LOCK])
def test_locks_hold_every_direct_dependency_and_tool_and_no_torch(name: str) -> None:
    pinned = pins(ROOT / name)
    assert {*direct(ROOT / "pyproject.toml"), *PROJECT["dependency-groups"]["dev"]} <= set(pinned)
    assert not {"torch", "transformers", "sentence-transformers"} & set(pinned)


def test_the_gpu_lock_adds_to_the_other_and_changes_nothing() -> None:
    plain, gpu = pins(ROOT / LOCK), pins(ROOT / GPU_LOCK)
    assert plain.items() <= gpu.items()
    assert {name.split("-")[0] for name in set(gpu) - set(plain)} == {"nvidia"}


def test_the_image_of_the_service_holds_the_versions_that_are_tested_and_nothing_to_train_with() -> None:
    plain, served = pins(ROOT / LOCK), pins(ROOT / SERVICE_LOCK)
    versions = {name: {pin.split(" ;")[0] for pin in several} for name, several in plain.items()}
    for name, several in served.items():
        assert {pin.split(" ;")[0] for pin in several} <= versions[name]
    assert set(PROJECT["dependency-groups"]["service"]) <= set(served)
    assert not {"tensorflow", "keras", "jupyterlab", "papermill", "matplotlib", "scikit-learn"} & set(served)


def test_what_is_installed_is_what_the_lock_says() -> None:
    pinned = {
        name: {pin.partition("==")[2].split(" ")[0] for pin in several} for name, several in pins(ROOT / LOCK).items()
    }
    for distribution in importlib.metadata.distributions():
        name = normal(distribution.metadata["Name"])
        if name in pinned:
            assert distribution.version in pinned[name], f"{name}; type: make setup"


def test_the_supported_pythons_are_those_of_pyproject() -> None:
    low, high = re.findall(r"3\.(\d+)", PROJECT["project"]["requires-python"])
    assert [minor for _, minor in SUPPORTED] == list(range(int(low), int(high)))


def test_environment_yml_is_what_make_lock_writes() -> None:
    written = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert written == conda_file(ROOT / "pyproject.toml", ROOT / LOCK), "type: make lock"


def test_environment_yml_names_python_make_uv_and_the_direct_dependencies() -> None:
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert [re.split("[=<>]", each)[0] for each in dependencies if isinstance(each, str)] == [
        "python",
        "make",
        "uv",
        "pip",
    ]
    listed = {pin.partition("==")[0] for pin in dependencies[-1]["pip"]}
    assert listed == set(direct(ROOT / "pyproject.toml")) - set(INCOMPLETE)


def test_a_dependency_with_different_versions_by_python_keeps_its_markers(tmp_path: Path) -> None:
    lock = tmp_path / LOCK
    lock.write_text(
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:00\n"
        "uv==0.13.9 \\\n    --hash=sha256:00\n    # via loopbook\n",
        encoding="utf-8",
    )
    read = yaml.safe_load(conda_file(project(tmp_path, "numpy"), lock))["dependencies"]
    assert read[2] == "uv=0.13.9"
    assert read[-1]["pip"] == [
        "numpy==2.4.6 ; python_full_version < '3.12'",
        "numpy==2.5.5 ; python_full_version >= '3.12'",
    ]


def test_a_dependency_that_the_lock_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("uv==0.13.9 \\\n    --hash=sha256:00\n", encoding="utf-8")
    with pytest.raises(SetupError, match=r"lacks numpy.*make lock"):
        conda_file(project(tmp_path, "numpy"), tmp_path / LOCK)


def test_a_version_in_pyproject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="numpy>=2"):
        direct(project(tmp_path, "numpy>=2"))
