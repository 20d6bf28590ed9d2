"""Alerts of the service on itself: what sets them off, and that the log knows of each beginning and end."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loopbook.decisions.audit import database, entry, reader
from loopbook.decisions.audit.writer import Writer
from loopbook.scenario.service import ServiceSettings
from loopbook.service import alerts
from loopbook.service.metrics import Metrics
from loopbook.store.project import Project

SETTINGS = ServiceSettings(alert_seconds=60, alert_p99=0.2, alert_error_share=0.05, alert_queue=0.1)
DAYS_AGO = datetime.now(UTC) - timedelta(days=2)
AGENT = "some-agent/standard"


def counted(seconds: float = 0.01, failed: int = 0, queue: float = 0.001, answers: int = 100) -> Metrics:
    metrics = Metrics(60)
    for number in range(answers):
        metrics.answered("/v1/decisions", "POST", 500 if number < failed else 200, seconds)
        metrics.batch([queue])
    return metrics


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({}, set()),
        ({"seconds": 0.3}, {"latency"}),
        ({"failed": 6}, {"errors"}),
        ({"failed": 5}, set()),
        ({"queue": 0.2}, {"queue"}),
        ({"seconds": 0.3, "failed": 100, "queue": 0.2}, {"latency", "errors", "queue"}),
        ({"seconds": 9, "failed": 19, "queue": 9, "answers": 19}, set()),
    ],
)
def test_what_is_wrong_is_named(what: dict[str, Any], expected: set[str]) -> None:
    found = alerts.judged(counted(**what).recent, SETTINGS)
    assert set(found) == expected
    assert all("limit" in text for text in found.values())


def test_a_refusal_is_no_error_of_the_service() -> None:
    metrics = Metrics(60)
    for _ in range(100):
        metrics.answered("/v1/decisions", "POST", 422, 0.01)
    assert alerts.judged(metrics.recent, SETTINGS) == {}


def test_beginning_and_end_are_in_the_log(tmp_path: Path) -> None:
    engine = database.connect(Project(tmp_path), f"sqlite:///{tmp_path / 'log.sqlite'}")
    settings = SETTINGS.model_copy(update={"alert_seconds": 1.0})
    metrics = Metrics(settings.alert_seconds)
    with Writer(engine, AGENT) as writer, alerts.Watch(metrics, writer, settings, every=0.05) as watch:
        until = time.monotonic() + 20
        while not watch.alerts and time.monotonic() < until:
            for _ in range(50):
                metrics.answered("/v1/decisions", "POST", 200, 0.5)
            time.sleep(0.05)
        assert [alert.partition(":")[0] for alert in watch.alerts] == ["latency"]
        assert b'loopbook_alert{what="latency"} 1.0' in metrics.text()[0]
        while watch.alerts and time.monotonic() < until:
            for _ in range(50):
                metrics.answered("/v1/decisions", "POST", 200, 0.01)
            time.sleep(0.05)
        assert watch.alerts == []
        assert b'loopbook_alert{what="latency"} 0.0' in metrics.text()[0]
        assert alerts.standing(engine, DAYS_AGO) == []
        writer.append([entry.admin("alert-began", what="queue", text="as a test says")]).result()
        (stands,) = alerts.standing(engine, DAYS_AGO)
        assert (stands.agent, stands.what, stands.text) == (AGENT, "queue", "as a test says")
        assert alerts.standing(engine, stands.since + timedelta(seconds=1)) == []
    assert alerts.standing(engine, DAYS_AGO) == [], "a worker that ends takes its alerts along"
    acts = [each.facts for each in reader.entries(engine, AGENT, kinds=["admin"])]
    assert [(act["act"], act["what"]) for act in acts if act["act"].startswith("alert")] == [
        ("alert-began", "latency"),
        ("alert-ended", "latency"),
        ("alert-began", "queue"),
    ]
