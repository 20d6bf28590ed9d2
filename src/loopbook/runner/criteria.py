"""Acceptance criteria of a run with their evidence, and what to do next."""

import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.scenario.stories import asked_for
from loopbook.store.records import NO_FRESH_ROWS, CriterionRecord, StageRecord

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
    for story in (*scenario.stories, *asked_for(changes)):
        for criterion in story.criteria:
            record = stages.get(criterion.stage)
            value = record.number(criterion.metric) if record else None
            stale = value is not None and record is not None and record.metrics.get("fresh_rows") is False
            found.append(
                CriterionRecord(
                    **criterion.model_dump(),
                    story=story.id,
                    value=value,
                    met=None if value is None or stale else criterion.met(value),
                    untested=NO_FRESH_ROWS if stale else "",
                )
            )
    return tuple(found)


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
        f"“{criterion.text}” is missed: {criterion.metric} is {criterion.measured}. "
        f"Its evidence is on the page of {criterion.stage}."
        for criterion in found
        if criterion.met is False and criterion.value is not None
    ]
    if any(record.metrics.get("fresh_rows") is False for record in stages.values()):
        steps.append(
            "The agent has lived through all its windows: what was approved last was found on the rows that 05 judges "
            "by, so its figures flatter and its criteria are not tested. Bring newer rows."
        )
    untested = sorted({criterion.stage for criterion in found if criterion.met is None and not criterion.untested})
    if untested:
        steps.append(f"Some criteria are not tested yet; their evidence comes from {', '.join(untested)}.")
    if not steps:
        steps.append(f"Every criterion is met: {champion or 'the champion'} can go on to a trial with real users.")
    return tuple(steps)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that matter most."""
    return {"python": ".".join(map(str, sys.version_info[:3])), **{name: metadata.version(name) for name in _VERSIONS}}
