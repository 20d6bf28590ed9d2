"""The verdict on two runs: each metric's difference beside what seeds, or else the drawn rows, explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loopbook.comparison import band, notes, repeats, rows
from loopbook.comparison.direction import directions
from loopbook.comparison.metric import Band, Metric
from loopbook.comparison.repeats import Repeats, Say
from loopbook.reports.sweep import figures
from loopbook.store.project import Project
from loopbook.store.records import Run


@dataclass(frozen=True)
class Verdict:
    """Two runs compared; `notes` say which band was used, what it rests on, and how to get a better one."""

    a: Run
    b: Run
    kind: Literal["seeds", "paired", "none"]
    repeats: Repeats
    notes: tuple[str, ...]
    metrics: tuple[Metric, ...]

    @property
    def judged(self) -> tuple[Metric, ...]:
        """The judged metrics, regressions first, then by the loss in half-widths of the band."""

        def place(each: Metric) -> tuple[bool, float]:
            return not each.worse, (each.gain or 0.0) / ((each.band.half if each.band else 0.0) or 1.0)

        return tuple(sorted((each for each in self.metrics if each.judged), key=place))

    @property
    def regressions(self) -> tuple[Metric, ...]:
        return tuple(each for each in self.judged if each.worse)

    @property
    def outcome(self) -> str:
        """The verdict in one sentence."""
        return notes.outcome(self.judged)


def compare(project: Project, a: Run, b: Run, say: Say = lambda _: None) -> Verdict:
    """Compare B with A; `say` is told what is being done."""
    found = repeats.repeats(project, a, b, say)
    way, headline = directions(a, b)
    old, new = figures(a), figures(b)
    bands = _bands(found, [name for name in way if name in old and name in new], headline, a, b)
    metrics = tuple(
        Metric(name, old.get(name), new.get(name), way.get(name), bands.get(name))
        for name in dict.fromkeys((*way, *old, *new))
        if name in old or name in new
    )
    if bands:
        told = notes.basis(found, bands, a, b)
        if repeats.twins(project, a, b):
            told.append("A and B themselves differ only by seed, so whatever differs between them is chance.")
        return Verdict(a, b, "seeds", found, tuple(told), metrics)
    say("Drawing the rows of the stream again")
    one = rows.paired(project, a, b)
    told = notes.without(found, a, b, paired=one is not None)
    return Verdict(a, b, "paired" if one else "none", found, tuple(told), (*((one,) if one else ()), *metrics))


def _bands(found: Repeats, names: Sequence[str], headline: str, a: Run, b: Run) -> Mapping[str, Band]:
    """Return the bands of metrics that all repeats have; the level is shared by those that vary.

    Where all repeats and the run that they repeat agree, the band has no width, unless A and B took in other rows or
    differ in a seed that no repeat varies: then nothing shows how far that moves the metric.
    """
    if len(found.runs) < band.LEAST:
        return {}
    told = [figures(each) for each in found.runs]
    values = {name: [each[name] for each in told] for name in names if all(name in each for each in told)}
    vary = [name for name, each in values.items() if not band.same(each)]
    bands = {
        name: Band(band.half_width(values[name], level), "spread")
        for name, level in band.shares(vary, headline).items()
    }
    if rows.other(a, b) or found.uncovered(a, b):
        return bands
    own = figures(found.like)
    for name, each in values.items():
        if name not in bands and band.same([own[name], *each]):
            bands[name] = Band(0.0, "equal" if found.reached(name.partition(" ")[0]) else "fixed")
    return bands
