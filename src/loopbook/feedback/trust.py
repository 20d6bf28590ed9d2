"""Trust in users: how reliable each is, and what is right where they or an outcome contradict."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from loopbook.data import relabelling
from loopbook.feedback import dawid_skene, rater_bias
from loopbook.feedback.dawid_skene import MALICIOUS

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
        or flips a class, for certain; unproven). Of numbers also `bias` and `spread`.
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
    """

    users: pd.DataFrame
    labels: pd.DataFrame
    by_class: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_BY_CLASS))
    also: Mapping[str, "Trust"] = field(default_factory=dict)

    @property
    def malicious(self) -> tuple[str, ...]:
        """The users whose answers are not believed."""
        return tuple(self.users.loc[self.users["verdict"] == MALICIOUS, "user"])

    @property
    def accepted(self) -> dict[str, Any]:
        """What is taken as right, by `row_id`."""
        taken = self.labels[self.labels["accepted"].astype(bool)]
        return dict(zip(taken["row_id"].astype(str), taken["label"].tolist(), strict=True))


def judge(answers: pd.DataFrame, outcomes: Mapping[str, Any], stream: pd.DataFrame | None = None) -> Trust:
    """Estimate each user's reliability and each row's label together.

    Users and rows explain each other: a user is reliable who agrees with probable labels, and a label is probable that
    reliable users give. Known outcomes are the anchor. What a malicious user says is set aside and not turned round:
    who is known to be turned round would only have to begin to tell the truth.

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

    Returns
    -------
    Trust
        Users from the most to the least reliable; labels by row.
    """
    said = answers[answers["label"].notna()]
    number = is_float_dtype(said["label"].dtype)
    found = Trust(*(rater_bias if number else dawid_skene).estimate(said, outcomes))
    also = {}
    for column in (name for name in answers.columns if name.startswith("label_")):
        believed = answers[answers[column].notna() & ~answers["user"].isin(found.malicious)]
        known = {} if stream is None else relabelling.arrived(stream, column, outcomes)
        estimated = dawid_skene.estimate(believed.assign(label=believed[column]), known)
        also[column.removeprefix("label_")] = Trust(*estimated)
    return replace(found, also=also)


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
