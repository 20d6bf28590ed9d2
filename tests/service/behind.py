"""An agent to put behind the HTTP layer in tests: it decides by the scenario's prototype, into a real log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from loopbook.decisions.audit.entry import Entry, Stored, new_id
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.listing import Listing
from loopbook.desk.desk import Desk
from loopbook.requirements import interface
from loopbook.requirements.prototype import Prototype
from loopbook.scenario.contract import Scenario
from loopbook.service.deciding import Asked
from loopbook.store.project import Project

VERSIONS = dict.fromkeys(("model", "policy", "rules", "data", "code"), "prototype") | {"run": "2026-01-01_00-00-00"}


@dataclass
class Prototyped:
    """The agent; `before` is called first, so that a test can make it fail or wait; `filler` makes answers long."""

    scenario: Scenario
    writer: Writer
    project: Project
    profile: str = "smoke"
    before: Callable[[Asked], None] | None = None
    stopped: str | None = None
    filler: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    talking: Desk | None = None
    lists: Listing | None = None

    @property
    def name(self) -> str:
        return f"{self.scenario.name}/{self.profile}"

    def decide(self, asked: Asked) -> Future[list[Stored]]:
        self.calls["decide"] += 1
        if self.before is not None:
            self.before(asked)
        entries = zip(asked.requests, self._facts(asked.requests), asked.keys, strict=True)
        return self.writer.append(
            Entry(
                "decision",
                new_id(),
                {**facts, "versions": VERSIONS, "caller": asked.caller},
                {"row_id": request["id"] or "", "fields": dict(request["fields"]), "request": asked.digest},
                key,
            )
            for request, facts, key in entries
        )

    def _facts(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        task = self.scenario.task
        prototype = Prototype.of(self.scenario.requirements, task)
        probabilities, codes = prototype.decide(pd.DataFrame([request["fields"] for request in requests]))
        found = []
        for p, code in zip(probabilities.tolist(), codes.tolist(), strict=True):
            action = interface._action(self.scenario, prototype.classes, code)
            facts = {
                "answer": prototype.classes[code],
                "action": action,
                "reasons": self.filler or "A prototype of rules.",
            }
            facts |= {"probability": p[1] if len(p) == 2 else p[code], "threshold": 0.5, "value": None}
            facts |= {"scores": dict(zip(prototype.classes, p, strict=True)), "quantiles": None}
            facts["also"] = {name: {"label": None, "probability": None} for name in task.also}
            found.append(facts)
        return found

    def explain(self, stored: Stored, seconds: float) -> Mapping[str, Any]:
        self.calls["explain"] += 1
        return {"parts": [], "complete": True}

    def rehearsed(self, most: int) -> tuple[list[Stored], dict[str, str]]:
        return [], {}

    def checked(self, found: Iterator[Stored]) -> None:
        self.calls["checked"] += len(list(found))

    def desk(self) -> tuple[Desk, Mapping[str, str]]:
        assert self.talking is not None
        return self.talking, VERSIONS

    def listing(self) -> tuple[Listing, Mapping[str, str]]:
        assert self.lists is not None
        return self.lists, VERSIONS

    def about(self) -> Mapping[str, Any]:
        return {"versions": VERSIONS, "since": datetime(2026, 1, 1, tzinfo=UTC), "card": None}

    def trouble(self) -> str | None:
        return self.stopped
