"""Ablation: which techniques there are, each read from the code, and what is said of one by its paired differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from loopbook.models.architectures import registry
from loopbook.models.studies.outer_folds import Measured, tuned
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.settings import Scalar
from loopbook.scenario.task import Task
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import significance
from loopbook.statistics.intervals import Interval, student

UNTRIED = {
    "seed": "chance: the rows are over several",
    "epochs": "a length: early stopping ends it before",
    "batch_size": "a size, not a technique: accumulate tries a larger one",
    "learning_rate": "tuned in every row",
    "temperature": "a number of contrastive and simcse, which are tried",
    "fairness_by": "names the groups of fairness",
    "workers": "where it computes: the weights are the same",
}
"""Fields of a recipe that are no techniques, each with the reason; all others have a row."""
ELSEWHERE = {
    "pseudo_labels": ("semi-supervised", "for rows without a label; tests/benchmarks/few_labels.py measures it"),
    "further": ("loss", "for further outputs; tests/benchmarks/joint_outputs.py measures it"),
    "back_translation": ("augmentation", "a function of the user's own; tests/models/training/test_augmentation.py"),
    "fairness": ("fairness", "for rows with a protected attribute; tests/benchmarks/tables.py measures it"),
    "replay": ("forgetting", "acts where a model is trained further, in notebook 07"),
}
"""Techniques that need what the rows of a classification alone do not have: family, and where they are measured."""
SEEDS = 3
"""Of an ensemble of one network."""
SETTINGS: dict[str, tuple[str, Scalar]] = {"dropout": ("regularisation", 0.3), "penalty": ("regularisation", 0.01)}
"""Arguments of architectures that are techniques: family, and what is tried where the default has it off."""
LEFT_OUT: dict[str, tuple[str, Scalar]] = {"patience": ("regularisation", 10_000)}
"""Fields of a recipe that are always on: family, and the value that leaves them out."""

LEVEL = 0.05
"""Of the tests, after correction."""

Way = Literal["add-one", "leave-one-out", "instead"]
Verdict = Literal["helps", "helps, not confirmed", "no difference shown", "hurts", "not measured here"]


@dataclass(frozen=True)
class Technique:
    """One technique as it is tried on a base.

    Attributes
    ----------
    way
        ``add-one``: with it, above the base; ``leave-one-out``: the base without it; ``instead``: another architecture.
    candidate, recipe
        The method with it, or without it where it is left out.
    gpu
        Whether it is for a GPU.
    """

    name: str
    family: str
    value: str
    way: Way
    candidate: Candidate
    recipe: Recipe
    gpu: bool = False

    def __str__(self) -> str:
        return f"{self.name} = {self.value}" if self.value else self.name


class Estimate(NamedTuple):
    """What the technique brings: its mean paired difference with an interval, and the p value of none."""

    gain: Interval
    p: float


def fields() -> Iterator[tuple[str, str, Scalar, bool]]:
    """Give the techniques of a recipe: name, family, what is tried, and whether it is for a GPU.

    Raises
    ------
    LoopbookError
        If a field of the recipe is neither tried nor has a reason in `UNTRIED` or `ELSEWHERE`.
    """
    for name, info in Recipe.model_fields.items():
        if name in ELSEWHERE:
            continue
        about = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        if "tried" in about:
            yield name, str(about["family"]), about["tried"], bool(about.get("gpu"))  # type: ignore[misc]
        elif name in LEFT_OUT:
            yield name, *LEFT_OUT[name], False
        elif name not in UNTRIED:
            raise LoopbookError(
                f"The recipe's field {name!r} is not tried: give it a value to try (_technique in scenario/recipe.py), "
                "or a reason in UNTRIED (models/studies/ablation.py)."
            )


def elsewhere(recipe: Recipe) -> Iterator["Row"]:
    """Give a row, with its reason, for each technique that cannot act on the rows of one classification."""
    for name, (family, reason) in ELSEWHERE.items():
        yield Row(Technique(name, family, "", "add-one", Candidate(architecture="majority"), recipe), reason=reason)


def of_base(base: Candidate, recipe: Recipe, beside: Candidate | None = None) -> Iterator[Technique]:
    """Give what is tried on a network: techniques of its recipe, of its architecture's arguments, and ensembles of it.

    Parameters
    ----------
    beside
        Of another architecture, with which it answers together.
    """
    own, plain = recipe.changed(base.recipe), base.model_copy(update={"recipe": type(base.recipe)()})
    for name, family, tried, gpu in fields():
        off = Recipe.model_fields[name].default
        on = name in LEFT_OUT or getattr(own, name) != off
        value = tried if name in LEFT_OUT or not on else off
        yield Technique(
            name, family, str(value), _way(on), plain, Recipe.model_validate({**own.model_dump(), name: value}), gpu
        )
    for name, (family, tried) in SETTINGS.items():
        if name in registry.described(base.architecture).settings:
            on = bool(tuned(base, name))
            changed = plain.model_copy(update={"settings": {**base.settings, name: 0.0 if on else tried}})
            yield Technique(name, family, str(changed.settings[name]), _way(on), changed, own)
    seeds = Candidate(architecture="ensemble", settings={"seeds": SEEDS}, members=(plain,))
    yield Technique("ensemble of seeds", "ensemble", str(SEEDS), "add-one", seeds, own)
    if beside is not None:
        both = Candidate(architecture="ensemble", members=(plain, beside))
        yield Technique("ensemble of architectures", "ensemble", f"with {beside.architecture}", "add-one", both, own)


def architectures(training: TrainingSettings, task: Task) -> Iterator[tuple[Technique, str]]:
    """Give every architecture and adaptation, with why it cannot serve the task, or an empty text.

    Parameters
    ----------
    training
        The scenario's: where there is a candidate of the same architecture and adaptation, it is taken.
    """
    for name in registry.names():
        kinds = get_args(registry.described(name).settings.get("adaptation")) or (None,)
        for kind in kinds:
            known = training.candidates.values()
            same = (each for each in known if each.architecture == name and tuned(each, "adaptation") == kind)
            settings: dict[str, Scalar] = {} if kind is None else {"adaptation": kind}
            chosen = next(same, training.adapted(Candidate(architecture=name, settings=settings)))
            try:
                if registry.described(name).family == "ensemble":
                    raise ScenarioError("see the ensembles of seeds and of architectures")
                registry.check(chosen, task)
                reason = ""
            except ScenarioError as error:
                reason = str(error)
            method = chosen.model_copy(update={"recipe": type(chosen.recipe)()}), training.recipe.changed(chosen.recipe)
            yield Technique(name, "architecture", kind or "", "instead", *method), reason


@dataclass
class Row:
    """What is known of one technique.

    Attributes
    ----------
    on
        The base that it was tried on.
    reason
        Why it was not measured, or not confirmed.
    first
        The first fit with it, which says how far its weights are from the baseline's.
    found, plain
        By fold, with it and without.
    thin, trials
        Whether it costs so much that the first seed and one trial have to do; and how many were made.
    corrected, confirmed_p
        P values of the screening and of the confirmation, each with Holm's correction for all that were measured.
    confirmed
        What it brings on new seeds, by scenario; the own one is the first.
    """

    technique: Technique
    on: str = ""
    reason: str = ""
    first: Measured | None = None
    found: Sequence[Measured] = ()
    plain: Sequence[Measured] = ()
    thin: bool = False
    trials: int = 1
    screened: Estimate | None = None
    corrected: float = 1.0
    confirmed: dict[str, Estimate] = field(default_factory=dict)
    confirmed_p: float = 1.0
    seconds: float = 0.0

    @property
    def p(self) -> float:
        """The p value of the screening, uncorrected."""
        return self.screened.p if self.screened else 1.0

    @property
    def verdict(self) -> Verdict:
        """What is shown: only what was confirmed on new seeds helps; what screening alone shows to hurt does."""
        if self.screened is None:
            return "not measured here"
        own = next(iter(self.confirmed.values()), None)
        if own is not None and own.gain.value > 0 and self.confirmed_p < LEVEL:
            return "helps"
        if self.corrected >= LEVEL:
            return "no difference shown"
        if self.screened.gain.value < 0:
            return "hurts"
        return "no difference shown" if self.confirmed else "helps, not confirmed"

    def survives(self, p: float) -> bool:
        """Say whether it seems to help, so that it is confirmed."""
        return self.screened is not None and self.screened.gain.value > 0 and self.p <= p


def estimate(found: Sequence[Measured], plain: Sequence[Measured], way: Way, folds: int) -> Estimate:
    """Return what the paired differences say: by how much the score is better with the technique."""
    sign = -1.0 if way == "leave-one-out" else 1.0
    apart = [sign * (one.score - two.score) for one, two in zip(found, plain, strict=True)]
    return Estimate(student(apart, folds), significance.p_value(apart, folds))


def chosen(trials: Sequence[Sequence[Measured]]) -> list[Measured]:
    """Return of each fold the trial that is best on its inner fold."""
    return [min(each, key=lambda one: one.risk) for each in trials]


def correct(table: Sequence[Row]) -> None:
    """Correct the p values of all that was screened."""
    known = [row for row in table if row.screened]
    for row, p in zip(known, significance.holm([row.p for row in known]), strict=True):
        row.corrected = float(p)


def correct_confirmed(survivors: Sequence[Row]) -> None:
    """Correct the p values of what was confirmed on the own scenario."""
    known = [row for row in survivors if row.confirmed]
    found = significance.holm([next(iter(row.confirmed.values())).p for row in known])
    for row, p in zip(known, found, strict=True):
        row.confirmed_p = float(p)


def _way(on: bool) -> Way:
    return "leave-one-out" if on else "add-one"
