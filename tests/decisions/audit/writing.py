"""Logs for tests: several days, several writers, and one that was killed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from loopbook.decisions.audit import days, writer
from loopbook.decisions.audit.entry import Entry, new_id, took_over

START = datetime(2027, 3, 1, 8, tzinfo=UTC)
VERSIONS = {name: name[0] * 20 for name in ("model", "policy", "rules", "data", "code")} | {"run": "tiny/1"}


class Clock(datetime):
    """Time goes on by a minute whenever somebody looks."""

    moment = START

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        Clock.moment += timedelta(minutes=1)
        return Clock.moment


def decision(text: str = "", versions: Mapping[str, str] = VERSIONS, key: str | None = None) -> Entry:
    facts = {"action": "alert", "reasons": "Dear.", "scores": {"yes": random.random()}, "versions": versions}
    return Entry("decision", new_id(), facts, {"row_id": new_id(), "fields": {"text": text or "Füße 🦶"}}, key)


def write(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    *,
    each: int = 30,
    number: int = 3,
    start: datetime = START,
    versions: Mapping[str, str] = VERSIONS,
    agent: str = "tiny",
) -> None:
    """Write a log of some days, with two writers a day, the second of which is killed."""
    monkeypatch.setattr(writer, "datetime", Clock)
    for day in range(number):
        Clock.moment = start + timedelta(days=day)
        with writer.Writer(engine, agent, wait=0) as one:
            killed = writer.Writer(engine, agent, wait=0).__enter__()
            one.append([took_over(versions)])
            for _ in range(each // 10):
                decided = [decision(versions=versions) for _ in range(4)]
                feedback = Entry("feedback", new_id(), {"decision_id": decided[0].id, "rating": 2}, {"comment": "No."})
                one.append([*decided, feedback])
                killed.append([decision(versions=versions, key=new_id()) for _ in range(5)])
            killed._stop()  # what waits is stored, the closing record is not


def export(engine: Engine, folder: Path) -> list[Path]:
    """Export all days but the last."""
    return days.export(engine, folder, Clock.moment)
