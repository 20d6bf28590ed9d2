"""schemathesis against a running service: made-up requests, those that fit the schema and those that do not."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as openapi

GOOD = (200, 201)
CHECKS = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
    openapi.negative_data_rejection,
]

_YEARS = strategies.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=strategies.timezones())
schemathesis.openapi.format("date-time", _YEARS.map(lambda time: time.astimezone(UTC).isoformat()))


@dataclass
class Tally:
    """What came back.

    Attributes
    ----------
    fitting, other
        Requests that fit the schema, and that do not: how many were answered by each status, by operation.
    failures
        What schemathesis found wrong: 5xx, an answer that is not in the document, or does not fit it, and a request
        that does not fit and was taken.
    """

    fitting: Counter[tuple[str, int]] = field(default_factory=Counter)
    other: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return self.fitting.total() + self.other.total()

    @property
    def server_errors(self) -> int:
        return sum(many for (_, status), many in (self.fitting + self.other).items() if status >= 500)

    @property
    def answered(self) -> float:
        """Share of the fitting requests that were answered with 200 or 201."""
        return sum(many for (_, status), many in self.fitting.items() if status in GOOD) / self.fitting.total()


def attack(address: str, secret: str, cases: int, start: int = 1) -> Tally:
    """Send about so many requests to a running service, half of them fitting the schema, and judge all answers.

    The key's role is admin. Operations share the cases by what there is to be varied: most go to those with a body.
    Where a request names a decision, it is one that was made: no schema says which there are.
    """
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {secret}"
    example = session.get(f"{address}/v1/agent").json()["schemas"]["example_request"]
    answers = [session.post(f"{address}/v1/decisions", json=example).json() for _ in range(3)]
    made = cycle([answer["decision_id"] for answer in answers])
    schema = schemathesis.openapi.from_url(f"{address}/v1/openapi.json", headers=dict(session.headers))
    operations = [found.ok() for found in schema.get_all_operations()]
    shares = {"decide": 0.65, "feedback": 0.2, "decision": 0.15}
    tally = Tally()
    for operation in operations:
        name = operation.definition.raw["operationId"]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode == GenerationMode.NEGATIVE and name not in shares:
                continue  # there is nothing in it that could be wrong
            strategy = operation.as_strategy(generation_mode=mode)
            _send(
                strategy,
                name,
                mode,
                max(2, round(cases * shares.get(name, 0) / 2)),
                tally,
                session,
                address,
                made,
                start,
            )
    return tally


def _send(
    strategy: object,
    name: str,
    mode: GenerationMode,
    many: int,
    tally: Tally,
    session: requests.Session,
    address: str,
    made: Iterator[str],
    start: int,
) -> None:
    @seed(start)
    @settings(
        max_examples=many,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def one(case: schemathesis.Case) -> None:
        fits = mode == GenerationMode.POSITIVE
        if fits and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = str(uuid.uuid4())  # generators like to use a value again
        if fits and name == "decision":
            case.path_parameters["id"] = next(made)
        if fits and name == "feedback":
            case.body["decision_id"] = next(made)
        answer = case.call(base_url=address, session=session, headers=dict(session.headers))
        if fits and answer.status_code not in GOOD:
            tally.refused.append(f"{name} {case.body!r:.300} {answer.text:.600}")
        (tally.fitting if fits else tally.other)[name, answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            tally.failures += [f"{name} {mode.value}: {each}" for each in group.exceptions]

    one()
