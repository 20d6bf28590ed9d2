"""The card that goes out with a model says what it is; text from data is no markup."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.models.conftest import Problem
from tests.models.shipping.test_onnx_export import model_of

from loopbook.models.shipping import model_card, onnx_export
from loopbook.models.shipping.bundle import OnnxModel
from loopbook.store import content

DATASET: dict[str, Any] = {
    "title": "Posts",
    "simulated": True,
    "origin": {"address": "https://example.org/posts.csv", "licence": "CC BY 4.0", "citation": "A (2020)", "rows": 600},
    "splits": {"train": {"rows": 400}, "test": {"rows": 1500}},
    "time": {"first": None, "last": None},
    "findings": [
        {"kind": "small", "severity": "warning", "text": "One split misleads."},
        {"kind": "other", "severity": "note", "text": "Only a note."},
    ],
}
METRICS = {"test_roc_auc": 0.81234, "test_roc_auc_low": 0.79, "test_roc_auc_high": 0.83}


def test_a_card_says_what_a_model_is_and_what_not_to_expect(text: Problem) -> None:
    card = model_card.card(
        model_of(text, "cnn"), text.task, DATASET, METRICS, {"variant": "int8", "variant_lost": 0.002}
    )
    assert card["metrics"] == METRICS and card["variant"]["variant"] == "int8"
    assert card["licences"] == {"data": "CC BY 4.0"}
    assert card["task"]["classes"] == ["good", "bad"]
    assert "One split misleads." in card["limits"] and "Only a note." not in card["limits"]
    assert any("simulated" in limit for limit in card["limits"]) and any(
        "1,500 rows" in limit for limit in card["limits"]
    )
    told = model_card.markdown(card)
    assert "## Metrics" in told and "0.8123" in told and "int8" in told


def test_the_encoder_brings_its_licence(text: Problem) -> None:
    card = model_card.card(model_of(text, "minilm"), text.task, DATASET, METRICS, {})
    assert card["licences"]["encoder"].endswith(": MIT")
    assert "## Variant" not in model_card.markdown(card)


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", "# Heading", "[x](javascript:alert(1))", "a\n\n# b", "|a|b|", "`x` ![y](z)"],
)
def test_text_from_data_is_no_markup(hostile: str, text: Problem) -> None:
    dataset = {**DATASET, "title": hostile, "origin": {**DATASET["origin"], hostile: hostile}}
    told = model_card.markdown(model_card.card(model_of(text, "bag"), text.task, dataset, METRICS, {}))
    marked = [line for line in told.splitlines() if not re.match(r"(# |## |- |$)", line)]
    assert not marked, "a line that a text has broken"
    assert not re.search(r"(?<!\\)[<>\[\]`|]", told)
    assert told.count("\n# ") == 0


def test_the_card_lies_beside_what_is_served_and_leaves_the_model_the_same(text: Problem, tmp_path: Path) -> None:
    model = model_of(text, "tfidf")
    model.save(tmp_path / "model")
    card = model_card.card(model, text.task, DATASET, METRICS, {})
    model_card.write(tmp_path, card)
    assert content.load(tmp_path / "model" / "model_card.json") == card
    onnx_export.export(model, tmp_path / "onnx")
    before = content.digest(tmp_path / "onnx")
    model_card.write(tmp_path, card)
    assert (tmp_path / "onnx" / "model_card.md").is_file() and content.digest(tmp_path / "onnx") == before
    assert OnnxModel.load(tmp_path / "onnx").classes == ("good", "bad")
