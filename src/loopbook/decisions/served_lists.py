"""Served lists: each place of a list that a service has shown is a decision on a row, as the sealed log has them."""

import json
from typing import Any

import pandas as pd

from loopbook.data import features, interactions
from loopbook.decisions import click_fraud
from loopbook.decisions.building import Plan
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import HISTORY, RANKED, Ranking, Task
from loopbook.statistics import examination
from loopbook.statistics.targets import by_class

LEFT = "left"
"""Column of the sealed log that says why a decision does not count; empty or missing for one that does."""

_AS_LOGGED = {
    **{"relevance": "probability", "rules": "rule_hits", "reason": "reasons"},
    **{"model": "model_version", "policy": "policy_version", "rules_version": "rules_version"},
}


def weighed(shown: pd.DataFrame, train: pd.DataFrame, scenario: Scenario) -> "pd.Series[str]":
    """Return why places do not count (`click_fraud.why`), by how often places are looked at in train."""
    return click_fraud.why(shown, examination.known(train), scenario.feedback.most_an_hour)


def refused(shown: pd.DataFrame, train: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return places with a report of clicks that do not count, as lines that are no answer: `line, reason, detail`."""
    left = weighed(shown, train, scenario)[shown["label"].notna()]
    left = left[left != ""]
    detail = "list " + shown["shown"][left.index]  # the log knows whose
    return pd.DataFrame({"line": left.index + 1, "reason": left, "detail": detail}).reset_index(drop=True)


def decisions(
    shown: pd.DataFrame, left: "pd.Series[str]", plan: Plan, rows: pd.DataFrame, items: pd.DataFrame
) -> pd.DataFrame:
    """Return places of lists as decisions of the sealed log, with `label`, `shown` and `LEFT`.

    Parameters
    ----------
    shown
        Sealed lists, `list_log.LINE`.
    left
        Why each place does not count.
    rows
        Of all splits: what users took until the run was made, and what is known of them.
    items
        The artifact ``items``. What neither it, nor the user's rows, nor history tells of a row is missing there.
    """
    task = plan.task
    assert isinstance(task, Ranking), "only a ranking has lists"
    p = shown["relevance"].to_numpy("float64")
    expected = plan.prices.expected(by_class(p))
    leave, show = plan.actions
    about = _known(shown, left, rows, items, task).astype(object)
    told = about.where(about.notna(), None).to_dict("records")
    more: dict[str, Any] = {
        **{"decision_id": shown["row_id"], "row_id": shown["row_id"].mask(shown["query"].isna()), LEFT: left},
        **{"time": shown["written"], "answer": [plan.classes[int(one >= 0.5)] for one in p]},
        **{"decision": show, "action": show, "rule": "", "reviewed": False, "review_refused": False, "verdict": None},
        **{"expected_cost": expected[:, 1], "next_action": leave, "next_cost": expected[:, 0], "value": None},
        **{"also": "{}", "versions": "{}", "attributes": [json.dumps(row) for row in told]},
        "scores": [json.dumps(dict(zip(plan.classes, (1 - one, one), strict=True))) for one in p],
        "fields": [json.dumps({name: row.get(name) for name in task.fields}) for row in told],
    }
    return shown[["written", "label", "shown", *_AS_LOGGED]].rename(columns=_AS_LOGGED).assign(**more)


def of_lists(decided: pd.DataFrame) -> "pd.Series[bool]":
    """Return which decisions are places of lists."""
    return decided["shown"].notna() if "shown" in decided else pd.Series(False, decided.index)


def figures(decided: pd.DataFrame) -> dict[str, int]:
    """Return flat numbers of lists among decisions: how many, reported on, clicks; perhaps none."""
    own = decided[of_lists(decided)]
    said = own[own["label"].notna()] if len(own) else own
    if not len(own):
        return {}
    counts = {"served_lists": own["shown"].nunique(), "served_lists_reported": said["shown"].nunique()}
    return counts | {"served_clicks": int(said["label"].sum())}


def told(decided: pd.DataFrame, rows: pd.DataFrame, task: Task) -> str:
    """Say how many decisions are places of lists, and which fields nobody knows of them."""
    counts, own = figures(decided), rows[of_lists(decided).to_numpy()]
    if not counts:
        return ""
    missing = [name for name in task.fields if features.column(own, name).replace("", pd.NA).isna().all()]
    unknown = f" Nobody knows {', '.join(missing)} of them: missing." if missing else ""
    return (
        f"{len(own):,} of them are places of {counts['served_lists']:,} lists; of {counts['served_lists_reported']:,} "
        f"it was said what was clicked ({counts['served_clicks']:,}), which alone is an outcome.{unknown}"
    )


def _known(
    shown: pd.DataFrame, left: "pd.Series[str]", rows: pd.DataFrame, items: pd.DataFrame, task: Ranking
) -> pd.DataFrame:
    """Return what is known of each place when it was shown, in the columns of a split."""
    of_item = items.drop_duplicates("item").set_index("item")
    joined = {f"items_{name}": of_item[name] for name in of_item if f"items_{name}" in rows}
    of_item = of_item.assign(**joined).reindex(shown["item"]).set_axis(shown.index)
    of_user = _users(rows.drop(columns=[*RANKED, *of_item], errors="ignore").assign(query=rows["query"]))
    of_user = of_user.reindex(shown["query"]).set_axis(shown.index)
    asked = shown[["query", "item"]].assign(time=shown["written"])
    clicked = (shown["label"].eq(1) & (left == "")).fillna(False).astype(bool)
    taken = pd.concat([rows.loc[rows["label"] == 1, list(asked)], asked[clicked]])
    past = interactions.history(asked, taken)[[name for name in HISTORY if name in task.fields]]
    own = {str(name): shown[key] for key in RANKED if (name := getattr(task, key))}
    return pd.concat([of_item, of_user], axis=1).assign(**past, **own, weight=1.0)


def _users(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that differ between users and never within one's rows: index ``query``."""
    latest = rows.drop_duplicates("query", keep="last").set_index("query")
    several = rows[rows["query"].duplicated(keep=False)]
    own = latest.loc[several["query"]].set_index(several.index)
    same = {name: (several[name] == own[name]) | (several[name].isna() & own[name].isna()) for name in latest}
    return latest[[name for name in latest if len(several) and same[name].all() and latest[name].nunique() > 1]]
