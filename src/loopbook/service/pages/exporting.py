"""Export of decisions: CSV that no spreadsheet takes for formulas, and JSON lines; a line at a time."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from loopbook.decisions.audit import chain
from loopbook.decisions.audit.entry import Stored
from loopbook.scenario.contract import Scenario

KINDS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
"""What there is, and its media type."""

_FACTS = ("action", "answer", "probability", "value", "expected_cost", "rule", "rule_hits", "reasons")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_BLOCK = 200  # lines sent at once


def lines(kind: str, found: Iterable[Stored], scenario: Scenario) -> Iterator[bytes]:
    """Yield the file, in blocks of lines.

    What came from a person is as the log has it: masked before it was stored, and absent once it was forgotten.

    Parameters
    ----------
    kind
        One of `KINDS`. A CSV file has a column for each input field; JSON lines hold the whole entries.
    """
    block: list[str] = []
    if kind == "csv":
        header, row = _table(scenario)
        block.append(_csv(header))
    for stored in found:
        block.append(_csv(row(stored)) if kind == "csv" else _json(stored))
        if len(block) >= _BLOCK:
            yield "".join(block).encode()
            block = []
    yield "".join(block).encode()


def safe(value: Any) -> Any:
    """Return a value for a cell: a text that a spreadsheet would compute begins with an apostrophe.

    References
    ----------
    OWASP, CSV injection.
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def _table(scenario: Scenario) -> tuple[list[str], Callable[[Stored], list[Any]]]:
    """Return the header, and how a row is made."""
    fields = list(scenario.task.fields)
    facts = [name for name in _FACTS if name != "value" or scenario.task.type == "number"]
    header = ["decision_id", "written", "row_id", "time", *facts, "scores", "run", "model"]

    def row(stored: Stored) -> list[Any]:
        told, payload = stored.facts, stored.payload or {}
        inputs, versions = payload.get("fields", {}), told.get("versions", {})
        own = [stored.id, chain.stamp(stored.written), payload.get("row_id"), payload.get("time")]
        own += [*(told.get(name) for name in facts), chain.canonical(told.get("scores", {}))]
        own += [versions.get("run"), versions.get("model"), *(inputs.get(name) for name in fields)]
        return [*own, chain.canonical(payload.get("attributes", {}))]

    return [*header, *(f"field {name}" for name in fields), "attributes"], row


def _csv(values: list[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([safe(value) for value in values])
    return line.getvalue()


def _json(stored: Stored) -> str:
    told = {"decision_id": stored.id, "written": chain.stamp(stored.written), "facts": stored.facts}
    return json.dumps({**told, "payload": stored.payload}, ensure_ascii=False) + "\n"
