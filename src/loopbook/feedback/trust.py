"""Trust in users: how reliable each is, and what is right where they or an outcome contradict."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from loopbook.data import relabelling
from loopbook.feedback import dawid_skene, rater_bias, sole_witness, turncoats, witnesses
from loopbook.feedback.dawid_skene import MALICIOUS
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings

_BY_CLASS = ["user", "class", "checked", "reliability", "low", "high", "instead", "flips"]


@dataclass(frozen=True, eq=False)
class Trust:
    """Whom to believe, and what follows.

    Attributes
    ----------
    users
        One row a user: `user`, `answers` (with a label), `checked` (rows where somebody else or an outcome speaks as
        well), `agreed` (expected number of these in which the user was right, or near enough), `reliability`, `low`,
        `high` (95% interval), `verdict` (trusted: right more often than wrong for certain; malicious: wrong more often,
        flips a class, or has turned, for certain; unproven). Of numbers also `bias` and `spread`. What was done against
        those who adapt: `turned` (where, see `slices`), `partners` (first name of the group that counts as one),
        `left_out` (answers that do not count: given too fast, or a partner's again), `earned` (checked
        and right), `alone` (accepted labels that rest on this user's word alone: all that one liar can have turned).
    labels
        One row for each row that users labelled: `row_id`, `label` (the most probable class, or the number),
        `confidence` (probability that it is right, or near enough), `votes` (of users who are not malicious), `against`
        (those of them who say otherwise), `outcome`, `conflict` (users, or users and outcome, contradict each other),
        `accepted`.
    by_class
        Of classes one row for each user and class: `user`, `class`, `checked`, `reliability`, `low`, `high`, `instead`
        (what the user names more often on rows of the class), `flips` (does so for certain). The least reliable first.
    also
        The same of each further output, by name.
    slices
        Each user's worst slice, as `turncoats.slices` returns them.
    waiting
        Labels that wait for a second witness, because a user has not earned them.
    """

    users: pd.DataFrame
    labels: pd.DataFrame
    by_class: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_BY_CLASS))
    also: Mapping[str, "Trust"] = field(default_factory=dict)
    slices: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*turncoats.COLUMNS]))
    waiting: int = 0

    @property
    def malicious(self) -> tuple[str, ...]:
        """The users whose answers are not believed."""
        return tuple(self.users.loc[self.users["verdict"] == MALICIOUS, "user"])

    @property
    def accepted(self) -> dict[str, Any]:
        """What is taken as right, by `row_id`."""
        taken = self.labels[self.labels["accepted"].astype(bool)]
        return dict(zip(taken["row_id"].astype(str), taken["label"].tolist(), strict=True))


@dataclass(frozen=True)
class Defence:
    """What is done against users who adapt.

    Attributes
    ----------
    segments
        Columns of the rows in whose values users are judged by themselves.
    most_an_hour
        Answers of a user in an hour that count.
    alone
        Labels that are taken over on one user's word alone, for each answer that an outcome has shown right.
    """

    segments: tuple[str, ...] = ()
    most_an_hour: int = 120
    alone: float = 10.0

    @classmethod
    def of(cls, scenario: Scenario, settings: FeedbackSettings) -> Self:
        """Return what a scenario and the settings of notebook 07 say."""
        return cls(scenario.segments, settings.most_an_hour, settings.alone)


def judge(
    answers: pd.DataFrame,
    outcomes: Mapping[str, Any],
    stream: pd.DataFrame | None = None,
    defence: Defence = Defence(),
) -> Trust:
    """Estimate each user's reliability and each row's label together.

    Users and rows explain each other: a user is reliable who agrees with probable labels, and a label is probable that
    reliable users give. Known outcomes are the anchor. What a malicious user says is set aside and not turned round:
    who is known to be turned round would only have to begin to tell the truth.

    Against those who adapt: answers beyond what a person can give in an hour do not count, nor do those that repeat
    what a partner has said (`witnesses`); who has turned of late, in a segment, or where nobody looks is malicious
    (`turncoats`); and on one user's word alone so many labels are taken over as the user has earned by checked ones.

    Parameters
    ----------
    answers
        As `corrections.read` and `users.simulate` return them; those without a label say nothing here. The type of
        their label decides: classes (`dawid_skene.estimate`) or numbers (`rater_bias.estimate`).
    outcomes
        What has become known, by `row_id`: 0 or 1, the name of a class, or a number.
    stream
        The rows; where an outcome has become known, so have the further outputs that they hold. Whoever is malicious
        about the label is not believed about these either.
    defence
        Against users who adapt.

    Returns
    -------
    Trust
        Users from the most to the least reliable; labels by row.
    """
    every = answers[answers["label"].notna()].reset_index(drop=True)
    number = is_float_dtype(every["label"].dtype)
    estimate = (rater_bias if number else dawid_skene).estimate
    timely = every[~witnesses.hasty(every, defence.most_an_hour)]
    before = estimate(timely, outcomes)[0]
    lying = before.loc[before["verdict"] == MALICIOUS, "user"]
    groups = {} if number else witnesses.dependent(timely, outcomes, tuple(lying))
    said = left = timely[~witnesses.repeated(timely, groups)]
    turned = pd.DataFrame(columns=[*turncoats.COLUMNS])
    while True:
        found = Trust(*estimate(left, outcomes))
        checked = turncoats.checks(left, found.users, outcomes)
        slices = turncoats.slices(checked, stream, defence.segments)
        new = slices[slices["turned"] & ~slices["user"].isin(found.malicious)]
        if new.empty:
            break
        turned = pd.concat([turned, new]) if len(turned) else new
        left = left[~left["user"].isin(new["user"])]
    users = _described(found.users, before, turned)
    users = _counted(users, every, said, groups)
    judged = replace(found, users=users, slices=pd.concat([turned, slices]) if len(turned) else slices)
    judged = _bounded(judged, left, checked, outcomes, defence.alone)
    return replace(judged, also=_further(judged, answers, outcomes, stream))


def _described(users: pd.DataFrame, before: pd.DataFrame, turned: pd.DataFrame) -> pd.DataFrame:
    """Return users with those who have turned, who are malicious, however right on the whole they were `before`."""
    where = turned.set_index("user")["where"]
    gone = before[before["user"].isin(where.index)].assign(verdict=MALICIOUS)
    table = pd.concat([users, gone], ignore_index=True) if len(gone) else users
    table = table.assign(turned=where.reindex(table["user"], fill_value="").astype("str").to_numpy())
    order = table.assign(bad=table["verdict"] == MALICIOUS, wrong=-table["reliability"])
    return table.loc[order.sort_values(["bad", "wrong", "user"]).index].reset_index(drop=True)


def _counted(users: pd.DataFrame, every: pd.DataFrame, said: pd.DataFrame, groups: Mapping[str, str]) -> pd.DataFrame:
    """Return users with the answers that do not count, and with whom each counts as one."""
    given, counted = (frame["user"].astype(str).value_counts() for frame in (every, said))
    return users.assign(
        left_out=(given - counted.reindex(given.index, fill_value=0)).reindex(users["user"]).to_numpy(),
        partners=pd.Series(groups, dtype="str").reindex(users["user"], fill_value="").to_numpy(),
    )


def _bounded(
    found: Trust, said: pd.DataFrame, checked: pd.DataFrame, outcomes: Mapping[str, Any], most: float
) -> Trust:
    """Return what is found with so many labels on one user's word alone as the user has earned."""
    whose = sole_witness.alone(found.labels, said[~said["user"].isin(found.malicious)], outcomes)
    credit = sole_witness.earned(checked, most)
    waits = sole_witness.beyond(whose, credit)
    accepted = found.labels["accepted"] & ~found.labels["row_id"].isin(waits)
    resting = whose[~whose.index.isin(waits)].value_counts()
    users = found.users.assign(
        earned=credit.reindex(found.users["user"], fill_value=0.0).to_numpy(),
        alone=resting.reindex(found.users["user"], fill_value=0).to_numpy(),
    )
    return replace(found, users=users, labels=found.labels.assign(accepted=accepted), waiting=len(waits))


def _further(
    found: Trust, answers: pd.DataFrame, outcomes: Mapping[str, Any], stream: pd.DataFrame | None
) -> dict[str, Trust]:
    """Return the same of further outputs; whoever is malicious about the label is not believed about these either."""
    also = {}
    for column in (name for name in answers.columns if name.startswith("label_")):
        believed = answers[answers[column].notna() & ~answers["user"].isin(found.malicious)]
        known = {} if stream is None else relabelling.arrived(stream, column, outcomes)
        estimated = dawid_skene.estimate(believed.assign(label=believed[column]), known)
        also[column.removeprefix("label_")] = Trust(*estimated)
    return also


def outcomes_of(log: pd.DataFrame, delay_days: int, replay_days: int) -> dict[str, Any]:
    """Return the outcomes that are known by the end of a decision log, by `row_id`.

    Parameters
    ----------
    log
        The decision log, with `row_id`, `time` and `label` (missing where nothing became known).
    delay_days
        Days until the outcome of a decision is known: the outcomes of the last days are not, whatever the log holds.
    replay_days
        Days for which a log without times stands.
    """
    if len(log) and log["time"].notna().all():
        arrived = (log["time"] <= log["time"].max() - pd.Timedelta(days=delay_days)).to_numpy(dtype=bool)
    else:
        arrived = np.arange(len(log)) < len(log) * (1 - delay_days / replay_days)
    known = log[arrived & log["label"].notna().to_numpy(dtype=bool)]
    return dict(zip(known["row_id"].astype(str), known["label"].tolist(), strict=True))
