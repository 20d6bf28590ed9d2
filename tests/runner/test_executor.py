"""The ready queue: never more at once than the tokens allow, proven by what the notebooks note; equal work once."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import pytest
from rich.console import Console

from loopbook.runner import executor
from loopbook.runner import run as runner
from loopbook.runner.execution import Request
from loopbook.runner.executor import Local
from loopbook.runner.progress import Display
from loopbook.scenario import loading
from loopbook.store.project import Project
from loopbook.store.records import StageRecord

NOTE = (
    "import time\\n"
    "def note(what):\\n"
    "    with open('../log', 'a') as file:\\n"
    "        file.write(f'{time.monotonic_ns()} {what}\\\\n')\\n"
    "note(1)\\n"
)


@pytest.fixture
def noted(project: Project) -> Project:
    """Return the small project, whose trainings note when their work begins and ends."""
    path = project.notebooks / "03_training.ipynb"
    text = path.read_text().replace('"train = stage.read', f'"{NOTE}train = stage.read')
    path.write_text(text.replace("stage.record(epochs", "note(-1)\\nstage.record(epochs"))
    return project


def request(project: Project, seed: int) -> Request:
    given = {"training.seed": seed}
    scenario = loading.load("tiny", project.scenarios, "standard", given)
    return Request(project, "tiny", scenario, "standard", given, "s", run=f"r{seed}")


def execute(project: Project, seeds: list[int], jobs: int) -> tuple[dict[int, dict[str, StageRecord]], str]:
    out = io.StringIO()
    ended: dict[int, dict[str, StageRecord]] = {}
    works = [runner.work(request(project, seed), f"p{at}") for at, seed in enumerate(seeds)]
    with Display(Console(file=out, width=200)) as display, Local.open(jobs, None, display.note) as engine:
        assert executor.execute(works, engine, display, ended.__setitem__) == {}
    return ended, out.getvalue()


@pytest.mark.parametrize("jobs", [1, 2])
def test_never_more_go_on_than_there_are_tokens(noted: Project, jobs: int) -> None:
    ended, _ = execute(noted, [1, 2, 3], jobs)
    assert len(ended) == 3
    running, most = 0, 0
    for line in sorted((noted.root / "log").read_text().splitlines(), key=lambda line: int(line.split()[0])):
        running += int(line.split()[1])
        most = max(most, running)
    assert running == 0
    assert most <= jobs


def test_what_two_have_in_common_is_executed_once_and_the_other_finds_it(noted: Project) -> None:
    ended, text = execute(noted, [1, 1, 1], 2)
    states = {name: Counter(ended[at][name].state for at in range(3)) for name in ended[0]}
    assert all(each == {"done": 1, "fresh": 2} for each in states.values()), states
    assert len((noted.root / "log").read_text().splitlines()) == 4, "two candidates, begun and ended once"
    assert text.count("02_data …") == 1


def test_a_failure_in_common_is_met_once_and_others_finish(noted: Project) -> None:
    path = noted.notebooks / "03_training.ipynb"
    broken = "assert stage.settings.seed != 1 or candidate != 'two', 'broken'\\nnote(-1)"
    path.write_text(path.read_text().replace("note(-1)", broken))
    ended, _ = execute(noted, [1, 1, 2], 2)
    assert [ended[at]["03_training[two]"].state for at in range(3)] == ["failed", "failed", "done"]
    assert [ended[at]["04_optimization"].state for at in range(3)] == ["skipped", "skipped", "done"]
    begun = [line for line in (noted.root / "log").read_text().splitlines() if line.endswith(" 1")]
    assert len(begun) == 4, "the broken one was begun once"


def test_a_defect_of_one_work_leaves_the_others_alone(noted: Project) -> None:
    works = [runner.work(request(noted, seed)) for seed in (1, 2)]
    node = works[0].nodes["03_training[one]"]
    gone = {**works[0].nodes, "03_training[one]": replace(node, reads={"nothing": "02_data"})}
    ended: dict[int, dict[str, StageRecord]] = {}
    broken = executor.Work(works[0].request, gone)
    with Display(Console(file=io.StringIO())) as display, Local.open(2, None, display.note) as engine:
        failures = executor.execute([broken, works[1]], engine, display, ended.__setitem__)
    assert isinstance(failures[0], KeyError)
    assert list(ended) == [1]
