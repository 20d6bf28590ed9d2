"""Proposals: what a round suggests to change, as plain values. They change nothing; `approval.next_snapshot` does."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from pydantic import Field, ValidationError

from loopbook.data.labels import in_words
from loopbook.feedback import complaint, user_experience
from loopbook.feedback.gate import Verdict
from loopbook.feedback.rule_search import FoundRule
from loopbook.feedback.trust import Trust
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.settings import Settings
from loopbook.scenario.task import Task
from loopbook.store.content import digest_json

Kind = Literal["labels", "outcomes", "champion", "threshold", "rule", "requirement"]


class Proposal(Settings):
    """One suggestion.

    Attributes are plain, so that it can be an artifact. `id` is made of kind and content: the same suggestion has the
    same id in every run. `safe` means: a batch loop may approve it by itself, because it is proven on data that it was
    not made from, or a fact, and can be taken back.
    """

    id: str = Field(pattern=r"^[a-z]+-[0-9a-f]{8}$")
    kind: Kind
    title: str
    reason: str
    evidence: dict[str, int | float | str | None] = Field(default_factory=dict)
    change: dict[str, Any] = Field(description="what the snapshot would take over")
    safe: bool
    caution: str = Field("", description="why it is not safe")


def make(
    kind: Kind, title: str, reason: str, evidence: Mapping[str, Any], change: Mapping[str, Any], caution: str = ""
) -> Proposal:
    """Return a proposal with its id; it is safe if there is nothing to caution against."""
    return Proposal(
        id=f"{kind}-{digest_json(change)[:8]}",
        kind=kind,
        title=title,
        reason=reason,
        evidence={name: _plain(value) for name, value in evidence.items()},
        change=dict(change),
        safe=not caution,
        caution=caution,
    )


def labels(
    trust: Trust, decisions: pd.DataFrame, contents: Mapping[str, str], scenario: Scenario, verdict: Verdict
) -> list[Proposal]:
    """Propose the labels that users have given and that are taken as right: agreed ones, and those that were disputed.

    `contents` are the rows' hashes, as ``relabelling.fingerprints`` returns them: each label belongs to one row.

    Disputed ones were resolved by trust; a person should look at them. If the challenger that learned from the labels
    is proven to be worse, none is safe: somebody may have flipped them.
    """
    log = decisions.set_index(decisions["row_id"].astype(str))
    suspicious = f"The challenger that learned from them is proven worse. {verdict.reason}" if verdict.worse else ""
    found = []
    kinds = (
        (False, "agreed", suspicious),
        (True, "disputed", suspicious or "Users, or users and an outcome, contradict each other."),
    )
    outputs = {"": trust, **trust.also}.items()
    for (output, said), (disputed, title, caution) in itertools.product(outputs, kinds):
        part = said.labels[said.labels["accepted"] & (said.labels["conflict"] == disputed)]
        if not len(part):
            continue
        rows = log.reindex(part["row_id"])
        if output:
            against = rows[output].astype(str).to_numpy() != part["label"].astype(str).to_numpy()
        else:
            against = complaint.kinds(rows, part["label"], scenario) != complaint.RIGHT
        corrected = int(against.sum())
        corrections = [
            {
                "row_id": str(row),
                "content": contents[str(row)],
                "label": label,
                "weight": round(float(2 * sure - 1), 4),
                "votes": int(votes),
                **({"output": output} if output else {}),
            }
            for row, label, sure, votes in zip(
                part["row_id"], part["label"].tolist(), part["confidence"], part["votes"], strict=True
            )
        ]
        ignored = len({*trust.malicious, *said.malicious})
        found.append(
            make(
                "labels",
                f"Take over {len(part):,} {title} labels of users{f' on {output}' if output else ''}",
                f"{corrected:,} of them contradict the agent's decision. Users are believed as far as they were right "
                f"where it could be checked; {ignored} of {len(trust.users)} users count as malicious: left out.",
                {"labels": len(part), "contradict the agent": corrected, "malicious users left out": ignored},
                {"corrections": corrections},
                caution,
            )
        )
    return found


def outcomes(
    known: Mapping[str, Any], decisions: pd.DataFrame, contents: Mapping[str, str], task: Task, verdict: Verdict
) -> list[Proposal]:
    """Propose to learn from what became of the decisions."""
    ids = decisions["row_id"].astype(str)
    settled = [{"row_id": row, "content": contents[row], "label": known[row]} for row in sorted(set(ids) & set(known))]
    if not settled:
        return []
    label = pd.Series([row["label"] for row in settled], dtype=decisions["label"].dtype)
    caution = f"The challenger that learned from them is proven worse. {verdict.reason}" if verdict.worse else ""
    return [
        make(
            "outcomes",
            f"Learn from {len(settled):,} outcomes of decisions",
            f"They have become known since: {in_words(label, task)}.",
            {"outcomes": len(settled)},
            {"outcomes": settled},
            caution,
        )
    ]


def champion(verdict: Verdict, challenger: str) -> list[Proposal]:
    """Propose to make the challenger, named by its content digest, the champion of record, if the gate says so."""
    if verdict.decision != "promote":
        return []
    evidence = {
        f"gain in {verdict.measure}": verdict.gain,
        "low": verdict.low,
        "high": verdict.high,
        "p": verdict.p,
        "saving a decision": verdict.saving,
        "rows": verdict.rows,
    }
    return [make("champion", "Promote the challenger", verdict.reason, evidence, {"champion": challenger})]


def threshold(monitored: Sequence[Mapping[str, Any]], now: float | None, others: Sequence[Proposal]) -> list[Proposal]:
    """Propose another threshold, if monitoring recommends one.

    Parameters
    ----------
    monitored
        What ``monitoring.remedies.compare`` returned, as the records that the artifact `monitor` holds.
    now
        The threshold in force; None: there is none, because several actions are weighed.
    others
        The proposals made so far. A threshold is fitted to the probabilities of the present model, and void with any
        other: with a new champion it is not proposed at all, and if labels or outcomes are, it is not safe, because
        the next round's model will have learned from them.
    """
    best = [row for row in monitored if row["recommended"] and row["threshold"] is not None]
    kinds = {other.kind for other in others}
    if now is None or not best or "champion" in kinds or not 0 <= float(best[0]["threshold"]) <= 1:
        return []
    row = best[0]
    value = round(float(row["threshold"]), 4)
    if abs(value - now) < 0.005:
        return []
    moves = kinds & {"labels", "outcomes"}
    caution = "It fits today's model alone: approved with labels or outcomes, which train another, it is void."
    return [
        make(
            "threshold",
            f"Act from a probability of {value:.3f} instead of {now:.3f}",
            f"Monitoring ({row['proposal']}) expects to save {row['saving']:.3f} a decision, from {row['low']:.3f} to "
            f"{row['high']:.3f}, judged on {int(row['rows']):,} outcomes by cross-validation.",
            {"saving a decision": row["saving"], "low": row["low"], "high": row["high"], "rows": row["rows"]},
            {"threshold": value},
            caution if moves else "",
        )
    ]


def rules(found: Sequence[FoundRule], currency: str) -> list[Proposal]:
    """Propose rules that `rule_search.search` found. A person should read a rule before it decides."""
    return [
        make(
            "rule",
            f"Rule: {rule.rule.action} where {rule.rule.when}",
            f"It would have changed {rule.changed} of {rule.rows} decisions under it and saved {rule.saving:.3f} "
            f"{currency} a decision over all ({rule.low:.3f} to {rule.high:.3f}), on rows that it was not found on. "
            f"Its action is right for {rule.precision:.0%} of them, {rule.lift:.1f} times as often as for all.",
            {
                "rows": rule.rows,
                "changed": rule.changed,
                "saving a decision": rule.saving,
                "low": rule.low,
                "high": rule.high,
                "precision": rule.precision,
                "lift": rule.lift,
            },
            {"rule": {"name": rule.name, "text": rule.rule.model_dump_json()}},
            "A rule decides without the model, for good: a person should read it.",
        )
        for rule in found
    ]


def requirements(by_segment: pd.DataFrame, comments: pd.DataFrame) -> list[Proposal]:
    """Propose changed requirements: a criterion for a segment with clearly more complaints, and what comments point at.

    Parameters
    ----------
    by_segment
        What `user_experience.by_segment` returned.
    comments
        What `user_experience.about` returned.
    """
    caution = "What the agent has to achieve is for people to decide."
    found = []
    for _, row in user_experience.worse(by_segment).iterrows():
        change = {
            "id": f"segment-{digest_json(row['segment'])[:8]}",
            "kind": "criterion",
            "segment": row["segment"],
            "text": f"Users call decisions on {row['segment']} wrong no more often than others.",
            "stage": "07_feedback",
            "metric": "worse_segments",
            "comparison": "==",
            "threshold": 0,
        }
        reason = (
            f"Users call {row['wrong']:.0%} of these decisions wrong ({row['low']:.0%} to {row['high']:.0%}), "
            f"elsewhere {row['elsewhere']:.0%}: {row['how']}."
        )
        evidence = {name: row[name] for name in ("answers", "wrong", "low", "high", "elsewhere", "p")}
        found.append(
            make("requirement", f"A criterion for {row['segment']}", reason, evidence, {"requirement": change}, caution)
        )
    for kind, part in comments[comments["kind"] != "right"].groupby("kind", sort=True):
        terms = part["term"].tolist()
        change = {
            "id": f"comments-{digest_json([kind, terms])[:8]}",
            "kind": "look into",
            "text": f"Users who complain of {kind} decisions speak of: {', '.join(terms)}.",
        }
        reason = (
            f"{int(part['texts'].max())} comments hold the commonest of these terms. One: {part['example'].iloc[0]}"
        )
        evidence = {"terms": len(terms), "z": float(part["z"].max())}
        found.append(
            make("requirement", f"Look into {kind} decisions", reason, evidence, {"requirement": change}, caution)
        )
    return found


def from_plain(values: Sequence[Mapping[str, Any]]) -> list[Proposal]:
    """Return the proposals of an artifact.

    Raises
    ------
    LoopbookError
        If they are no proposals.
    """
    try:
        return [Proposal.model_validate(dict(value)) for value in values]
    except ValidationError as error:
        raise LoopbookError(f"These are no proposals: {error}. Run notebook 07 again.") from error


def _plain(value: Any) -> int | float | str | None:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    return plain if plain is None or isinstance(plain, int | float | str) else str(plain)
