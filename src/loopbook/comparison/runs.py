"""Runs by the names that a person types, and whether two of them can be compared."""

from loopbook.scenario.errors import LoopbookError, MissingInput, refuse, suggest
from loopbook.store import lookup, sweep_records
from loopbook.store.project import Project
from loopbook.store.records import Run


def pair(project: Project, a: str, b: str) -> tuple[Run, Run]:
    """Return the two runs that a person names.

    Raises
    ------
    MissingInput
        If there is no such run; the message has the likely name.
    LoopbookError
        If one did not finish, both are the same, or they are of different scenarios.
    """
    first, second = (find(project, name) for name in (a, b))
    for side, run in (("A", first), ("B", second)):
        if not run.good:
            failed = ", ".join(name for name, record in run.stages.items() if record.state == "failed")
            raise LoopbookError(
                f"{side}, run {describe(run)}, did not finish{f': {failed} failed' if failed else ''}. "
                f"The newest run that did: {run.scenario}/{run.profile}"
            )
    before = f"{second.scenario}/{second.profile}~1"
    refuse(
        LoopbookError,
        (
            first.scenario != second.scenario,
            f"A is a run of {first.scenario}, B of {second.scenario}: their metrics are of different tasks. Compare "
            f"two runs of one scenario: make compare A={before} B={describe(second)}",
        ),
        (
            first == second,
            f"A and B are the same run, {describe(first)}. Name two; {before} is the one before the newest.",
        ),
    )
    return first, second


def find(project: Project, name: str) -> Run:
    """Return a run by one of the names that `lookup.run` knows, or a sweep's point ``scenario/sweep/point``.

    Raises
    ------
    MissingInput
        If there is none of that name; the message has the likely one.
    """
    parts = name.strip().split("/")
    if len(parts) == 4 and parts[1] == sweep_records.FOLDER:  # as a point's own record is called
        del parts[1]
    return _point(project, *parts) if len(parts) == 3 else lookup.run(project, name)


def _point(project: Project, scenario: str, name: str, place: str) -> Run:
    known = {f"{sweep.scenario}/{sweep.sweep}": sweep for sweep in sweep_records.sweeps(project)}
    sweep = known.get(f"{scenario}/{name}")
    if sweep is None:
        raise MissingInput(f"There is no sweep {scenario}/{name}.{suggest(f'{scenario}/{name}', known)}")
    runs = sweep_records.runs(project, sweep)
    if place in runs:
        return runs[place]
    point = next((point for point in sweep.points if point.name == place), None)
    if point is None:
        raise MissingInput(f"Sweep {scenario}/{name} has no point {place!r}.{suggest(place, runs)}")
    why = f"failed: {point.error}" if point.error else "has not ended yet"
    raise MissingInput(f"Point {place} of sweep {scenario}/{name} {why}.{suggest('', runs)}")


def describe(run: Run) -> str:
    """Return a run's name with its scenario's, as `find` takes it."""
    return f"{run.scenario}/{run.run}"
