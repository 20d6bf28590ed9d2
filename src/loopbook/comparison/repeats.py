"""Repeats of a run: runs with other seeds and nothing else that is other, no code, no data, no parameter.

What a stage was made of lies beside its outputs (``key.json``), so that a repeat's code is compared by what enters the
keys, not by revisions: a commit that only words a comment anew changes nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopbook.comparison import band
from loopbook.store import keys, records, sweep_records
from loopbook.store.content import digest_json
from loopbook.store.parameters import flat, is_seed
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord


@dataclass(frozen=True)
class Repeats:
    """Runs that a noise band is made from.

    Attributes
    ----------
    of
        ``A`` or ``B``: which of the two they repeat; `like` is that run.
    runs
        One for each set of seeds.
    other
        Names of those among them whose code is other than `like`'s, or no longer known.
    """

    of: str
    like: Run
    runs: tuple[Run, ...]
    other: frozenset[str] = frozenset()

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of the seeds that are not the same in all repeats."""
        found = [seeds(run) for run in self.runs]
        names = dict.fromkeys(name for own in found for name in own)
        return tuple(name for name in names if len({json.dumps(own.get(name)) for own in found}) > 1)

    @property
    def listed(self) -> list[tuple[str, str, str]]:
        """Each repeat's name, its varied seeds, and what is to be said of its code."""
        code, varied = "of other code, or code no longer known", self.varied
        return [
            (
                run.run,
                ", ".join(f"{name} {value}" for name, value in seeds(run).items() if name in varied),
                code if run.run in self.other else "",
            )
            for run in self.runs
        ]

    def uncovered(self, a: Run, b: Run) -> list[str]:
        """Return the seeds that differ between A and B and in no repeat."""
        old, new = seeds(a), seeds(b)
        return [name for name in {**old, **new} if old.get(name) != new.get(name) and name not in self.varied]

    def reached(self, stage: str) -> bool:
        """Say whether a varied seed enters a stage's key; where none does, no seed can move what the stage recorded."""
        return len({run.stages[stage].key for run in (self.like, *self.runs) if stage in run.stages}) > 1


Say = Callable[[str], None]
"""Takes what is being done, to be shown."""


def repeats(project: Project, a: Run, b: Run, say: Say = lambda _: None) -> Repeats:
    """Return the repeats of A or of B, whichever has more of the same code.

    Where neither has enough of them for a band, repeats of other code are taken besides, and named.
    """
    every = []
    for run in _runs(project, a.scenario):
        every.append(run)
        say(f"Reading the records of runs: {len(every)}")
    say("Looking for repeats")
    sides = [_repeats(project, of, like, (a, b), every) for of, like in (("A", a), ("B", b))]
    own = [Repeats(side.of, side.like, tuple(run for run in side.runs if run.run not in side.other)) for side in sides]
    best = max(own, key=lambda side: len(side.runs))
    return best if len(best.runs) >= band.LEAST else max(sides, key=lambda side: len(side.runs))


def twins(project: Project, a: Run, b: Run) -> bool:
    """Say whether A and B themselves differ only by seed, so that whatever differs between them is chance."""
    return bool(a.resolved) and _alike(a, b) and _same_code(project, a, b, {})


def seeds(run: Run) -> dict[str, Any]:
    """Return the seeds in force by dotted name."""
    return {name: value for name, value in flat(run.resolved).items() if is_seed(name)}


def _repeats(project: Project, of: str, like: Run, without: tuple[Run, ...], every: Sequence[Run]) -> Repeats:
    """Return the runs and sweep points whose scenario in force is that of `like` but for its seeds, one a set of seeds.

    They share the round and the data (digests of 02). Runs with the seeds of one in `without` are left out: a band must
    not be made of what it judges.
    """
    if not like.resolved:
        return Repeats(of, like, ())
    taken = {_seeds(run) for run in without}
    known_code: dict[str, str | None] = {}
    found: dict[str, Run] = {}
    other: set[str] = set()
    for run in every:
        if not run.good or _seeds(run) in taken or not _alike(run, like):
            continue
        known = found.get(_seeds(run))
        if known is not None and known.run not in other:
            continue  # of two runs with the same seeds, one of the same code is kept
        found[_seeds(run)] = run
        if not _same_code(project, like, run, known_code):
            other.add(run.run)
    return Repeats(of, like, tuple(found.values()), frozenset(other & {run.run for run in found.values()}))


def _alike(one: Run, other: Run) -> bool:
    """Say whether two runs have all in common but code and seeds."""
    return (
        (one.profile, one.round) == (other.profile, other.round)
        and _data(one) == _data(other)
        and _without_seeds(flat(one.resolved)) == _without_seeds(flat(other.resolved))
    )


def _runs(project: Project, scenario: str) -> Iterator[Run]:
    yield from records.runs(project, scenario)
    for sweep in sweep_records.sweeps(project, scenario):
        yield from sweep_records.runs(project, sweep).values()


def _same_code(project: Project, one: Run, other: Run, known: dict[str, str | None]) -> bool:
    """Say whether two runs are made of the same besides data, settings and seeds; `known` keeps digests by key."""

    def made(record: StageRecord) -> str | None:
        if record.key not in known:
            parts = keys.kept(project, record)
            known[record.key] = None if parts is None else _digest(parts)
        return known[record.key]

    if one.stages.keys() != other.stages.keys():
        return False
    pairs = [(record, other.stages[name]) for name, record in one.stages.items()]
    return all(own.key == its.key or (made(own) is not None and made(own) == made(its)) for own, its in pairs)


def _digest(parts: Mapping[str, Any]) -> str:
    """Return a digest of what a stage's key is made of, but for seeds and for what other stages wrote.

    Lines and ids do not count, as they do not in the key.
    """
    readings = [*parts["cells"].values(), *(parts["modules"][name] for name in sorted(parts["modules"]))]
    own = {
        "about": parts["about"],
        "statements": [[statement[-1] for statement in statements] for statements in readings],
        "modules": sorted(parts["modules"]),
        "files": [parts["resources"], parts["packages"]],
        "settings": _without_seeds(flat({"given": parts["given"], "settings": parts["settings"]})),
        "came in": {
            name: digest
            for name, digest in parts["inputs"].items()
            if name == "source" or name.startswith(("carried ", "sealed "))
        },
    }
    return digest_json(own)


def _data(run: Run) -> Any:
    record = run.stages.get("02_data")
    return dict(record.digests) if record else None


def _seeds(run: Run) -> str:
    return json.dumps(seeds(run))


def _without_seeds(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not is_seed(name)}
