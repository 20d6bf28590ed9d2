"""What a run amounts to: criteria with their evidence, what changed, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.store import snapshots
from loopbook.store.records import NO_FRESH_ROWS, Approval, CriterionRecord, Run, StageRecord

_VERSIONS = ("tensorflow", "keras", "scikit-learn", "pandas", "numpy", "papermill", "loopbook")


def criteria(
    scenario: Scenario, stages: Mapping[str, StageRecord], changes: Sequence[Mapping[str, Any]] = ()
) -> tuple[CriterionRecord, ...]:
    """Return every acceptance criterion with the value that its stage recorded; None where there is none yet.

    A value from rows that are not fresh proves nothing: what was approved last was found on these very rows. It is
    shown, but the criterion is not tested.

    `changes` are approved requirement changes, which may add criteria.
    """
    found = []
    for story in (*scenario.stories, *snapshots.stories(changes)):
        for criterion in story.criteria:
            record = stages.get(criterion.stage)
            value = record.metrics.get(criterion.metric, record.measurements.get(criterion.metric)) if record else None
            number = float(value) if isinstance(value, bool | int | float) else None
            stale = number is not None and record is not None and record.metrics.get("fresh_rows") is False
            found.append(
                CriterionRecord(
                    **criterion.model_dump(),
                    story=story.id,
                    value=number,
                    met=None if number is None or stale else criterion.met(number),
                    untested=NO_FRESH_ROWS if stale else "",
                )
            )
    return tuple(found)


def changes(
    before: Run | None, stages: Mapping[str, StageRecord], champion: str | None, approved: Sequence[Approval] = ()
) -> tuple[str, ...]:
    """Return sentences that say what differs from the run before; what was `approved` in between comes first."""
    if before is None:
        return ("This is the first run of this scenario in this profile.",)
    told = [f"Approved by {one.by}: {one.title}." for one in approved]
    if champion != before.champion and champion is not None:
        told.append(f"The champion is now {champion}; it was {before.champion or 'none'}.")
    for name, record in stages.items():
        old = before.stages.get(name)
        if old is None:
            told.append(f"{name} is new.")
            continue
        values = {item.name: item.value for item in old.parameters}
        told += [
            f"{name}: {item.name} is {item.value} instead of {values[item.name]}."
            for item in record.parameters
            if item.name in values and values[item.name] != item.value
        ]
        told += [
            f"{name}: its input {each.replace('carried ', '')!r} changed."
            for each in record.inputs
            if old.inputs.get(each) != record.inputs[each]
        ]
        if old.key != record.key and old.inputs == record.inputs and old.parameters == record.parameters:
            told.append(f"{name} was computed anew because its code, a setting or a library changed.")
    told += [f"{name} is gone." for name in before.stages if name not in stages]
    return tuple(told) or ("Nothing changed since the last run.",)


def next_steps(
    found: tuple[CriterionRecord, ...], stages: Mapping[str, StageRecord], champion: str | None
) -> tuple[str, ...]:
    """Return sentences that say what to do next, the most urgent first."""
    steps = [
        f"Mend {name}: {record.error.message.strip().partition(chr(10))[0] if record.error else ''}"
        for name, record in stages.items()
        if record.state == "failed"
    ]
    steps += [
        f"“{each.text}” is missed: {each.metric} is {each.value:.3g}, wanted {each.comparison} {each.threshold:g}. "
        f"Its evidence is on the page of {each.stage}."
        for each in found
        if each.met is False and each.value is not None
    ]
    if any(record.metrics.get("fresh_rows") is False for record in stages.values()):
        steps.append(
            "The agent has lived through all its windows: what was approved last was found on the rows that 05 judges "
            "by, so its figures flatter and its criteria are not tested. Bring newer rows."
        )
    untested = sorted({each.stage for each in found if each.met is None and not each.untested})
    if untested:
        steps.append(f"Some criteria are not tested yet; their evidence comes from {', '.join(untested)}.")
    if not steps:
        steps.append(f"Every criterion is met: {champion or 'the champion'} can go on to a trial with real users.")
    return tuple(steps)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that matter most."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
