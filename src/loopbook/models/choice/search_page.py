"""What notebook 04 and TensorBoard show of a search: slices of the loss by setting, and each setting's importance."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopbook.figures import plots
from loopbook.models.choice import search
from loopbook.models.training import hparams
from loopbook.store.sweep_records import Point

_KNOWN = ("candidate", "trial", "state", "epochs", "loss", "first", "score")


def settings(trials: pd.DataFrame) -> list[str]:
    """Return the names of the settings that were tried."""
    return [str(name) for name in trials if name not in _KNOWN]


def slices(trials: pd.DataFrame) -> Any:
    """Draw, for each setting that was varied, the loss of each trial by its value; how much it matters stands above.

    Parameters
    ----------
    trials
        As of `model_selection.Tuned`.

    Returns
    -------
    Figure or Markdown
        A sentence, if nothing was varied.
    """
    panels, shares = dict[str, tuple[Any, Any]](), dict[str, float]()
    for candidate, rows in trials.groupby("candidate", sort=False) if len(trials) else ():
        own = rows.dropna(axis="columns", how="all")
        found = search.importance(own, settings(own))
        for name, share in found.items():
            alone, named = len(found) == 1, f"{candidate}: {name}"
            shares |= {} if alone else {named: share}
            panels[named if alone else f"{named}, {share:.0%}"] = own[name], own["first"]
    if not panels:
        from IPython.display import Markdown

        return Markdown("Nothing was varied often enough for its effect to be seen: a search needs two trials or more.")
    most = max(shares, key=lambda name: shares[name], default=None)
    return plots.panels(
        panels,
        title=f"{most} explains {shares[most]:.0%} of what its trials' losses differ by"
        if most
        else f"The loss by the one setting that was varied: {', '.join(panels)}",
        y="validation loss at the first comparison",
        alt="Loss of each trial by the value of each setting, a panel a setting, with the share of the variance that "
        "the setting explains: " + "; ".join(panels) + ".",
    )


def write_events(folder: Path, trials: pd.DataFrame) -> Path:
    """Write the trials for TensorBoard's HParams and return the folder; no trial makes an empty experiment."""
    points, measured = [], {}
    for row in trials.to_dict("records"):
        name = f"{row['candidate']}-{row['trial']:03d}"
        values = {str(of): row[of] for of in settings(trials) if not pd.isna(row[of])}
        points.append(Point(name=name, values={"candidate": row["candidate"], **values}, given={}, status="good"))
        numbers = {of: float(row[of]) for of in ("score", "loss", "epochs")}
        measured[name] = {of: number for of, number in numbers.items() if np.isfinite(number)}
    return hparams.write(folder, points, measured)
