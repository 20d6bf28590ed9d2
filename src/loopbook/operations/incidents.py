"""Incidents of the latest run: listed, acknowledged, silenced, counted from night to night, and told to somebody.

What people say of an incident is appended to a file in data/state, so that sealed runs stay as they are.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import isfinite, nan
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from loopbook.operations import mail, outbox_delivery, webhook
from loopbook.operations.night_summary import line
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.store import appended, content, vault
from loopbook.store.project import Project
from loopbook.store.records import Run

State = Literal["open", "ended", "acknowledged", "silenced", "told"]


@dataclass(frozen=True)
class Known:
    """An incident of a run, and what people have said of it.

    Attributes
    ----------
    since, peak, until
        Days on which it began, was largest and ended; `until` is empty while it lasts.
    state
        open or ended; acknowledged or silenced where somebody has said so and it still lasts; told: good news, which
        is listed and sent to nobody.
    note
        Who said what, and until when.
    cost
        What it is expected to cost, by the model's probabilities; None where that is not known.
    associated, words, rows
        What it goes with, its typical words, and typical rows, a line each; empty where nothing is said of it. The
        words are the rows' own: escape them.
    """

    id: str
    title: str
    since: str
    peak: str
    until: str
    state: State
    note: str = ""
    cost: float | None = None
    associated: str = ""
    words: str = ""
    rows: str = ""


def known(
    project: Project, run: Run | None, today: date | None = None, alerts: pd.DataFrame | None = None
) -> list[Known]:
    """Return the incidents of a run; none where no monitoring has run.

    Those that still last come first, of these the most costly by what is expected, and good news last.

    `alerts` are those of the live checks, in place of the ones that the run's notebook 06 wrote.
    """
    if run is None:
        return []
    said = _said(project, run.scenario)
    day = (today or datetime.now(UTC).date()).isoformat()
    rows = _alerts(project, run) if alerts is None else _plain(alerts)
    found = [_one(row, said.get(str(row["id"]), {}), day) for row in rows]
    return sorted(found, key=lambda one: (one.state == "told", one.state == "ended", -(one.cost or 0.0), one.since))


def say(project: Project, run: Run | None, incident: str, event: str, **what: str) -> None:
    """Append what somebody says of an incident: acknowledged, or silenced with a reason and a last day.

    Raises
    ------
    LoopbookError
        If the run has no such incident, or the day cannot be.
    """
    ids = [one.id for one in known(project, run)]
    if run is None or incident not in ids:
        raise LoopbookError(f"There is no incident {incident!r}.{suggest(incident, ids)} List them: incidents list")
    if "until" in what:
        try:
            date.fromisoformat(what["until"])
        except ValueError as error:
            raise LoopbookError(f"--until {what['until']!r} is no day, such as 2027-01-31.") from error
    entry = {"id": incident, "event": event, "at": datetime.now(UTC).isoformat(timespec="seconds"), **what}
    appended.append(_file(project, run.scenario), entry)


def counts(project: Project, run: Run, before: Run | None) -> dict[str, int] | None:
    """Return how many incidents are new since the run before, still open, and ended since; None without monitoring."""
    if not any("alerts" in stage.artifacts for stage in run.stages.values()):
        return None
    now, was = ({one.id: one for one in known(project, which)} for which in (run, before))
    now, was = ({name: one for name, one in some.items() if one.state != "told"} for some in (now, was))
    lasting = {name for name, one in was.items() if one.state != "ended"}
    return {
        "new": len(now.keys() - was.keys()),
        "open": sum(one.state != "ended" for one in now.values()),
        "ended": sum(name not in now or now[name].state == "ended" for name in lasting),
    }


def tell(
    project: Project,
    scenario: Scenario,
    run: Run,
    environment: Mapping[str, str] = os.environ,
    alerts: pd.DataFrame | None = None,
) -> dict[str, str]:
    """Send each incident once each way that the scenario names, and once that it has ended; return what failed, by way.

    Incidents that somebody has acknowledged or silenced are not sent, nor is good news. `alerts` as of `known`.
    """
    wanted = scenario.alerts
    failed: dict[str, str] = {}
    waiting = _messages(run, known(project, run, alerts=alerts))
    sent = project.state / "sent"
    for way, asked in (("file", wanted.file), ("webhook", wanted.webhook), ("mail", wanted.mail)):
        if not asked:
            continue
        try:
            memory = project.root / str(asked) if way == "file" else sent / f"{run.scenario}-alerts-{way}.jsonl"
            outbox_delivery.deliver(waiting, memory, _sender(way, scenario, environment))
        except (LoopbookError, OSError) as error:
            failed[way] = str(error)
    return failed


def _sender(way: str, scenario: Scenario, environment: Mapping[str, str]) -> outbox_delivery.Send | None:
    if way == "file":
        return None
    if way == "webhook":
        name = str(scenario.alerts.webhook)
        if not environment.get(name):
            raise LoopbookError(f"alerts.webhook names {name}, and the environment does not hold it; set {name}.")
        return webhook.sender(environment[name])
    to, server = mail.recipients(",".join(scenario.alerts.mail)), mail.Server.of(environment)

    def post(message: Mapping[str, Any]) -> None:
        where = f"Scenario {message['scenario']}, run {message['run']}, incident {message['incident']}"
        text = f"{message['title']}\n\n{where}\n"
        mail.send(server, to, f"Loopbook: {message['title']}", text, json.dumps(dict(message), ensure_ascii=False))

    return post


def _messages(run: Run, incidents: list[Known]) -> pd.DataFrame:
    """Return an outbox: a message when an incident is first seen, and one when it has ended."""
    rows = []
    for one in incidents:
        if one.state in ("acknowledged", "silenced", "told"):
            continue
        name = f"{run.scenario}-{one.id}{'-ended' if one.state == 'ended' else ''}"
        message = {"scenario": run.scenario, "run": run.run, "simulated": run.simulated, "incident": one.id}
        message |= {"state": one.state, "title": line(one.title), "since": one.since, "until": one.until}
        rows.append({"id": name, "payload": json.dumps(message, ensure_ascii=False)})
    return pd.DataFrame(rows, columns=["id", "payload"])


def _one(row: Mapping[str, Any], said: Mapping[str, str], day: str) -> Known:
    state: State = "told" if row.get("told") else "ended" if row["until"] else "open"
    if said and state == "open" and (said["event"] == "acknowledged" or said["until"] >= day):
        state = "acknowledged" if said["event"] == "acknowledged" else "silenced"
    note = ", ".join(said[part] for part in ("by", "until", "reason") if part in said)
    title = line(str(row["title"]))
    cost = float(row.get("expected_cost") or nan)
    more = [str(row.get(name) or "") for name in ("associated", "words", "rows")]
    lived = (str(row["since"]), str(row["peak"]), str(row["until"]))
    return Known(str(row["id"]), title, *lived, state, note, cost if isfinite(cost) else None, *more)


def _alerts(project: Project, run: Run) -> list[dict[str, Any]]:
    for stage in run.stages.values():
        if "alerts" in stage.artifacts:
            table: pd.DataFrame = content.load(vault.checked(project.data / stage.artifacts["alerts"]))
            return _plain(table)
    return []


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def unreadable(project: Project, scenario: str) -> list[str]:
    """Return a sentence for each line of what people said that is none, such as one that was cut off."""
    file = _file(project, scenario)
    return [
        f"{file}, line {number}, cannot be read and does not count; say it again, or delete the line."
        for number, entry in _entries(file)
        if entry is None
    ]


def _said(project: Project, scenario: str) -> dict[str, dict[str, str]]:
    """Return the last event of each incident."""
    return {entry["id"]: entry for _, entry in _entries(_file(project, scenario)) if entry is not None}


def _entries(file: Path) -> list[tuple[int, dict[str, str] | None]]:
    """Return the lines of a file of events, each with its number from 1; None for one that is no event."""
    return [(number, _known(event)) for number, event in appended.events(file)]


def _known(event: dict[str, str] | None) -> dict[str, str] | None:
    if event is None or not {"id", "event"} <= event.keys():
        return None
    return event if event["event"] == "acknowledged" or "until" in event else None


def _file(project: Project, scenario: str) -> Path:
    return project.state / "incidents" / f"{scenario}.jsonl"
