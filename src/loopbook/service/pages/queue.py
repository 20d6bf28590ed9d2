"""Review queue: which decision a reviewer looks at next, what is written down of the answer, and how it is undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from loopbook.decisions.audit import chain, reader
from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.feedback import review_order, reviewing
from loopbook.feedback.review_order import Shares
from loopbook.feedback.reviewing import Review, Standing
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.service.deciding import Deciding
from loopbook.service.errors import Refused
from loopbook.service.pages.leases import Lease, Leases
from loopbook.service.pages.seen import Seen


@dataclass(frozen=True)
class Shown:
    """An item in a reviewer's hands."""

    item: Stored
    lease: Lease


@dataclass(frozen=True)
class Answered:
    """What became of an answer: the review, all that stand on the item now, where it stands, and its truth if known."""

    review: Review
    others: Sequence[Review]
    standing: Standing
    truth: str | None


class Queue:
    """The review queue of one agent as one worker knows it; callable from any thread.

    Parameters
    ----------
    behind
        The served agent.
    database, writer
        The log.
    """

    def __init__(self, behind: Deciding, database: Engine, writer: Writer) -> None:
        scenario = behind.scenario
        settings = scenario.service
        self.scenario: Scenario = scenario
        self.leases = Leases(database, behind.name, settings.review_seconds)
        self._shares = Shares(settings.review_known, scenario.feedback.random_share, settings.review_twice)
        self._behind, self._database, self._writer = behind, database, writer
        self._seen = Seen(behind, database)

    def reviewer(self, caller: str) -> str:
        """Return the pseudonym under which a caller's reviews stand in the log."""
        return personal_data.pseudonym(caller, self.scenario.name)

    def next(self, reviewer: str) -> Shown | None:
        """Return what a reviewer is to look at: what they have in hand, else the next item; None if there is none."""
        self._seen.refresh()
        self._note_abandoned()
        done = []
        for lease in self.leases.held(reviewer):
            item = self.item(lease.decision_id)
            if item is not None and self._still(item.id, reviewer):
                return Shown(item, lease)
            done.append(lease.token)
        self.leases.release(done)
        taken = {lease.decision_id for lease in self.leases.all()}
        for id, why in review_order.candidates(self._seen.pool, self._seen.reviews, reviewer, self._shares):
            if id in taken or (own := self.leases.take(id, reviewer, why)) is None:
                continue
            item = self.item(id)  # since the log was read, it may have been forgotten, or answered
            if item is not None and self._still(id, reviewer):
                return Shown(item, own)
            self.leases.release([own.token])
        return None

    def answer(self, id: str, token: str, said: Review, caller: str, payload: Mapping[str, Any]) -> Answered:
        """Store what a reviewer says of an item; the same answer may be sent again, and is stored once.

        Parameters
        ----------
        id
            Of the decision.
        token
            Of the lease under which it was shown.
        said
            What was said; its reason is taken from the lease.
        caller
            The name of the key, for the log.
        payload
            What is stored beside it and may be forgotten.

        Raises
        ------
        Refused
            409 if something else was answered under this lease, or it has ended and the item is not free any more.
        """
        key = f"{caller}\n{token}\nreview"
        before = self._stored(key)
        if before is None:
            item, lease = self.item(id), self._lease(id, token, said.reviewer)
            if item is None:
                raise Refused(404, "There is no such decision to review.")
            beside = dict(payload)
            if item.facts.get("rehearsed"):  # 07 finds the row by its name: such a decision stands in no log
                beside["row_id"] = (item.payload or {})["row_id"]
            told = replace(said, why=lease.why)
            truth = self._seen.pool.known.get(id)
            before = self._append(reviewing.entry(self.scenario, told, caller, truth=truth, key=key, payload=beside))
        if before.facts["review"]["verdict"] != said.verdict or before.facts["review"]["class"] != said.meant:
            raise Refused(409, "Something else was answered already, perhaps in another window.")
        self.leases.release([token])
        self._seen.refresh()
        return self._answered(before)

    def undo(self, reviewer: str, caller: str, id: str | None = None) -> Review:
        """Take an answer back, the reviewer's last one or that on a decision, and put the item into their hands again.

        Raises
        ------
        Refused
            404 if there is none that stands; 409 if what is right, or what others said, was told since: who knows it
            could only repeat it.
        """
        self._seen.refresh()
        if id is None:
            own = [answered.review for answered in self.recent(reviewer, 1)]
        else:
            own = [review for review in self.reviews(id) if review.reviewer == reviewer]
        if not own:
            raise Refused(404, "There is no answer of yours that could be taken back.")
        self._may_undo(own[-1])
        self._append(reviewing.undo(own[-1], caller))
        self.leases.release([lease.token for lease in self.leases.held(reviewer)])
        self.leases.take(own[-1].decision_id, reviewer, own[-1].why)
        self._seen.refresh()
        return own[-1]

    def recent(self, reviewer: str, most: int) -> list[Answered]:
        """Return a reviewer's latest answers that stand, the latest last, and what became of them."""
        self._seen.refresh()
        mine = (review for said in self._seen.reviews.values() for review in said if review.reviewer == reviewer)
        latest = sorted(mine, key=lambda review: review.written)[-most:]
        return [self._became(review, self._seen.reviews[review.decision_id]) for review in latest]

    def _became(self, review: Review, said: Sequence[Review]) -> Answered:
        """Return what became of a review; what others said is told once nobody is asked any more."""
        standing = self.standing(review.decision_id, said)
        others = [other for other in said if other.id != review.id] if standing.state != reviewing.OPEN else []
        truth = self._seen.pool.known.get(review.decision_id) if review.why == reviewing.KNOWN else None
        return Answered(review, others if truth is None else [], standing, truth)

    def _may_undo(self, review: Review) -> None:
        became = self._became(review, self.reviews(review.decision_id))
        if became.others or review.why == reviewing.KNOWN:
            raise Refused(409, "What is right, or what others said of it, was told to you since: the answer stays.")

    def reviews(self, id: str) -> list[Review]:
        """Return all reviews that stand on a decision, as the log says now."""
        return reviewing.standing_reviews(reader.about(self._database, id, self._behind.name))

    def entries(self, id: str) -> list[Stored]:
        """Return all that was said of a decision, in the order of time."""
        return [stored for stored in reader.about(self._database, id, self._behind.name) if stored.kind == "feedback"]

    def item(self, id: str) -> Stored | None:
        """Return a decision that can be reviewed, as the log says now: what was forgotten is none."""
        known = self._seen.pool.items.get(id)
        if known is not None and known.facts.get("rehearsed"):
            return known
        stored = reader.find(self._database, self._behind.name, id)
        return stored if stored is not None and stored.kind == "decision" and stored.payload is not None else None

    def standing(self, id: str, said: Sequence[Review]) -> Standing:
        """Return where an item stands."""
        return reviewing.standing(said, reviewing.twice(id, self._shares.twice))

    def earlier(self, item: Stored) -> list[Stored]:
        """Return the other decisions of the pool on the same row or group, the latest first."""
        mine = self._names(item)
        found = [other for other in self._seen.pool.items.values() if other.id != item.id and mine & self._names(other)]
        return found[::-1]

    def waiting(self, reviewer: str) -> int:
        """Return how many items this reviewer could be asked about, but for those whose truth is known."""
        self._seen.refresh()
        return len(review_order.waiting(self._seen.pool, self._seen.reviews, reviewer, self._shares))

    def open(self) -> tuple[list[Stored], Mapping[str, Sequence[Review]]]:
        """Return the items that wait for anybody, the most useful first; no reviews beside them."""
        self._seen.refresh()
        ids = review_order.waiting(self._seen.pool, self._seen.reviews, "", self._shares)
        return [self._seen.pool.items[id] for id in ids], {}

    def reviewed(self) -> tuple[list[Stored], Mapping[str, Sequence[Review]]]:
        """Return the items that were reviewed, and what stands on each."""
        self._seen.refresh()
        found = (self.item(id) for id in self._seen.reviews)
        return [item for item in found if item is not None], self._seen.reviews

    def take_in(self, review: Review, caller: str) -> bool:
        """Store a review made elsewhere, in place of what the same person said before; False: that says the same."""
        mine = [said for said in self.reviews(review.decision_id) if said.reviewer == review.reviewer]
        if any(_same(said, review) for said in mine):
            return False
        item = self.item(review.decision_id)
        row = {"row_id": (item.payload or {})["row_id"]} if item is not None and item.facts.get("rehearsed") else {}
        entries = [reviewing.undo(said, caller) for said in mine]
        entries.append(reviewing.entry(self.scenario, review, caller, payload=row))
        self._writer.append(entries).result(self.scenario.service.answer_seconds)
        return True

    def _note_abandoned(self) -> None:
        """Write down which items were given out and not answered in time; they are free again."""
        for lease in self.leases.lapsed():
            self._append(reviewing.abandoned(lease.decision_id, lease.reviewer, lease.ends - lease.begun))

    def _still(self, id: str, reviewer: str) -> bool:
        """Say whether an item waits for this reviewer, as the log says now."""
        said = self.reviews(id)
        mine = any(review.reviewer == reviewer for review in said)
        return not mine and self._why(id, said) is not None

    def _why(self, id: str, said: Sequence[Review]) -> str | None:
        """Return why an item would be shown; None if it is not there, or nobody is to look at it any more."""
        return review_order.why(self._seen.pool, id, said, self._shares) if id in self._seen.pool.items else None

    def _lease(self, id: str, token: str, reviewer: str) -> Lease:
        """Return the lease of a token; one that has ended is taken again if the item is still free."""
        for lease in self.leases.held(reviewer):
            if (lease.token, lease.decision_id) == (token, id):
                return lease
        if self._still(id, reviewer):
            why = self._why(id, self.reviews(id))
            if why and (taken := self.leases.take(id, reviewer, why)):
                return taken
        raise Refused(409, "This took too long: somebody else looks at it now, or has answered. Go on with the next.")

    def _answered(self, stored: Stored) -> Answered:
        said = self.reviews(stored.facts["decision_id"])
        mine = next((review for review in said if review.id == stored.id), None)
        if mine is None:
            raise Refused(409, "This answer was taken back.")
        return self._became(mine, said)

    def _stored(self, key: str) -> Stored | None:
        with self._database.connect() as connection:
            return next(iter(reader.by_keys(connection, self._behind.name, [chain.sha256(key)]).values()), None)

    def _append(self, entry: Entry) -> Stored:
        (stored,) = self._writer.append([entry]).result(self.scenario.service.answer_seconds)
        return stored

    def _names(self, item: Stored) -> set[tuple[str, Any]]:
        """Return by what an item is recognised: its row, and its group if it has one."""
        payload, group = item.payload or {}, self.scenario.source.group
        told = {**payload.get("attributes", {}), **payload.get("fields", {})}
        return {("row", payload.get("row_id")), *([("group", told[group])] if group and told.get(group) else [])}


def _same(one: Review, other: Review) -> bool:
    names = ("verdict", "meant", "label", "also", "comment")
    return all(getattr(one, name) == getattr(other, name) for name in names)
