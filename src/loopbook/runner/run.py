"""Run a scenario: everything that is not in the store yet, as far in parallel as its inputs allow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime

from loopbook.runner import execution, graph, interruption, ongoing, staleness, summary
from loopbook.runner.display import Display
from loopbook.runner.execution import Request
from loopbook.runner.graph import Node
from loopbook.runner.kernels import Kernels, level_of
from loopbook.runner.libraries import Level
from loopbook.store import lineage, records, snapshots, syntax
from loopbook.store.declaration import declarations
from loopbook.store.records import Approval, Run, StageRecord


def run(
    request: Request, display: Display, jobs: int | None = None, time_limit: float | None = None
) -> tuple[Run, bool]:
    """Run a scenario and save its record.

    Parameters
    ----------
    request
        What to run.
    display
        Where to say how it goes.
    jobs
        Notebooks executed at once; None: one a processor, at most four.
    time_limit
        Seconds that a notebook may take; None: as long as it wants.

    Returns
    -------
    run : Run
        The record; of the latest run, if there was nothing to do.
    new : bool
        Whether anything was to do.
    """
    began = datetime.now(UTC)
    with (
        ongoing.named(request.project, request.resolved.name, began) as name,
        syntax.remembered(request.project.cache),
    ):
        return _run(replace(request, run=name), began, display, jobs, time_limit)


def _run(
    request: Request, began: datetime, display: Display, jobs: int | None, time_limit: float | None
) -> tuple[Run, bool]:
    project, scenario, clock = request.project, request.resolved, time.monotonic()
    snapshot = snapshots.current(project, scenario.name, request.profile)
    request = replace(request, snapshot=snapshot)
    nodes = graph.plan(declarations(project.notebooks), scenario.training.chosen)
    stages = _execute(request, nodes, display, jobs or min(4, os.cpu_count() or 1), time_limit)
    before = records.latest(project, scenario.name, request.profile)
    if before is not None and staleness.same(before, scenario, stages):
        return before, False
    found = summary.criteria(scenario, stages, snapshot.requirement_changes)
    failed = any(record.state in ("failed", "skipped") for record in stages.values())
    missed = any(each.met is False for each in found)
    champion = next((str(each.metrics["champion"]) for each in stages.values() if "champion" in each.metrics), None)
    approved = tuple(Approval.model_validate(one) for one in snapshot.approved if one["round"] == snapshot.round)
    known = before is not None and before.round == snapshot.round
    made_by = lineage.origin(project.root, request.run)
    record = Run(
        scenario=scenario.name,
        title=scenario.title,
        description=scenario.description,
        simulated=scenario.simulated,
        run=request.run,
        profile=request.profile,
        round=snapshot.round,
        approved=approved,
        status="failed" if failed else "missed" if missed else "good",
        started=began.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 1),
        stages=stages,
        champion=champion,
        criteria=found,
        revision=made_by.revision,
        dirty=made_by.uncommitted is not None,
        origin=made_by,
        resolved=scenario.model_dump(mode="json"),
        versions=summary.versions(),
        changes=summary.changes(before, stages, champion, () if known else approved),
        next_steps=summary.next_steps(found, stages, champion),
    )
    records.save(project, record)
    return record, True


def _execute(
    request: Request, nodes: Mapping[str, Node], display: Display, jobs: int, time_limit: float | None
) -> dict[str, StageRecord]:
    """Execute every node whose needs are met, until none is left; what needs a failed one is skipped."""
    finished: dict[str, StageRecord] = {}
    running: dict[Future[StageRecord], tuple[str, str]] = {}
    waiting = dict(nodes)
    levels: dict[str, Level] = {}
    # Kernels end before the threads that wait for them, whatever ends the run.
    with (
        interruption.in_good_order(),
        ThreadPoolExecutor(max_workers=jobs) as pool,
        Kernels(display.note, time_limit) as kernels,
    ):
        while waiting or running:
            for name, node in list(waiting.items()):
                if not node.needs <= finished.keys() or len(running) >= jobs:
                    continue
                del waiting[name]
                if any(finished[need].state in ("failed", "skipped") for need in node.needs):
                    finished[name] = StageRecord(
                        stage=node.declaration.stage, candidate=node.candidate, key="", state="skipped"
                    )
                    display.finished(finished[name])
                    continue
                key = execution.key(request, node, finished)
                record = execution.stored(request, node, key)
                if record is not None:
                    finished[name] = record
                    display.finished(record)
                    continue
                display.started(name)
                kernels.prepare(Level.LIGHT)  # which begins while the levels are found
                levels = levels or {each: level_of(nodes[each].declaration) for each in (name, *waiting)}
                kernels.prepare(max(levels[each] for each in (name, *waiting)))
                task = pool.submit(execution.execute, request, node, key, dict(finished), kernels, levels[name])
                running[task] = name, key
            if not running:
                continue
            done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                name, _ = running.pop(future)
                finished[name] = future.result()
                display.finished(finished[name])
            display.running({name: execution.progress(request, nodes[name], key) for name, key in running.values()})
    return {name: finished[name] for name in nodes}
