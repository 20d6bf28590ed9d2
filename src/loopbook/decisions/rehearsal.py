"""Simulation of the agent at work: it decides the whole stream, and a simulated reviewer answers where it asks."""

from typing import NamedTuple

import pandas as pd

from loopbook.decisions import explanation, log
from loopbook.decisions.agent import Agent
from loopbook.decisions.building import Plan
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import simulated_verdicts
from loopbook.models.seen_rows import Learner
from loopbook.store.stage import Stage


class Rehearsal(NamedTuple):
    """The decision log with outcomes and reasons, the outbox, the scores, and what `log.summary` counts."""

    log: pd.DataFrame
    outbox: pd.DataFrame
    scores: pd.DataFrame
    figures: dict[str, float]


def run(stage: Stage, plan: Plan, model: Learner, policy: Policy, stream: pd.DataFrame) -> Rehearsal:
    """Decide every row of the stream in the order of time, settle what is known, and explain some decisions.

    Parameters
    ----------
    stage
        Of notebook 05: its scenario names the agent, its settings say how many are reviewed and explained. Typical
        values of its validation rows stand in for a field that is taken away.
    plan
        Task, classes and costs.
    model, policy
        What the agent reasons with and decides by.
    stream
        Rows with `row_id`, the task's fields, `label` and, if known, `time`.
    """
    verdicts = simulated_verdicts(stream, plan)
    agent = Agent(
        stage.scenario.name,
        plan,
        lambda rows: model.answer(rows).aligned(plan.classes),
        policy,
        stage.digest("champion"),
        stage.settings.review_capacity,
        lambda row_id: plan.actions[verdicts[row_id]],
    )
    episode = agent.execute(stream)
    decisions = log.settle(episode.log, stream[["row_id", "label"]], plan)
    decisions = explained(stage, plan, model, decisions)
    return Rehearsal(decisions, episode.outbox, episode.scores, log.summary(decisions, plan))


def explained(stage: Stage, plan: Plan, model: Learner, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return a log with some of the model's own decisions explained, as many as the stage's settings say."""
    own = decisions[decisions["model_version"] == stage.digest("champion")]
    chosen = own[explanation.to_explain(own, plan, stage.settings.explained)]
    usual = explanation.typical(stage.read("validation"), plan.task)
    effects = explanation.occlusion(
        chosen, lambda rows: model.answer(rows).aligned(plan.classes).explained, plan.task, usual, plan.classes
    )
    return log.explained(decisions, explanation.sentences(effects, plan.task))
