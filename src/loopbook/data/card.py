"""The dataset card: what the data is, where it comes from, what is in it, and what a reader should know of it."""

import json
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from loopbook.data import distribution
from loopbook.data.cleaning import shorten
from loopbook.data.features import column, tokenize
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Number, YesNo
from loopbook.statistics import bands

_LISTED = 5  # classes that a finding names
_TOP = 10  # most frequent values of a category
_FEW = 1_000  # rows below which one split misleads
_REMEDY = {"label": "give its classes other names in task.label.values"}

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
        Plain values for JSON: title, simulated, origin, rows, splits, boundaries, time, classes (of a number its bands,
        and `number`: range and quartiles), also (classes of the further outputs), fields, groups, quarantine, personal,
        protected, findings (a list of kind, text, severity: note, warning or serious).
    """
    rows = pd.concat(splits.values(), ignore_index=True)
    counted = distribution.counts(splits, scenario.task)
    also = {name: distribution.counts(splits, scenario.task, f"label_{name}") for name in scenario.task.also}
    card: dict[str, Any] = {
        "title": scenario.title,
        "simulated": scenario.simulated,
        "origin": dict(origin),
        "rows": {"source": int(origin["rows"]), "used": len(rows), "quarantine": len(quarantine)},
        "splits": {
            name: {"rows": len(frame), "classes": counted[name].to_dict(), **_span(frame)}
            for name, frame in splits.items()
        },
        "boundaries": list(dates),
        "time": _span(rows),
        "classes": _classes(counted),
        "also": {name: _classes(further) for name, further in also.items()},
        "fields": {name: _field(column(rows, name), kind) for name, kind in scenario.task.fields.items()},
        "groups": {
            "column": scenario.source.group,
            "count": int(rows["group"].nunique()),
            "largest": int(rows["group"].value_counts().iloc[0]),
        },
        "uncertain": {"rows": int((rows["weight"] < 1).sum()), "weight": float(rows["weight"].sum())},
        "quarantine": {str(reason): int(count) for reason, count in quarantine["reason"].value_counts().items()},
        "personal": [] if personal is None else json.loads(personal.to_json(orient="records")),
        "protected": {name: _shares(rows, name, scenario) for name in scenario.source.protected},
    }
    if isinstance(scenario.task, Number):
        card["number"] = _field(rows["label"], "number")
    card["findings"] = _findings(card, rows, {"": counted, **also}, scenario)
    return card


def _classes(counted: pd.DataFrame) -> dict[str, dict[str, float]]:
    rows = counted.sum(axis=1)
    return {str(name): {"rows": int(count), "share": float(count / max(1, rows.sum()))} for name, count in rows.items()}


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


def _moved(counted: pd.DataFrame) -> Finding:
    """Compare the shares of the classes in the first and the last split, by more than chance in one case of twenty."""
    sizes, share = counted.sum(), counted.sum(axis=1) / counted.to_numpy().sum()
    told = distribution.told(counted.index)
    z = NormalDist().inv_cdf(1 - 0.025 / len(told))  # Bonferroni: as many comparisons as classes
    chance = z * np.sqrt(share * (1 - share) * (1 / max(1, sizes.iloc[0]) + 1 / max(1, sizes.iloc[-1])))
    rates = (counted / sizes.clip(lower=1)).loc[told]
    beyond = (rates.iloc[:, -1] - rates.iloc[:, 0]).abs() - chance[told].clip(lower=0.05)
    most = str(beyond.idxmax())
    before, after = rates.loc[most].iloc[[0, -1]]
    text = f"{shorten(most, 40)!r} is {before:.1%} of train and {after:.1%} of the stream after it."
    return beyond[most] > 0, "drift", "warning", text


def _shares(rows: pd.DataFrame, name: str, scenario: Scenario) -> dict[str, dict[str, Any]]:
    values = column(rows, name).astype(str)
    parts = {str(value): part for value, part in rows.groupby(bands.groups(values, values))}
    counted = distribution.counts(parts, scenario.task)
    shares = counted / counted.sum().clip(lower=1)
    return {value: {"rows": len(part), "classes": shares[value].to_dict()} for value, part in parts.items()}


def _few(counted: pd.DataFrame, of: str) -> list[Finding]:
    """Return which classes train has never seen, which it hardly knows, and which no row has."""
    train, rows = counted["train"], counted.sum(axis=1)
    found = (
        (
            distribution.unseen(counted),
            "unseen-class",
            "warning",
            "in no row of train, so that no model can answer them",
        ),
        (
            train[train.between(1, distribution.RARE - 1)],
            "rare-class",
            "warning",
            f"with fewer than {distribution.RARE} rows of train",
        ),
        (rows[rows == 0], "empty-class", "note", "named by the scenario and in no row at all"),
    )
    return [
        (len(few), kind, severity, f"{of}{len(few)} of {len(rows)} classes {what}: {_listed(few)}.")
        for few, kind, severity, what in found
    ]


def _listed(rows: "pd.Series[Any]") -> str:
    shown = ", ".join(f"{shorten(str(name), 40)!r} ({count:,})" for name, count in rows.head(_LISTED).items())
    return shown + (f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else "")


def _findings(
    card: dict[str, Any], rows: pd.DataFrame, counts: dict[str, pd.DataFrame], scenario: Scenario
) -> list[dict[str, str]]:
    """Return what somebody who writes requirements for this data should know."""
    label, longest, fields = scenario.task.label, scenario.data.sequence_length, card["fields"].items()
    caution = card["origin"].get("caution")
    often = max(card["classes"], key=lambda name: card["classes"][name]["share"])
    share = card["classes"][often]["share"]
    source, aside = card["rows"]["source"], card["rows"]["quarantine"]
    reason = max(card["quarantine"], key=card["quarantine"].__getitem__, default="")
    contradictions = card["quarantine"].get("duplicate-text-other-label", 0)
    uncertain = card["uncertain"]["rows"]
    why = "are labelled by rules, or by users who are not wholly certain"
    if isinstance(label, YesNo) and label.below is not None:
        why = f"lie near the limit {label.below:g} of {label.column}"
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
            share > 0.8,
            "imbalance",
            "warning",
            f"{shorten(often, 40)!r} is {share:.1%} of the rows: always saying so is {share:.1%} right.",
        ),
        *(finding for name, counted in counts.items() for finding in _few(counted, f"{name}: " if name else "")),
        *(
            (
                known < 0.95 * len(rows),
                "further-output",
                "note",
                f"{name} is known for {known:,} of {len(rows):,} rows; it is learned and measured on these.",
            )
            for name, classes in card["also"].items()
            for known in [sum(part["rows"] for part in classes.values())]
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
        *([_moved(counts[""])] if scenario.data.splits.ordered else []),
        *(_fairness(name, values, distribution.told(counts[""].index)) for name, values in card["protected"].items()),
        (
            card["origin"]["licence"] == "not stated",
            "licence",
            "note",
            "The scenario does not say under which licence the data may be used.",
        ),
    ]
    return [{"kind": kind, "severity": severity, "text": text} for holds, kind, severity, text in found if holds]


def _personal(personal: list[dict[str, Any]], masked: bool) -> list[Finding]:
    keys = {"row_id": "id", "group": "group", "label": "label"}
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
                f"{_REMEDY.get(found['column'], 'name it in source.personal, so that a pseudonym stands for it')}.",
            )
            for found in personal
            if found["column"] in keys
        ),
    ]


def _fairness(name: str, values: dict[str, Any], told: pd.Index) -> Finding:
    """Compare the shares of the classes between the values of a protected column that have enough rows."""
    many = {value: part["classes"] for value, part in values.items() if part["rows"] >= 50}
    shares = pd.DataFrame(many or {"": dict.fromkeys(told, 0.0)}).loc[told]
    apart = shares.max(axis=1) - shares.min(axis=1)
    most = str(apart.idxmax())
    found = shares.loc[most].to_dict()
    low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    text = f"{shorten(most, 40)!r} is {found[high]:.1%} where {name} is {high} and {found[low]:.1%} where {low}."
    return apart[most] > 0.05, "fairness", "note", text
