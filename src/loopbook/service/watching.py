"""Watch: the agent decides rows as they come in, through the same log as the service, each row once."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Self

import pandas as pd
from filelock import FileLock, Timeout

from loopbook.data import arrivals, cleaning, validation
from loopbook.data.arrivals import Arrival
from loopbook.decisions import log, outbox
from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import Stored, agent_name
from loopbook.decisions.audit.writer import Writer
from loopbook.operations import incidents, outbox_delivery
from loopbook.operations.outbox_delivery import Send
from loopbook.reports import live_page, site
from loopbook.requirements import interface
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.service import live
from loopbook.service.agent import Served
from loopbook.service.budget import counted
from loopbook.service.deciding import Asked, Unanswerable
from loopbook.service.following import Following
from loopbook.store import content
from loopbook.store.project import Project

CALLER = "watch"
"""Under which its decisions stand in the log."""
_AT_ONCE = 500  # rows that are asked about before the next ones are
_CHECKED = 100_000  # latest decisions that the checks and the live page look at
_WIDTHS = {"hourly": 13, "daily": 10}  # characters of a time by which hours, or days, are told apart
_PLAIN = frozenset(log.COLUMNS) - {"decision_id", "row_id", "time"}


@dataclass(frozen=True)
class Look:
    """What a look brought: rows decided now, decided before, refused by reason, messages delivered, and seconds."""

    decided: int = 0
    before: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    delivered: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        refused = "".join(f"; refused, {reason}: {count:,}" for reason, count in self.refused.items())
        speed = f" ({self.decided / self.seconds * 3600:,.0f} an hour)" if self.decided and self.seconds else ""
        return f"{self.decided:,} decided{speed}, {self.before:,} known, {self.delivered:,} messages{refused}"


class Watch:
    """The watch over one agent's arrivals; a context manager. Only one runs at a time.

    Parameters
    ----------
    project, scenario, profile
        Whose newest good run decides; `scenario` is as its file says now, for where to look.
    send
        Takes messages of the outbox elsewhere; None: a file in ``data/state/sent`` is the delivery.
    tell
        Where it is said what happens, in sentences.

    Raises
    ------
    LoopbookError
        If there is nothing to watch, no run to decide by, or another watch over it is going on.
    """

    def __init__(
        self,
        project: Project,
        scenario: Scenario,
        profile: str,
        send: Send | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        arrivals.check(scenario, project.root)
        self.scenario, self.profile = scenario, profile
        self.name = agent_name(scenario.name, profile)
        self._project, self._send, self._tell = project, send, tell
        self._place = project.state / "watch" / scenario.name / profile
        self._served = Served.load(project, scenario.name, profile)
        self._times: set[str] = set()
        self._days: dict[str, Counter[str]] = {}
        self._refused = Counter[str]()
        self._checked = ""
        self._seen: live.Checked | None = None

    def __enter__(self) -> Self:
        self._place.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(FileLock(self._place / "lock").acquire(timeout=0))
            except Timeout as error:
                raise LoopbookError(f"Another watch over {self.name} is going on.") from error
            self._database = connect(self._project)
            stack.callback(self._database.dispose)
            self._count(reader.latest(self._database, self.name, "decision", _CHECKED))
            writer = stack.enter_context(Writer(self._database, self.name))
            budget = counted(self._database, self.name).budget(self._served.agent.capacity)
            following = Following(self._served, self.scenario, self._database, writer, budget)
            self._following = stack.enter_context(following)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def outdated(self) -> bool:
        """Whether a newer run takes rows otherwise, so that the watch has to begin anew."""
        return self._following.outdated.is_set()

    def look(self) -> Look:
        """Decide what has come in since the last look.

        A row is decided once, however often it comes and whatever is killed when: its name is its key in the log. Where
        a look ended is noted when all that came is decided and delivered.
        """
        began, file = time.monotonic(), self._place / "cursor.json"
        cursor = content.read_json(file) if file.is_file() else {}
        decided = before = delivered = 0
        refused = Counter[str]()
        served, place = self._following.served, self._project
        per_step = None if served.series is None else served.per_step
        for arrival in arrivals.since(cursor, self.scenario, place.root, place.raw, self._tell, per_step):
            for stored in self._decided(arrival, refused):
                new = [each for each in stored if not each.duplicate]
                decided, before = decided + len(new), before + len(stored) - len(new)
                delivered += self._delivered(stored)
                self._count(new)
            content.write_json(file, arrival.cursor)
        if decided or refused:
            self._renew(refused)
        return Look(decided, before, dict(refused), delivered, time.monotonic() - began)

    def _renew(self, refused: Counter[str]) -> None:
        """Check what was decided where a day, or an hour, has passed; tell of incidents, and write the live page."""
        self._refused.update(refused)
        now = max(self._times, default="")[: _WIDTHS[self.scenario.watch.checks]]
        if now != self._checked:
            self._checked, served = now, self._following.served
            self._seen = live.check(served, iter(self._latest()))
            alerts = None if self._seen is None else self._seen.seen.alerts
            if alerts is not None:
                for way, why in incidents.tell(self._project, self.scenario, served.run, alerts=alerts).items():
                    self._tell(f"Incidents could not be sent by {way}: {why}")
        before = (self._project.reports / self.scenario.name / live_page.FOLDER).is_dir()
        live_page.write(self._page(), self._project.reports)
        if not before:
            site.renew(self._project, only="")  # the index alone, which now leads here

    def _latest(self) -> list[Stored]:
        """Return the latest decisions and what was said, in the order of time."""
        every = [reader.latest(self._database, self.name, kind, _CHECKED) for kind in ("decision", "feedback")]
        return sorted(chain.from_iterable(every), key=lambda stored: stored.written)

    def _count(self, stored: Iterable[Stored]) -> None:
        """Count decisions by action and day."""
        for each in stored:
            if each.payload is not None:
                self._times.add(each.payload["time"][: _WIDTHS["hourly"]])
                self._days.setdefault(each.facts["action"], Counter())[each.payload["time"][:10]] += 1

    def _page(self) -> live_page.Page:
        times, seen = sorted(self._times), self._seen
        every = [f"{day:%Y-%m-%d}" for day in pd.date_range(times[0][:10], times[-1][:10])] if times else []
        total = sum(counts.total() for counts in self._days.values())
        note = f"{total:,} decisions, looked {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        found = incidents.known(self._project, self._served.run, alerts=seen.seen.alerts) if seen else []
        between = "" if seen is None else f"{seen.first:%Y-%m-%d %H:%M} and {seen.last:%Y-%m-%d %H:%M} UTC"
        return live_page.Page(
            self.scenario.title,
            self.scenario.name,
            self.scenario.simulated,
            (f"{note}; checked {self.scenario.watch.checks}, by the time that rows bring.",),
            {action: [(day, counts[day]) for day in every] for action, counts in sorted(self._days.items())},
            [vars(one) for one in found],
            f"Looked at: {seen.decisions:,} decisions between {between}." if seen else "",
            dict(self._refused),
            self.scenario.currency,
        )

    def _decided(self, arrival: Arrival, refused: Counter[str]) -> Iterator[list[Stored]]:
        """Yield what is stored of an arrival's rows, some at a time."""
        if arrival.collected is None:
            return self._refuse(arrival.where, [("unreadable", arrival.trouble, "")], refused)
        scenario = self._following.scenario
        try:
            rows, quarantine = validation.decidable(arrival.collected, scenario, datetime.now(UTC).date())
        except DataError as error:
            return self._refuse(arrival.where, [("unfit", str(error), "")], refused)
        self._refuse(arrival.where, list(quarantine[["reason", "detail", "row"]].itertuples(index=False)), refused)
        kept = list(_kept(cleaning.mask(rows, scenario)[0], scenario))
        for at in range(0, len(kept), _AT_ONCE):
            part, found, lost = kept[at : at + _AT_ONCE], list[Stored](), []
            for row, future in [(row, self._following.decide(_asked(row))) for row in part]:
                try:
                    found += future.result()
                except Unanswerable as error:
                    lost.append(("unanswerable", str(error), json.dumps({"row_id": row["row_id"]})))
            self._refuse(arrival.where, lost, refused)
            yield found
            if len(kept) > _AT_ONCE:
                self._tell(f"{arrival.where}: {at + len(part):,} of {len(kept):,} rows")

    def _refuse(self, where: str, lost: Sequence[Sequence[str]], refused: Counter[str]) -> None:
        """Write down what is not decided, with the reason; nothing vanishes."""
        file = self._place / "refused.jsonl"
        for reason, detail, row in lost:
            told = {"where": where, "reason": reason, "detail": detail, "row": row}
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"time": datetime.now(UTC).isoformat(), **told}, ensure_ascii=False) + "\n")
            refused[str(reason)] += 1
        if lost:
            self._tell(f"{where}: {len(lost):,} refused, the first: {lost[0][0]}, {lost[0][1]} All stand in {file}.")

    def _delivered(self, stored: Sequence[Stored]) -> int:
        """Deliver what decisions set off, each message once."""
        agent, found = self._served.agent, []
        idle = agent.plan.actions[: agent.plan.prices.idle]
        for each in stored:
            if each.payload is None:  # forgotten since
                continue
            facts = {name: value for name, value in each.facts.items() if name in _PLAIN}
            when = datetime.fromisoformat(each.payload["time"])
            decision = log.Decision(decision_id=each.id, row_id=each.payload["row_id"], time=when, **facts)
            found += outbox.messages(agent.name, decision, each.payload["fields"], idle)
        sent = self._project.state / "sent" / f"{self.scenario.name}.jsonl"
        return outbox_delivery.deliver(outbox.table(found), sent, self._send)[0] if found else 0


def watch(
    begin: Callable[[], Watch],
    ended: threading.Event,
    tell: Callable[[str], None],
    looks: int | None = None,
) -> None:
    """Look again and again until it is ended; what fails for a while is said, and tried again with the next look.

    Parameters
    ----------
    begin
        Makes the watch, again where a newer run takes rows otherwise.
    ended
        Set to end after what has come in is decided.
    looks
        End after so many; None: never.
    """
    left, trouble = float("inf") if looks is None else looks, ""
    while left > 0 and not ended.is_set():
        with begin() as one:
            tell(f"Watching for {one.name}, every {one.scenario.watch.every:g} s; Ctrl-C ends it")
            while left > 0 and not ended.is_set() and not one.outdated:
                try:
                    found = one.look()
                    if found.decided or found.refused or trouble:
                        tell(str(found))
                    trouble = ""
                except LoopbookError as error:
                    if looks is not None:
                        raise
                    if str(error) != trouble:
                        tell(f"{error} It is tried again.")
                    trouble = str(error)
                left -= 1
                if left > 0:
                    ended.wait(one.scenario.watch.every)


def _kept(rows: pd.DataFrame, scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Yield what the log keeps of canonical, masked rows, as the service does of requests."""
    now = pd.Timestamp(datetime.now(UTC))
    inputs = scenario.task.fields.items()
    beside = [name for name in interface.attributes(scenario) if _column(name) in rows.columns]
    for row in rows.to_dict("records"):
        moment = now if pd.isna(row["time"]) else row["time"]
        yield {
            "row_id": str(row["row_id"]),
            "time": moment.isoformat(timespec="microseconds"),
            "fields": {name: _value(row[_column(name)], kind) for name, kind in inputs},
            "attributes": {
                name: _value(value, "number" if isinstance(value, int | float) else "category")
                for name in beside
                if not pd.isna(value := row[_column(name)]) and value != ""
            },
        }


def _column(name: str) -> str:
    return f"{name}_source" if name in validation.CANONICAL else name


def _value(value: Any, kind: str) -> Any:
    """Return a value of a table as JSON has it."""
    if kind != "number":
        return "" if pd.isna(value) else str(value)
    return None if pd.isna(value) else float(value)


def _asked(row: Mapping[str, Any]) -> Asked:
    """Return the request about one row; its name is the key under which it is decided once."""
    digest = hashlib.sha256(json.dumps(row, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return Asked([row], CALLER, str(row["row_id"]), digest, kept=True)
