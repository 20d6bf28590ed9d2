"""A key changes with what can change the result, and with nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loopbook.scenario import loading
from loopbook.store import keys
from loopbook.store.declaration import declarations
from loopbook.store.project import Project


def key(project: Project, stage: str, candidate: str | None = None, inputs: Any = None, **given: Any) -> str:
    values = {name.replace("__", "."): value for name, value in given.items()}
    scenario = loading.load("tiny", project.scenarios, "standard", values)
    declared = declarations(project.notebooks)[stage]
    return keys.key(keys.stage_parts(declared, scenario, candidate, inputs or {}, project.lock))


def test_a_key_is_the_same_for_the_same(project: Project) -> None:
    assert key(project, "02_data") == key(project, "02_data")
    assert len(key(project, "02_data")) == keys.LENGTH


def test_a_section_that_a_stage_does_not_see_does_not_count(project: Project) -> None:
    assert key(project, "02_data") == key(project, "02_data", training__epochs=9)
    assert key(project, "02_data") != key(project, "02_data", data__rows=500)


def test_of_candidates_only_its_own_counts(project: Project) -> None:
    other = {"training__candidates__two__architecture": "tfidf"}
    assert key(project, "03_training", "one") == key(project, "03_training", "one", **other)
    assert key(project, "03_training", "two") != key(project, "03_training", "two", **other)
    assert key(project, "03_training", "one") == key(project, "03_training", "one", training__only=["one"])
    assert key(project, "04_optimization") != key(project, "04_optimization", **other)


def test_inputs_count_by_their_content_and_the_lock_by_its(project: Project) -> None:
    before = key(project, "03_training", "one", {"train": "a"})
    assert before != key(project, "03_training", "one", {"train": "b"})
    project.lock.write_text("nothing==2.0\n")
    assert before != key(project, "03_training", "one", {"train": "a"})


def test_a_key_is_the_same_in_every_process(project: Project) -> None:
    text = (
        "from loopbook.scenario import loading; from loopbook.store import keys; "
        "from loopbook.store.declaration import declarations; from loopbook.store.project import Project; "
        "project = Project.find(); scenario = loading.load('tiny', project.scenarios); "
        "[print(keys.key(keys.stage_parts(each, scenario, 'one' if each.each else None, {}, project.lock))) "
        "for each in declarations(project.notebooks).values()]"
    )
    seeds = ({**os.environ, "PYTHONHASHSEED": str(seed)} for seed in range(3))
    printed = [subprocess.run([sys.executable, "-c", text], env=each, capture_output=True, text=True) for each in seeds]
    assert {each.returncode for each in printed} == {0}
    assert len({each.stdout for each in printed}) == 1 and len(printed[0].stdout.split()) == 3


@pytest.mark.parametrize("changed", ["parts", "modules"])
def test_cached_work_is_keyed_by_parts_and_code(tmp_path: Path, changed: str) -> None:
    lock = tmp_path / "lock"
    before = keys.cache_key({"a": 1}, ["loopbook.store.content"], lock)
    assert before == keys.cache_key({"a": 1}, ["loopbook.store.content"], lock)
    parts, modules = (
        ({"a": 2}, ["loopbook.store.content"]) if changed == "parts" else ({"a": 1}, ["loopbook.figures.plots"])
    )
    assert before != keys.cache_key(parts, modules, lock)
