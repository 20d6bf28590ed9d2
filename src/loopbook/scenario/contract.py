"""The contract: what one agent is. A scenario file is read into these models, strictly.

Each stage has one settings class here. Its flat values are the notebook's parameters, so that the parameters cell,
``--help``, the JSON Schema and the report's parameter table have one source.
"""

from __future__ import annotations

import operator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from loopbook.scenario.errors import suggest
from loopbook.scenario.source import Names, Settings, Source

PROFILES = ("smoke", "standard", "full")
Profile = Literal["smoke", "standard", "full"]
Scalar = bool | int | float | str | None

_COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq}


class Criterion(Settings):
    """An acceptance criterion: a metric that a stage records, compared with a threshold."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str = Field(description="the criterion in a manager's words")
    stage: str = Field(pattern=r"^\d\d_\w+$", description="the stage that gives the evidence")
    metric: str = Field(description="name under which that stage records the evidence")
    comparison: Literal[">=", ">", "<=", "<", "=="] = ">="
    threshold: float

    def met(self, value: float) -> bool:
        """Say whether `value` meets the criterion."""
        return bool(_COMPARE[self.comparison](value, self.threshold))


class Story(Settings):
    """A user story with its acceptance criteria."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    as_a: str
    i_want: str
    so_that: str
    need: str | None = Field(None, description="name of the need in the survey file; None: the story's id")
    criteria: Annotated[tuple[Criterion, ...], Field(strict=False)] = ()


class Label(Settings):
    """What the model learns to predict, and how the source's label column says it."""

    column: str
    positive: Annotated[tuple[str | int | bool, ...], Field(strict=False)] = Field(
        (), description="values that mean yes, all other values mean no"
    )
    below: float | None = Field(None, description="for a rating: a value below this means yes")
    uncertain: float = Field(
        0.0, ge=0, description="for a rating: a row nearer than this to `below` counts less in training, in proportion"
    )
    names: Annotated[tuple[str, str], Field(strict=False)] = Field(("no", "yes"), description="what no and yes mean")

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if (self.below is None) == (not self.positive):
            raise ValueError("say either which values are 'positive' or the rating 'below' which a row is, not both")
        if self.uncertain and self.below is None:
            raise ValueError("'uncertain' is for ratings: it needs 'below'")
        if self.names[0] == self.names[1]:
            raise ValueError(f"no and yes need different names, not twice {self.names[0]!r}")
        return self


class Task(Settings):
    """The decision problem: inputs, label, actions' names."""

    type: Literal["binary"] = Field("binary", description="one yes-or-no label")
    fields: dict[str, Literal["text", "number", "category"]] = Field(description="the model's inputs and their types")
    label: Label
    actions: Annotated[tuple[str, str], Field(strict=False)] = Field(
        ("ignore", "alert"), description="what the agent does when the answer is no, and when it is yes"
    )

    @property
    def text_fields(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.fields.items() if kind == "text")

    @property
    def table_fields(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.fields.items() if kind != "text")

    @model_validator(mode="after")
    def _has_inputs(self) -> Self:
        if not self.fields:
            raise ValueError("a task needs at least one input field")
        if self.label.column in self.fields:
            raise ValueError(f"the label column {self.label.column!r} cannot be an input as well")
        if self.actions[0] == self.actions[1]:
            raise ValueError(f"the two actions need different names, not twice {self.actions[0]!r}")
        if "review" in self.actions:
            raise ValueError("no action can be called 'review': that is the name for asking a person")
        return self


class RequirementsSettings(Settings):
    """Stage 01."""

    days: int = Field(14, ge=1, le=365, description="days to simulate or to replay")
    prototype_threshold: int = Field(1, ge=1, le=20, description="rule hits from which the prototype acts")
    survey: str | None = Field(
        None, description="CSV file of answers, relative to the project's root: person, need, rating (1-5), comment"
    )
    terms: dict[str, Names] = Field(default_factory=dict, description="the prototype's rules for texts: words by name")
    rules: dict[str, str] = Field(
        default_factory=dict, description="the prototype's rules: a field, and '> 3.5', '< 1' or '== value' (tables)"
    )


class Splits(Settings):
    """Shares of the five splits and of what later rounds get, and what decides where a row goes."""

    by: Literal["time", "group", "stratum"] = "stratum"
    train: float = Field(0.6, gt=0, lt=1)
    validation: float = Field(0.12, gt=0, lt=1)
    test: float = Field(0.12, gt=0, lt=1)
    gate: float = Field(0.06, gt=0, lt=1)
    stream: float = Field(0.1, gt=0, lt=1)
    held_back: float = Field(0.0, ge=0, lt=1, description="kept for later rounds, cut into the windows after the first")

    @property
    def shares(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("train", "validation", "test", "gate", "stream")}

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = sum(self.shares.values()) + self.held_back
        if abs(total - 1) > 1e-6:
            also = " and held_back" if self.held_back else ""
            raise ValueError(f"the five shares{also} add up to {total:g}, not 1")
        return self


class DataSettings(Settings):
    """Stage 02."""

    rows: int | None = Field(None, ge=200, description="use at most so many rows, the earliest; None: all")
    start: date | None = Field(None, strict=False, description="first day, YYYY-MM-DD; None: from the beginning")
    end: date | None = Field(None, strict=False, description="day after the window, YYYY-MM-DD; None: to the end")
    split_seed: int = Field(1, ge=0, description="seed of the hash that puts groups or rows into splits")
    max_characters: int = Field(10_000, ge=10, description="longest text, in characters; longer goes to quarantine")
    near_duplicate: float = Field(0.85, ge=0.5, le=1, description="Jaccard similarity of near duplicates")
    mask_personal_data: bool = Field(True, description="mask mail, phone, card, IBAN and IP in texts")
    max_quarantine_share: float = Field(0.2, ge=0, le=1, description="stop if a larger share of rows is in quarantine")
    vocabulary_size: int = Field(8_000, ge=50, le=200_000, description="most frequent tokens of train to know")
    sequence_length: int = Field(64, ge=4, le=512, description="tokens a text; longer is cut, shorter is padded")
    scaling: Literal["standard", "minmax"] = Field("standard", description="how numbers are scaled")
    splits: Splits = Splits()
    windows: int = Field(
        1, ge=1, le=100, description="windows of the agent's life, one a round: stream, held-back ones"
    )
    window: int | None = Field(None, ge=1, description="which window is the stream; None: that of the current round")

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.window is not None and self.window > self.windows:
            raise ValueError(f"there is no window {self.window}: data.windows is {self.windows}")
        if self.splits.held_back and self.windows == 1:
            raise ValueError("splits.held_back keeps rows for later rounds, so data.windows must be 2 or more")
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"the window's start {self.start} is not before its end {self.end}")
        return self


class Candidate(Settings):
    """A model to try: an architecture by name, or a user's function as ``package.module:build``."""

    architecture: str = Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")
    settings: dict[str, Scalar] = Field(default_factory=dict, description="arguments of the architecture's function")


class TrainingSettings(Settings):
    """Stage 03."""

    seed: int = Field(1, ge=0, description="seed of initial weights and of the order of rows")
    epochs: int = Field(60, ge=1, le=10_000, description="most passes over train; early stopping ends it before")
    patience: int = Field(4, ge=1, description="passes without a better validation loss before training stops")
    batch_size: int = Field(64, ge=1, description="rows a step")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Adam's step size")
    class_weights: bool = Field(False, description="weigh rows so that both classes count alike")
    bootstrap: int = Field(1_000, ge=50, description="resamples behind each confidence interval")
    only: Names = Field((), description="the candidates to train; none named: all")
    # The name of a candidate becomes the name of folders and pages.
    candidates: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")], Candidate] = Field(min_length=1)

    @property
    def chosen(self) -> dict[str, Candidate]:
        """The candidates that are trained, by name."""
        return {name: self.candidates[name] for name in (self.only or self.candidates)}

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.only:
            if name not in self.candidates:
                raise ValueError(f"only names {name!r}, which is no candidate.{suggest(name, self.candidates)}")
        return self


class SearchRange(Settings):
    """What the search may try for one setting: a range, or a list of choices."""

    low: float | None = None
    high: float | None = None
    log: bool = Field(False, description="search the range on a logarithmic scale")
    choices: Annotated[tuple[int | float | str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        ends = (self.low is not None) + (self.high is not None)
        if ends != (0 if self.choices else 2):
            raise ValueError("give either 'low' and 'high' or 'choices'")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("a logarithmic scale needs a 'low' above 0")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"'low' {self.low:g} is not below 'high' {self.high:g}")
        return self


class OptimizationSettings(Settings):
    """Stage 04."""

    trials: int = Field(6, ge=0, le=1_000, description="settings that the search tries; 0: no search")
    search_seed: int = Field(1, ge=0, description="seed of the search")
    search_epochs: int = Field(12, ge=1, description="most passes over train in one trial")
    latency_repeats: int = Field(200, ge=10, description="single decisions timed for each model")
    export: bool = Field(True, description="export the champion to ONNX and check it")
    cv_folds: int = Field(5, ge=2, le=50, description="folds of each repeat of the cross-validation")
    cv_repeats: int = Field(0, ge=0, le=100, description="cross-validations of the champion; 0: none (rows suffice)")
    search: dict[str, SearchRange] = Field(default_factory=dict, description="learning_rate, or architecture arguments")


class Costs(Settings):
    """The cost matrix: what each outcome of a decision costs, in the scenario's currency; a gain is negative."""

    true_positive: float = Field(0.0, description="acted, and it was right to")
    false_positive: float = Field(1.0, description="acted, and it was wrong to")
    true_negative: float = Field(0.0, description="did not act, and it was right not to")
    false_negative: float = Field(5.0, description="did not act, and it was wrong not to")
    review: float = Field(0.5, ge=0, description="asking a person, besides the cost of what the person then decides")
    review_error: float = Field(0.02, ge=0, le=0.5, description="share of reviews in which the person is wrong")

    @model_validator(mode="after")
    def _mistakes_cost_more(self) -> Self:
        for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
            if getattr(self, wrong) <= getattr(self, right):
                raise ValueError(
                    f"{wrong} ({getattr(self, wrong):g}) must cost more than {right} ({getattr(self, right):g}): "
                    "otherwise one action is better whatever the probability, and there is nothing to decide"
                )
        return self


class Rule(Settings):
    """A rule of the policy: a condition in the safe expression language, and what to do where it holds."""

    when: str = Field(description="expression over the row's fields and, after the model, `probability`")
    action: str = Field(description="one of the task's actions, or 'review'")
    position: Literal["before", "after"] = Field("before", description="before the model is asked, or after")


PolicyName = Literal["never", "always", "fixed", "threshold", "tuned", "tree", "rules", "review"]


class DecisionsSettings(Settings):
    """Stage 05."""

    review_capacity: float = Field(0.1, ge=0, le=1, description="share of decisions that people can review")
    tree_depth: int = Field(3, ge=1, le=6, description="questions on the way through the readable tree")
    threshold: float | None = Field(None, ge=0, le=1, description="act from this probability; None: cheapest expected")
    policy: PolicyName | None = Field(None, description="the policy to decide by; None: cheapest on validation")
    explained: int = Field(40, ge=0, description="how many decisions to act or to ask are explained by words or fields")
    costs: Costs = Costs()
    rules: dict[str, Rule] = Field(default_factory=dict, description="rules by name")


class MonitoringSettings(Settings):
    """Stage 06."""

    false_alarms: float = Field(
        1.0, gt=0, le=100, description="alerts to expect a hundred days in which nothing happened"
    )
    window_days: int = Field(7, ge=1, le=90, description="longest current window that is compared with the reference")
    label_delay_days: int = Field(5, ge=0, le=90, description="days until the outcome of a decision is known")
    min_effect: float = Field(0.05, ge=0, description="smallest drift worth an alert (population stability index)")
    min_gap: float = Field(0.08, ge=0, le=1, description="smallest difference of recall between groups worth an alert")
    segments: Names = Field((), description="columns in whose values surges are looked for; several joined by |")
    replay_days: int = Field(14, ge=2, le=365, description="days into which a log without times is cut")


class FeedbackSettings(Settings):
    """Stage 07."""

    users: int = Field(30, ge=1, le=10_000, description="simulated users, some of whom answer far more than others")
    answer_rate: float = Field(0.2, ge=0, le=1, description="share of decisions that simulated users answer")
    error_rate: float = Field(0.05, ge=0, le=0.5, description="share of their corrections that are wrong")
    malicious_rate: float = Field(0.1, ge=0, le=0.5, description="share of users who flip labels on purpose")
    feedback_seed: int = Field(1, ge=0, description="seed of the simulated users")
    label_budget: int = Field(200, ge=0, description="items to propose for labelling next")
    random_share: float = Field(0.2, ge=0, le=1, description="share of these that is drawn at random, to compare with")
    min_gain: float = Field(0.0, ge=0, description="the challenger's ROC AUC must be better by more than this")
    file: str | None = Field(None, description="CSV of answers: row_id, user, label, comment, time, rating, seconds")
    approve: Literal["all", "safe", "none"] = Field("safe", description="what a batch loop approves by itself")


class Scenario(Settings):
    """One agent: everything that its notebooks are parameterised with, by section."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    description: str = Field(description="what the agent does, in one or two sentences for a manager")
    currency: str = "EUR"
    stories: Annotated[tuple[Story, ...], Field(strict=False)] = ()
    task: Task
    source: Source
    requirements: RequirementsSettings = RequirementsSettings()
    data: DataSettings = DataSettings()
    training: TrainingSettings
    optimization: OptimizationSettings = OptimizationSettings()
    decisions: DecisionsSettings = DecisionsSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    profiles: dict[Profile, dict[str, Any]] = Field(default_factory=dict, description="what a profile changes")

    @property
    def simulated(self) -> bool:
        """Whether the data is made by a simulation; shown wherever the data is."""
        return self.source.kind == "simulation"

    @property
    def files(self) -> dict[str, str]:
        """Files that a section names besides the source, by section, relative to the project's root."""
        named = {"requirements": self.requirements.survey, "feedback": self.feedback.file}
        return {section: path for section, path in named.items() if path is not None}

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return tuple(criterion for story in self.stories for criterion in story.criteria)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [criterion.id for criterion in self.criteria] + [story.id for story in self.stories]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"story and criterion ids must differ; used twice: {', '.join(twice)}")
        for need, by in (("time", "time"), ("group", "group")):
            if self.data.splits.by == by and getattr(self.source, need) is None:
                raise ValueError(f"data.splits.by is {by!r}, so the source must name its {need} column (source.{need})")
        later = getattr(self.source, "later_days", 0)
        if later and self.data.splits.by != "time":
            raise ValueError("source.later_days are for later rounds, so data.splits.by must be 'time'")
        if self.data.windows > 1 and bool(later) == bool(self.data.splits.held_back):
            raise ValueError(
                f"data.windows is {self.data.windows}, so rows must be kept for later rounds in one way: "
                "by data.splits.held_back (a share of the rows), or in a simulation by source.later_days"
            )
        if later and self.data.windows == 1:
            raise ValueError("source.later_days are for later rounds, so data.windows must be 2 or more")
        if self.optimization.cv_repeats and self.data.splits.by == "time":
            raise ValueError(
                "optimization.cv_repeats deals rows anew whatever their time, but data.splits.by is 'time': a model "
                "would learn from the future. Set it to 0, or split by group or stratum"
            )
        hidden = {self.source.truth, *self.source.protected} & {*self.task.fields, self.task.label.column}
        if hidden:
            shown = ", ".join(sorted(map(str, hidden)))
            raise ValueError(f"truth and protected columns must be neither inputs nor the label: {shown}")
        return self
