"""Proposals of a round: everything that feedback, outcomes and the challenger's verdict give reason to propose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from loopbook.data import relabelling
from loopbook.feedback import proposals, rule_search
from loopbook.feedback.challenger import Comparison
from loopbook.feedback.proposals import Proposal
from loopbook.feedback.trust import Trust
from loopbook.feedback.user_experience import Complaints
from loopbook.scenario.contract import Scenario


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known at the end of a round.

    Attributes
    ----------
    scenario
        The agent: its task, costs and currency.
    decisions, stream
        The decision log, and the rows that were decided.
    outcomes
        The outcomes that have arrived, by row.
    judged
        Whom to believe, and what follows for the labels.
    """

    scenario: Scenario
    decisions: pd.DataFrame
    stream: pd.DataFrame
    outcomes: Mapping[str, Any]
    judged: Trust


def conclude(
    facts: Facts, said: Complaints, compared: Comparison, monitor: Mapping[str, Any], threshold: float | None
) -> list[Proposal]:
    """Return all proposals of a round; they change nothing until somebody approves them.

    Parameters
    ----------
    facts
        What is known.
    said
        What users say by segment, and what their comments are about.
    compared
        What the promotion gate says of which challenger.
    monitor
        The artifact of monitoring, with the remedies that it offers.
    threshold
        Of two classes, from which probability is acted now.
    """
    scenario, decisions, judged, outcomes = facts.scenario, facts.decisions, facts.judged, facts.outcomes
    task, verdict = scenario.task, compared.verdict
    labels = judged.labels[judged.labels["accepted"]]
    known = {**outcomes, **dict(zip(labels["row_id"].astype(str), labels["label"].tolist(), strict=True))}
    contents = relabelling.fingerprints(facts.stream, task)
    new = proposals.labels(judged, decisions, contents, scenario, verdict)
    new += proposals.outcomes(outcomes, decisions, contents, task, verdict)
    new += proposals.champion(verdict, compared.challenger)
    new += proposals.threshold(monitor["proposals"], threshold, new)
    found = rule_search.search(decisions, known, scenario)
    return new + proposals.rules(found, scenario.currency) + proposals.requirements(said.by_segment, said.about)
