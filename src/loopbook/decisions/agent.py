"""The agent: perceive, reason, decide, act. The model is only its reasoning, the policy only its decision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.data import features
from loopbook.decisions import log, outbox
from loopbook.decisions.building import Plan
from loopbook.decisions.log import Decision
from loopbook.decisions.policies import Policy, believed, rules_digest
from loopbook.decisions.replay import Budget, in_time_order
from loopbook.decisions.rules import REVIEW
from loopbook.models import answers
from loopbook.models.answers import Answers
from loopbook.scenario.errors import DataError

Reasoning = Callable[[pd.DataFrame], ArrayLike | Answers]
"""The model: rows with the task's fields to answers, or probabilities alone."""

Reviewer = Callable[[str], str | None]
"""A person: a row's id to the action that they choose, or None while they have not answered."""


class Episode(NamedTuple):
    """What an agent left behind.

    The decision log, not yet settled; the outbox, not yet delivered; and the scores: `row_id`, and a column a class.
    """

    log: pd.DataFrame
    outbox: pd.DataFrame
    scores: pd.DataFrame


@dataclass(frozen=True)
class Agent:
    """An agent at work.

    Attributes
    ----------
    name
        The scenario's name.
    plan
        Task, classes and costs.
    reasoning
        The model.
    policy
        What it decides by.
    model_version
        Content digest of the model.
    capacity
        Share of decisions about which a person may be asked.
    reviewer
        Who is asked; None: nobody answers, and reviews stay open.
    batch
        Rows that the model is asked about at once. It changes the speed and nothing else.
    """

    name: str
    plan: Plan
    reasoning: Reasoning
    policy: Policy
    model_version: str
    capacity: float = 0.0
    reviewer: Reviewer | None = None
    batch: int = 256

    @property
    def versions(self) -> tuple[str, str, str]:
        """Content digests of what decides: model, policy, rules."""
        return self.model_version, self.policy.digest, rules_digest(self.policy)

    def perceive(self, stream: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Yield the stream in the order of time, in batches.

        Raises
        ------
        DataError
            If a field or the row's id is missing, or only some rows have a time.
        """
        if "row_id" not in stream.columns:
            raise DataError("The stream has no column 'row_id', so its decisions could not be found again.")
        if stream["row_id"].duplicated().any():
            raise DataError(
                f"Row {stream['row_id'][stream['row_id'].duplicated()].iloc[0]!r} comes twice in the stream."
            )
        for field in self.plan.task.fields:
            features.column(stream, field)
        ordered = stream.iloc[in_time_order(stream)]
        yield from (ordered.iloc[start : start + self.batch] for start in range(0, len(ordered), self.batch))

    def reason(self, rows: pd.DataFrame) -> Answers:
        """Return the model's answers; the policy refuses probabilities that are none."""
        return answers.of(self.reasoning(rows), self.plan.classes)

    def decide(self, rows: pd.DataFrame, said: Answers, budget: Budget) -> Iterator[Decision]:
        """Yield a decision for each row, in their order; `budget` remembers who has been asked so far."""
        model, policy, rules = self.versions
        times: list[Any] = rows["time"].tolist() if "time" in rows.columns else [pd.NaT] * len(rows)
        proposals = zip(*self.policy.proposals(rows, said), strict=True)
        ids = map(str, rows["row_id"].tolist())
        choices = (*self.plan.actions, REVIEW)
        expected = self.plan.prices.expected(believed(self.plan.prices, said)).tolist()
        shown = zip(ids, times, said.shown.tolist(), said.label.tolist(), expected, proposals, strict=True)
        for row_id, time, p, answer, spent, (at, review, rule, rule_hits, reasons) in shown:
            asked = budget.ask(review)
            refused = review and not asked
            otherwise = choices[at]
            if refused:
                reasons += f" No person has time (at most {self.capacity:.0%} of decisions are reviewed): {otherwise}."
            chosen = len(choices) - 1 if asked else at
            other = min((one for one in range(len(choices)) if one != chosen), key=spent.__getitem__)
            made = Decision(
                decision_id=log.decision_id(row_id, (model, policy, rules)),
                row_id=row_id,
                time=None if pd.isna(time) else time.to_pydatetime(),
                probability=p,
                answer=answer,
                decision=choices[chosen],
                action=REVIEW if asked else otherwise,
                rule=rule,
                rule_hits=rule_hits,
                reasons=reasons,
                reviewed=asked,
                review_refused=refused,
                verdict=None,
                expected_cost=spent[chosen],
                next_action=choices[other],
                next_cost=spent[other],
                model_version=model,
                policy_version=policy,
                rules_version=rules,
            )
            verdict = self.reviewer(row_id) if asked and self.reviewer is not None else None
            yield made if verdict is None else made.answered(verdict)

    def act(self, decision: Decision, row: pd.Series) -> list[dict[str, str]]:
        """Return the messages that carry a decision out; delivering them is another operation."""
        fields = {
            name: _plain(row[f"{name}_source" if f"{name}_source" in row.index else name])
            for name in self.plan.task.fields
        }
        idle = self.plan.actions[: self.plan.prices.idle]
        return outbox.messages(self.name, decision, fields, idle)

    def run(self, stream: pd.DataFrame) -> Iterator[Decision]:
        """Yield the agent's decisions on a stream, in the order of time."""
        for _, decisions in self._batches(stream):
            yield from decisions

    def _batches(self, stream: pd.DataFrame) -> Iterator[tuple[Answers, Iterator[Decision]]]:
        budget = Budget(self.capacity)
        for rows in self.perceive(stream):
            said = self.reason(rows)
            yield said, self.decide(rows, said, budget)

    def execute(self, stream: pd.DataFrame) -> Episode:
        """Live through a stream: decide on every row, write the log, the outbox and the scores.

        Parameters
        ----------
        stream
            Rows with `row_id`, the task's fields and, if known, `time`. A label, if there is one, is not looked at.
        """
        batches = [(said, list(decided)) for said, decided in self._batches(stream)]
        decisions = [decision for _, decided in batches for decision in decided]
        rows = {str(row["row_id"]): row for _, row in stream.iterrows()}
        found = [message for decision in decisions for message in self.act(decision, rows[decision.row_id])]
        nothing = answers.of(np.empty((0, len(self.plan.classes))), self.plan.classes)
        told = pd.concat([said.columns() for said, _ in batches] or [nothing.columns()], ignore_index=True)
        p = np.concatenate([said.probability for said, _ in batches] or [nothing.probability])
        scores = pd.DataFrame(p, columns=list(self.plan.classes))
        scores.insert(0, "row_id", pd.Series([decision.row_id for decision in decisions], dtype="str"))
        return Episode(log.table(decisions, stream, self.plan, told), outbox.table(found), scores)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; missing ones are null."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
