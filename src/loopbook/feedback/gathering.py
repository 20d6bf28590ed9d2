"""Gathering of answers: what people said in a file and to the service, and where nobody did, simulated users."""

import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from loopbook.data.parsing import Notation
from loopbook.decisions import served_lists
from loopbook.feedback import corrections, users
from loopbook.scenario.contract import Scenario
from loopbook.store.stage import Stage

SERVICE = "the service"
"""What stands in the column `source` of answers that were given to the service."""

Answers = tuple[pd.DataFrame, pd.DataFrame]
"""A table of answers, and of lines that are none, with their reasons."""


def gather(
    stage: Stage, decisions: pd.DataFrame, rows: pd.DataFrame, said: pd.DataFrame, shown: pd.DataFrame
) -> Answers:
    """Return what people said in the scenario's file and to the service, with simulated answers; and what was refused.

    Simulated users answer where the truth is known, and are silent where anybody has said something to the service or
    was served a list. Clicks on lists are outcomes, which 05 has settled; those that do not count are refused here.

    Parameters
    ----------
    stage
        Of notebook 07.
    decisions, rows
        The decision log, and the rows that were decided, with what is known of them.
    said
        Feedback of the sealed log; without rows if there is none.
    shown
        Its lists; without rows if none was served.
    """
    scenario, file = stage.scenario, stage.settings.file
    also = rows.set_index(rows["row_id"].astype(str))[[f"label_{name}" for name in scenario.task.also]]
    decisions = decisions.join(also, on="row_id")
    found = []
    if file is not None:
        today = datetime.now(UTC).date()
        found.append(corrections.read(stage.project.root / file, decisions, scenario, today))
    if len(shown):
        nothing = corrections.table([], decisions["label"].dtype, corrections.further(decisions, scenario.task))
        found.append((nothing, served_lists.refused(shown, stage.read("train"), scenario)))
    if len(said):
        found.append(served(said, decisions, scenario))
    elif not len(shown):
        simulated = users.simulate(decisions, truth(rows, scenario), scenario, stage.settings)
        found.append((simulated, pd.DataFrame(columns=list(corrections.BROKEN))))
    return corrections.merged(*(answers for answers, _ in found)), pd.concat([lost for _, lost in found])


def truth(stream: pd.DataFrame, scenario: Scenario) -> dict[str, Any]:
    """Return what is right for each row of the stream: the simulated world's state, or the label."""
    known = stream[scenario.source.truth or "label"].astype(stream["label"].dtype)
    said = known.notna().to_numpy(dtype=bool)
    return dict(zip(stream["row_id"][said].astype(str), known[said].tolist(), strict=True))


def served(said: pd.DataFrame, decisions: pd.DataFrame, scenario: Scenario) -> Answers:
    """Return what was said to the service, checked as a file is; its lines are the entries, in the order of time.

    What is said of a decision that is not in the log of decisions is refused with that reason. A review of a rehearsed
    decision counts for the row that it names; one without a label and a comment (skipped, or a number that was called
    right) says nothing to learn from.
    """
    rows = dict(zip(decisions["decision_id"], decisions["row_id"].astype(str), strict=True))
    known, lines, broken = set(rows.values()), [], []
    for line, (facts, payload, written) in enumerate(said[["facts", "payload", "written"]].itertuples(index=False), 1):
        told = json.loads(facts) | json.loads(payload or "{}")
        if "usage" in told or _skipped(told):
            continue
        row = rows.get(told["decision_id"]) or (told["row_id"] if told.get("row_id") in known else None)
        if row is None:
            broken.append((line, "other-decision", "about a decision that is left out of this run's log"))
            continue
        # A simulated world has another clock.
        told |= {"row_id": row, "time": "" if scenario.simulated else written.isoformat()}
        lines.append((line, {name: "" if value is None else str(value) for name, value in told.items()}))
    today = said["written"].max().date()
    answers, refused = corrections.checked(lines, broken, decisions, scenario, today, Notation())
    return answers.assign(source=SERVICE).astype({"source": "str"}), refused


def _skipped(told: dict[str, Any]) -> bool:
    """Say whether an entry is a review that names nothing."""
    named = "label" in told or told.get("comment") or any(name.startswith("label_") for name in told)
    return "review" in told and not named
