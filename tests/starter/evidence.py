"""What 01, 04 and 05 would record of an answer that is a constant, a majority, or learned: without a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from loopbook.data import cleaning, sources, splitting, validation
from loopbook.data.features import Features
from loopbook.decisions import cross_validated_costs, policy_choice, policy_costs
from loopbook.decisions.building import Plan, build
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import Outcome
from loopbook.models.choice import cross_validation
from loopbook.scenario.contract import Scenario
from loopbook.scenario.stories import Criterion
from loopbook.statistics import baselines, evaluation, folds
from loopbook.store.project import Project

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Figures = dict[str, float | str]

NOT_QUALITY = {
    "champion_latency_ms": "speed",
    "leaks": "of the data",
    "quarantine_share": "of the data",
    "review_share": "a limit on people's time: whoever never asks keeps it",
    "cv_review_share": "a limit on people's time: whoever never asks keeps it",
    "recall_gap": "of fairness: who treats all alike, well or badly, is fair; quality has criteria of its own",
    "alerts": "of the watch",
    "drift_delay_days": "of the watch",
    "false_alarms": "of the watch",
    "test_sentiment_macro_f1_gain_low": "of a further output, which no cost hangs on",
    "test_topic_macro_f1_gain_low": "of a further output, which no cost hangs on",
    "challenger_gain_high": "of the challenger, which may be as good as the champion",
    "prototype_roc_auc_high": "of the prototype, on whose weakness the need for a model rests",
}
"""Metrics of criteria that say nothing of the agent's quality or cost, each with the reason."""


@dataclass(frozen=True)
class World:
    """A scenario with its rows, divided as 02 divides them."""

    scenario: Scenario
    splits: dict[str, pd.DataFrame]
    resamples: int = 100
    repeats: int = 1

    @classmethod
    def of(cls, scenario: Scenario, project: Project) -> World:
        """Return the rows of a scenario, collected, validated, cleaned and split by the pipeline's own code."""
        collected = sources.collect(scenario.source, project.root, project.raw)
        valid, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
        kept, _ = cleaning.deduplicate(validation.window(valid, scenario.data), scenario)
        return cls(scenario, splitting.split(kept, scenario))

    @property
    def criteria(self) -> Iterator[Criterion]:
        """The criteria on quality and cost."""
        return (criterion for criterion in self.scenario.criteria if criterion.metric not in NOT_QUALITY)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Train, validation and test, which a cross-validation deals anew, and the stream below them."""
        return pd.concat([self.splits[name] for name in ("train", "validation", "test", "stream")], ignore_index=True)

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where the splits stand in `rows`."""
        names = ("train", "validation", "test", "stream")
        ends = np.cumsum([0, *(len(self.splits[name]) for name in names)]).tolist()
        return {name: slice(*ends[at : at + 2]) for at, name in enumerate(names)}

    @cached_property
    def plan(self) -> Plan:
        """The policies to choose from."""
        return Plan.of(self.scenario.task, self.scenario.decisions)

    @cached_property
    def idle(self) -> dict[str, Outcome]:
        """What becomes of the stream without a model."""
        train, validation, stream = (self.splits[name] for name in ("train", "validation", "stream"))
        return policy_costs.trivial(train, validation, stream, self.plan, self.scenario.segments)

    @cached_property
    def inputs(self) -> sparse.csr_matrix:
        """The rows' TF-IDF and table, as the plain candidates see them."""
        features = Features.fit(self.splits["train"], self.scenario)
        columns = [sparse.csr_matrix(features.table(self.rows).astype(np.float64))]
        if self.scenario.task.text_fields:
            lists = [" ".join(tokens) for tokens in features.token_lists(self.rows)]
            terms = TfidfVectorizer(tokenizer=str.split, token_pattern=None, min_df=2, ngram_range=(1, 2))
            terms.fit(lists[self.parts["train"]])
            columns.append(terms.transform(lists))
        return sparse.hstack(columns).tocsr()

    @cached_property
    def label(self) -> Labels:
        """The true labels of `rows`."""
        return self.rows["label"].to_numpy(dtype=np.int64)

    @cached_property
    def plain(self) -> Floats:
        """What the plain baseline answers, learned from the true labels of train."""
        return self.learned(self.parts["train"], self.label)

    def learned(self, part: slice | Labels, label: Labels) -> Floats:
        """Return what logistic regression answers to all rows, fitted to these labels of a part of them."""
        if len(np.unique(label[part])) < 2:
            return np.full(len(self.rows), float(label[part].mean()))
        model = LogisticRegression(max_iter=300).fit(self.inputs[part], label[part])
        return np.asarray(model.predict_proba(self.inputs)[:, 1])

    def shuffled(self, seed: int) -> Labels:
        """Return labels dealt anew within train, validation and test, whose shares stay; the stream's are true."""
        random, label = np.random.default_rng(seed), self.label.copy()
        for name in ("train", "validation", "test"):
            label[self.parts[name]] = random.permutation(label[self.parts[name]])
        return label


Answer = Callable[[World, slice | Labels, Labels], Floats]
"""Takes the rows to learn from and the labels of all rows, and answers all rows."""


def constant(value: float) -> Answer:
    """Return who answers all rows alike."""
    return lambda world, part, label: np.full(len(world.rows), value)


def majority(column: str, hard: bool) -> Answer:
    """Return who answers each row by the share of yes, or the majority, of its segment."""

    def answer(world: World, part: slice | Labels, label: Labels) -> Floats:
        known = world.rows.iloc[part].assign(label=label[part])
        share = baselines.answers(known, world.rows, (column,)).get(f"by {column} alone")
        share = np.full(len(world.rows), known["label"].mean()) if share is None else share
        return (share >= 0.5).astype(np.float64) if hard else share

    return answer


CONSTANTS = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)


def trivial(
    world: World, values: Sequence[float] = CONSTANTS, segments: Sequence[str] | None = None
) -> dict[str, Answer]:
    """Return constants, the overall share, and the segments' shares and majorities; None: of all segments."""
    found = {f"always {value:g}": constant(value) for value in values}
    found["the share in train"] = constant(float(world.splits["train"]["label"].mean()))
    for column in world.scenario.segments if segments is None else segments:
        found |= {f"{kind} of {column}": majority(column, kind == "majority") for kind in ("share", "majority")}
    return found


def of_model(world: World, said: Floats, plain: Floats) -> Figures:
    """Return what 04 records of a champion's answers on test, beside those of the plain baseline."""
    test, at = world.splits["test"], world.parts["test"]
    label, groups, resamples = test["label"], test["group"], world.resamples
    found = baselines.figures(world.splits["train"], test, said[at], world.scenario.segments, resamples)
    scored = evaluation.metrics(label, said[at], 0.5, groups, resamples, 0, ("roc_auc",))
    apart = evaluation.paired(label, said[at], plain[at], "roc_auc", groups, resamples)
    return found | {"test_roc_auc_low": scored.loc["roc_auc", "low"], "paired_difference_low": apart.low}


def of_stream(world: World, said: Floats, label: Labels, chosen: Sequence[str]) -> dict[str, Figures]:
    """Return what 05 records of the agent on the stream, by its policy, which validation has built."""
    stream = world.splits["stream"]
    seen, live = world.parts["validation"], world.parts["stream"]
    built: dict[str, Policy] = {**build(world.plan, world.splits["validation"].assign(label=label[seen]), said[seen])}
    policies = {name: built[name] for name in chosen}
    judged = policy_costs.judge(policies, stream, said[live], world.plan, world.idle, resamples=world.resamples)
    table = judged.table(chosen[0])
    return {name: judged.figures(name) | {"precision": table["precision"][name]} for name in chosen}


def of_folds(world: World, answer: Answer, label: Labels, chosen: Sequence[str]) -> dict[str, Figures]:
    """Return what 04 and 05 record of a cross-validation, judged by true labels, by policy; nothing without one."""
    settings = world.scenario.optimization
    if not settings.cv_repeats:
        return {name: {} for name in chosen}
    rows, parts = world.rows.iloc[: world.parts["stream"].start], []
    for fold in folds.stratified(rows["label"], rows["group"], settings.cv_folds, world.repeats, 0.2, 0):
        learn = np.concatenate([fold.train, fold.validation])
        said, plain = answer(world, learn, label), world.learned(learn, world.label)
        held = rows.iloc[fold.held][["row_id", "label"]]
        held = held.assign(repeat=fold.repeat, fold=fold.fold, probability=said[fold.held], baseline=plain[fold.held])
        parts.append(held)
    resampled = pd.concat(parts, ignore_index=True)
    judged = cross_validated_costs.judge(world.plan, [rows], resampled, world.scenario.segments)
    ranked = cross_validation.figures(cross_validation.summary(resampled, "binary"), "binary")
    return {name: {**ranked, **cross_validated_costs.figures(judged, world.plan, name)} for name in chosen}


def recorded(
    world: World, answer: Answer, label: Labels | None = None, chosen: Sequence[str] = ()
) -> dict[str, Figures]:
    """Return all that criteria on quality and cost are measured by, of one who learned from these labels.

    By policy; none named: the one that validation chooses, as in a run.
    """
    known = world.label if label is None else label
    said = answer(world, world.parts["train"], known)
    seen = world.parts["validation"]
    names = chosen or (chosen_by(world.plan, world.splits["validation"].assign(label=known[seen]), said[seen]),)
    model = of_model(world, said, world.plain)
    live, dealt = of_stream(world, said, known, names), of_folds(world, answer, known, names)
    return {name: model | live[name] | dealt[name] for name in names}


def chosen_by(plan: Plan, frame: pd.DataFrame, said: Floats) -> str:
    """Return the policy that validation chooses."""
    if len(plan.eligible) == 1:
        return plan.eligible[0]
    return policy_choice.choose(plan, policy_choice.cross_validated(plan, frame, said, resamples=0)).policy


def met(world: World, figures: Figures) -> set[str]:
    """Return the criteria on quality and cost that these figures meet."""
    return {criterion.id for criterion in world.criteria if criterion.met(float(figures[criterion.metric]))}


learned: Answer = partial(World.learned)
"""Who fits logistic regression."""
