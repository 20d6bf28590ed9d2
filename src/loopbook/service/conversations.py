"""Conversations of customers with the desk and with people: each step is in the log before it is acknowledged."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread
from sqlalchemy import Engine

from loopbook.data import cleaning
from loopbook.decisions.audit import chain, reader
from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.desk import records
from loopbook.desk.desk import Desk
from loopbook.desk.records import DESK, OVER, Recorded
from loopbook.desk.turn import Reply
from loopbook.privacy import personal_data
from loopbook.service.deciding import Deciding
from loopbook.service.errors import COME_BACK, Refused
from loopbook.service.keys import Caller
from loopbook.service.metrics import Metrics
from loopbook.service.pages.leases import Lease, Leases
from loopbook.service.replying import Replying
from loopbook.service.schemas import COMMENT
from loopbook.service.waiting import Waiting

LONGEST = 2_000
"""Characters that a customer or a person writes at once."""
WISHED = "wished"
"""Why a conversation is handed over: the customer asks for a person."""
_ATTEMPTS = 8  # to find the next free number where others write into the same conversation
_REMEMBERED = timedelta(days=30)  # for which a caller's conversations are listed
_TURNS = 200  # entries of a conversation; who needs more begins another


class Conversations:
    """The conversations of one agent as one worker serves them.

    Attributes
    ----------
    waiting
        Those that wait for a person.
    leases
        Which of them is in whose hands.
    """

    def __init__(self, behind: Deciding, database: Engine, writer: Writer, metrics: Metrics) -> None:
        settings, desk = behind.scenario.service, behind.scenario.studies.support_desk
        assert desk is not None, "only a scenario with a support desk has conversations"
        self.waiting = Waiting(database, behind.name)
        self.leases = Leases(database, f"{behind.name} desk", settings.review_seconds)
        self._behind, self._database, self._writer, self._staff = behind, database, writer, desk
        self._scenario, self._metrics = behind.scenario, metrics
        self._reply = Replying(behind.desk, settings.desk_room, settings.desk_seconds, metrics)

    @property
    def desk(self) -> Desk:
        """The desk that is served now."""
        return self._behind.desk()[0]

    def open(self, caller: Caller, language: str, once: str | None = None) -> Recorded:
        """Begin a conversation; under the same idempotency key the same."""
        key = once and f"{caller.name}\n{once}\nconversation"
        (stored,) = self._append(records.opened(caller.name, language, key))
        return self.read(stored.id, caller) if stored.duplicate else Recorded(stored.id, (stored,))

    def read(self, id: str, caller: Caller) -> Recorded:
        """Return a conversation that somebody may see: callers their own, people at the desk all.

        Raises
        ------
        Refused
            404 if there is none for them.
        """
        found = records.of(reader.about(self._database, id, self._behind.name))
        if found is None or (caller.role == "caller" and found.caller != caller.name):
            raise Refused(404, "There is no such conversation, or it is another caller's.")
        return found

    def latest(self, caller: Caller, most: int) -> list[Recorded]:
        """Return the latest conversations that a caller has begun, the newest first."""
        marks = f'"caller":"{caller.name}"', f'"event":"{records.OPENED}"'  # as canonical JSON has them
        since = datetime.now(UTC) - _REMEMBERED
        begun = reader.latest(self._database, self._behind.name, records.KIND, most, since, marks)
        return [self.read(stored.id, caller) for stored in reversed(begun)]

    async def say(
        self, id: str, caller: Caller, text: str, person: bool = False, once: str | None = None
    ) -> tuple[Recorded, Stored]:
        """Take what a customer writes, and let the desk reply, unless a person has the conversation.

        Parameters
        ----------
        text
            What they write; it is masked before the desk reads it and before it is stored.
        person
            Whether they ask for a person.
        once
            An idempotency key: what is sent again under it is stored once.

        Returns
        -------
        tuple
            The conversation, and the entry.

        Raises
        ------
        Refused
            404; 409 if it is over; 422 if nothing is said, or something else was under this idempotency key.
        """
        masked, digest = self._masked(text, LONGEST), once and chain.sha256(f"{caller.name}\n{once}")
        sent = hashlib.sha256(f"{person}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if not masked and not person:
            raise Refused(422, "Nothing is said: write a question.")
        for _ in range(_ATTEMPTS):
            before = await to_thread.run_sync(self._going_on, id, caller)
            if (given := before.given(digest)) is not None:
                if (given.payload or {}).get("request", sent) != sent:
                    raise Refused(422, "This Idempotency-Key came with another body before; take a new one each time.")
                return before, given
            entry = await self._asked(before, caller, masked, person, once=digest, request=sent)
            (stored,) = await to_thread.run_sync(self._append, entry)
            if not stored.duplicate:
                self._metrics.turn(stored.facts.get("why") or stored.facts.get("act", "wait"))
                return before.then(stored), stored
        raise Refused(503, "Others write into this conversation at the same time; send it again.", COME_BACK)

    def write(self, id: str, caller: Caller, text: str, token: str, once: str | None = None) -> Recorded:
        """Store what a person writes to a customer; what is sent again under an idempotency key is stored once.

        Raises
        ------
        Refused
            409 if somebody else has the conversation or it is over; 422 if nothing is said, or something harmful.
        """
        masked, user = self._masked(text, LONGEST), self.pseudonym(caller)
        digest = once and chain.sha256(f"{caller.name}\n{once}")
        abuse = self.desk.abuse
        if not masked:
            raise Refused(422, "Nothing is said: write an answer.")
        if abuse is not None and abuse.harmful(masked):
            raise Refused(422, "This reads as harmful or abusive, and was not sent; write it otherwise.")

        def entry(before: Recorded) -> Entry | None:
            if before.given(digest) is not None:
                return None
            self.renew(id, user, token)
            return records.wrote(before, masked, user, caller.name, digest)

        return self._add(id, caller, entry)

    def close(self, id: str, caller: Caller, token: str | None = None, resolved: bool | None = None) -> Recorded:
        """End a conversation; `token`: of the lease under which a person ends it, None: the customer does."""
        user = "" if token is None else self.pseudonym(caller)

        def entry(before: Recorded) -> Entry | None:
            if before.state == OVER:
                return None
            if token is not None:
                self.renew(id, user, token)
            return records.closed(before, caller.name, user, resolved)

        found = self._add(id, caller, entry)
        self.leases.release([token or ""])
        return found

    def rate(self, id: str, caller: Caller, rating: int, comment: str) -> Recorded:
        """Store a customer's rating, 1 to 5; the last one counts."""
        masked = cleaning.shorten(comment.strip(), COMMENT, self._scenario.data)
        return self._add(id, caller, lambda before: records.rated(before, rating, masked, caller.name), over=True)

    def take(self, id: str, caller: Caller) -> Lease:
        """Put a conversation into a person's hands; theirs already, it stays so.

        Raises
        ------
        Refused
            409 if somebody else has it, or it waits for nobody.
        """
        before, user = self.read(id, caller), self.pseudonym(caller)
        if before.state in (DESK, OVER):
            raise Refused(409, "This conversation waits for nobody: the desk answers it, or it is over.")
        self.leases.lapsed()
        held = self.holder(id)
        found = held if held is not None and held.reviewer == user else self.leases.take(id, user, records.KIND)
        if found is None:
            raise Refused(409, "Somebody else has taken this conversation over.")
        return found

    def release(self, id: str, caller: Caller, token: str) -> None:
        """Give a conversation back, if it is in this person's hands."""
        held = self.holder(id)
        if held is not None and (held.token, held.reviewer) == (token, self.pseudonym(caller)):
            self.leases.release([token])

    def renew(self, id: str, user: str, token: str) -> None:
        """Hold a conversation for longer.

        Raises
        ------
        Refused
            409 if it is not theirs any more, and somebody else has it.
        """
        self.leases.lapsed()
        if not self.leases.extend(token, user) and self.leases.take(id, user, records.KIND, token) is None:
            raise Refused(409, "This took too long: somebody else has taken the conversation over.")

    def holder(self, id: str) -> Lease | None:
        """Return in whose hands a conversation is; None: in nobody's."""
        return next((lease for lease in self.leases.all() if lease.decision_id == id), None)

    def minutes(self, id: str = "") -> float:
        """Return the expected minutes until a person writes, to the next customer or to that of a conversation."""
        waits, _ = self.waiting.refresh()
        before = list(waits).index(id) if id in waits else len(waits)
        return (before + 1) / self._staff.staff * self._staff.minutes

    def pseudonym(self, caller: Caller) -> str:
        """Return the name under which a person's work stands in the log."""
        return personal_data.pseudonym(caller.name, self._scenario.name)

    def _going_on(self, id: str, caller: Caller) -> Recorded:
        found = self.read(id, caller)
        if found.state == OVER or found.forgotten or len(found.entries) >= _TURNS:
            raise Refused(409, "This conversation is over; begin another.")
        return found

    async def _asked(self, before: Recorded, caller: Caller, text: str, person: bool, **sent: Any) -> Entry:
        """Return the entry of what a customer writes, with the reply to it."""
        if before.state != DESK:
            return records.asked(before, text, None, caller.name, **sent)
        minutes = await to_thread.run_sync(self.minutes)
        about: dict[str, Any] = {"minutes": minutes}
        if person:
            reply = Reply("hand_over", "", reasons=("The customer asks for a person.",), about=text)
            about |= {"why": WISHED, "versions": dict(self._behind.desk()[1])}
        else:
            reply, versions, why, seconds = await self._reply(before.conversation, text, minutes)
            about |= {"why": why, "versions": dict(versions), "seconds": seconds}
        return records.asked(before, text, reply, caller.name, **sent, **about)

    def _add(self, id: str, caller: Caller, entry: Callable[[Recorded], Entry | None], over: bool = False) -> Recorded:
        """Add an entry at the end of a conversation, wherever that is by then; None: it is there already."""
        for _ in range(_ATTEMPTS):
            before = self.read(id, caller)
            made = entry(before)
            if made is None:
                return before
            if before.state == OVER and not over:
                raise Refused(409, "This conversation is over.")
            (stored,) = self._append(made)
            if not stored.duplicate:
                return before.then(stored)
        raise Refused(503, "Others write into this conversation at the same time; send it again.", COME_BACK)

    def _append(self, entry: Entry) -> list[Stored]:
        try:
            return self._writer.append([entry]).result(self._scenario.service.answer_seconds)
        except TimeoutError:
            raise Refused(503, "Not stored in time; send it again: it is stored once.", COME_BACK) from None

    def _masked(self, text: str, most: int) -> str:
        """Return a text as it is kept: in one form, personal data masked, no longer than allowed."""
        if len(text) > most:
            raise Refused(422, f"This is longer than {most:,} characters; write less at once.")
        lines = (cleaning.normalise(line) for line in text.splitlines())
        return cleaning.mask_text("\n".join(lines).strip(), self._scenario)
