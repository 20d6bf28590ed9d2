"""The agent behind the HTTP layer: it follows the current snapshot, and takes over between two batches."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Engine

from loopbook.decisions.audit import chain, entry, reader
from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.listing import Listing
from loopbook.decisions.replay import Budget
from loopbook.desk.desk import Desk
from loopbook.desk.turn import Conversation
from loopbook.scenario.contract import Scenario
from loopbook.service import live, rehearsed
from loopbook.service.agent import Served
from loopbook.service.batching import Batcher
from loopbook.service.deciding import INTERFACE, Asked
from loopbook.service.errors import LOG
from loopbook.service.explaining import Explainer
from loopbook.service.metrics import Metrics
from loopbook.service.trial import FAILED, Arms, Failed, Shadow
from loopbook.store import challengers, snapshots
from loopbook.store.lookup import newest
from loopbook.store.project import Project

_PATIENCE = 30  # looks that are left out after one that failed
_WARM = (1, 8, 64)  # sizes of batches decided before the first request


class Following:
    """What the HTTP layer sees of the agent (`deciding.Deciding`); a context manager.

    Parameters
    ----------
    served
        Who decides first.
    scenario
        As the file says now, for the service's own settings.
    database, writer
        The log.
    budget
        What the log says that people have been asked.
    metrics
        Told of the queue.
    """

    def __init__(
        self,
        served: Served,
        scenario: Scenario,
        database: Engine,
        writer: Writer,
        budget: Budget,
        metrics: Metrics | None = None,
    ) -> None:
        self.scenario = served.scenario.model_copy(update={"service": scenario.service})
        self.name, self.project = served.name, served.project
        self.outdated = threading.Event()
        self._served, self._since = served, datetime.now(UTC)
        self._database, self._writer, self._budget = database, writer, budget
        self._explainer = Explainer(served.project)
        self._trouble = ""
        settings = scenario.service
        measured = {"measured": metrics.batch} if metrics else {}
        self._count = metrics.challenger if metrics else lambda *_: None
        self._allowed = settings.challenger != "none"
        self._arms: Arms | None = None
        self._shadow = Shadow(writer, settings.queue_most, self._count)
        self._batcher = Batcher(
            self._decided,
            self._known,
            writer.append,
            most=settings.batch_most,
            wait=settings.batch_wait,
            room=settings.queue_most,
            **measured,
        )
        self._looked = _state(served.project, served.scenario.name, served.profile)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(settings.follow_seconds,), daemon=True)

    def __enter__(self) -> Self:
        warm(self._served)
        self._note(None)
        self._shadow.__enter__()
        self._batcher.__enter__()
        try:
            self._share()
        except Exception:  # the champion serves without it, and says so once
            LOG.exception("%s begins without the challenger on trial", self.name)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Decide what was asked, and end."""
        self._ended.set()
        self._thread.join()
        self._batcher.__exit__()
        self._shadow.__exit__()

    @property
    def served(self) -> Served:
        """Who decides now."""
        return self._served

    def decide(self, asked: Asked) -> "Future[list[Stored]]":
        """Queue requests; see `Deciding.decide`."""
        return self._batcher.ask(asked)

    def explain(self, stored: Stored, seconds: float) -> Mapping[str, Any]:
        """Explain a stored decision; see `Explainer.explain`."""
        return self._explainer.explain(stored, self._served, seconds)

    def rehearsed(self, most: int) -> rehearsed.Rehearsed:
        """Return the decisions of the run's rehearsal; see `Deciding.rehearsed`."""
        return rehearsed.of(self._served, most)

    def checked(self, found: Iterator[Stored]) -> live.Checked | None:
        """Hold decisions against the run's test split; see `live.check`."""
        return live.check(self._served, found)

    def desk(self) -> tuple[Desk, Mapping[str, str]]:
        """Return the support desk that is served now, and its versions."""
        served = self._served
        return served.desk, served.versions

    def listing(self) -> tuple[Listing, Mapping[str, str]]:
        """Return what makes lists now, and its versions."""
        served = self._served
        return served.listing, served.versions

    def about(self) -> Mapping[str, Any]:
        """Return what is served since when, and its card."""
        return {"versions": dict(self._served.versions), "since": self._since, "card": self._served.card}

    def trouble(self) -> str | None:
        """Return why no request can be answered now."""
        return None if self._batcher.alive else "going down"

    def look(self) -> None:
        """Take over the newest good run under the current snapshot, if it is another than the one that is served.

        What is being decided meanwhile is decided by the agent before; the next batch is decided by the new one.
        """
        served = self._served
        state = _state(served.project, served.scenario.name, served.profile)
        if state == self._looked:
            return
        run = newest(served.project, served.scenario.name, served.profile)
        if run.run != served.run.run:
            found = Served.of(served.project, run)
            if any(getattr(found.scenario, part) != getattr(served.scenario, part) for part in INTERFACE):
                self.outdated.set()
                return
            warm(found)
            self._served, self._since = found, datetime.now(UTC)
            self._note(served)
        self._share()
        self._looked, self._trouble = state, ""

    def _share(self) -> None:
        """Share rows with the challenger that is on trial now, if one is."""
        self._arms = None  # what cannot be loaded decides nothing
        if self._allowed and (arms := Arms.of(self._served)) is not None:
            warm(arms.challenger)
            self._arms = arms

    def _note(self, before: Served | None) -> None:
        """Write down who decides from now on."""
        more = {} if before is None else {"before": before.versions["run"]}
        self._writer.append([entry.took_over(self._served.versions, **more)]).result()

    def _follow(self, seconds: float) -> None:
        pause = seconds
        while not self._ended.wait(pause):
            pause = seconds
            try:
                self.look()
            except Exception as error:  # whatever is wrong with what is newer, the agent that is served goes on
                if str(error) != self._trouble:
                    LOG.exception("%s goes on with run %s", self.name, self._served.versions["run"])
                self._trouble, pause = str(error), _PATIENCE * seconds  # to load it takes what callers need

    def _decided(self, calls: Sequence[Asked]) -> list[list[Entry]]:
        served = self._served
        prepared = [asked.requests if asked.kept else served.prepare(asked.requests) for asked in calls]
        kept = [dict(row) for rows in prepared for row in rows]
        digests = (asked.digest for asked in calls for _ in asked.requests)
        for row, digest in zip(kept, digests, strict=True):
            row["request"] = digest
        callers = [asked.caller for asked in calls for _ in asked.requests]
        entries = iter(self._entries(served, kept, callers, [key for asked in calls for key in asked.keys]))
        return [[next(entries) for _ in asked.requests] for asked in calls]

    def _entries(
        self,
        served: Served,
        kept: Sequence[Mapping[str, Any]],
        callers: Sequence[str],
        keys: Sequence[str | None],
    ) -> list[Entry]:
        """Decide by the champion and, where one is on trial, the challenger."""
        arms = self._arms
        if arms is None or arms.champion is not served:
            return served.decide(kept, self._budget, callers, keys)
        try:
            entries = arms.decide(kept, self._budget, callers, keys, self._count)
        except Failed as error:
            self._arms = None
            self._count(FAILED, len(kept))
            LOG.error("%s goes on without it. %s", self.name, error)
            self._writer.append([entry.admin(entry.TRIAL_ENDED, trial=arms.id, by="the service", why=str(error))])
            return served.decide(kept, self._budget, callers, keys)
        if arms.trial.mode == "shadow":
            self._shadow.ask(arms, entries, kept)
        return entries

    def _known(self, calls: Sequence[Asked]) -> list[list[Stored] | None]:
        digests = [[chain.sha256(key) for key in asked.keys if key] for asked in calls]
        if not any(digests):
            return [None] * len(calls)
        with self._database.connect() as connection:
            before = reader.by_keys(connection, self.name, [digest for own in digests for digest in own])
        found = {key: replace(stored, duplicate=True) for key, stored in before.items()}
        return [[found[key] for key in own] if own and all(key in found for key in own) else None for own in digests]


def warm(served: Served) -> None:
    """Decide some rows for nobody, one and many, so that the first caller does not wait for what is made but once."""
    task = served.scenario.task
    blank = {"text": "warm", "number": None, "category": None}
    request = {"fields": {name: blank[kind] for name, kind in task.fields.items()}}
    for many in _WARM:
        served.decide(served.prepare([request] * many), Budget(0.0))
    if served.scenario.studies.support_desk is not None:
        served.desk.reply(Conversation("warm"), "warm")
    if served.scenario.studies.lists is not None:
        served.listing.make("", (), "warm")
    served.usual, served.card, served.runtime  # noqa: B018  # read now: they could be pruned, and nobody should wait
    if served.series is not None:
        served.per_step  # noqa: B018


def _state(project: Project, scenario: str, profile: str) -> tuple[tuple[str, int], ...]:
    """Return what tells that a run, a snapshot or a trial has come or gone: cheap enough for every second."""
    folders = (project.runs / scenario, snapshots.folder(project, scenario, profile))
    files = [path for folder in folders if folder.is_dir() for path in folder.glob("[!.]*.json")]
    found = []
    for path in (*files, challengers.pointer(project, scenario, profile)):
        with suppress(FileNotFoundError):  # gone since it was listed
            found.append((str(path), path.stat().st_mtime_ns))
    return tuple(sorted(found))
