"""The dataset card: what the data is, where it comes from, what is in it, and what a reader should know of it."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from loopbook.data.features import column, tokenize
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import YesNo
from loopbook.statistics import bands
from loopbook.statistics.intervals import Z

_TOP = 10  # most frequent values of a category
_FEW = 1_000  # rows below which one split misleads

Finding = tuple[object, str, str, str]
"""Whether it holds, its kind, its severity, and what it says."""


def dataset_card(
    splits: dict[str, pd.DataFrame],
    quarantine: pd.DataFrame,
    origin: dict[str, Any],
    scenario: Scenario,
    personal: pd.DataFrame | None = None,
    dates: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the card of the data behind the splits.

    Parameters
    ----------
    splits
        The five splits.
    quarantine
        All rows that were put aside, by validation and by cleaning.
    origin
        address, licence, citation, sha256, rows, as collected.
    scenario
        The agent.
    personal
        What `cleaning.mask` found; None: nobody looked.
    dates
        Where the splits end, if they are by time; see `splitting.boundaries`.

    Returns
    -------
    dict
        Plain values for JSON: title, simulated, origin, rows, splits, boundaries, time, classes, fields, groups,
        quarantine, personal, protected, findings (a list of kind, text, severity: note, warning or serious).
    """
    rows = pd.concat(splits.values(), ignore_index=True)
    label = rows["label"]
    card: dict[str, Any] = {
        "title": scenario.title,
        "simulated": scenario.simulated,
        "origin": dict(origin),
        "rows": {"source": int(origin["rows"]), "used": len(rows), "quarantine": len(quarantine)},
        "splits": {
            name: {"rows": len(frame), "share_yes": float(frame["label"].mean()), **_span(frame)}
            for name, frame in splits.items()
        },
        "boundaries": list(dates),
        "time": _span(rows),
        "classes": {
            name: {"rows": int((label == value).sum()), "share": float((label == value).mean())}
            for value, name in enumerate(scenario.task.label.classes)
        },
        "fields": {name: _field(column(rows, name), kind) for name, kind in scenario.task.fields.items()},
        "groups": {
            "column": scenario.source.group,
            "count": int(rows["group"].nunique()),
            "largest": int(rows["group"].value_counts().iloc[0]),
        },
        "uncertain": {"rows": int((rows["weight"] < 1).sum()), "weight": float(rows["weight"].sum())},
        "quarantine": {str(reason): int(count) for reason, count in quarantine["reason"].value_counts().items()},
        "personal": [] if personal is None else json.loads(personal.to_json(orient="records")),
        "protected": {name: _shares(rows, name) for name in scenario.source.protected},
    }
    card["findings"] = _findings(card, rows, scenario)
    return card


def _span(frame: pd.DataFrame) -> dict[str, str | None]:
    first, last = frame["time"].min(), frame["time"].max()
    known = pd.notna(first)
    return {"first": first.isoformat() if known else None, "last": last.isoformat() if known else None}


def _field(values: "pd.Series[Any]", kind: str) -> dict[str, Any]:
    if kind == "number":
        known = values.dropna().astype(float)
        levels = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}
        return {
            "type": kind,
            "missing": int(values.isna().sum()),
            "mean": float(known.mean()) if len(known) else None,
            "std": float(known.std(ddof=0)) if len(known) else None,
            **{name: float(known.quantile(level)) if len(known) else None for name, level in levels.items()},
        }
    empty = int((values == "").sum())
    if kind == "category":
        counts = values.value_counts()
        top = {str(value): int(count) for value, count in counts.head(_TOP).items()}
        return {"type": kind, "missing": empty, "levels": len(counts), "top": top}
    lengths = values.map(lambda text: len(tokenize(text)))
    return {
        "type": kind,
        "missing": empty,
        "tokens": {
            name: float(lengths.quantile(level)) for name, level in (("median", 0.5), ("p95", 0.95), ("max", 1))
        },
        "characters": float(values.str.len().mean()),
        "distinct": int(values.nunique()),
    }


def _chance(rows: pd.DataFrame, splits: Mapping[str, Mapping[str, Any]]) -> float:
    """Return by how much the shares of yes in the first and the last split differ by chance in one case of twenty."""
    share, sizes = float(rows["label"].mean()), [split["rows"] for split in splits.values()]
    return Z * math.sqrt(share * (1 - share) * (1 / max(1, sizes[0]) + 1 / max(1, sizes[-1])))


def _shares(rows: pd.DataFrame, name: str) -> dict[str, dict[str, float]]:
    values = column(rows, name).astype(str)
    by_value = rows.groupby(bands.groups(values, values))["label"].agg(["size", "mean"])
    return {
        str(value): {"rows": int(row["size"]), "share_yes": float(row["mean"])} for value, row in by_value.iterrows()
    }


def _findings(card: dict[str, Any], rows: pd.DataFrame, scenario: Scenario) -> list[dict[str, str]]:
    """Return what somebody who writes requirements for this data should know."""
    label, longest, fields = scenario.task.label, scenario.data.sequence_length, card["fields"].items()
    caution = card["origin"].get("caution")
    rare = min(label.classes, key=lambda name: card["classes"][name]["share"])
    share = card["classes"][rare]["share"]
    source, aside = card["rows"]["source"], card["rows"]["quarantine"]
    reason = max(card["quarantine"], key=card["quarantine"].__getitem__, default="")
    contradictions = card["quarantine"].get("duplicate-text-other-label", 0)
    uncertain = card["uncertain"]["rows"]
    why = "are labelled by users who are not wholly certain"
    if isinstance(label, YesNo) and label.below is not None:
        why = f"lie near the limit {label.below:g} of {label.column}"
    rates = [split["share_yes"] for split in card["splits"].values()]
    moved = scenario.data.splits.by == "time" and abs(rates[-1] - rates[0]) > max(0.05, _chance(rows, card["splits"]))
    found: list[Finding] = [
        (caution, "caution", "serious", f"{caution}"),
        (
            len(rows) < _FEW,
            "few-rows",
            "warning",
            f"There are only {len(rows):,} rows, {card['splits']['test']['rows']:,} of them in the test: one split "
            "says little, repeated cross-validation more (optimization.cv_repeats).",
        ),
        (
            share < 0.2,
            "imbalance",
            "warning",
            f"Only {share:.1%} of the rows are {rare!r}: always saying the other is {1 - share:.1%} right.",
        ),
        (
            aside,
            "quarantine",
            "serious" if aside > 0.1 * source else "note",
            f"{aside:,} of {source:,} rows are in quarantine, most for {reason} "
            f"({card['quarantine'].get(reason, 0):,}).",
        ),
        (
            contradictions,
            "label-noise",
            "warning",
            f"{contradictions:,} repeated texts were labelled differently: labels have noise.",
        ),
        (
            uncertain,
            "label-noise",
            "note",
            f"{uncertain:,} rows ({uncertain / len(rows):.0%}) {why} and weigh less than 1.",
        ),
        *(
            (
                field["missing"] > 0.05 * len(rows),
                "missing",
                "warning",
                f"{name} is missing in {field['missing'] / len(rows):.0%} of the rows.",
            )
            for name, field in fields
        ),
        *(
            (
                field["tokens"]["p95"] > longest,
                "truncation",
                "note",
                f"One text in twenty of {name} has more than {field['tokens']['p95']:.0f} tokens; "
                f"models read the first {longest}.",
            )
            for name, field in fields
            if field["type"] == "text"
        ),
        *_personal(card["personal"], scenario.data.mask_personal_data),
        (
            moved,
            "drift",
            "warning",
            f"{label.classes[1]!r} is {rates[0]:.1%} of train and {rates[-1]:.1%} of the stream after it.",
        ),
        *(_fairness(name, values, label.classes[1]) for name, values in card["protected"].items()),
        (
            card["origin"]["licence"] == "not stated",
            "licence",
            "note",
            "The scenario does not say under which licence the data may be used.",
        ),
    ]
    return [{"kind": kind, "severity": severity, "text": text} for holds, kind, severity, text in found if holds]


def _personal(personal: list[dict[str, Any]], masked: bool) -> list[Finding]:
    keys = {"row_id": "id", "group": "group"}
    inside = [found for found in personal if found["column"] not in keys]
    total, where = sum(found["findings"] for found in inside), sorted({found["column"] for found in inside})
    text = f"Personal data in {', '.join(where)}, found {total:,} times, is {'masked' if masked else 'not masked'}."
    return [
        (inside, "personal-data", "note" if masked else "serious", text),
        *(
            (
                True,
                "personal-data",
                "serious",
                f"The {keys[found['column']]} column holds personal data ({found['kind']}, {found['rows']:,} rows): "
                "name it in source.personal, so that a pseudonym stands for it.",
            )
            for found in personal
            if found["column"] in keys
        ),
    ]


def _fairness(name: str, values: dict[str, Any], positive: str) -> Finding:
    """Compare the share of *yes* between the values of a protected column that have enough rows."""
    yes = {value: part["share_yes"] for value, part in values.items() if part["rows"] >= 50} or {"": 0.0}
    low, high = min(yes, key=yes.__getitem__), max(yes, key=yes.__getitem__)
    text = f"{positive!r} is {yes[high]:.1%} where {name} is {high} and {yes[low]:.1%} where {low}."
    return yes[high] - yes[low] > 0.05, "fairness", "note", text
