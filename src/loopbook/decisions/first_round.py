"""Paired comparison of this round's champion with that of the first round, on rows that neither has learned from."""

from collections.abc import Mapping

import pandas as pd

from loopbook.decisions import paired_gains
from loopbook.decisions.paired_gains import COST, Gain
from loopbook.models.answers import Answers
from loopbook.models.seen_rows import Learner
from loopbook.models.shipping import serving
from loopbook.scenario.task import Task
from loopbook.store import champions
from loopbook.store.stage import Stage


def gains(stage: Stage, first: str | None, model: Learner, stream: pd.DataFrame, live: Answers) -> dict[str, Gain]:
    """Return how much better this round's champion answers the stream than the first round's, by measure.

    Parameters
    ----------
    stage
        Of notebook 05, with ``fresh`` from the round's snapshot.
    first
        Digest of the first round's champion, from the snapshot; None: this is the first round, both are one.
    model
        This round's champion.
    stream, live
        The rows, and this round's answers to them.
    """
    earlier = serving.load(champions.find(stage.project, first)) if first else model
    task = stage.scenario.task
    before = paired_gains.judged(earlier, stream, task, "the champion of the first round", stage.carry("fresh"))
    return paired_gains.gains(stream, before, live.judged, task, stage.settings.costs)


def table(gained: dict[str, Gain]) -> pd.DataFrame:
    """Return `gains` to show: a row a measure."""
    return pd.DataFrame({name: gain._asdict() for name, gain in gained.items()}).T


def figures(gained: Mapping[str, Gain], task: Task) -> dict[str, float]:
    """Return what the rounds have brought on the stream, as flat numbers to record."""
    primary, _ = paired_gains.measured(task)
    quality, cost = gained[primary.title], gained[COST]
    return {
        f"stream_{primary.name}": quality.challenger,
        f"stream_{primary.name}_first_round": quality.champion,
        "rounds_gain": quality.gain,
        "rounds_gain_low": quality.low,
        "rounds_gain_high": quality.high,
        "rounds_saving": cost.gain,
        "rounds_saving_low": cost.low,
        "rounds_saving_high": cost.high,
    }
