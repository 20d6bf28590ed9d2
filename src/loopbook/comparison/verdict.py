"""The verdict on two runs: each metric's difference beside what seeds, or else the drawn rows, explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from loopbook.comparison import band, runs
from loopbook.reports.sweep import figures
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.records import Run

PAIRED = "05_decisions paired roc_auc"


@dataclass(frozen=True)
class Metric:
    """A metric of both runs.

    Attributes
    ----------
    higher
        Whether more is better; None: the project does not say, so it is shown and not judged.
    by
        Who says so.
    half
        Half-width of the band around zero; None: not judged.
    """

    name: str
    a: float | None
    b: float | None
    difference: float | None
    higher: bool | None
    by: str
    half: float | None

    @property
    def gain(self) -> float | None:
        """The difference, positive where B is better."""
        return None if self.difference is None or self.higher is None else self.difference * (1 if self.higher else -1)

    @property
    def equal(self) -> bool:
        """Whether there is nothing to tell: it is not judged, and the same in both runs."""
        return self.half is None and self.difference == 0

    @property
    def worse(self) -> bool:
        return self.half is not None and self.gain is not None and self.gain < -self.half - 1e-12


@dataclass(frozen=True)
class Verdict:
    """Two runs compared; `note` says in words which band was used and how to get a better one."""

    a: Run
    b: Run
    kind: Literal["seeds", "paired", "none"]
    repeats: int
    note: str
    metrics: tuple[Metric, ...]

    @property
    def regressions(self) -> tuple[Metric, ...]:
        return tuple(each for each in self.metrics if each.worse)


def compare(project: Project, a: Run, b: Run) -> Verdict:
    """Compare B with A."""
    found = max((runs.repeats(project, each, without=(a, b)) for each in (a, b)), key=len)
    told = [figures(each) for each in found]
    judged, direction = [], directions(a, b)
    old, new = figures(a), figures(b)
    if len(found) >= band.LEAST:
        judged = [name for name in direction if name in old and name in new and all(name in each for each in told)]
        # Where all repeats agree to the last digit, the seed does not reach the metric, or it is too coarse for a band.
        judged = [name for name in judged if len({each[name] for each in told}) > 1]
    halves = {
        name: band.half_width([each[name] for each in told], level) for name, level in band.shares(judged).items()
    }
    metrics = [_metric(name, old, new, direction, halves) for name in dict.fromkeys((*direction, *old, *new))]
    metrics = [each for each in metrics if each.a is not None or each.b is not None]
    sweep = f'make sweep SCENARIO={a.scenario} PROFILE={a.profile} GRID="training.seed=101:108"'
    if halves:
        said = (
            f"Noise band from {len(found)} repeats that differ only by seed, one-sided at a family-wise level of "
            f"{band.LEVEL:g} over {len(halves)} metrics. Metrics that are equal in all repeats are not judged."
        )
        return Verdict(a, b, "seeds", len(found), said, tuple(metrics))
    few = f"Only {len(found)} runs repeat one of these with other seeds; a noise band takes {band.LEAST}."
    if len(found) >= band.LEAST:
        few = f"In all {len(found)} repeats with other seeds no judged metric varies: no noise band."
    better = f"For a noise band (with the same PARAMS as the run): {sweep}"
    one = paired(project, a, b)
    if one is None:
        said = f"{few} Nor do both runs hold probabilities for the same labelled rows: nothing was judged. {better}"
        return Verdict(a, b, "none", len(found), said, tuple(metrics))
    said = (
        f"{few} Instead: the paired bootstrap interval (95 %) of ROC AUC on the same stream rows. It covers which rows "
        f"were drawn, not the noise of seeds, so a run that only has another seed may be flagged. {better}"
    )
    return Verdict(a, b, "paired", len(found), said, (one, *metrics))


def directions(a: Run, b: Run) -> Mapping[str, tuple[bool, str]]:
    """Return which direction is better, the headline first: by criteria, and by the definitions of scores.

    The headline is the score that the first criterion on a score speaks of; of an interval's end, the score itself.
    """
    from loopbook.models.evaluation import LOWER_IS_BETTER
    from loopbook.models.scores import SCORES

    by_criterion = {
        f"{each.stage} {each.metric}": (each.comparison in (">", ">="), "criterion")
        for run in (a, b)
        for each in run.criteria
        if each.comparison != "=="
    }
    defined = {
        f"04_optimization test_{name}": (name not in LOWER_IS_BETTER, "definition of the score") for name in SCORES
    }
    wanted = (name.removesuffix("_low").removesuffix("_high") for name in by_criterion)
    head = next((name for name in wanted if name in defined), None)
    first = {head: by_criterion.get(head, defined[head])} if head else {}
    return first | defined | by_criterion


def paired(project: Project, a: Run, b: Run) -> Metric | None:
    """Return the paired difference of the agents' ROC AUC on the labelled rows of the stream, if they are the same."""
    frames = []
    for run in (a, b):
        record = run.stages.get("05_decisions")
        place = record.artifacts.get("decisions") if record else None
        if place is None or not (project.data / place).exists():
            return None
        frame = content.load(project.data / place)
        if not {"row_id", "label", "probability"} <= set(frame.columns):
            return None
        frames.append(frame.dropna(subset=["label", "probability"]).drop_duplicates("row_id").set_index("row_id"))
    first, second = frames
    if set(first.index) != set(second.index) or first.empty:
        return None
    second = second.loc[first.index]
    if not (first["label"] == second["label"]).all() or set(first["label"]) != {0, 1}:
        return None
    from loopbook.models import evaluation

    y, p, q = (each.to_numpy("float64") for each in (first["label"], first["probability"], second["probability"]))
    groups = first["group"].to_numpy() if "group" in first else None
    gain, _, high = evaluation.paired(y, q, p, groups=groups)
    table = [float(evaluation.metrics(y, each, resamples=0, only=["roc_auc"])["value"].iloc[0]) for each in (p, q)]
    # Worse where the whole interval lies below zero: its upper end is the band's distance from the difference.
    return Metric(PAIRED, table[0], table[1], gain, True, "definition of the score", high - gain)


def _metric(
    name: str,
    old: Mapping[str, float],
    new: Mapping[str, float],
    direction: Mapping[str, tuple[bool, str]],
    halves: Mapping[str, float],
) -> Metric:
    a, b = old.get(name), new.get(name)
    higher, by = direction.get(name, (None, ""))
    return Metric(name, a, b, None if a is None or b is None else b - a, higher, by, halves.get(name))


def told(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Return the judged metrics, the worst first."""
    judged = [each for each in metrics if each.half is not None]
    return tuple(sorted(judged, key=lambda each: (not each.worse, each.gain or 0.0)))
