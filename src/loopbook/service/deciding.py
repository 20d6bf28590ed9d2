"""What the HTTP layer needs of the agent behind it; the batcher over the served agent fulfils it."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.listing import Listing
from loopbook.desk.desk import Desk
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project

INTERFACE = ("task", "data", "source")
"""Sections of a scenario by which requests are checked: a run with others needs a new process."""


class Busy(LoopbookError):
    """The queue is full, or the service is going down: the caller should come back."""


class Unanswerable(LoopbookError):
    """A request that fits the schema and that the model has no answer to; the message repeats no value of it."""


@dataclass(frozen=True)
class Asked:
    """What one HTTP request asks for: one decision, or up to 1,000.

    Attributes
    ----------
    requests
        As `requirements.interface.request_model` has checked them: `id`, `time`, `fields` and perhaps `attributes`, by
        their own names.
    caller
        Who asks: the name of the API key.
    key
        The caller's idempotency key, or None. The entry at a position is stored under ``Asked.keys``.
    digest
        SHA-256 of the requests in one form, to be kept in each payload as ``request``: the same idempotency key with
        other requests is refused by it.
    kept
        Whether the requests are rows already, cleaned and masked as `Served.clean` gives them.
    """

    requests: Sequence[Mapping[str, Any]]
    caller: str
    key: str | None
    digest: str
    kept: bool = False

    @property
    def keys(self) -> list[str | None]:
        """The key of each entry: caller, idempotency key and position."""
        if self.key is None:
            return [None] * len(self.requests)
        return [f"{self.caller}\n{self.key}\n{position}" for position in range(len(self.requests))]


class Deciding(Protocol):
    """The served agent, as the HTTP layer sees it; every method may be called from any thread."""

    @property
    def name(self) -> str:
        """Under which its entries stand in the log."""

    @property
    def project(self) -> Project:
        """Where its runs, snapshots and incidents are."""

    @property
    def scenario(self) -> Scenario: ...

    def decide(self, asked: Asked) -> Future[list[Stored]]:
        """Queue requests, without waiting; the future resolves when the decisions are in the log, in their order.

        Where the idempotency key was used before, it resolves to what is stored under it, without deciding again.

        Raises
        ------
        Busy
            If the queue is full.
        """

    def explain(self, stored: Stored, seconds: float) -> Mapping[str, Any]:
        """Return why a stored decision came out as it did: `fields`, `parts`, `complete`; it blocks for `seconds`.

        Raises
        ------
        LoopbookError
            If the versions that decided are not served any more, or the payload was forgotten.
        """

    def rehearsed(self, most: int) -> tuple[list[Stored], Mapping[str, str]]:
        """Return the latest decisions that the run's notebooks let the agent take, and what is true of some."""

    def checked(self, found: Iterator[Stored]) -> Any:
        """Hold decisions against the test split of the run that is served; see `live.check`."""

    def desk(self) -> tuple[Desk, Mapping[str, str]]:
        """Return the support desk that is served now, and its versions; only where the scenario has one."""

    def listing(self) -> tuple[Listing, Mapping[str, str]]:
        """Return what makes lists now, and its versions; only where the scenario has lists."""

    def about(self) -> Mapping[str, Any]:
        """Return what is served: `versions` (model, policy, rules, data, code, run), `since`, and the `card`."""

    def trouble(self) -> str | None:
        """Return why no request can be answered now; None: ready."""
