"""Account of a decision, from the log: what was decided, why, by which versions, by whom, and where it stands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from loopbook.decisions.audit import chain, reader
from loopbook.decisions.audit.entry import FORGOT, Stored
from loopbook.decisions.audit.roots import Root

_SAID = (
    *("decision", "action", "answer", "probability", "scores", "also", "value", "quantiles", "expected_cost"),
    *("next_action", "next_cost", "rule", "rule_hits", "reasons", "reviewed", "review_refused", "verdict", "caller"),
    *("versions", "runtime"),
)
"""Facts of a decision in the order in which they are told; what else there is follows."""


def account(engine: Engine, id: str, roots: Sequence[Root]) -> list[str]:
    """Return all that the log says about an id, line by line; empty if it says nothing."""
    found = reader.about(engine, id) or reader.named(engine, id)
    lines: list[str] = []
    for stored in found:
        lines += ["", *_lines(stored, found, roots)] if lines else _lines(stored, found, roots)
    return lines


def champion(engine: Engine, agent: str, moment: datetime) -> list[str]:
    """Return which versions decided for an agent at a moment, as the last record before it says; empty: none does."""
    stored = reader.deciding(engine, agent, moment)
    if stored is None:
        return []
    what = "decision" if stored.kind == "decision" else "take-over"
    said = (
        f"{agent} at {chain.stamp(moment)}, as the {what} {printable(stored.id)} of {chain.stamp(stored.written)} says:"
    )
    return [said, *_fields(stored.facts["versions"]), *_place(stored)]


def _lines(stored: Stored, found: Sequence[Stored], roots: Sequence[Root]) -> list[str]:
    head = f"{stored.kind.capitalize()} {printable(stored.id)} of {stored.agent}, {chain.stamp(stored.written)}"
    facts = {name: stored.facts[name] for name in _SAID if name in stored.facts}
    facts |= {name: value for name, value in sorted(stored.facts.items()) if name not in facts}
    lines = [head, *_fields(facts)]
    if stored.payload is not None:
        lines += _fields(stored.payload)
    elif stored.forgotten:
        acts = [other for other in found if other.facts.get("act") == FORGOT and other.written > stored.written]
        who = f" on {chain.stamp(acts[0].written)} by {printable(str(acts[0].facts.get('by')))}" if acts else ""
        lines.append(f"  payload         forgotten{who}; it had the salted digest {stored.payload_digest}")
    return [*lines, *_place(stored), f"  anchored        {_anchored(stored, roots)}"]


def _place(stored: Stored) -> list[str]:
    return [f"  chain           {stored.writer} record {stored.seq}", f"  hash            {stored.hash}"]


def _anchored(stored: Stored, roots: Sequence[Root]) -> str:
    """Return the first root that names the record or one behind it, by whose hash it is fixed if verify holds."""
    for root in sorted(roots, key=lambda root: root.made):
        if root.heads.get(stored.writer, (-1, ""))[0] >= stored.seq:
            return f"by the root of {root.made}, if audit verify holds"
    return "by no root yet"


def _fields(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            shown = " · ".join(f"{printable(str(part))} {_shown(inner)}" for part, inner in value.items())
        else:
            shown = _shown(value)
        yield f"  {printable(name.replace('_', ' ')):<15} {shown or '-'}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """Return a text for a terminal: what is no printable character, which could steer it, is escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
