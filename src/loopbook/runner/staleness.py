"""Why a stage is stale: what its key would be made of now, beside what it was made of in the latest run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loopbook.runner import execution, graph
from loopbook.runner.execution import Request
from loopbook.runner.graph import Node
from loopbook.runner.key_differences import differences
from loopbook.scenario.contract import Scenario
from loopbook.store import code, keys, records, vault
from loopbook.store.records import Run, StageRecord


@dataclass(frozen=True)
class Verdict:
    """Whether a stage is up to date, and what made it stale.

    Attributes
    ----------
    name
        The stage, or the training of a candidate: ``03_training[lstm]``.
    state
        ``fresh``: its result is in the store. ``stale``: it will be executed. ``depends``: nothing of its own has
        changed, but a stage that it reads from is stale; if that one writes the same again, it stays fresh.
    reasons
        For a stale one: files with their lines, parameters, inputs, packages. For one that depends: on what.
    """

    name: str
    state: Literal["fresh", "stale", "depends"]
    reasons: tuple[str, ...] = ()


def why(request: Request) -> tuple[Run | None, list[Verdict]]:
    """Return the latest run of a scenario in a profile, and a verdict on each of its stages, in the order of a run.

    Nothing is executed: a stage behind a stale one is judged with what that one wrote in the latest run.
    """
    latest = records.latest(request.project, request.resolved.name, request.profile, good=False)
    known: dict[str, StageRecord] = {}
    verdicts: list[Verdict] = []
    unsure: set[str] = set()  # stages that are stale, or depend on one that is
    with code.once():
        nodes = graph.of_scenario(request.project.notebooks, request.resolved)
        for name, node in nodes.items():
            before = latest.stages.get(name) if latest is not None else None
            verdict, record = _judge(request, node, known, before, sorted(node.needs & unsure))
            verdicts.append(verdict)
            if record is not None:
                known[name] = record
            if verdict.state != "fresh":
                unsure.add(name)
    return latest, verdicts


def nothing_to_do(request: Request) -> Run | None:
    """Return the latest run if every stage of it is up to date; else None. Nothing but keys is computed for this."""
    latest = records.latest(request.project, request.resolved.name, request.profile)
    if latest is None:
        return None
    known: dict[str, StageRecord] = {}
    with code.once():
        nodes = graph.of_scenario(request.project.notebooks, request.resolved)
        for name, node in nodes.items():
            record = execution.stored(request, node, keys.key(execution.parts(request, node, known)))
            if record is None:
                return None
            known[name] = record
    return latest if same(latest, request.resolved, known) else None


def same(before: Run, scenario: Scenario, stages: Mapping[str, StageRecord]) -> bool:
    """Say whether a run's record says already what another one would: all is fresh, and all texts are the same."""
    keys = {name: record.key for name, record in before.stages.items()}
    return (
        keys == {name: record.key for name, record in stages.items()}
        and all(record.state == "fresh" for record in stages.values())
        and (before.title, before.description) == (scenario.title, scenario.description)
    )


def _judge(
    request: Request, node: Node, known: Mapping[str, StageRecord], before: StageRecord | None, behind: Sequence[str]
) -> tuple[Verdict, StageRecord | None]:
    """Judge one stage; with the record that those behind it are judged by, if there is one."""
    depends = (f"depends on {', '.join(behind)}",) if behind else ()
    sealed = before if before is not None and before.state in ("fresh", "done") else None
    if not node.needs <= known.keys():
        return Verdict(node.name, "stale", (*depends, _no_result(before))), None
    if unwritten := _unwritten(node, known):
        return Verdict(node.name, "stale", (*depends, *unwritten)), sealed
    parts = execution.parts(request, node, known)
    record = execution.stored(request, node, keys.key(parts))
    if record is not None:
        return Verdict(node.name, "depends" if behind else "fresh", depends), record
    if sealed is None:
        return Verdict(node.name, "stale", (*depends, _no_result(before))), None
    lost = f"its result is not in the store any more: {sealed.stage}/{sealed.key}"
    was = keys.kept(request.project, sealed)
    if was is None:
        return Verdict(node.name, "stale", (lost,)), sealed
    found = differences(was, parts, node, request.project.root)
    if not found and not vault.is_whole(request.project.store / sealed.stage / sealed.key):
        found = [lost]
    return Verdict(node.name, "stale", (*found, *depends)), sealed


def _unwritten(node: Node, known: Mapping[str, StageRecord]) -> tuple[str, ...]:
    """Name what a stage reads and the latest run's writer did not write: it was declared since."""
    wanted = [
        *node.reads.items(),
        *((name, writer) for name, group in node.gathers.items() for writer in group.values()),
    ]
    return tuple(
        f"input {name}: {writer} had not written it in the latest run"
        for name, writer in wanted
        if name not in known[writer].digests
    )


def _no_result(before: StageRecord | None) -> str:
    if before is None:
        return "no run of this scenario and profile has had it"
    return f"it failed in the latest run: {before.error.line}" if before.error else "it was skipped in the latest run"
