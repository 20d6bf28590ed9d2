"""The agent: perceive, reason, decide, act. The model is only its reasoning, the policy only its decision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import features
from loopbook.decisions import log, outbox
from loopbook.decisions.log import Decision
from loopbook.decisions.policies import Policy, rules_digest
from loopbook.decisions.replay import Budget, in_time_order
from loopbook.decisions.rules import REVIEW
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics import targets

Probabilities = Callable[[pd.DataFrame], NDArray[np.float64]]
"""The model: rows with the task's fields to probabilities, float [n]."""

Reviewer = Callable[[str], bool | None]
"""A person: a row's id to whether they would act, or None while they have not answered."""


class Episode(NamedTuple):
    """What an agent left behind: the decision log, not yet settled, and the outbox, not yet delivered."""

    log: pd.DataFrame
    outbox: pd.DataFrame


@dataclass(frozen=True)
class Agent:
    """An agent at work.

    Attributes
    ----------
    name
        The scenario's name.
    task
        Fields, label and actions.
    probabilities
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
    task: Task
    probabilities: Probabilities
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
        for field in self.task.fields:
            features.column(stream, field)
        ordered = stream.iloc[in_time_order(stream)]
        yield from (ordered.iloc[start : start + self.batch] for start in range(0, len(ordered), self.batch))

    def reason(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return the model's probability of each row, float [n]; the policy refuses what is none."""
        return targets.of_yes(self.probabilities(rows))

    def decide(self, rows: pd.DataFrame, probability: NDArray[np.float64], budget: Budget) -> Iterator[Decision]:
        """Yield a decision for each row, in their order; `budget` remembers who has been asked so far."""
        model, policy, rules = self.versions
        times: list[Any] = rows["time"].tolist() if "time" in rows.columns else [pd.NaT] * len(rows)
        proposals = self.policy.propose(rows, probability).itertuples(index=False)
        ids = rows["row_id"].astype(str)
        for row_id, time, p, proposal in zip(ids, times, probability.tolist(), proposals, strict=True):
            asked = budget.ask(bool(proposal.review))
            refused = bool(proposal.review) and not asked
            verdict = self.reviewer(row_id) if asked and self.reviewer is not None else None
            otherwise = self.task.actions[bool(proposal.act)]
            reasons = str(proposal.reasons)
            if refused:
                reasons += f" No person has time (at most {self.capacity:.0%} of decisions are reviewed): {otherwise}."
            action = otherwise
            if asked:
                action = REVIEW if verdict is None else self.task.actions[verdict]
                reasons += "" if verdict is None else f" The reviewer decided: {action}."
            yield Decision(
                decision_id=log.decision_id(row_id, (model, policy, rules)),
                row_id=row_id,
                time=None if pd.isna(time) else time.to_pydatetime(),
                probability=p,
                decision=REVIEW if asked else otherwise,
                action=action,
                rule=str(proposal.rule),
                rule_hits=str(proposal.rule_hits),
                reasons=reasons,
                reviewed=asked,
                review_refused=refused,
                verdict=verdict,
                model_version=model,
                policy_version=policy,
                rules_version=rules,
            )

    def act(self, decision: Decision, row: pd.Series) -> list[dict[str, str]]:
        """Return the messages that carry a decision out; delivering them is another operation."""
        fields = {
            name: _plain(row[f"{name}_source" if f"{name}_source" in row.index else name]) for name in self.task.fields
        }
        return outbox.messages(self.name, decision, fields, self.task)

    def run(self, stream: pd.DataFrame) -> Iterator[Decision]:
        """Yield the agent's decisions on a stream, in the order of time."""
        budget = Budget(self.capacity)
        for rows in self.perceive(stream):
            yield from self.decide(rows, self.reason(rows), budget)

    def execute(self, stream: pd.DataFrame) -> Episode:
        """Live through a stream: decide on every row, write the log and the outbox.

        Parameters
        ----------
        stream
            Rows with `row_id`, the task's fields and, if known, `time`. A label, if there is one, is not looked at.
        """
        decisions = list(self.run(stream))
        rows = {str(row["row_id"]): row for _, row in stream.iterrows()}
        found = [message for decision in decisions for message in self.act(decision, rows[decision.row_id])]
        return Episode(log.table(decisions, stream, self.task), outbox.table(found))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; missing ones are null."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
