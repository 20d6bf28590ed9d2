"""Simulation of the agent at work: it decides the whole stream, and a simulated reviewer answers where it asks."""

from typing import NamedTuple

import pandas as pd

from loopbook.decisions import explanation, log
from loopbook.decisions.agent import Agent
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import simulated_verdicts
from loopbook.models.seen_rows import Learner
from loopbook.store.stage import Stage


class Rehearsal(NamedTuple):
    """The decision log with outcomes and reasons, the outbox, and what `log.summary` counts."""

    log: pd.DataFrame
    outbox: pd.DataFrame
    figures: dict[str, float]


def run(stage: Stage, model: Learner, policy: Policy, stream: pd.DataFrame, usual: pd.DataFrame) -> Rehearsal:
    """Decide every row of the stream in the order of time, settle what is known, and explain some decisions.

    Parameters
    ----------
    stage
        Of notebook 05: its scenario names the agent, its settings say how many are reviewed and explained.
    model, policy
        What the agent reasons with and decides by.
    stream
        Rows with `row_id`, the task's fields, `label` and, if known, `time`.
    usual
        Rows whose typical values stand in for a field that is taken away (validation).
    """
    task, settings = stage.scenario.task, stage.settings
    answer = simulated_verdicts(stream, settings.costs.review_error).get
    name, version = stage.scenario.name, stage.digest("champion")
    agent = Agent(name, task, model.probabilities, policy, version, settings.review_capacity, answer)
    episode = agent.execute(stream)
    decisions = log.settle(episode.log, stream[["row_id", "label"]], settings.costs, task)
    chosen = decisions[explanation.to_explain(decisions, task, settings.explained)]
    effects = explanation.occlusion(chosen, model.probabilities, task, explanation.typical(usual, task))
    decisions = log.explained(decisions, explanation.sentences(effects, task))
    return Rehearsal(decisions, episode.outbox, log.summary(decisions, task))
