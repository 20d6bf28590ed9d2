"""Run scenarios: everything that is not in the store yet, as far in parallel as its inputs allow."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from loopbook.runner import changes, criteria, executor, graph, ongoing, staleness
from loopbook.runner.execution import Request
from loopbook.runner.executor import Engine, Work
from loopbook.runner.progress import Display
from loopbook.store import origin, records, syntax
from loopbook.store.records import Approval, Run, StageRecord

Outcome = tuple[Run, bool]
"""The record, and whether anything was to do; if not, it is that of the latest run."""


def together(requests: Sequence[Request], display: Display, engine: Engine) -> list[Outcome | Exception]:
    """Run scenarios side by side, as far as processors, memory and GPUs allow; each has a record of its own.

    Parameters
    ----------
    engine
        Where the notebooks are executed.

    Returns
    -------
    list
        In the order of `requests`: how it ended, or what stopped it that no notebook is to blame for.
    """
    began, clock = datetime.now(UTC), time.monotonic()
    outcomes: dict[int, Outcome | Exception] = {}
    with ExitStack() as held:
        works = []
        for request in requests:
            name = held.enter_context(ongoing.named(request.project, request.resolved.name, began))
            works.append(work(replace(request, run=name), request.resolved.name if len(requests) > 1 else ""))
        held.enter_context(syntax.remembered(requests[0].project.cache))

        def ended(at: int, stages: dict[str, StageRecord]) -> None:
            outcomes[at] = _saved(works[at].request, began, time.monotonic() - clock, stages)

        outcomes |= executor.execute(works, engine, display, ended)
    return [outcomes[at] for at in range(len(works))]


def work(request: Request, label: str = "") -> Work:
    """Return what is to be executed for a request."""
    return Work(request, graph.of_scenario(request.project.notebooks, request.resolved), label)


def record(request: Request, began: datetime, seconds: float, stages: Mapping[str, StageRecord]) -> Run:
    """Return the record of a run whose stages have all ended, as far as it tells nothing of runs before."""
    scenario, snapshot = request.resolved, request.snapshot
    found = criteria.criteria(scenario, stages, snapshot.requirement_changes, request.profile)
    failed = any(each.state in ("failed", "skipped") for each in stages.values())
    missed = any(each.met is False for each in found)
    champion = next((str(each.metrics["champion"]) for each in stages.values() if "champion" in each.metrics), None)
    made_by = origin.origin(request.project.root, request.run)
    return Run(
        scenario=scenario.name,
        title=scenario.title,
        description=scenario.description,
        simulated=scenario.simulated,
        run=request.run,
        profile=request.profile,
        round=snapshot.round,
        approved=tuple(Approval.model_validate(one) for one in snapshot.approved if one["round"] == snapshot.round),
        status="failed" if failed else "missed" if missed else "good",
        started=began.isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        stages=dict(stages),
        champion=champion,
        criteria=found,
        revision=made_by.revision,
        dirty=made_by.uncommitted is not None,
        origin=made_by,
        resolved=scenario.model_dump(mode="json"),
        versions=criteria.versions(),
    )


def _saved(request: Request, began: datetime, seconds: float, stages: Mapping[str, StageRecord]) -> Outcome:
    """Save the record of a run that has ended, unless the latest one says the same."""
    before = records.latest(request.project, request.resolved.name, request.profile)
    if before is not None and staleness.same(before, request.resolved, stages):
        return before, False
    made = record(request, began, seconds, stages)
    told = {"changes": changes.between(request.project, before, made), "before": before.run if before else None}
    made = made.model_copy(update=told)
    records.save(request.project, made)
    return made, True
