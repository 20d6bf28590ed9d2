"""Errors: what callers are told, and what only the server's log says."""

from __future__ import annotations

import json
import logging

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from loopbook.service import errors
from loopbook.service.errors import Refused


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    one: int
    text: str = ""


def misfit(body: str) -> Refused:
    with pytest.raises(ValidationError) as wrong:
        _Model.model_validate_json(body)
    return errors.misfit(wrong.value)


def test_a_misfit_says_where_and_repeats_no_value() -> None:
    refused = misfit('{"one": "secret-value", "text": 17, "more": "secret-value"}')
    told = json.loads(refused.body())
    assert refused.status == told["status"] == 422 and told["title"] == "Unprocessable Entity"
    assert {each["where"] for each in told["errors"]} == {"one", "text", "more"}
    assert b"secret-value" not in refused.body()


def test_names_that_a_caller_made_up_are_masked_and_cut() -> None:
    told = json.loads(misfit(json.dumps({"one": 1, "jane.doe@example.com": 1, "x" * 5_000: 1})).body())
    assert "jane" not in json.dumps(told) and len(json.dumps(told)) < 1_000


def test_what_is_no_json_says_where_it_breaks_off() -> None:
    refused = misfit('{"one": 1, "text": "secret-value" oops')
    assert refused.status == 400 and "line 1 column" in refused.detail and "secret-value" not in refused.detail


def test_of_many_misfits_some_are_listed() -> None:
    told = json.loads(misfit(json.dumps({f"name{number}": 1 for number in range(100)})).body())
    assert len(told["errors"]) == 20 and "Of 101 the first 20" in told["detail"]


def test_an_incident_stands_in_the_log_masked(caplog: pytest.LogCaptureFixture) -> None:
    text = "no row for jane.doe@example.com, card 4111 1111 1111 1111"
    with caplog.at_level(logging.ERROR, "loopbook.service"):
        try:
            raise KeyError(text)
        except KeyError as error:
            name = errors.incident(error)
    (record,) = caplog.records
    assert name in record.getMessage() and "test_errors.py" in record.getMessage()
    assert "[MAIL]" in record.getMessage() and "[CARD]" in record.getMessage()
    assert "jane" not in caplog.text and "4111" not in caplog.text
    assert record.exc_info is None, "which would be printed as it is"
