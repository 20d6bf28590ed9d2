"""Run every point of a grid; what points have in common is executed once."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from loopbook.runner import executor, grid, ongoing, staleness
from loopbook.runner import run as runner
from loopbook.runner.execution import Request
from loopbook.runner.executor import Engine
from loopbook.runner.progress import Display
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.store import locks, sweep_records, syntax
from loopbook.store.content import digest_json
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord
from loopbook.store.sweep_records import Point, Sweep

ARCHITECTURE, ONLY = "training.architecture", "training.only"
WORST = ("failed", "missed", "good")


def points(
    project: Project, scenario: str, profile: str, axes: Mapping[str, Sequence[Any]], given: Mapping[str, Any]
) -> list[tuple[Point, Scenario]]:
    """Return the points of a grid, each with the scenario that it runs.

    ``training.architecture`` is no parameter of its own: a point trains only the candidate of that name or, if there is
    none, the candidates of that architecture (``training.only``).

    Raises
    ------
    ScenarioError
        If a name or a value does not fit; the message says which was probably meant.
    """
    base = loading.load(scenario, project.scenarios, profile, given)
    both = sorted(axes.keys() & given.keys())
    if both:
        raise ScenarioError(f"{both[0]} stands in GRID and in PARAMS; keep one.")
    if ARCHITECTURE in axes and (ONLY in axes or ONLY in given):
        raise ScenarioError(f"GRID: {ARCHITECTURE} says which candidates are trained, and so does {ONLY}; keep one.")
    combinations = grid.points(axes)
    digits = max(3, len(str(len(combinations))))
    found = []
    for number, values in enumerate(combinations, start=1):
        own = dict(values)
        if ARCHITECTURE in own:
            own[ONLY] = _candidates(base, own.pop(ARCHITECTURE))
        try:
            resolved = loading.load(scenario, project.scenarios, profile, {**given, **own})
        except ScenarioError as error:
            raise ScenarioError(str(error).replace("PARAMS: ", "GRID: ")) from error
        found.append((Point(name=f"{number:0{digits}}", values=values, given={**given, **own}), resolved))
    return found


def _candidates(scenario: Scenario, architecture: Any) -> list[str]:
    """Return the candidates that a value of ``training.architecture`` stands for."""
    known = scenario.training.candidates
    of_it = [name for name, candidate in known.items() if candidate.architecture == architecture]
    found = [architecture] if architecture in known else of_it
    if not found:
        raise ScenarioError(
            f"GRID: no candidate of {scenario.name} is called {architecture!r}, or is of that architecture."
            f"{suggest(architecture, {*known, *(candidate.architecture for candidate in known.values())})} "
            f"Candidates are listed under training.candidates."
        )
    return found


def run(
    requests: Sequence[Request], asked: Sweep, display: Display, engine: AbstractContextManager[Engine]
) -> tuple[Sweep, bool]:
    """Run the points of a sweep and keep its record; one that was interrupted goes on under its name.

    Parameters
    ----------
    requests
        One for each point of `asked`, in their order.
    asked
        The sweep, without a name yet.
    engine
        Where the notebooks are executed.

    Returns
    -------
    sweep : Sweep
        The record; of the latest sweep of this grid, if there was nothing to do.
    new : bool
        Whether anything was to do.
    """
    project = requests[0].project
    began, clock = datetime.now(UTC), time.monotonic()
    with (
        locks.held(
            project.work / sweep_records.FOLDER / f"{_identity(asked)[:20]}.lock",
            lambda: display.note("Another process runs this sweep; waiting until it has ended."),
        ),
        ongoing.named(project, asked.scenario, began, project.runs / sweep_records.FOLDER / asked.scenario) as free,
        syntax.remembered(project.cache),
        engine as there,
    ):
        newest = reversed(sweep_records.sweeps(project, asked.scenario))
        before = next((sweep for sweep in newest if _identity(sweep) == _identity(asked)), None)
        known, spent = None, 0.0
        now = asked.model_copy(update={"sweep": free, "started": began.isoformat(timespec="seconds")})
        if before is not None and before.over:
            # The same once more is recorded only if it turns out to be different.
            known = sweep_records.runs(project, before)
        elif before is not None:
            display.note(f"Sweep {before.sweep} was interrupted; it goes on.")
            now, spent = asked.model_copy(update={"sweep": before.sweep, "started": before.started}), before.seconds
        works = [
            runner.work(replace(request, run=f"{sweep_records.FOLDER}/{now.sweep}/{point.name}"), point.name)
            for request, point in zip(requests, asked.points, strict=True)
        ]
        progress = _Progress(project, now, known is None)
        progress.save(spent)

        def ended(at: int, stages: dict[str, StageRecord]) -> None:
            point = now.points[at]
            was = (known or {}).get(point.name)
            progress.recording |= was is None or not staleness.same(was, works[at].request.resolved, stages)
            made = runner.record(works[at].request, began, time.monotonic() - clock, stages)
            progress.ended(at, made, spent + time.monotonic() - clock)
            told = ", ".join(f"{name}={value}" for name, value in point.values.items())
            display.note(f"point {point.name} of {len(now.points)} is {made.status}: {told}")

        for at, error in executor.execute(works, there, display, ended).items():
            display.note(f"point {now.points[at].name} failed: {type(error).__name__}: {error}")
            progress.failed(at, f"{type(error).__name__}: {error}")
        ends = {point.status for point in progress.sweep.points}
        progress.save(spent + time.monotonic() - clock, status=next(status for status in WORST if status in ends))
    return (before, False) if before is not None and not progress.recording else (progress.sweep, True)


class _Progress:
    """The record of a sweep while it goes on; kept back until there is something to record."""

    def __init__(self, project: Project, sweep: Sweep, recording: bool) -> None:
        self.project, self.sweep, self.recording = project, sweep, recording
        self._kept: dict[str, Run] = {}

    def ended(self, at: int, made: Run, seconds: float) -> None:
        self._kept[self.sweep.points[at].name] = made
        self._note(at, status=made.status)
        self.save(seconds)

    def failed(self, at: int, error: str) -> None:
        self.recording = True
        self._note(at, status="failed", error=error)

    def save(self, seconds: float, **facts: Any) -> None:
        self.sweep = self.sweep.model_copy(update={"seconds": round(seconds, 1), **facts})
        if self.recording:
            for name, made in self._kept.items():
                sweep_records.save_point(self.project, self.sweep, name, made)
            self._kept.clear()
            sweep_records.save(self.project, self.sweep)

    def _note(self, at: int, **facts: Any) -> None:
        points = list(self.sweep.points)
        points[at] = points[at].model_copy(update=facts)
        self.sweep = self.sweep.model_copy(update={"points": tuple(points)})


def _identity(sweep: Sweep) -> str:
    """Return what makes two sweeps the same: the scenario, the profile, and what its points are given."""
    given = [(point.values, point.given) for point in sweep.points]
    return digest_json([sweep.scenario, sweep.profile, sweep.round, given])
