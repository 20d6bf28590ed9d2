"""A run by the name that a person gives it."""

from loopbook.scenario.errors import MissingInput, suggest
from loopbook.store import records
from loopbook.store.project import Project
from loopbook.store.records import Run

LATEST = "latest"


def run(project: Project, name: str) -> Run:
    """Return the record of a run.

    Parameters
    ----------
    name
        A run's name (``20261124-031200``), with its scenario before it if several have it
        (``market-monitor/20261124-031200``); ``latest``: the newest good run of all, ``market-monitor/latest`` of a
        scenario, ``market-monitor/smoke`` of a scenario and profile; ``market-monitor/smoke~1``: the good one before
        that, as in git.

    Raises
    ------
    MissingInput
        If there is none, or several; the message holds the likely name.
    """
    scenario, _, last = name.strip().rpartition("/")
    asked, _, back = last.partition("~")
    every = records.runs(project)
    if not every:
        raise MissingInput("There is no run yet; type: make")
    scenarios = {run.scenario for run in every}
    if scenario and scenario not in scenarios:
        raise MissingInput(f"There is no run of a scenario {scenario!r}.{suggest(scenario, scenarios)}")
    own = [run for run in every if scenario in ("", run.scenario)]
    profiles = {run.profile for run in own} if scenario else set()
    if asked == LATEST or asked in profiles:
        good = [run for run in own if run.good and asked in (LATEST, run.profile)]
        if not good:
            raise MissingInput(f"There is no good run {name!r} yet; `make debug` opens what failed.")
        if back and not (back.isascii() and back.isdecimal()):
            raise MissingInput(f"There is no run {name!r}: '~{back}' is no number of runs before the newest.")
        if int(back or 0) >= len(good):
            raise MissingInput(f"There is no run {name!r}: before the newest there are {len(good) - 1} good ones.")
        return good[-1 - int(back or 0)]
    found = [run for run in own if run.run == last]
    if len(found) > 1:
        told = ", ".join(f"{run.scenario}/{asked}" for run in found)
        raise MissingInput(f"Several scenarios have a run {asked}: {told}.")
    if not found:
        hint = suggest(last, [LATEST, *profiles, *(run.run for run in reversed(own)), *(() if scenario else scenarios)])
        if asked in scenarios and not scenario:
            hint = f" {asked!r} is a scenario: {asked}/{LATEST} is its newest good run."
        raise MissingInput(f"There is no run {name!r}.{hint} The index of the reports lists them all.")
    return found[0]
