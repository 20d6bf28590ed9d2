"""Live checks: what an agent has decided since its run, held against the run's test split by the checks of 06."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import pandas as pd

from loopbook.decisions import served as stream
from loopbook.decisions.audit.entry import Stored
from loopbook.models.seen_rows import Learner
from loopbook.models.shipping import serving
from loopbook.monitoring import tested, timeline, watch
from loopbook.monitoring.watch import Watch
from loopbook.operations import sealing
from loopbook.service.agent import Served
from loopbook.store import snapshots
from loopbook.store.lookup import artifact, digest
from loopbook.store.sealed import SERVED

_SPLITS = ("train", "validation", "test", "gate")


class Checked(NamedTuple):
    """What a check has looked at, and what it saw; `decisions` of the champion, by their own time."""

    decisions: int
    first: datetime
    last: datetime
    seen: Watch


class _Reference(NamedTuple):
    """What decisions are held against: the shipped model, the test split and its scores, and what is known of rows."""

    model: Learner
    test: pd.DataFrame
    scores: pd.DataFrame
    known: stream.Known


def check(served: Served, found: Iterator[Stored]) -> Checked | None:
    """Run the checks of notebook 06 on decisions of the log.

    Left out are, as there, rows that the model knows, that were asked about before, or that another champion decided.

    Parameters
    ----------
    served
        Who is served.
    found
        Decisions and feedback, in the order of time.

    Returns
    -------
    Checked or None
        None if there are fewer decisions of this champion than ``decisions.served_least``.
    """
    scenario, champion = served.scenario, digest(served.run, "champion")
    settings = scenario.decisions
    sealed = sealing.extract(found, settings.served_days, scenario.service.review_twice)[SERVED]
    if len(sealed) < settings.served_least:
        return None
    model, test, said, known = _reference(served)
    table, scores = stream.laid_out(served.agent.plan, model, sealed, known, scenario)
    decisions = tested.watched(model, table, scenario.task, champion)
    if len(decisions) < settings.served_least:
        return None
    log = timeline.prepare(decisions, test, scenario, served.threshold, (scores, said))
    times = decisions["time"]
    return Checked(len(decisions), times.min().to_pydatetime(), times.max().to_pydatetime(), watch.watch(log))


@lru_cache(maxsize=1)
def _reference(served: Served) -> _Reference:
    project, run = served.project, served.run
    model = serving.load(artifact(project, run, "champion"))
    splits = {name: pd.read_parquet(artifact(project, run, name)) for name in (*_SPLITS, "stream")}
    columns = pd.DataFrame(columns=["row_id", *served.agent.plan.classes])
    test, said = tested.asked(model, splits["test"], columns, served.scenario.task)
    now = snapshots.current(project, served.scenario.name, served.profile)
    known = stream.Known(splits["stream"], [splits[name] for name in _SPLITS], [*now.outcomes, *now.corrections])
    return _Reference(model, test, said, known)
