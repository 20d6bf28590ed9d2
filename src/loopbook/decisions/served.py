"""Served stream: what the agent has decided as a service takes the place of its rehearsal, row by row as it was.

The sealed log is laid out as notebook 02 lays out its splits, so that what reads a stream reads this one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from loopbook.data import served_rows
from loopbook.decisions import log, outbox, rehearsal, served_lists
from loopbook.decisions.agent import Agent
from loopbook.decisions.building import Plan
from loopbook.decisions.log import Decision
from loopbook.decisions.policies import Policy
from loopbook.decisions.replay import simulated_verdicts
from loopbook.decisions.rules import REVIEW
from loopbook.decisions.served_lists import LEFT
from loopbook.figures.sentence import Sentence
from loopbook.models import seen_rows
from loopbook.models.seen_rows import Learner
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Number, Ranking
from loopbook.store.sealed import SERVED
from loopbook.store.stage import Stage

FORGOTTEN, STRANGE, REPEATED, NO_NEWS = (
    "forgotten",
    "of other classes or actions",
    "asked again",
    "known to the model or 02",
)
"""Why a decision is left out."""

REPLAYED = "replayed"
_VERSIONS = {"model_version": "model", "policy_version": "policy", "rules_version": "rules"}


class Stream(NamedTuple):
    """What the agent has lived through.

    Attributes
    ----------
    log, outbox, scores
        The decision log with outcomes and reasons, the messages, the probabilities.
    rows
        What was decided on, as 02 lays out a split; a label is missing where nobody knows it.
    versions
        The versions that decided: `model`, `policy`, `rules`, `from`, `to`, `decisions`, and `watched`: whether the
        model is this run's champion.
    told
        Whether it was served or replayed, from when to when and by how many versions, and what was left out.
    figures
        The same in numbers, and what `log.summary` counts.
    """

    log: pd.DataFrame
    outbox: pd.DataFrame
    scores: pd.DataFrame
    rows: pd.DataFrame
    versions: pd.DataFrame
    told: Sentence
    figures: dict[str, Any]

    @property
    def shown(self) -> list[Sentence | pd.DataFrame]:
        """What a page shows of it: the sentence, and the versions where several have decided."""
        return [self.told, *([self.versions] if len(self.versions) > 1 else [])]


class Known(NamedTuple):
    """What is known of rows beside the log.

    Attributes
    ----------
    stream
        The rows of 02 that the agent would rehearse on, with their labels.
    splits
        The splits that the model has learned from, or is judged by, train first: a decision on one of their rows is
        no news.
    approved
        Outcomes and corrections of the round's snapshot.
    items
        The artifact ``items``, of a ranking.
    """

    stream: pd.DataFrame
    splits: Sequence[pd.DataFrame]
    approved: Sequence[Mapping[str, Any]] = ()
    items: pd.DataFrame = pd.DataFrame({"item": []})


def decided(scenario: Scenario, plan: Plan, known: Known, rows: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions of the sealed log, on rows and place by place of the lists shown, in the order of time."""
    if not len(shown) or not isinstance(plan.task, Ranking):
        return rows
    left = served_lists.weighed(shown, known.splits[0], scenario)
    splits = pd.concat([*known.splits, known.stream], ignore_index=True)
    listed = served_lists.decisions(shown, left, plan, splits, known.items)
    both = pd.concat([part for part in (rows, listed) if len(part)], ignore_index=True)
    return both.sort_values(["time", "row_id", "written"], kind="stable", ignore_index=True)


def live(stage: Stage, plan: Plan, agent: tuple[Learner, Policy], sealed: pd.DataFrame, known: Known) -> Stream:
    """Return what the agent has decided as a service or, where that is too little, its rehearsal on the stream.

    A row counts once, the first time that it was asked about, and not at all if a split of 02 holds it or the model
    has learned from it. All versions of the agent count. If fewer than ``decisions.served_least`` decisions are those
    of this run's champion, there is too little to watch it by, and it rehearses.

    Parameters
    ----------
    stage
        Of notebook 05.
    plan
        Task, classes and costs.
    agent
        The model and the policy that it reasons with and decides by in this run.
    sealed
        Decisions of the sealed log; without rows if there are none.
    known
        What is known beside them.
    """
    model, policy = agent
    if not len(sealed):
        return _told(stage, known.stream, rehearsal.run(stage, plan, model, policy, known.stream), REPLAYED, "")
    rows, decided, left = _comparable(plan, model, sealed, known, stage.scenario)
    own, least = int((decided["model_version"] == stage.digest("champion")).sum()), stage.settings.served_least
    if own < least:
        few = f"As a service, this run's champion has decided {own:,} rows that can be held against it; {least:,} "
        few += "(`served_least`) would take the place of this replay."
        return _told(stage, known.stream, rehearsal.run(stage, plan, model, policy, known.stream), REPLAYED, few)
    decisions, table = _table(plan, decided, rows, stage.scenario)
    table = rehearsal.explained(stage, plan, model, table)
    acting = Agent(stage.scenario.name, plan, model.answer, policy, stage.digest("champion"))
    by_id = {str(row["row_id"]): row for _, row in rows.iterrows()}
    listed = served_lists.of_lists(decided)  # what stood there was shown when it was asked for
    unsent = [decision for decision, in_list in zip(decisions, listed, strict=True) if not in_list]
    messages = [message for decision in unsent for message in acting.act(decision, by_id[decision.row_id])]
    counted = log.summary(table, plan) | served_lists.figures(decided)
    lived = rehearsal.Rehearsal(table, outbox.table(messages), _scores(decided, plan), counted)
    aside = ", ".join(f"{count:,} {reason}" for reason, count in left.items() if count)
    parts = served_lists.told(decided, rows, plan.task), f"Left out: {aside}." if aside else ""
    return _told(stage, rows, lived, SERVED, " ".join(filter(None, parts)))


def laid_out(
    plan: Plan, model: Learner, sealed: pd.DataFrame, known: Known, scenario: Scenario
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return decisions of the log as 06 watches them, with what became of them, and the scores of each.

    The same rows are left out as by `live`.
    """
    rows, decided, _ = _comparable(plan, model, sealed, known, scenario)
    return _table(plan, decided, rows, scenario)[1], _scores(decided, plan)


def _table(
    plan: Plan, decided: pd.DataFrame, rows: pd.DataFrame, scenario: Scenario
) -> tuple[list[Decision], pd.DataFrame]:
    """Return decisions, and the table of them, settled where it is known what became of them."""
    decisions = _decisions(decided, rows, plan, scenario)
    table = log.table(decisions, rows, plan, _said(decided, plan))
    return decisions, log.settle(table, rows.loc[rows["label"].notna(), ["row_id", "label"]], plan)


def _comparable(
    plan: Plan, model: Learner, sealed: pd.DataFrame, known: Known, scenario: Scenario
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the rows and decisions that can be held against this run, and how many others there are, by reason."""
    choices, classes = {*plan.actions, REVIEW}, {*plan.classes}
    forgotten = sealed["row_id"].isna()
    chosen = sealed["decision"].isin(choices) & sealed["next_action"].isin(choices)
    aside = sealed[LEFT].fillna("") if LEFT in sealed else pd.Series("", sealed.index)
    strange = ~forgotten & ~(chosen & sealed["scores"].map(lambda told: {*json.loads(told)} <= classes))
    kept = sealed[~(forgotten | strange | (aside != ""))]
    once = ~_again(kept["row_id"], kept["written"])
    left = {FORGOTTEN: int(forgotten.sum()), STRANGE: int(strange.sum()), REPEATED: int((~once).sum())}
    left |= {str(why): int(count) for why, count in aside[(aside != "") & ~forgotten].value_counts().items()}
    kept = kept[once].reset_index(drop=True)
    rows = served_rows.laid_out(kept, known.stream, scenario)
    if "label" in kept:  # clicks, where they were reported
        rows["label"] = rows["label"].astype("Int8").fillna(kept["label"].astype("Int8"))
    rows = served_rows.approved(rows, known.approved, plan.task)
    hashes = pd.Series(seen_rows.hashes(model.features, rows))
    held = [seen_rows.hashes(model.features, split) for split in known.splits]
    held += [] if model.learned is None else [model.learned]  # a challenger has learned from served rows too
    no_news = hashes.isin(np.concatenate(held))
    again = _again(hashes, kept["written"]) & ~no_news
    left |= {REPEATED: left[REPEATED] + int(again.sum()), NO_NEWS: int(no_news.sum())}
    fresh = ~(again | no_news).to_numpy()
    return rows[fresh].reset_index(drop=True), kept[fresh].reset_index(drop=True), left


def _again(values: "pd.Series[Any]", written: "pd.Series[Any]") -> "pd.Series[bool]":
    """Return where a value was written down before, whatever time its caller gave it."""
    return values.loc[written.sort_values(kind="stable").index].duplicated().sort_index()


def _decisions(decided: pd.DataFrame, rows: pd.DataFrame, plan: Plan, scenario: Scenario) -> list[Decision]:
    """Return decisions as they were taken; in a simulated world a simulated reviewer has answered where one was asked.

    A real reviewer answers in the log, or has not answered yet.
    """
    plain = decided[log.COLUMNS].astype(object).where(decided[log.COLUMNS].notna(), None)
    found = [Decision(*values) for values in plain.itertuples(index=False)]
    verdicts = simulated_verdicts(rows[rows["label"].notna()], plan) if scenario.simulated else {}
    return [
        decision.answered(plan.actions[verdicts[decision.row_id]])
        if decision.action == REVIEW and decision.row_id in verdicts
        else decision
        for decision in found
    ]


def _said(decided: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return what else the model answered, in the columns of `Answers.columns`."""
    also = [json.loads(told) for told in decided["also"]]
    found: dict[str, Any] = {}
    for name in plan.task.also:
        mine = [told.get(name) or {} for told in also]
        found[name] = [told.get("label") for told in mine]
        found[f"{name}_probability"] = [told.get("probability") for told in mine]
    if isinstance(plan.task, Number):
        found["value"] = decided["value"].astype("float64")
    return pd.DataFrame(found, index=decided.index)


def _scores(decided: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the probability of each class that the plan knows; 0 of one that a version did not know."""
    scores = pd.DataFrame([json.loads(told) for told in decided["scores"]], columns=list(plan.classes))
    scores = scores.astype("float64").fillna(0.0)
    scores.insert(0, "row_id", decided["row_id"].astype("str"))
    return scores


def _told(stage: Stage, rows: pd.DataFrame, lived: rehearsal.Rehearsal, kind: str, aside: str) -> Stream:
    """Return what was lived through, and say what it was."""
    table, times = lived.log, lived.log["time"].dropna()
    grouped = table.groupby(list(_VERSIONS), sort=False)
    versions = grouped.agg(first=("time", "min"), last=("time", "max"), decisions=("row_id", "size")).reset_index()
    versions = versions.rename(columns={**_VERSIONS, "first": "from", "last": "to"})
    versions["watched"] = versions["model"] == stage.digest("champion")
    versions = versions.assign(**{name: versions[name].str[:12] for name in _VERSIONS.values()})
    watched = int(versions.loc[versions["watched"], "decisions"].sum())
    parts = [f"**{kind.capitalize()}**: {len(table):,} decisions"]
    if len(times):
        parts.append(f"from {times.min():%Y-%m-%d %H:%M} to {times.max():%Y-%m-%d %H:%M} UTC")
    parts.append(f"by {len(versions)} version{'' if len(versions) == 1 else 's'} of the agent.")
    if watched < len(table):
        parts.append(f"Notebook 06 watches the {watched:,} of this run's champion, whose test it knows.")
    figures = {
        "stream": kind,
        "stream_from": times.min().isoformat() if len(times) else None,
        "stream_to": times.max().isoformat() if len(times) else None,
        "stream_versions": len(versions),
        "stream_watched": watched,
    }
    return Stream(*lived[:3], rows, versions, Sentence(" ".join([*parts, aside]).strip()), figures | lived.figures)
