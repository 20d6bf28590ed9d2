"""The truth about a simulated world: what was injected, written down for later scoring."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from loopbook.simulation.events import Effect


@dataclass(frozen=True, eq=False)
class Truth:
    """What was injected into the posts of a window.

    Attributes
    ----------
    effects
        One row an effect: kind, first_day, last_day (counted from the world's first day, both included), company, topic
        (empty: all), parameters (JSON).
    reposts
        One row a repost: post_id, original (its post_id), form ("exact", "rt" or "edited").
    personal_data
        One row a piece of personal data: post_id, kind (mail, phone, card, iban, ip), value as it stands in the text.
    """

    effects: pd.DataFrame
    reposts: pd.DataFrame
    personal_data: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return the truth as plain values that JSON can hold."""
        effects = [
            {**row, "parameters": json.loads(row["parameters"])} for row in self.effects.to_dict(orient="records")
        ]
        return {
            "effects": effects,
            "reposts": self.reposts.to_dict(orient="records"),
            "personal_data": self.personal_data.to_dict(orient="records"),
        }


def effects_table(effects: Iterable[Effect]) -> pd.DataFrame:
    """Return effects as a table, one row each; the parameters as JSON, so that the table can be stored anywhere."""
    columns = ["kind", "first_day", "last_day", "company", "topic", "parameters"]
    rows = [
        (e.kind, e.first_day, e.last_day, e.company, e.topic, json.dumps(dict(e.parameters), sort_keys=True))
        for e in effects
    ]
    return pd.DataFrame(rows, columns=columns)
