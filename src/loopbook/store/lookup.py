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
    own = [each for each in every if scenario in ("", each.scenario)]
    if not own:
        known = {each.scenario for each in every}
        raise MissingInput(f"There is no run of a scenario {scenario!r}.{suggest(scenario, known)}")
    profiles = {each.profile for each in own} if scenario else set()
    if asked == LATEST or asked in profiles:
        good = [each for each in own if each.good and asked in (LATEST, each.profile)]
        if not good:
            raise MissingInput(f"There is no good run {name!r} yet; `make debug` opens what failed.")
        if back and not (back.isascii() and back.isdecimal()):
            raise MissingInput(f"There is no run {name!r}: '~{back}' is no number of runs before the newest.")
        before = int(back or 0)
        if before >= len(good):
            raise MissingInput(f"There is no run {name!r}: before the newest there are {len(good) - 1} good ones.")
        return good[-1 - before]
    found = [each for each in own if each.run == last]
    if len(found) > 1:
        told = ", ".join(f"{each.scenario}/{asked}" for each in found)
        raise MissingInput(f"Several scenarios have a run {asked}: {told}.")
    if not found:
        likely = [LATEST, *profiles, *(each.run for each in reversed(own))]
        likely += [] if scenario else [each.scenario for each in own]
        hint = suggest(last, likely)
        if asked in {each.scenario for each in every} and not scenario:
            hint = f" {asked!r} is a scenario: {asked}/{LATEST} is its newest good run."
        raise MissingInput(f"There is no run {name!r}.{hint} The index of the reports lists them all.")
    return found[0]
