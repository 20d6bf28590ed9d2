"""A challenger's trial on live traffic: in shadow beside the champion, or on a share of the rows by their hash."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from loopbook.decisions.audit.entry import Entry, new_id
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.scenario.errors import LoopbookError
from loopbook.service.agent import Served
from loopbook.service.deciding import INTERFACE, Unanswerable
from loopbook.service.errors import LOG
from loopbook.statistics.coin import coin
from loopbook.store import challengers, lookup
from loopbook.store.challengers import Trial
from loopbook.store.content import digest_json

CHAMPION, CHALLENGER = "champion", "challenger"
"""The arms of a trial."""

DECIDED, SHADOWED, DROPPED, FAILED = "decided", "shadowed", "dropped", "failed"
"""What is counted of a challenger: decisions that counted, shadows, those there was no time for, and failures."""

Kept = Sequence[Mapping[str, Any]]
Counting = Callable[[str, int], object]


class Failed(LoopbookError):
    """The challenger failed on a row that it was to decide: it is taken off the traffic."""


@dataclass(frozen=True, eq=False)
class Arms:
    """A champion and the challenger that it shares its rows with.

    Attributes
    ----------
    champion, challenger
        Both agents; they read requests alike.
    trial
        How they share.
    """

    champion: Served
    challenger: Served
    trial: Trial

    @classmethod
    def of(cls, champion: Served) -> Self | None:
        """Return the trial that an agent is in, with the challenger loaded and warm; None: it is in none.

        Raises
        ------
        LoopbookError
            If the challenger is not there any more, or reads requests otherwise than the champion.
        """
        project, scenario = champion.project, champion.scenario
        found = challengers.trial(project, scenario.name, champion.profile)
        if found is None or found.model == champion.versions["model"]:  # promoted: it has nobody to beat
            return None
        challenger = Served.of(project, lookup.run(project, found.run), found.challenger)
        for part in INTERFACE:
            if getattr(challenger.scenario, part) != getattr(scenario, part):
                raise LoopbookError(
                    f"The challenger on trial is of run {found.run}, which reads requests otherwise ({part} differs)."
                )
        return cls(champion, challenger, found)

    @cached_property
    def id(self) -> str:
        """Of what is compared: two versions, and how rows are shared."""
        parts = [self.champion.versions[name] for name in ("model", "policy", "rules")]
        return digest_json([*parts, self.trial.challenger, self.trial.mode, self.trial.share])[:16]

    def arm(self, row_id: str) -> str:
        """Return who decides a row: a coin from the hash of its id, the same whenever it is asked about."""
        theirs = self.trial.mode == "share" and coin(f"trial {self.id} {row_id}") < self.trial.share
        return CHALLENGER if theirs else CHAMPION

    def decide(
        self, kept: Kept, budget: Budget, callers: Sequence[str], keys: Sequence[str | None], count: Counting
    ) -> list[Entry]:
        """Decide each row by its arm; see `Served.decide`. Both ask the same people, from the same budget.

        Raises
        ------
        Failed
            If the challenger fails.
        """
        arms = [self.arm(row["row_id"]) for row in kept]
        found: dict[int, Entry] = {}
        for arm, served in ((CHALLENGER, self.challenger), (CHAMPION, self.champion)):
            places = [at for at, own in enumerate(arms) if own == arm]
            if not places:
                continue
            given = ([part[at] for at in places] for part in (kept, callers, keys))
            rows, who, under = given
            try:
                entries = served.decide(rows, budget, who, under)  # type: ignore[arg-type]
            except Unanswerable:
                raise  # as it would be of the champion: who asks for it is told
            except Exception as error:
                if arm == CHAMPION:
                    raise
                raise Failed(f"The challenger on trial failed: {error}") from error
            count(DECIDED, len(places) * (arm == CHALLENGER))
            marked = (replace(entry, facts={**entry.facts, "trial": self._mark(arm)}) for entry in entries)
            found.update(zip(places, marked, strict=True))
        return [found[at] for at in range(len(kept))]

    def shadows(self, decisions: Sequence[Entry], kept: Kept, budget: Budget) -> list[Entry]:
        """Return what the challenger would have decided on rows that the champion has decided."""
        entries = self.challenger.decide(kept, budget)
        return [
            Entry(
                "shadow",
                new_id(),
                {
                    **{name: value for name, value in entry.facts.items() if name != "caller"},
                    "decision_id": decision.id,
                    "trial": self._mark(CHALLENGER),
                },
            )
            for entry, decision in zip(entries, decisions, strict=True)
        ]

    def _mark(self, arm: str) -> dict[str, Any]:
        return {"id": self.id, "arm": arm, "mode": self.trial.mode, "share": self.trial.share}


class Shadow:
    """Decides in the shadow of a champion, in a thread of its own; nobody waits for it, and it fails nobody.

    Parameters
    ----------
    writer
        Of the log.
    room
        Rows that may wait. What comes while there are more has no shadow: the champion's callers come first.
    count
        Told what became of rows: `SHADOWED`, `DROPPED` or `FAILED`.
    """

    def __init__(self, writer: Writer, room: int, count: Counting) -> None:
        self._writer, self._room, self._count = writer, room, count
        self._rows, self._counting = 0, threading.Lock()
        self._budgets: dict[str, Budget] = {}
        self._thread = ThreadPoolExecutor(1, "shadow")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Decide what is waiting, and end."""
        self._thread.shutdown()

    def ask(self, arms: Arms, decisions: list[Entry], kept: Kept) -> None:
        """Have rows decided that the champion has decided; it does not wait."""
        with self._counting:
            if self._rows + len(kept) > self._room:
                self._count(DROPPED, len(kept))
                return
            self._rows += len(kept)
        self._thread.submit(self._decide, arms, decisions, kept)

    def _decide(self, arms: Arms, decisions: list[Entry], kept: Kept) -> None:
        with self._counting:
            self._rows -= len(kept)
        try:
            budget = self._budgets.setdefault(arms.id, Budget(arms.challenger.agent.capacity))
            self._writer.append(arms.shadows(decisions, kept, budget)).result()
            self._count(SHADOWED, len(kept))
        except Exception as error:  # whatever it was: it is counted and told, and the champion goes on
            self._count(FAILED, len(kept))
            LOG.warning("the challenger's shadow of %d decisions failed: %s", len(kept), error)
