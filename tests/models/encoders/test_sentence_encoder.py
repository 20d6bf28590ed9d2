from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loopbook.models.encoders import sentence_encoder
from loopbook.scenario.errors import ScenarioError


def test_similarities_are_those_that_were_published() -> None:
    # What Hugging Face's hosted all-MiniLM-L6-v2 answers in its documentation's example of sentence similarity.
    texts = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ]
    vectors = sentence_encoder.embed(texts)
    published = [0.6945773, 0.9429150, 0.2568760]
    assert vectors[1:] @ vectors[0] == pytest.approx(published, abs=2e-6)


def test_an_embedding_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    texts = ["Short.", "A sentence that is quite a bit longer than the other one, and padded less.", "", "🙂 " * 300]
    together = sentence_encoder.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        assert sentence_encoder.embed([text])[0] == pytest.approx(vector, abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)


def test_only_new_texts_are_computed_and_the_cache_gives_the_same_numbers(tmp_path: Path) -> None:
    told: list[str] = []
    first = sentence_encoder.embed(["one thing", "another", "one thing"], tmp_path, told.append)
    assert told == ["sentence encoder: 2 of 2 sentences"]
    assert first[0].tolist() == first[2].tolist()
    told.clear()
    second = sentence_encoder.embed(["another", "a third", "one thing"], tmp_path, told.append)
    assert told == ["sentence encoder: 1 of 1 sentences"]
    assert second[[0, 2]].tolist() == first[[1, 0]].tolist()
    assert len(list(tmp_path.iterdir())) == 2
    told.clear()
    sentence_encoder.embed(["a third"], tmp_path, told.append)
    assert told == []


def test_pieces_of_only_new_texts_are_computed_and_the_cache_gives_the_same_numbers(tmp_path: Path) -> None:
    sentence_encoder.embed(["of another kind"], tmp_path)
    first = sentence_encoder.embed_pieces(["one thing", "", "three of them"], tmp_path)
    assert [row.shape for row in first] == [(2, 384), (0, 384), (3, 384)]
    told: list[str] = []
    again = sentence_encoder.embed_pieces(["three of them", "", "a new one"] + ["fresh"] * 3, tmp_path, told.append)
    assert again[0].tobytes() == first[2].tobytes() and again[1].shape == (0, 384)
    assert again[2] == pytest.approx(sentence_encoder.embed_pieces(["a new one"])[0], abs=1e-3)
    lengths = [sentence_encoder.content.load(file)["lengths"].tolist() for file in tmp_path.glob("pieces-*")]
    assert sorted(lengths) == [[2, 0, 3], [3, 1]], "each text is kept once"


def test_what_was_computed_before_a_kill_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_encoder, "_SHARD", 2)
    monkeypatch.setattr(sentence_encoder, "BATCH", 1)

    def killed(text: str) -> None:
        if "4 of 5" in text:
            raise KeyboardInterrupt

    texts = [f"sentence number {at}" for at in range(5)]
    with pytest.raises(KeyboardInterrupt):
        sentence_encoder.embed(texts, tmp_path, killed)
    told: list[str] = []
    sentence_encoder.embed(texts, tmp_path, told.append)
    assert told[-1] == "sentence encoder: 3 of 3 sentences"


def test_no_text_and_broken_text_are_read() -> None:
    assert sentence_encoder.embed([]).shape == (0, sentence_encoder.WIDTH)
    assert np.isfinite(sentence_encoder.embed(["half a pair \ud83d", "\x00"])).all()


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_encoder, "PACKAGE", "no-such-package-anywhere")
    with pytest.raises(ScenarioError, match=r"needs the package no-such-package-anywhere.*make setup"):
        sentence_encoder.folder()
