"""What a round comes to: everything that feedback, outcomes and the challenger's verdict give reason to propose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from loopbook.feedback import proposals, rule_search
from loopbook.feedback.gate import Verdict
from loopbook.feedback.proposals import Proposal
from loopbook.feedback.trust import Trust
from loopbook.scenario.contract import Scenario


def conclude(
    judged: Trust,
    verdict: Verdict,
    decisions: pd.DataFrame,
    outcomes: Mapping[str, int],
    contents: Mapping[str, str],
    scenario: Scenario,
    challenger: str,
    threshold: float,
    remedies: Sequence[Mapping[str, Any]],
    where: pd.DataFrame,
    about: pd.DataFrame,
) -> list[Proposal]:
    """Return all proposals of a round; they change nothing until somebody approves them.

    Parameters
    ----------
    judged, verdict
        Whom to believe, and what the promotion gate says of the challenger.
    decisions, outcomes
        The decision log, and the outcomes that have arrived, by row.
    contents
        A hash of each row, as ``relabelling.fingerprints`` returns it.
    scenario
        The agent: its task, costs and currency.
    challenger
        Content digest of the challenger.
    threshold
        From which probability is acted now.
    remedies
        Proposals of monitoring, as its artifact holds them.
    where, about
        What users say by segment, and what their comments are about.
    """
    task, labels = scenario.task, judged.labels[judged.labels["accepted"]]
    known = {**outcomes, **{str(row): int(label) for row, label in zip(labels["row_id"], labels["label"], strict=True)}}
    new = proposals.labels(judged, decisions, contents, task, verdict)
    new += proposals.outcomes(outcomes, decisions, contents, task, verdict)
    new += proposals.champion(verdict, challenger)
    new += proposals.threshold(remedies, threshold, new)
    found = rule_search.search(decisions, known, task, scenario.decisions.costs)
    return new + proposals.rules(found, scenario.currency) + proposals.requirements(where, about)
