"""Who leads a run and who takes part in it, by TF_CONFIG."""

from __future__ import annotations

import json
import threading

import pytest
from rich.console import Console

from loopbook.models.training import workers
from loopbook.operations import machines
from loopbook.scenario.errors import ScenarioError
from loopbook.store.project import Project


def place(number: int) -> str:
    return json.dumps({"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": number}})


def test_another_number_of_workers_than_the_clusters_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", place(0))
    with pytest.raises(ScenarioError, match=r"to be 3 workers, but TF_CONFIG names 2[.] Leave WORKERS out"):
        machines.run("tiny", "standard", "", Console(), workers=3)


def test_workers_given_twice_are_refused(project: Project) -> None:
    with pytest.raises(ScenarioError, match=r"training.workers stands twice"):
        machines.run("tiny", "standard", "training.workers=2", Console(), workers=3)


def test_a_machine_that_does_not_lead_ends_with_the_leaders_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", place(1))
    begun, over = threading.Event(), threading.Event()

    def lead() -> None:
        with workers.leading(project.work):
            begun.set()
            assert over.wait(60)

    leader = threading.Thread(target=lead)
    leader.start()
    begun.wait()
    threading.Timer(1, over.set).start()
    assert machines.run("tiny", "standard", "", Console()) == "good"
    assert over.is_set()
    leader.join()
    assert not (project.root / "reports").exists(), "it runs no notebook"
