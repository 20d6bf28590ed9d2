"""Explanation of a stored decision: batched occlusion through the model that took it, within a time limit."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from loopbook.decisions import explanation
from loopbook.decisions.audit.entry import Stored
from loopbook.scenario.errors import LoopbookError
from loopbook.service.agent import Served
from loopbook.store import lookup
from loopbook.store.project import Project

_BATCH = 32  # variants of a row that the model is asked about at once: between two batches the clock is looked at
_KEPT = 2  # agents of earlier runs that stay loaded


class Explainer:
    """Explains decisions of the agent that is served, and of those before it as long as their runs are there."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._earlier: OrderedDict[tuple[str, str], Served] = OrderedDict()
        self._lock = threading.Lock()

    def explain(self, stored: Stored, served: Served, seconds: float) -> dict[str, Any]:
        """Return which words and fields moved what the model said.

        Parameters
        ----------
        stored
            The decision.
        served
            Who decides now.
        seconds
            After which no further part is looked at.

        Returns
        -------
        dict
            `parts`: `field`, `part`, `effect` and what it is an effect `of`, the strongest first; `sentence`: the same
            in words; `complete`: False if the time did not suffice for all parts.

        Raises
        ------
        LoopbookError
            If the payload was forgotten, or the run that decided is gone or not the same any more.
        """
        if stored.payload is None:
            raise LoopbookError(f"What decision {stored.id} was taken on was forgotten, so it cannot be explained.")
        who = self._who(stored.facts["versions"], served)
        effects = occluded(who, stored.payload, seconds)
        known = effects.dropna(subset=["effect"])
        sentences = explanation.sentences(known.assign(row_id="one"), who.scenario.task) if len(known) else {}
        return {
            "parts": known[["field", "part", "effect", "of"]].to_dict("records"),
            "sentence": sentences.get("one", "There was no time to look at any part."),
            "complete": len(known) == len(effects),
        }

    def _who(self, versions: Mapping[str, str], served: Served) -> Served:
        """Return the agent that took a decision."""
        name, challenger = versions["run"], versions.get("challenger", "")
        if name == served.versions["run"] and not challenger:
            return served
        with self._lock:
            found = self._earlier.pop((name, challenger), None) or Served.of(
                self._project, lookup.run(self._project, name), challenger
            )
            self._earlier[name, challenger] = found
            while len(self._earlier) > _KEPT:
                self._earlier.popitem(last=False)
        if found.versions["model"] != versions["model"]:
            raise LoopbookError(f"Run {name} holds another model than the one that decided.")
        return found


def occluded(served: Served, payload: Mapping[str, Any], seconds: float) -> pd.DataFrame:
    """Return the effects of the parts of one decision, as `explanation.occlusion`; not a number where time ran out."""
    rows = served.frame([payload])
    return explanation.occlusion(
        rows,
        lambda variants: served.agent.reason(variants).explained,
        served.scenario.task,
        served.usual,
        served.agent.plan.classes,
        batch=_BATCH,
        seconds=seconds,
    )
