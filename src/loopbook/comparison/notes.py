"""Notes of a verdict in words: the outcome, each regression, what the band rests on, and where that is thin."""

from collections.abc import Mapping, Sequence

from loopbook.comparison import band, rows
from loopbook.comparison.metric import Band, Metric
from loopbook.comparison.repeats import Repeats
from loopbook.statistics import metrics
from loopbook.store.records import Run

_NAMED = 6  # runs that a sentence names; of more it says how many


def outcome(judged: Sequence[Metric]) -> str:
    """Return the verdict in one sentence."""
    worse, count = sum(metric.worse for metric in judged), len(judged)
    if not count:
        return "Not judged: nothing says how far chance alone moves the metrics, so no regression was looked for."
    of = f"{worse or 'none'} of {count} judged metrics" if count > 1 else "the one judged metric"
    if worse:
        return f"REGRESSION: B is worse than A beyond the band in {of}."
    return f"No regression: B is {'' if count > 1 else 'not '}worse than A beyond the band in {of}."


def loss(metric: Metric, repeats: int) -> str:
    """Return what a regression is: the metric, both values, the loss, and the band with what it comes from."""
    assert metric.band is not None and metric.gain is not None and metric.direction is not None
    half = f"band ±{figure(metric.band.half)}"
    of = {
        "spread": f"{half} from {repeats} repeats",
        "equal": f"band ±0, equal in all {repeats} repeats",
        "fixed": f"band ±0, no varied seed enters its stage, equal in all {repeats} repeats",
        "rows": f"{half} from the drawn rows, without the noise of seeds",
    }[metric.band.basis]
    return (
        f"{metric.name}: A {figure(metric.a)}, B {figure(metric.b)}, worse by {figure(-metric.gain)} "
        f"({metric.direction.text} is better; {of})"
    )


def figure(value: float | None, sign: str = "") -> str:
    """Return a number with four figures behind the point, or four in all where it is small or large."""
    if value is None:
        return "–"
    plain = value == 0 or 0.001 <= abs(value) < 1_000
    return format(value, f"{sign}.4f" if plain else f"{sign},.1f" if abs(value) >= 1_000 else f"{sign}.4g")


def basis(found: Repeats, bands: Mapping[str, Band], a: Run, b: Run) -> list[str]:
    """Say what the bands rest on, and where that is thin."""
    count, of, seeds = len(found.runs), found.of, found.uncovered(a, b)
    bases = [made.basis for made in bands.values()]
    vary, equal, fixed = (bases.count(basis) for basis in ("spread", "equal", "fixed"))
    notes = [
        (True, f"Noise band from {count} repeats of {of} that differ only by seed ({', '.join(found.varied)})."),
        (vary, f"{_metrics(vary)} in them: a band one-sided at a family-wise level of {band.LEVEL:g}."),
        (not vary, "No judged metric varies in them."),
        (
            equal,
            f"{_metrics(equal, 'is', 'are')} equal in {of} and all {count} repeats: a band of no width, so any loss is "
            "beyond it. That rests on these repeats alone: each such metric may flag a pair that differs only by seed, "
            f"with a probability of at most 1 in {1 / band.chance(count):.0f}.",
        ),
        (
            fixed,
            f"{_metrics(fixed, 'is', 'are')} of stages that none of these seeds enters: no width either, and a loss "
            "cannot come from them.",
        ),
        (
            found.other,
            f"Only {count - len(found.other)} of the repeats come from the code of {of}. The others come from other "
            "code, or what they were made of has left the store: "
            f"{_listed([run.run for run in found.runs if run.run in found.other])}. The band holds as far as their "
            f"noise is that of {of}'s code.",
        ),
        (
            seeds,
            f"A and B also differ in {', '.join(seeds)}, which no repeat varies: the band does not cover that, and "
            "metrics that are equal in all repeats are not judged.",
        ),
        (
            rows.other(a, b),
            "A and B took in other data: the band covers seeds, not which rows came in, and metrics that are equal in "
            "all repeats are not judged.",
        ),
    ]
    return [text for holds, text in notes if holds]


def without(found: Repeats, a: Run, b: Run, paired: bool) -> list[str]:
    """Say why there is no noise band, and what was judged instead."""
    count = len(found.runs)
    if count < band.LEAST:
        few = f"{count} {'run repeats' if count == 1 else 'runs repeat'}" if count else "No run repeats"
        why = f"{few} A or B with other seeds; a noise band takes {band.LEAST}."
    else:
        why = f"In the {count} repeats of {found.of} no metric varies that is judged"
        if rows.other(a, b):
            why += ", and as A and B took in other data, equal metrics cannot be judged"
        elif seeds := found.uncovered(a, b):
            why += f", and as A and B differ in {', '.join(seeds)}, which no repeat varies, equal ones cannot be judged"
        why += ": no noise band."
    instead = (
        f"Instead: the paired bootstrap interval (95%) of {metrics.primary(a.task).title} on the same stream rows. It "
        "covers which rows were drawn, not the noise of seeds, so a run that only has another seed may be flagged."
        if paired
        else "Nor do both runs hold probabilities for the same labelled rows: nothing was judged."
    )
    return [why, instead, "The command below makes repeats; type it with the PARAMS that the run was given."]


def of_record(a: Run, b: Run) -> list[str]:
    """Say so where both runs shipped the champion of record: what they vary in training was not compared then."""
    if not all((run.champion or "").endswith(", as approved") for run in (a, b)):
        return []
    return [
        "Both runs shipped the champion of record, so from 04 on the same model was compared with itself: what they "
        "vary in training is judged by a sweep, whose points choose among their own candidates."
    ]


def command(a: Run) -> str:
    """Return the command that repeats a run with other seeds."""
    return f'make sweep SCENARIO={a.scenario} PROFILE={a.profile} GRID="training.seed=101:108"'


def _metrics(count: int, one: str = "varies", more: str = "vary") -> str:
    return f"{count} metric{'' if count == 1 else 's'} {one if count == 1 else more}"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
