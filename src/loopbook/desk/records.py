"""Conversation records: what happens in a conversation as entries of the one log, and the conversation read from them.

A conversation is its entries of kind ``turn`` in the order of their numbers. Each number is stored once, whoever writes
it (it is the key of the entry): two workers that go on with one conversation at the same time never both do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from loopbook.decisions.audit.entry import Entry, Stored, new_id
from loopbook.desk.turn import Citation, Conversation, Passage, Reply, Turn

KIND = "turn"
OPENED, ASKED, WROTE, CLOSED, RATED = "opened", "asked", "wrote", "closed", "rated"
"""What happens: a conversation begins, the customer asks, a person writes, it ends, the customer rates it."""

State = Literal["desk", "waits", "answered", "closed"]
DESK: State = "desk"
WAITS: State = "waits"
ANSWERED: State = "answered"
OVER: State = "closed"
"""Where a conversation stands after an entry: the desk answers; the customer waits for a person; a person has answered;
it is over."""

FORMS = {"act", "intent", "confidence", "options", "costs"}
"""Parts of a reply that stand in the facts: nothing of them comes from a person."""


@dataclass(frozen=True)
class Recorded:
    """A conversation as it stands in the log.

    Attributes
    ----------
    id
        Of its first entry.
    entries
        All of them, in their order; never empty.
    """

    id: str
    entries: tuple[Stored, ...]

    @property
    def caller(self) -> str:
        """The name of the key by which it was begun."""
        return str(self.entries[0].facts["caller"])

    @property
    def language(self) -> str:
        return str(self.entries[0].facts["language"])

    @property
    def state(self) -> State:
        found: State = self.entries[-1].facts["state"]
        return found

    @property
    def forgotten(self) -> bool:
        """Whether what was said in it has left the log."""
        return any(stored.forgotten for stored in self.entries)

    @property
    def waits_since(self) -> datetime | None:
        """Since when the customer waits for a person; None: nobody waits."""
        since = None
        for stored in self.entries:
            since = (since or stored.written) if stored.facts["state"] == WAITS else None
        return since

    @property
    def rating(self) -> int | None:
        """What the customer said last, 1 (bad) to 5 (good)."""
        said = [stored.facts["rating"] for stored in self.entries if stored.facts["event"] == RATED]
        return said[-1] if said else None

    @property
    def conversation(self) -> Conversation:
        """The turns in which the desk replied, as `Desk.reply` takes them."""
        turns = (
            Turn(stored.payload["question"], reply(stored))
            for stored in self.entries
            if stored.facts.get("act") and stored.payload is not None
        )
        return Conversation(self.id, tuple(turns))

    def given(self, once: str | None) -> Stored | None:
        """Return what was stored under the digest of an idempotency key; None: nothing."""
        return next((stored for stored in self.entries if once and stored.facts.get("once") == once), None)

    def then(self, stored: Stored) -> "Recorded":
        """Return the conversation with one entry more."""
        return replace(self, entries=(*self.entries, stored))


def of(entries: Sequence[Stored]) -> Recorded | None:
    """Return the conversation of entries about it; None if they are of none."""
    turns = sorted((stored for stored in entries if stored.kind == KIND), key=lambda stored: stored.facts["number"])
    return Recorded(turns[0].id, tuple(turns)) if turns and turns[0].facts["event"] == OPENED else None


def opened(caller: str, language: str, key: str | None = None) -> Entry:
    """Return the entry by which a conversation begins; its id is the conversation's."""
    facts = {"event": OPENED, "number": 0, "state": DESK, "caller": caller, "language": language}
    return Entry(KIND, new_id(), facts, None, key)


def asked(
    before: Recorded,
    question: str,
    reply: Reply | None,
    caller: str,
    once: str | None = None,
    request: str = "",
    **facts: Any,
) -> Entry:
    """Return the entry of what a customer writes, and what the desk replies.

    Parameters
    ----------
    before
        The conversation.
    question
        What the customer wrote, masked.
    reply
        The desk's; None: a person has the conversation.
    caller, once, request
        Who sends it, the digest of their idempotency key, and that of what they sent.
    facts
        What else is known: `versions`, `why` it was handed over where not the desk decided, `seconds`.
    """
    found: dict[str, Any] = {**facts, "caller": caller, "once": once, "state": WAITS}
    payload: dict[str, Any] = {"question": question, "request": request}
    if reply is not None:
        told = asdict(reply)
        found |= {name: told.pop(name) for name in FORMS}
        found |= {"state": WAITS if reply.act == "hand_over" else DESK}
        found["sources"] = [citation.passage.address for citation in reply.citations]
        payload |= told
    return _entry(before, ASKED, found, payload)


def wrote(before: Recorded, text: str, user: str, caller: str, once: str | None = None) -> Entry:
    """Return the entry of what a person writes, masked; `user` is their pseudonym."""
    return _entry(before, WROTE, {"user": user, "caller": caller, "once": once, "state": ANSWERED}, {"text": text})


def closed(before: Recorded, caller: str, user: str = "", resolved: bool | None = None) -> Entry:
    """Return the entry by which a conversation ends.

    Parameters
    ----------
    user
        The pseudonym of the person who ends it; empty: the customer does.
    resolved
        Whether the question was answered, as the person judges.
    """
    return _entry(before, CLOSED, {"user": user, "caller": caller, "resolved": resolved, "state": OVER})


def rated(before: Recorded, rating: int, comment: str, caller: str) -> Entry:
    """Return the entry of a customer's rating, 1 to 5, the comment masked."""
    payload = {"comment": comment} if comment else None
    return _entry(before, RATED, {"rating": rating, "caller": caller, "state": before.state}, payload)


def reply(stored: Stored) -> Reply:
    """Return what the desk replied, from the entry of a customer's question that it answered."""
    told = {"text": "", **(stored.payload or {}), **{name: stored.facts[name] for name in FORMS}}
    citations = tuple(Citation(one["sentence"], Passage(**one["passage"])) for one in told.get("citations", ()))
    kept = {name: told[name] for name in ("act", "text", "intent", "confidence", "costs", "about") if name in told}
    return Reply(**kept, citations=citations, options=tuple(told["options"]), reasons=tuple(told.get("reasons", ())))


def line(stored: Stored) -> dict[str, Any]:
    """Return an entry as a row of the sealed log: its facts, and what was said as far as it was not forgotten."""
    facts, payload = stored.facts, stored.payload or {}
    known: Mapping[str, Any] = {**payload, **facts}
    found = {name: known.get(name) for name in LINE}
    return found | {"conversation": stored.facts.get("decision_id", stored.id), "written": stored.written}


LINE = (
    *("conversation", "number", "written", "event", "state", "caller", "user", "act", "intent", "confidence"),
    *("why", "seconds", "question", "text", "rating", "resolved", "comment"),
)
"""Columns of the sealed log's conversations."""


def _entry(before: Recorded, event: str, facts: Mapping[str, Any], payload: Mapping[str, Any] | None = None) -> Entry:
    number = len(before.entries)
    found = {"decision_id": before.id, "event": event, "number": number, **facts}
    return Entry(KIND, new_id(), found, payload, f"{before.id}\n{number}\nturn")
