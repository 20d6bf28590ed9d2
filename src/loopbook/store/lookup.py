"""A run by the name that a person gives it, or the newest under the current snapshot; and what it made."""

from pathlib import Path

from loopbook.scenario.errors import MissingInput, suggest
from loopbook.store import records, snapshots, vault
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


def newest(project: Project, scenario: str, profile: str) -> Run:
    """Return the newest good run under the current snapshot or, until there is one, under the one before.

    A run is under a snapshot if its stages carried what that snapshot says; one that `approve --undo` has withdrawn
    is not looked at.

    Raises
    ------
    MissingInput
        If there is no good run; the message says what to type.
    """
    every = records.runs(project, scenario)
    good = [run for run in every if run.good and run.profile == profile]
    for snapshot in (*reversed(snapshots.history(project, scenario, profile)), snapshots.Snapshot()):
        for run in reversed(good):
            if run.round == snapshot.round and _carried(run, snapshot):
                return run
    known = sorted({run.profile for run in every if run.good} - {profile})
    others = f" There are good runs in profile {' and '.join(known)}." if known else ""
    raise MissingInput(
        f"There is no good run of {scenario} in profile {profile!r}, so there is nothing to serve.{others} "
        f"Type: {again(scenario, profile)}"
    )


def again(scenario: str, profile: str) -> str:
    """Return the command that runs a scenario."""
    return f"make SCENARIO={scenario} PROFILE={profile}"


def artifact(project: Project, run: Run, name: str) -> Path:
    """Return the path of what a run made, checked."""
    for stage in run.stages.values():
        if name in stage.artifacts:
            return vault.checked(project.data / stage.artifacts[name])
    raise MissingInput(f"Run {run.run} of {run.scenario} has no {name!r}: {again(run.scenario, run.profile)}")


def digest(run: Run, name: str) -> str:
    """Return the content digest of what a run made."""
    return next(stage.digests[name] for stage in run.stages.values() if name in stage.digests)


def _carried(run: Run, snapshot: snapshots.Snapshot) -> bool:
    """Say whether all that a run's stages carried is what a snapshot says."""
    mark = "carried "
    carried = {
        name.removeprefix(mark): value
        for stage in run.stages.values()
        for name, value in stage.inputs.items()
        if name.startswith(mark)
    }
    known = snapshots.Snapshot.model_fields  # a run of another version may have carried something else
    return all(name in known and snapshot.digest(name) == value for name, value in carried.items())
