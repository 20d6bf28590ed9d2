"""The OpenAPI document holds: what fits it is answered, what is answered fits it, and nothing breaks the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.service import contract
from tests.service.serving import running, scenario, service

EVERY = ("market-monitor", "credit-risk", "banking-intents")
"""A text with attributes and further outputs; a table; 77 classes that only the data knows."""


@pytest.mark.parametrize(("name", "cases"), [("market-monitor", 200), ("credit-risk", 100)])
def test_made_up_requests(name: str, cases: int, tmp_path: Path) -> None:
    unlimited = scenario(name, decisions_per_second=1e6)
    with service(tmp_path, unlimited) as made, running(made) as up:
        tally = contract.attack(up.address, up.secret("admin"), cases)
    assert tally.cases >= 0.8 * cases and tally.other.total() >= 0.3 * cases
    assert tally.server_errors == 0 and tally.failures == []
    assert tally.answered >= 0.99, tally.refused


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
