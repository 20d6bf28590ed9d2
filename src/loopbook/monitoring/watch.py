"""The whole watch: every check in its order, and what comes of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from loopbook.monitoring import (
    alerts,
    confusion_drift,
    damage,
    drift,
    fairness,
    meaning,
    narrowing,
    new_classes,
    performance,
    surges,
    unknown_words,
    volume,
    waves,
)
from loopbook.monitoring.alerts import Incident
from loopbook.monitoring.timeline import Log, Mask


@dataclass(frozen=True, eq=False)
class Watch:
    """What the watch saw.

    Attributes
    ----------
    log
        Everything, surges included.
    signals
        The rows with an alarm, of all checks.
    incidents
        What belongs together.
    alerts
        One row an incident (``damage.table``).
    surge_rows
        Rows of stream and reference that belong to surges.
    """

    log: Log
    signals: pd.DataFrame
    incidents: tuple[Incident, ...]
    alerts: pd.DataFrame
    surge_rows: tuple[Mask, Mask]


def watch(log: Log, earlier: Iterable[str] | None = None) -> Watch:
    """Run every check that the log allows, and put the signals together.

    Surges come first: what they explain is taken out of the other checks.

    Parameters
    ----------
    log
        From ``timeline.prepare``.
    earlier
        Texts older than the log, whose words are known (``vocabulary.watch``).
    """
    found = surges.watch(log)
    rest = log.without(found.rows, found.reference_rows)
    checks = [
        found.signals,
        waves.watch(log, found.signals),
        volume.watch(rest),
        unknown_words.watch(rest, earlier),
        drift.flagged(rest),
        drift.score(rest),
        drift.classes(rest),
        drift.fields(rest),
        performance.outcomes(rest),
        new_classes.watch(log),
        performance.calibration(rest),
        performance.residual(rest),
        performance.ranking(rest),
        confusion_drift.watch(rest),
        meaning.watch(rest),
        fairness.watch(rest),
        narrowing.watch(log),
    ]
    raised, together = alerts.incidents(rest, checks)
    taken = (found.rows, found.reference_rows)
    table = damage.table(log, raised, together, taken)
    return Watch(log, raised, tuple(together), table, taken)


def figures(seen: Watch, offered: pd.DataFrame) -> dict[str, Any]:
    """Return the flat numbers to record of a watch and of the remedies that `remedies.compare` offers."""
    return {
        "days": seen.log.stream.days,
        "signals": len(seen.signals),
        "alerts": len(seen.alerts),
        fairness.name(seen.log): fairness.gap(seen.log),
        "best_proposal": offered["proposal"].iloc[0] if len(offered) else None,
        "best_saving": offered["saving_30_days"].iloc[0] if len(offered) else None,
    }


def summary(seen: Watch, quality: pd.DataFrame, remedies: pd.DataFrame) -> dict[str, Any]:
    """Return what the watch saw as plain values for JSON: counts, quality by day, proposals; None for what is unknown.

    Parameters
    ----------
    quality
        From ``performance.quality``.
    remedies
        From `remedies.compare`.
    """
    tables = {"quality": quality, "proposals": remedies}
    plain = {name: json.loads(table.to_json(orient="records")) for name, table in tables.items()}
    return {"signals": len(seen.signals), "alerts": len(seen.alerts), **plain}
