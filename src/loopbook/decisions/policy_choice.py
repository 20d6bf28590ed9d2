"""Choose the agent's policy on validation, before the stream is seen."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.decisions.building import Plan, build
from loopbook.decisions.policy_costs import Judged
from loopbook.decisions.replay import Outcome, replay
from loopbook.models import answers
from loopbook.models.answers import Answers
from loopbook.scenario.errors import DataError
from loopbook.statistics.folds import grouped
from loopbook.statistics.intervals import Interval, saved

_FOLDS = 5  # at most; there are no more than groups


def cross_validated(
    plan: Plan,
    frame: pd.DataFrame,
    said: ArrayLike | Answers,
    *,
    resamples: int = 1_000,
) -> Judged:
    """Judge policies on the rows that they are built from, each row by policies built without its group.

    Parameters
    ----------
    plan
        What to build.
    frame
        Validation rows.
    said
        The model's answers, or its probabilities alone.
    resamples
        Of the bootstrap.

    Raises
    ------
    DataError
        If all rows are of one group.
    """
    said = answers.of(said, plan.classes)
    groups = frame["group"] if "group" in frame.columns else frame["row_id"]
    folds = min(_FOLDS, groups.nunique())
    if folds < 2:
        raise DataError(
            f"All {len(frame)} rows of validation are of one group, so no policy can be judged on rows of another: "
            "split by stratum (data.splits.by), or bring more groups."
        )
    fold = grouped(groups, folds, ordered=True)
    parts: dict[str, list[pd.DataFrame]] = {}
    for at in range(folds):
        kept, held = fold != at, fold == at
        for name, policy in build(plan, frame[kept], said[kept]).items():
            outcome = replay(policy, frame[held], said[held], plan)
            parts.setdefault(name, []).append(pd.DataFrame(vars(outcome), index=np.flatnonzero(held)))
    joined = {name: pd.concat(pieces).sort_index() for name, pieces in parts.items()}
    outcomes = {name: Outcome(*(table[column].to_numpy() for column in table)) for name, table in joined.items()}
    return Judged(outcomes, plan.truth(frame["label"]), plan.prices, groups.to_numpy(), resamples, 0)


class Choice(NamedTuple):
    """What validation says: the agent's policy, and the single threshold (or such) that it is held against."""

    policy: str
    single: str


def choose(plan: Plan, judged: Judged) -> Choice:
    """Choose by cost on validation: the cheapest eligible policy, and the best of `Plan.singles`."""
    return Choice(judged.best(plan.eligible), judged.best(plan.singles))


def sentence(
    choice: Choice,
    saving: tuple[Interval, str],
    asking: tuple[Interval, str, float] | None,
    currency: str,
    asked_for: bool,
    fresh: bool = True,
) -> str:
    """Return in words which policy the agent has, what it saves, and whether asking a person is worth it.

    Parameters
    ----------
    saving
        Of the policy against the cheapest trivial policy on the same rows, a decision, and which one that is.
    asking
        What `Judged.asking` returned; None: there is nobody to ask.
    asked_for
        Whether the scenario names the policy.
    fresh
        Whether nobody has lived through these rows before.
    """
    chosen = "The scenario asks for" if asked_for else "Validation chose"
    stale = (
        ""
        if fresh
        else (
            "**These rows are not fresh**: what was approved before this round was found on them, so every figure here "
            "flatters. Bring newer rows, or begin with more windows. "
        )
    )
    gained, over = saving
    told = (
        f"{stale}{chosen} **{choice.policy}**. Against “{over}”, the cheapest here without a model, it "
        f"{saved(gained, currency)}."
    )
    if asking is None:
        return told
    won, against, ratio = asking
    _, asked_low, asked_high = won
    asks = "is worth it" if asked_low > 0 else "is dearer" if asked_high < 0 else "saves nothing beyond chance"
    beside = (
        "is held against" if np.isnan(ratio) else f"costs {ratio:.2f} of"
    )  # of what costs nothing there is no share
    return (
        f"{told} Asking a person when in doubt {beside} “{against}”, the cheapest here without that: it "
        f"{saved(won, currency)}, so it {asks}."
    )
