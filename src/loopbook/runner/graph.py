"""The order of a run, derived from what the notebooks declare that they read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.store.declaration import SOURCE_INPUT, Declaration, declarations
from loopbook.store.records import name_of


@dataclass(frozen=True)
class Node:
    """One execution: a notebook, or a notebook for one candidate.

    Attributes
    ----------
    reads
        For each name read, the node that writes it.
    gathers
        For each name gathered, the nodes that write it, by candidate.
    """

    name: str
    declaration: Declaration
    candidate: str | None
    reads: Mapping[str, str]
    gathers: Mapping[str, Mapping[str, str]]

    @property
    def needs(self) -> set[str]:
        """Names of the nodes that must be finished before."""
        return set(self.reads.values()) | {name for group in self.gathers.values() for name in group.values()}


def of_scenario(folder: Path, scenario: Scenario) -> dict[str, Node]:
    """Return the nodes of a scenario's run with the notebooks in `folder`, those of studies as far as it names them."""
    return plan(declarations(folder, scenario.studies.named), scenario.training.chosen)


def plan(declared: Mapping[str, Declaration], candidates: Iterable[str]) -> dict[str, Node]:
    """Return the nodes of a run by name, each after all that it needs.

    Raises
    ------
    LoopbookError
        If a name is read that nothing writes, written twice, or if the notebooks wait for each other in a circle.
    """
    chosen = tuple(candidates)
    writers = _writers(declared)
    nodes = {
        name_of(each.stage, candidate): _node(each, candidate, writers, chosen)
        for each in declared.values()
        for candidate in (chosen if each.each else (None,))
    }
    try:
        order = list(TopologicalSorter({name: sorted(node.needs) for name, node in nodes.items()}).static_order())
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise LoopbookError(
            f"The notebooks wait for each other: {circle}. Let one of them carry instead of read."
        ) from error
    depth: dict[str, int] = {}
    for name in order:
        depth[name] = 1 + max((depth[need] for need in nodes[name].needs), default=0)
    return {name: nodes[name] for name in sorted(nodes, key=depth.__getitem__)}


def _writers(every: Mapping[str, Declaration]) -> dict[str, Declaration]:
    writers: dict[str, Declaration] = {}
    for declared in every.values():
        for name in declared.writes:
            if name in writers:
                raise LoopbookError(
                    f"{name!r} is written by {writers[name].stage} and by {declared.stage}; rename one."
                )
            writers[name] = declared
    return writers


def _node(
    declared: Declaration,
    candidate: str | None,
    writers: Mapping[str, Declaration],
    chosen: tuple[str, ...],
) -> Node:
    def writer(name: str) -> Declaration:
        if name not in writers:
            raise LoopbookError(f"{declared.stage} reads {name!r}, which no notebook writes.{suggest(name, writers)}")
        return writers[name]

    read = [name for name in declared.reads if name != SOURCE_INPUT]
    for name in read:
        if writer(name).each and not declared.each:
            raise LoopbookError(f"{declared.stage} reads {name!r}, which every candidate writes; it must gather it.")
    reads = {name: name_of(writer(name).stage, candidate if writer(name).each else None) for name in read}
    gathers = {name: {each: name_of(writer(name).stage, each) for each in chosen} for name in declared.gathers}
    return Node(name_of(declared.stage, candidate), declared, candidate, reads, gathers)
