"""The OpenAPI document holds: what fits it is answered, what is answered fits it, and nothing breaks the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import Engine
from tests.service import contract
from tests.service.serving import Service, running, scenario, service

from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.service import app
from loopbook.service.agent import Served
from loopbook.service.errors import Refused
from loopbook.service.following import Following
from loopbook.service.metrics import Metrics
from loopbook.service.schemas import Wire
from loopbook.store.project import Project

EVERY = ("market-monitor", "credit-risk", "banking-desk")
"""A text with attributes and further outputs; a table; 77 classes that only the data knows."""


@pytest.mark.parametrize(("name", "cases"), [("market-monitor", 200), ("credit-risk", 100)])
def test_made_up_requests(name: str, cases: int, tmp_path: Path) -> None:
    unlimited = scenario(name, decisions_per_second=1e6)
    with service(tmp_path, unlimited) as made, running(made) as up:
        tally = contract.attack(up.address, up.secret("admin"), cases)
    assert tally.cases >= 0.8 * cases and tally.other.total() >= 0.3 * cases
    assert tally.server_errors == 0 and tally.failures == []
    assert tally.answered >= 0.99, tally.refused


def test_the_real_agent(own: Project, engine: Engine) -> None:
    """The same with a run's champion behind, batching and all; and what it keeps is masked."""
    real = Served.load(own, "market-monitor", "smoke")
    asked, metrics = scenario(decisions_per_second=1e6, follow_seconds=3_600.0), Metrics()
    with (
        Writer(engine, real.name) as writer,
        Following(real, asked, engine, writer, Budget(0.1), metrics) as behind,
        running(Service(asked, engine, behind, metrics, app.create_app(behind, engine, writer, metrics))) as up,
    ):
        tally = contract.attack(up.address, up.secret("admin"), 60)
        assert tally.server_errors == 0 and tally.failures == [] and tally.answered >= 0.99, tally.refused
        personal = up.example | {"id": "p", "fields": {"text": "Shares fell, says jane@example.org"}}
        answers = [up.decide(personal, Idempotency_Key="p") for _ in range(2)]
        assert answers[0].json == answers[1].json
        assert up.decide(up.example, Idempotency_Key="p").status == 422
        record = up.call("GET", f"/v1/decisions/{answers[0].json['decision_id']}?explain=true", secret=up.secret()).json
        assert record["payload"]["fields"]["text"] == "Shares fell, says [MAIL]" and record["explanation"]["parts"]
        assert jsonschema.Draft202012Validator(_answers(up)).is_valid(answers[0].json)


def _answers(up: Service) -> dict[str, Any]:
    document = up.app.openapi()
    found = document["paths"]["/v1/decisions"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    return {**found, "components": document["components"]}


@pytest.mark.parametrize(
    "time", [1_767_603_000, 1.5, "1767603000", "2026-01-05", "1899-12-31T00:00:00Z", True, "T", ""]
)
def test_what_is_no_time_is_refused(time: Any) -> None:
    asked = scenario()
    with pytest.raises(Refused) as refused:
        Wire(asked).requests(json.dumps({"time": time, "fields": {"text": "a"}}).encode())
    assert refused.value.status == 422 and "time" in str(refused.value.errors)


@pytest.mark.parametrize("name", EVERY)
def test_the_document_is_whole(name: str, tmp_path: Path) -> None:
    with service(tmp_path, scenario(name)) as made:
        document = made.app.openapi()
        known = document["components"]["schemas"]
        for reference in _references(document):
            kind, _, target = reference.removeprefix("#/components/").partition("/")
            assert kind == "schemas" and target in known, reference
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                assert {"500"} <= operation["responses"].keys(), f"{method} {path}"
                assert ("security" in operation) and (operation["security"] or path in ("/healthz", "/readyz"))
        request = document["paths"]["/v1/decisions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        whole: dict[str, Any] = {**request, "components": document["components"]}
        validator = jsonschema.Draft202012Validator(whole)
        validator.check_schema(whole)
        assert validator.is_valid(made.example) and validator.is_valid([made.example] * 3)
        assert not validator.is_valid([]) and not validator.is_valid({"fields": {}, "no": 1})


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []
