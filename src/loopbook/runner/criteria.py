"""Acceptance criteria of a run with their evidence."""

import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.scenario.stories import asked_for
from loopbook.store.records import NO_FRESH_ROWS, NOT_IN_SMOKE, SMOKE, CriterionRecord, StageRecord

_VERSIONS = ("tensorflow", "keras", "scikit-learn", "pandas", "numpy", "papermill", "loopbook")


def criteria(
    scenario: Scenario,
    stages: Mapping[str, StageRecord],
    changes: Sequence[Mapping[str, Any]] = (),
    profile: str = "standard",
) -> tuple[CriterionRecord, ...]:
    """Return every acceptance criterion with the value that its stage recorded; None where there is none yet.

    A value from rows that are not fresh proves nothing: what was approved last was found on these very rows. It is
    shown, but the criterion is not tested. Nor is any in smoke, whose rows and passes are too few to judge by.

    `changes` are approved requirement changes, which may add criteria.
    """
    found = []
    for story in (*scenario.stories, *asked_for(changes)):
        for criterion in story.criteria:
            record = stages.get(criterion.stage)
            value = record.number(criterion.metric) if record else None
            stale = value is not None and record is not None and record.metrics.get("fresh_rows") is False
            untested = NOT_IN_SMOKE if profile == SMOKE else NO_FRESH_ROWS if stale else ""
            found.append(
                CriterionRecord(
                    **criterion.model_dump(),
                    story=story.id,
                    value=value,
                    met=None if value is None or untested else criterion.met(value),
                    untested=untested,
                )
            )
    return tuple(found)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that matter most."""
    return {"python": ".".join(map(str, sys.version_info[:3])), **{name: metadata.version(name) for name in _VERSIONS}}
