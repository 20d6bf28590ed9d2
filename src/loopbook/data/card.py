"""The dataset card: what the data is, where it comes from, what is in it, and what a reader should know of it."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from loopbook.data.features import column, tokenize
from loopbook.scenario.contract import Scenario

_TOP = 10  # most frequent values of a category
_FEW = 1_000  # rows below which one split misleads


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
    card: dict[str, Any] = {
        "title": scenario.title,
        "simulated": scenario.simulated,
        "origin": dict(origin),
        "rows": {"source": int(origin["rows"]), "used": len(rows), "quarantine": len(quarantine)},
        "splits": {name: _split(frame, scenario) for name, frame in splits.items()},
        "boundaries": list(dates),
        "time": _span(rows),
        "classes": _classes(rows["label"], scenario),
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


def _split(frame: pd.DataFrame, scenario: Scenario) -> dict[str, Any]:
    return {"rows": len(frame), "share_yes": float(frame["label"].mean()), **_span(frame)}


def _span(frame: pd.DataFrame) -> dict[str, str | None]:
    first, last = frame["time"].min(), frame["time"].max()
    known = pd.notna(first)
    return {"first": first.isoformat() if known else None, "last": last.isoformat() if known else None}


def _classes(label: "pd.Series[int]", scenario: Scenario) -> dict[str, dict[str, float]]:
    return {
        name: {"rows": int((label == value).sum()), "share": float((label == value).mean())}
        for value, name in enumerate(scenario.task.label.names)
    }


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


def _shares(rows: pd.DataFrame, name: str) -> dict[str, dict[str, float]]:
    by_value = rows.groupby(column(rows, name).astype(str))["label"].agg(["size", "mean"])
    return {
        str(value): {"rows": int(row["size"]), "share_yes": float(row["mean"])} for value, row in by_value.iterrows()
    }


def _findings(card: dict[str, Any], rows: pd.DataFrame, scenario: Scenario) -> list[dict[str, str]]:
    """Return what somebody who writes requirements for this data should know."""
    findings: list[dict[str, str]] = []

    def note(kind: str, severity: str, text: str) -> None:
        findings.append({"kind": kind, "severity": severity, "text": text})

    if card["origin"].get("caution"):
        note("caution", "serious", card["origin"]["caution"])
    if len(rows) < _FEW:
        note(
            "few-rows",
            "warning",
            f"There are only {len(rows):,} rows, {card['splits']['test']['rows']:,} of them in the test: one split "
            "says little, repeated cross-validation more (optimization.cv_repeats).",
        )
    names = scenario.task.label.names
    rare = min(names, key=lambda name: card["classes"][name]["share"])
    share = card["classes"][rare]["share"]
    if share < 0.2:
        always = 1 - share
        note(
            "imbalance",
            "warning",
            f"Only {share:.1%} of the rows are {rare!r}: always saying the other is {always:.1%} right.",
        )
    source, aside = card["rows"]["source"], card["rows"]["quarantine"]
    if aside:
        reason = max(card["quarantine"], key=card["quarantine"].__getitem__)
        severity = "serious" if aside > 0.1 * source else "note"
        note(
            "quarantine",
            severity,
            f"{aside:,} of {source:,} rows are in quarantine, most for {reason} ({card['quarantine'][reason]:,}).",
        )
    contradictions = card["quarantine"].get("duplicate-text-other-label", 0)
    if contradictions:
        note(
            "label-noise", "warning", f"{contradictions:,} repeated texts were labelled differently: labels have noise."
        )
    uncertain = card["uncertain"]["rows"]
    if uncertain:
        label = scenario.task.label
        why = "are labelled by users who are not wholly certain"
        if label.below is not None:
            why = f"lie near the limit {label.below:g} of {label.column}"
        note("label-noise", "note", f"{uncertain:,} rows ({uncertain / len(rows):.0%}) {why} and weigh less than 1.")
    for name, field in card["fields"].items():
        if field["missing"] > 0.05 * len(rows):
            note("missing", "warning", f"{name} is missing in {field['missing'] / len(rows):.0%} of the rows.")
        if field["type"] == "text" and field["tokens"]["p95"] > scenario.data.sequence_length:
            note(
                "truncation",
                "note",
                f"One text in twenty of {name} has more than {field['tokens']['p95']:.0f} tokens; "
                f"models read the first {scenario.data.sequence_length}.",
            )
    _note_personal(card, scenario, note)
    rates = [split["share_yes"] for split in card["splits"].values()]
    if scenario.data.splits.by == "time" and abs(rates[-1] - rates[0]) > 0.05:
        note("drift", "warning", f"{names[1]!r} is {rates[0]:.1%} of train and {rates[-1]:.1%} of the stream after it.")
    for name, values in card["protected"].items():
        yes = {value: part["share_yes"] for value, part in values.items() if part["rows"] >= 50}
        if yes and max(yes.values()) - min(yes.values()) > 0.05:
            low, high = min(yes, key=yes.__getitem__), max(yes, key=yes.__getitem__)
            note(
                "fairness",
                "note",
                f"{names[1]!r} is {yes[high]:.1%} where {name} is {high} and {yes[low]:.1%} where {low}.",
            )
    if card["origin"]["licence"] == "not stated":
        note("licence", "note", "The scenario does not say under which licence the data may be used.")
    return findings


def _note_personal(card: dict[str, Any], scenario: Scenario, note: Any) -> None:
    inside = [found for found in card["personal"] if found["column"] not in ("row_id", "group")]
    if inside:
        total, where = sum(found["findings"] for found in inside), sorted({found["column"] for found in inside})
        done = scenario.data.mask_personal_data
        text = f"Personal data in {', '.join(where)}, found {total:,} times, is {'masked' if done else 'not masked'}."
        note("personal-data", "note" if done else "serious", text)
    for found in card["personal"]:
        if found["column"] in ("row_id", "group"):
            key = "id" if found["column"] == "row_id" else "group"
            note(
                "personal-data",
                "serious",
                f"The {key} column holds personal data ({found['kind']}, {found['rows']:,} rows): "
                "name it in source.personal, so that a pseudonym stands for it.",
            )
