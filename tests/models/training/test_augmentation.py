"""Augmentation changes words of train as it says, each epoch anew and always the same; no label and no other split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.models.conftest import Problem
from tests.models.training.test_fitting import fit

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.network import Network
from loopbook.models.training import augmentation, fitting
from loopbook.models.training.method import TrainingData
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe

TEXT = "The company reported excellent profits, however the lawsuit delayed [mail] $ABC flights."
LIKE = {"company": ("firm",), "excellent": ("good", "great"), "profits": ("profit",), "the": ("a",)}


def made(seed: int, **recipe: float) -> str:
    return augmentation.changed(TEXT, Recipe(**recipe), np.random.default_rng(seed), LIKE)


def many(**recipe: float) -> list[list[str]]:
    return [made(seed, **recipe).split() for seed in range(400)]


def test_words_are_left_out_by_their_share() -> None:
    own = TEXT.split()
    texts = many(word_dropout=0.25)
    assert np.mean([len(words) for words in texts]) == pytest.approx(0.75 * len(own), rel=0.05)
    for words in texts:
        rest = iter(own)
        assert all(word in rest for word in words), "what stays keeps its order"


def test_no_text_becomes_empty() -> None:
    texts = many(word_dropout=0.999)
    assert min(map(len, texts)) == 1
    assert len({words[0] for words in texts}) > 5


def test_neighbours_are_exchanged_and_none_is_lost() -> None:
    own = TEXT.split()
    texts = many(swaps=0.2)
    assert all(sorted(words) == sorted(own) for words in texts)
    moved = np.mean([sum(one != two for one, two in zip(words, own, strict=True)) for words in texts]) / len(own)
    assert 0.25 < moved < 0.45


def test_words_are_replaced_by_similar_ones_and_keep_capital_and_marks() -> None:
    texts = [" ".join(words) for words in many(synonyms=1.0)]
    assert {text.split()[3] for text in texts} == {"good", "great"}
    for text in texts:
        assert text.startswith("A firm reported") and "profit," in text and "[mail] $ABC" in text


def test_longer_words_are_misspelt() -> None:
    own = TEXT.split()
    for words in many(spelling=1.0):
        assert [words[at] for at in (0, 6, 9, 10)] == [own[at] for at in (0, 6, 9, 10)], "the, the, [mail], $ABC"
        assert words[1] != own[1] or "oo" in own[1]
        assert words[1][0] == own[1][0] and abs(len(words[1]) - len(own[1])) <= 1
    assert {len(words[1]) for words in many(spelling=1.0)} == {6, 7}


def test_synonyms_are_used_alike() -> None:
    found = augmentation.synonyms(("flights", "terrible", "flight", "horrible", "the", "awful", "qqq", "profit"))
    assert found["terrible"][0] == "horrible" and "awful" in found["terrible"]
    assert found["flights"] == ("flight",)
    assert "profit" not in found and "qqq" not in found


def test_an_epoch_reads_the_same_whoever_asks_and_each_reads_otherwise(text: Problem, tmp_path: Path) -> None:
    recipe = Recipe(word_dropout=0.3, spelling=0.3)
    read, again = (augmentation.epochs(recipe, text.features, text.train, tmp_path) for _ in range(2))
    assert read is not None and again is not None
    assert read(7)["text"].tolist() == again(7)["text"].tolist() != read(8)["text"].tolist()
    assert read(1)["label"].equals(text.train["label"])
    one = augmentation.epochs(recipe, text.features, text.train.head(3), tmp_path)
    assert one is not None
    assert one(7)["text"].tolist() == read(7)["text"].head(3).tolist(), "a row does not depend on those behind it"


def test_word_pieces_are_made_anew_of_what_an_epoch_reads(text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    kind, data = registry.find("encoder"), TrainingData(text.train, text.validation, text.features, text.task)
    network = Network.build(kind, {"preset": tiny_bert}, Inputs.of(text.features), seed=1)
    plain = network.encode(text.features, text.train)["pieces"]
    read = fitting._augmented(network, Recipe(word_dropout=0.5), data, tmp_path)
    assert read is not None
    count = [(pieces["pieces"] != 0).sum() for pieces in ({"pieces": plain}, read(1), read(2), read(1))]
    assert 0.5 * count[0] < count[1] < 0.75 * count[0]
    assert count[1] == count[3] != count[2]


def test_a_killed_fit_that_augments_continues_to_the_same_weights(text: Problem, tmp_path: Path) -> None:
    few = replace(text, train=text.train.head(96), validation=text.validation.head(30))
    more = {"word_dropout": 0.2, "swaps": 0.1, "spelling": 0.2, "epochs": 2}

    def kill(report: str) -> None:
        if report.startswith("epoch 2"):
            raise KeyboardInterrupt

    whole = fit(few, tmp_path / "whole", "bag", **more)
    with pytest.raises(KeyboardInterrupt):
        fit(few, tmp_path / "killed", "bag", kill, **more)
    again = fit(few, tmp_path / "killed", "bag", **more)
    for one, two in zip(whole.predictor.model.get_weights(), again.predictor.model.get_weights(), strict=True):
        assert np.array_equal(one, two)


class TestBackTranslation:
    def test_is_called_once_a_fit_and_read_by_half_of_the_rows(
        self, text: Problem, users_module: Path, tmp_path: Path
    ) -> None:
        users_module.write_text(
            "from pathlib import Path\n\n"
            "def back(texts):\n"
            "    with (Path(__file__).parent / 'calls').open('a') as file:\n"
            "        file.write(f'{len(texts)}\\n')\n"
            "    return [f'zz {text}' for text in texts]\n"
        )
        recipe = Recipe(back_translation=f"{users_module.stem}:back")
        read = [augmentation.epochs(recipe, text.features, text.train, tmp_path / "fit") for _ in range(2)]
        assert (users_module.parent / "calls").read_text() == f"{text.train['text'].nunique()}\n"
        first, second = (each(1)["text"] for each in read if each)
        assert first.equals(second)
        marked = first.str.startswith("zz ")
        assert 0.4 < marked.mean() < 0.6
        assert first[~marked].equals(text.train["text"][~marked])
        plain, other = (fit(text, tmp_path / name, "bag", **more) for name, more in (
            ("plain", {}), ("back", {"back_translation": recipe.back_translation}),
        ))  # fmt: skip
        weights = zip(plain.predictor.model.get_weights(), other.predictor.model.get_weights(), strict=True)
        assert max(np.abs(one - two).max() for one, two in weights) > 1e-5

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            ("texts[1:]", "must return a list of as many texts, not 2"),
            ("'abc'", "not str"),
            ("[1] * 3", "not 3"),
            ("None", "None"),
        ],
    )
    def test_that_returns_other_than_as_many_texts_is_refused(
        self, returned: str, message: str, text: Problem, users_module: Path, tmp_path: Path
    ) -> None:
        users_module.write_text(f"def back(texts):\n    return {returned}\n")
        recipe = Recipe(back_translation=f"{users_module.stem}:back")
        with pytest.raises(ScenarioError, match=message):
            augmentation.epochs(recipe, text.features, text.train.drop_duplicates("text").head(3), tmp_path)

    def test_that_cannot_be_imported_is_named(self, text: Problem, tmp_path: Path) -> None:
        with pytest.raises(ScenarioError, match="'nowhere:back' cannot be imported"):
            augmentation.epochs(Recipe(back_translation="nowhere:back"), text.features, text.train, tmp_path)


def test_a_network_that_reads_no_words_refuses(cells: Problem, text: Problem, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="reads no words, which swaps would change"):
        fit(cells, tmp_path / "table", "mlp", swaps=0.1)
    few = replace(text, train=text.train.head(8), validation=text.validation.head(8))
    with pytest.raises(ScenarioError, match="adaptation frozen"):
        fit(few, tmp_path / "embedding", "minilm", spelling=0.1)
