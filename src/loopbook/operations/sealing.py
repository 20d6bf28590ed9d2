"""Sealing: before a run, what an agent has decided as a service is read from the live log up to now, for good."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from loopbook.decisions.audit import entry
from loopbook.decisions.audit.entry import Stored
from loopbook.scenario.contract import Scenario
from loopbook.store import content, sealed, vault
from loopbook.store.project import Project
from loopbook.store.sealed import LISTED, SAID, SERVED, TALKED, USED, Sealed

if TYPE_CHECKING:
    import pandas as pd

PATIENCE = 2.0
"""Seconds after which it says how far it is."""

_NESTED = ("scores", "also", "fields", "attributes", "versions")


def seal(project: Project, scenario: Scenario, profile: str, say: Callable[[str], object] = lambda _: None) -> Sealed:
    """Seal what an agent has decided as a service and what was said of it, up to now.

    The live log may be written meanwhile. If nothing new is in it, the last extract is returned as it is, and nothing
    but the ends of its chains is looked at.

    Parameters
    ----------
    project, scenario, profile
        Whose log; ``decisions.served_days`` says how far back, from the latest decision on.
    say
        Told every two seconds how far it is.

    Returns
    -------
    Sealed
        Empty if the agent was never served. Where there is no log any more, what was sealed last.

    Raises
    ------
    LogError
        If the database of ``LOOPBOOK_DATABASE`` does not answer.
    """
    last, known = sealed.newest(project, scenario.name, profile)
    if not entry.kept(project):
        return last
    from loopbook.decisions import list_log
    from loopbook.decisions.audit import database, reader

    engine, agent = database.connect(project), entry.agent_name(scenario.name, profile)
    try:
        until, days = reader.watermark(engine, agent), scenario.decisions.served_days
        # Sealed anew where an earlier version has laid out lists in other columns.
        noted = {"until": until, "days": days, "lists": list(list_log.LINE)}
        if noted == {name: known.get(name) for name in noted}:
            return last
        found = reader.entries(engine, agent, until=until, kinds=("decision", "feedback", "turn", "list"))
        counted = _counted(found, sum(until.values()) + len(until), scenario.name, say)
        parts = extract(counted, days, scenario.service.review_twice)
    finally:
        engine.dispose()
    return _kept(project, scenario.name, profile, parts, noted)


def _kept(
    project: Project, scenario: str, profile: str, parts: Mapping[str, "pd.DataFrame"], noted: Mapping[str, Any]
) -> Sealed:
    """Put the parts that hold something into the store, and point to them."""
    with vault.claimed(project.work / sealed.KIND / f"{scenario}-{profile}") as work:
        content.remove(work)
        work.mkdir(parents=True)
        digests = {name: content.digest(content.save(part, work / name)) for name, part in parts.items() if len(part)}
        if not digests:
            return Sealed()
        made = Sealed(content.digest_json(digests)[:20], digests)
        about = {"scenario": scenario, "profile": profile, "digests": digests}
        vault.seal(work, project.store / sealed.KIND / made.key, about)
        pointer = sealed.pointer(project, scenario, profile)
        content.write_json(pointer, {"key": made.key, "digests": digests, **noted})
    return made


def _counted(found: Iterator[Stored], most: int, scenario: str, say: Callable[[str], object]) -> Iterator[Stored]:
    """Yield the entries of the log, and say how far it is."""
    told = time.monotonic()
    for number, stored in enumerate(found, 1):
        if time.monotonic() - told > PATIENCE:
            told = time.monotonic()
            say(f"Sealing what {scenario} has decided as a service: {number:,} of at most {most:,} entries")
        yield stored


def extract(found: Iterator[Stored], days: int, twice: float) -> dict[str, "pd.DataFrame"]:
    """Return the decisions written on the latest days in the order of time, then of row, and the feedback on them.

    What was taken back is left out; how the pages were used, and what happened in conversations and lists on the
    latest days, are parts of their own. A decision that waited for a person holds what reviewers have answered.
    """
    import pandas as pd

    from loopbook.decisions import list_log, log
    from loopbook.desk import records
    from loopbook.feedback import reviewing, usability

    decided, turns = [], []
    fed, shown, clicked = list[Stored](), list[Stored](), list[Stored]()
    for stored in found:
        facts, payload = stored.facts, stored.payload or {}
        if stored.kind == "feedback":
            (fed if list_log.clicks(stored) is None else clicked).append(stored)
            continue
        if stored.kind == list_log.KIND:
            shown.append(stored)
            continue
        if stored.kind == records.KIND:
            turns.append(records.line(stored))
            continue
        nested = {name: json.dumps(facts.get(name, payload.get(name)) or {}) for name in _NESTED}
        own = {"decision_id": stored.id, "written": stored.written, **nested}
        decided.append({**facts, "row_id": payload.get("row_id"), "time": payload.get("time"), **own})
    actions = reviewing.actions(fed, twice)
    decided = [reviewing.answered(facts, actions.get(facts["decision_id"])) for facts in decided]
    gone = reviewing.withdrawn(fed)
    said = [_said(stored) for stored in fed if stored.id not in gone and not stored.facts.get("usage")]
    decisions = _timed(pd.DataFrame(decided, columns=[*log.COLUMNS, "value", *_NESTED, "written"]), "time", "written")
    feedback = _timed(pd.DataFrame(said, columns=["id", "decision_id", "written", "facts", "payload"]), "written")
    talked = _timed(pd.DataFrame(turns, columns=records.LINE), "written")
    listed = _timed(list_log.table(shown, clicked), "written")
    # By our own clock: what callers say of time must not push others out.
    decisions, talked, listed = (
        part[part["written"] > part["written"].max() - pd.Timedelta(days=days)] for part in (decisions, talked, listed)
    )
    names_row = feedback["payload"].str.contains('"row_id"', regex=False)  # of a rehearsed decision, in no log
    feedback = feedback[feedback["decision_id"].isin(decisions["decision_id"]) | names_row]
    return {
        SERVED: decisions.sort_values(["time", "row_id", "written"], kind="stable", ignore_index=True),
        SAID: feedback.sort_values(["written", "id"], ignore_index=True),
        USED: usability.events(fed).sort_values(["written", "event", "user"], kind="stable", ignore_index=True),
        TALKED: talked.sort_values(["written", "conversation", "number"], ignore_index=True),
        LISTED: listed.sort_values(["written", "shown", "place"], ignore_index=True),
    }


def _said(stored: Stored) -> tuple[Any, ...]:
    told = json.dumps(stored.payload) if stored.payload else ""
    return stored.id, stored.facts.get("decision_id"), stored.written, json.dumps(stored.facts), told


def _timed(frame: "pd.DataFrame", *columns: str) -> "pd.DataFrame":
    """Return a table with times as the store has them."""
    import pandas as pd

    times = {name: pd.to_datetime(frame[name], utc=True, format="ISO8601").dt.as_unit("us") for name in columns}
    return frame.assign(**times)
