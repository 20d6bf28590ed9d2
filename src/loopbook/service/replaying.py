"""Replay of decisions in the log: decided again by the versions that a record names, and compared with the record."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from sqlalchemy import Engine

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import Entry, LogError, Stored
from loopbook.decisions.replay import Budget
from loopbook.scenario.errors import LoopbookError
from loopbook.service.agent import Served
from loopbook.store import lookup
from loopbook.store.project import Project

TOLERANCE = 1e-6
"""By how much a score may differ: the shape of a batch and the processor move the last digits."""
BATCH = 256
DECIDING = ("model", "policy", "rules")
"""Versions that have to be those of the record; data and code are told where they differ."""
SAME = (
    *("decision", "action", "answer", "rule", "rule_hits", "reasons", "reviewed", "review_refused", "verdict"),
    "next_action",
)
NUMBERS = ("probability", "scores", "also", "value", "quantiles", "expected_cost", "next_cost")


@dataclass(frozen=True)
class Difference:
    """A decision that came out otherwise: its id, the facts that differ, what they were and are."""

    id: str
    facts: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Replayed:
    """What came of deciding again.

    Attributes
    ----------
    same
        Decisions with the same action and reasons, and scores within `TOLERANCE`.
    largest
        The largest difference of a number.
    different, impossible
        Those that came out otherwise, and by reason how many could not be decided again.
    forgotten
        How many of them could not because their payload was forgotten.
    elsewhere
        Runtime, processor, data or code that differ from the record's: ``what: then → now`` to the number of decisions.
    """

    same: int
    largest: float
    different: tuple[Difference, ...]
    impossible: Mapping[str, int]
    forgotten: int
    elsewhere: Mapping[str, int]

    @property
    def faithful(self) -> bool:
        """Whether all came out the same but for what was forgotten."""
        return not self.different and not self.impossible


class _Recorded(Budget):
    """Time of reviewers, as it was: a review is granted where the record says that it was."""

    def __init__(self, records: Sequence[Stored]) -> None:
        super().__init__(0.0)
        self._granted = iter([bool(record.facts["reviewed"]) for record in records])

    def ask(self, wanted: bool) -> bool:
        return next(self._granted) and wanted


def sample(engine: Engine, number: int, seed: int, agent: str | None = None) -> list[Stored]:
    """Return random decisions of the log, each with the same chance and with its shadow; all, if there are no more.

    Raises
    ------
    LogError
        If there are none.
    """
    ids = reader.decision_ids(engine, agent)
    if not ids:
        raise LogError("The log holds no decision" + (f" of {agent}." if agent else "."))
    chosen = Random(seed).sample(ids, min(number, len(ids)))
    return [record for id in chosen for record in _with_shadow(engine, id)]


def recorded(engine: Engine, id: str) -> list[Stored]:
    """Return the decision with an id, and what a challenger on trial would have decided.

    Raises
    ------
    LogError
        If there is none.
    """
    found = _with_shadow(engine, id)
    if not found:
        raise LogError(f"The log holds no decision {id!r}.")
    return found


def _with_shadow(engine: Engine, id: str) -> list[Stored]:
    """Return a decision and its shadows, which were decided on the decision's payload and hold none of their own."""
    decisions = [record for record in reader.named(engine, id) if record.kind == "decision"]
    return [
        found
        for own in decisions
        for found in (
            own,
            *(
                replace(shadow, payload=own.payload, payload_digest=own.payload_digest)
                for shadow in reader.about(engine, id, own.agent)
                if shadow.kind == "shadow"
            ),
        )
    ]


def replay(project: Project, records: Sequence[Stored], told: Callable[[int], None] = lambda _: None) -> Replayed:
    """Decide again.

    Parameters
    ----------
    project
        Whose store holds the runs that the records name.
    records
        Decisions from the log.
    told
        Called with the number of decisions done.
    """
    same, largest, done, forgotten = 0, 0.0, 0, 0
    different: list[Difference] = []
    impossible: Counter[str] = Counter()
    elsewhere: Counter[str] = Counter()
    by_run: dict[tuple[str, str], list[Stored]] = {}
    for record in records:
        if record.forgotten:
            forgotten += 1
        else:
            versions = record.facts["versions"]
            by_run.setdefault((versions["run"], versions.get("challenger", "")), []).append(record)
    for (run, challenger), of_run in by_run.items():
        try:
            served = Served.of(project, lookup.run(project, run), challenger)
        except (LoopbookError, OSError) as error:
            impossible[f"{run}: {error}"] += len(of_run)
            continue
        fit = [record for record in of_run if not (wrong := _other(served, record)) or impossible.update([wrong])]
        for start in range(0, len(fit), BATCH):
            part = fit[start : start + BATCH]
            again = served.decide([record.payload or {} for record in part], _Recorded(part))
            for record, entry in zip(part, again, strict=True):
                facts, most = _compared(record, entry)
                largest = max(largest, most)
                same += not facts
                if facts:
                    different.append(Difference(record.id, facts))
                elsewhere.update(_elsewhere(served, record))
            done += len(part)
            told(done)
    return Replayed(same, largest, tuple(different), impossible, forgotten, elsewhere)


def _other(served: Served, record: Stored) -> str:
    """Say which of the versions that decide the run has not got any more; empty: it has all."""
    then = record.facts["versions"]
    wrong = [name for name in DECIDING if then[name] != served.versions[name]]
    return f"{then['run']} is there, but its {', '.join(wrong)} is not what the record names" if wrong else ""


def _compared(record: Stored, entry: Entry) -> tuple[dict[str, tuple[Any, Any]], float]:
    """Return the facts that differ, and the largest difference of a number."""
    facts: dict[str, tuple[Any, Any]] = {
        name: (record.facts[name], entry.facts[name]) for name in SAME if record.facts[name] != entry.facts[name]
    }
    largest = 0.0
    for name in NUMBERS:
        then, now = (dict(_numbers(given.facts.get(name), name)) for given in (record, entry))
        if then.keys() != now.keys():
            facts[name] = record.facts.get(name), entry.facts.get(name)
            continue
        for part in then:
            apart = abs(then[part] - now[part]) / max(1.0, abs(then[part]))
            largest = max(largest, apart)
            if not apart <= TOLERANCE:
                facts[part] = then[part], now[part]
    return facts, largest


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    """Yield the numbers in a fact, by the way to them; a text counts by being there."""
    if isinstance(value, Mapping):
        for part, inner in value.items():
            yield from _numbers(inner, f"{name}.{part}")
    elif isinstance(value, str):
        yield f"{name}: {value}", 0.0
    elif value is not None:
        yield name, float(value)


def _elsewhere(served: Served, record: Stored) -> Iterator[str]:
    now = {**served.versions, **served.runtime}
    then = {**record.facts["versions"], **record.facts["runtime"]}
    for name in ("data", "code", *served.runtime):
        if then.get(name) != now[name]:
            yield f"{name}: {str(then.get(name))[:60]} → {now[name][:60]}"
