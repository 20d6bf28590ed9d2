"""The verdict on two runs: each metric's difference beside what seeds, or else the drawn rows, explain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loopbook.comparison import band, direction, notes, repeats, rows
from loopbook.comparison.metric import Band, Metric, recorded
from loopbook.statistics import metrics
from loopbook.store.project import Project
from loopbook.store.records import Run

_TESTED = "04_optimization test_"  # how a score on test is recorded


@dataclass(frozen=True)
class Verdict:
    """Two runs compared; `notes` say which band was used, what it rests on, and how to get a better one."""

    a: Run
    b: Run
    kind: Literal["seeds", "paired", "none"]
    repeats: repeats.Repeats
    notes: tuple[str, ...]
    metrics: tuple[Metric, ...]

    @property
    def judged(self) -> tuple[Metric, ...]:
        """The judged metrics, regressions first, then by the loss in half-widths of the band."""

        def place(metric: Metric) -> tuple[bool, float]:
            return not metric.worse, (metric.gain or 0.0) / ((metric.band.half if metric.band else 0.0) or 1.0)

        return tuple(sorted((metric for metric in self.metrics if metric.judged), key=place))

    @property
    def regressions(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.judged if metric.worse)

    @property
    def outcome(self) -> str:
        """The verdict in one sentence."""
        return notes.outcome(self.judged)


def compare(project: Project, a: Run, b: Run, say: repeats.Say = lambda _: None) -> Verdict:
    """Compare B with A; `say` takes what is being done."""
    found = repeats.repeats(project, a, b, say)
    criteria = direction.by_criteria((a, b))
    scores = [f"{_TESTED}{name}" for name in metrics.scores(a.task)]
    # The headline is the score that the first criterion on a score is about; of an interval's end, the score itself.
    about = (name.removesuffix("_low").removesuffix("_high") for name in criteria)
    headline = next((name for name in about if name in scores), "")
    judged = dict.fromkeys((*([headline] if headline else []), *scores, *criteria))
    old, new = recorded(a), recorded(b)
    bands = _bands(found, [name for name in judged if name in old and name in new], headline, a, b)
    compared = tuple(
        Metric(name, old.get(name), new.get(name), direction.of(name, criteria), bands.get(name))
        for name in dict.fromkeys((*judged, *old, *new))
        if name in old or name in new
    )
    if bands:
        said = [*notes.of_record(a, b), *notes.basis(found, bands, a, b)]
        if repeats.twins(project, a, b):
            said.append("A and B themselves differ only by seed, so whatever differs between them is chance.")
        return Verdict(a, b, "seeds", found, tuple(said), compared)
    say("Drawing the rows of the stream again")
    pair = rows.paired(project, a, b)
    said = [*notes.of_record(a, b), *notes.without(found, a, b, paired=pair is not None)]
    return Verdict(a, b, "paired" if pair else "none", found, tuple(said), (*((pair,) if pair else ()), *compared))


def _bands(found: repeats.Repeats, names: Sequence[str], headline: str, a: Run, b: Run) -> Mapping[str, Band]:
    """Return the bands of metrics that all repeats have; the level is shared by those that vary.

    Where all repeats and the run that they repeat agree, the band has no width, unless A and B took in other rows or
    differ in a seed that no repeat varies: then nothing shows how far that moves the metric.
    """
    if len(found.runs) < band.LEAST:
        return {}
    numbers = [recorded(run) for run in found.runs]
    values = {name: [run[name] for run in numbers] for name in names if all(name in run for run in numbers)}
    vary = [name for name in values if not band.same(values[name])]
    bands = {
        name: Band(band.half_width(values[name], level), "spread")
        for name, level in band.shares(vary, headline).items()
    }
    if rows.other(a, b) or found.uncovered(a, b):
        return bands
    own = recorded(found.like)
    for name in values:
        if name not in bands and band.same([own[name], *values[name]]):
            bands[name] = Band(0.0, "equal" if found.reached(name.partition(" ")[0]) else "fixed")
    return bands
