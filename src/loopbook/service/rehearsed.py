"""Decisions of a run's rehearsal in the form that the log has them: what people can review where nothing was served."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd

from loopbook.decisions import log
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.rules import REVIEW
from loopbook.feedback import trust
from loopbook.requirements import interface
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Number
from loopbook.service.agent import Served
from loopbook.statistics import targets
from loopbook.store.lookup import artifact

_OUTSIDE = {"decision_id", "row_id", "time"}  # columns of the log that do not stand in facts


class Rehearsed(NamedTuple):
    """The latest decisions of a run, in the order of time, and the true class of those whose outcome is known."""

    decisions: list[Stored]
    known: Mapping[str, str]


def of(served: Served, most: int) -> Rehearsed:
    """Return what the notebooks let an agent decide, as it was before anybody was asked.

    Whoever answered there where the agent asked was simulated, so such a decision waits for a person again.

    Parameters
    ----------
    served
        The agent; its run holds them.
    most
        How many at most, the latest.
    """
    scenario = served.scenario
    table = pd.read_parquet(artifact(served.project, served.run, "decisions"))
    scores = pd.read_parquet(artifact(served.project, served.run, "scores")).set_index("row_id")
    own = table[table["model_version"] == served.versions["model"]].sort_values("time", kind="stable").tail(most)
    settings = scenario.monitoring
    outcomes = trust.outcomes_of(table, settings.label_delay_days, settings.replay_days)
    names = targets.classes(table["label"], scenario.task)
    codes = targets.codes(own["label"], scenario.task)
    known = {
        decision: names[code]
        for decision, row, code in zip(own["decision_id"], own["row_id"].astype(str), codes.tolist(), strict=True)
        if row in outcomes and code >= 0
    }
    told = scores.reindex(own["row_id"]).to_dict("records")
    rows = own.astype(object).where(own.notna(), None).to_dict("records")
    return Rehearsed(
        [
            _stored(served, {str(name): value for name, value in row.items()}, said)
            for row, said in zip(rows, told, strict=True)
        ],
        known,
    )


def _stored(served: Served, row: Mapping[str, Any], scores: Mapping[Any, float]) -> Stored:
    """Return one decision as an entry of the log; an outcome, and what a simulated reviewer said, is left out."""
    scenario = served.scenario
    facts = {name: _plain(row[name]) for name in log.COLUMNS if name not in _OUTSIDE}
    if facts["decision"] == REVIEW and facts["verdict"] is not None:
        said = f" The reviewer decided: {facts['verdict']}."
        facts |= {"action": REVIEW, "verdict": None, "reasons": facts["reasons"].replace(said, "", 1)}
    facts |= {"scores": dict(scores), "versions": dict(served.versions), "rehearsed": True}
    if len(scores) == 2:
        facts["threshold"] = served.threshold
    facts["also"] = {
        name: {"label": _plain(row[name]), "probability": _plain(row[f"{name}_probability"])}
        for name in scenario.task.also
        if name in row
    }
    if isinstance(scenario.task, Number):
        facts["value"] = _plain(row["value"])
    time = row["time"]
    payload = {
        "row_id": str(row["row_id"]),
        "time": None if time is None else time.isoformat(timespec="microseconds"),
        "fields": {name: _field(row, name) for name in scenario.task.fields},
        "attributes": _attributes(scenario, row),
    }
    written = datetime.fromisoformat(served.run.started)
    return Stored("decision", str(row["decision_id"]), facts, payload, agent=served.name, written=written)


def _field(row: Mapping[str, Any], name: str) -> Any:
    return _plain(row.get(f"{name}_source", row.get(name)))


def _attributes(scenario: Scenario, row: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: _field(row, name) for name in interface.attributes(scenario)}
    return {name: value for name, value in found.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return value.item() if hasattr(value, "item") else value
