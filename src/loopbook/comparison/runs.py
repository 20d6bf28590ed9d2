"""Which runs a person means, and which runs repeat one of them with other seeds only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from loopbook.scenario.errors import MissingInput, suggest
from loopbook.store import lookup, records, sweeps
from loopbook.store.project import Project
from loopbook.store.records import Run


def find(project: Project, name: str) -> Run:
    """Return a run by one of the names that `lookup.run` knows, or a sweep's point ``scenario/sweep/point``.

    Raises
    ------
    MissingInput
        If there is none of that name; the message has the likely one.
    """
    if name.count("/") == 2:
        points = {f"{one.scenario}/{one.sweep}/{at}": run for one, at, run in _points(project)}
        if name not in points:
            raise MissingInput(f"There is no point of a sweep {name}.{suggest(name, list(points))}")
        return points[name]
    return lookup.run(project, name)


def repeats(project: Project, like: Run, *, without: tuple[Run, ...] = ()) -> list[Run]:
    """Return runs and sweep points whose scenario in force is that of `like` but for its seeds, one a set of seeds.

    They share the round and the data (digests of 02), so that nothing but seeds and code differs. The runs `without`
    and those with their seeds are left out: a band must not be made of what it judges.
    """
    settings = _settings(like)
    if not like.resolved:
        return []
    told = {_seeds(each) for each in without}
    found: dict[str, Run] = {}
    for run in (*records.runs(project, like.scenario), *(run for _, _, run in _points(project, like.scenario))):
        same = run.profile == like.profile and run.round == like.round and _data(run) == _data(like)
        if run.good and same and _seeds(run) not in told and _settings(run) == settings:
            found[_seeds(run)] = run
    return list(found.values())


def _points(project: Project, scenario: str = "*") -> Iterator[tuple[sweeps.Sweep, str, Run]]:
    for sweep in sweeps.sweeps(project, scenario):
        for name, run in sweeps.runs(project, sweep).items():
            yield sweep, name, run


def _data(run: Run) -> Any:
    record = run.stages.get("02_data")
    return dict(record.digests) if record else None


def _settings(run: Run) -> str:
    return json.dumps({name: value for name, value in flat(run.resolved).items() if not sweeps.is_seed(name)})


def _seeds(run: Run) -> str:
    return json.dumps({name: value for name, value in flat(run.resolved).items() if sweeps.is_seed(name)})


def flat(settings: Any, at: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name, in the order of names."""
    if isinstance(settings, dict) and settings:
        pairs = sorted(settings.items(), key=lambda pair: str(pair[0]))
        return {name: value for key, each in pairs for name, value in flat(each, f"{at}{key}.").items()}
    return {at.rstrip("."): settings}
