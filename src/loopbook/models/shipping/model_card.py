"""The model card that goes out with a model: what it is for, its data, metrics, limits and licences.

References
----------
Mitchell et al. (2019), Model cards for model reporting.
"""

import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from loopbook.models.averaged import Averaged
from loopbook.models.encoders import sentence_encoder
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.scenario.task import Task
from loopbook.store import content

NAME = "model_card"
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|!&~])")


def card(
    model: Model, task: Task, dataset: Mapping[str, Any], metrics: Mapping[str, float], variant: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the card of a model as plain values.

    Parameters
    ----------
    dataset
        The card of its data, as `data.card.dataset_card` returns it.
    metrics
        Flat figures on test of the model as it was trained, with the ends of their intervals.
    variant
        What `choice.small_models.ship` records: what goes out in its place, and what that loses on validation.
    """
    simulated = ["The data is simulated: nothing is said of real rows."] if dataset["simulated"] else []
    found = [finding["text"] for finding in dataset["findings"] if finding["severity"] != "note"]
    rows = {name: part["rows"] for name, part in dataset["splits"].items()}
    return {
        "title": dataset["title"],
        "model": {
            "architecture": model.architecture,
            "settings": dict(model.settings),
            "parameters": model.parameters,
            **({"members": [member.architecture for member in _parts(model)]} if _parts(model) != [model] else {}),
        },
        "task": {"type": task.type, "fields": dict(task.fields), "classes": list(model.classes)},
        "data": {**dataset["origin"], "simulated": dataset["simulated"], "splits": rows, "time": dataset["time"]},
        "metrics": dict(metrics),
        "variant": dict(variant),
        "limits": [
            *simulated,
            *found,
            f"Judged on {rows['test']:,} rows of the same source; of rows from elsewhere nothing is known.",
        ],
        "licences": {"data": dataset["origin"]["licence"], **_encoder(model)},
    }


def write(folder: Path, described: Mapping[str, Any]) -> None:
    """Write ``card.json`` and ``card.md`` beside what is served of a shipped model."""
    inside = next(part for name in ("onnx", "model") if (part := folder / name).is_dir())
    content.save(dict(described), inside / NAME)
    content.write_text(inside / f"{NAME}.md", markdown(described))


def markdown(described: Mapping[str, Any]) -> str:
    """Return a card for readers; text from data is no markup."""
    lines = [f"# {_plain(described['title'])}", ""]
    for section, held in described.items():
        if section == "title" or not held:
            continue
        items = held.items() if isinstance(held, Mapping) else ((None, each) for each in held)
        lines += [f"## {section.capitalize()}", ""]
        lines += [f"- {_plain(name)}: {_plain(value)}" if name else f"- {_plain(value)}" for name, value in items]
        lines.append("")
    return "\n".join(lines)


def _parts(model: Model) -> list[Model]:
    """Return the members of an ensemble; of another model itself."""
    return list(model.predictor.members) if isinstance(model.predictor, Averaged) else [model]


def _encoder(model: Model) -> dict[str, str]:
    """Return the licence of the sentence encoder, if it goes out with the model."""
    networks = (part.predictor for part in _parts(model))
    if not any(isinstance(network, Network) and "embedding" in network.inputs for network in networks):
        return {}
    known = metadata.metadata(sentence_encoder.PACKAGE).json
    return {"encoder": f"{sentence_encoder.PACKAGE}: {known.get('license_expression') or known.get('license')}"}


def _plain(value: Any) -> str:
    """Return a value in one line, without a mark that Markdown or HTML would read."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(name)} {_plain(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
