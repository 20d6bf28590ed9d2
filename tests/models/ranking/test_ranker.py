"""Rankers learn tastes from rows, know new items by their text, and are saved, shipped and judged as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from loopbook.data.features import Features
from loopbook.models import heads
from loopbook.models.architectures import registry
from loopbook.models.heads import Goal
from loopbook.models.model import Model
from loopbook.models.ranking import evaluation, ranker_fit
from loopbook.models.ranking.ranker import Ranker, content_of
from loopbook.models.shipping import onnx_export
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Ranking
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import metrics

SUBJECTS = (
    "A ship lost in a storm at sea; sailors, whales and a distant harbour.",
    "A detective follows a murderer through the foggy streets of the city.",
)
TASK = Ranking(type="ranking", fields={"text": "text", "pages": "number"}, query="reader", item="book")


@dataclass(frozen=True)
class World:
    train: pd.DataFrame
    test: pd.DataFrame
    items: pd.DataFrame
    features: Features
    goal: Goal


def made(seed: int, users: int = 60, books: int = 24) -> pd.DataFrame:
    """Return lists of six shown to readers of two tastes, who look at the first places most; in order of time."""
    random, rows = np.random.default_rng(seed), []
    for at in range(users * 8):
        user = at % users
        for place, book in enumerate(random.choice(books, 6, replace=False), start=1):
            chance = (0.7 if book % 2 == user % 2 else 0.1) * place**-0.5
            rows.append((f"u{user}", f"b{book:02}", at, place, random.random() < chance))
    found = pd.DataFrame(rows, columns=["query", "item", "day", "place", "label"])
    number = found["item"].str[1:].astype(int)
    text = [f"{SUBJECTS[one % 2]} Volume {one}." for one in number]
    found = found.assign(text=text, pages=100 + 10 * number, label=found["label"].astype("int8"), weight=np.float32(1))
    time = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(found.pop("day"), unit="h")
    return found.assign(time=time, group=found["query"], shown=time.astype(str), propensity=0.25)


@pytest.fixture(scope="module")
def world() -> World:
    rows = made(0)
    late = rows["time"] > rows["time"].quantile(0.75)
    new = rows["item"].isin(["b22", "b23"])  # come out after train
    train, test = rows[~late & ~new].reset_index(drop=True), rows[late].reset_index(drop=True)
    source = CsvSource(kind="csv", path="rows.csv")
    training = TrainingSettings(candidates={"any": Candidate(architecture="majority")})
    scenario = Scenario(name="shop", title="Shop", description="Shop.", task=TASK, source=source, training=training)
    features = Features.fit(train, scenario)
    weight = train["weight"].to_numpy(np.float64)
    (head,) = heads.learn(train, weight, TASK)
    items = rows.drop_duplicates("item")[["item", "text", "pages"]].sort_values("item").reset_index(drop=True)
    return World(train, test, items, features, Goal.on(head, train, weight))


def fitted(world: World, name: str, cache: Path, **settings: Any) -> Ranker:
    return registry.find(name).make(world.features, world.train, (world.goal,), cache, lambda _: None, **settings)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embeddings")


@pytest.fixture(scope="module")
def rankers(world: World, cache: Path) -> dict[str, Ranker]:
    plain = ("popularity", "item_knn", "ease")
    found = {name: fitted(world, name, cache) for name in plain}
    found["als"] = fitted(world, "als", cache, factors=8, passes=5)
    found["two_tower"] = fitted(world, "two_tower", cache, size=8, passes=6, rate=0.02)
    found["click"] = fitted(world, "click", cache, size=8, passes=6, rate=0.02)
    found["mix"] = fitted(world, "mix", cache, networks=False)
    found["blind"] = fitted(world, "mix", cache, text=False)
    return found


def test_whoever_knows_tastes_beats_popularity_on_rows(world: World, rankers: dict[str, Ranker], cache: Path) -> None:
    old = world.test[~world.test["item"].isin(["b22", "b23"])]
    auc = {
        name: metrics.score("roc_auc", old["label"], ranker.raw(world.features, old, cache)[:, 0])
        for name, ranker in rankers.items()
    }
    for name in set(rankers) - {"popularity"}:
        assert auc[name] > auc["popularity"] + 0.1, auc


def test_logits_are_calibrated_on_rows_that_come_later(world: World, rankers: dict[str, Ranker], cache: Path) -> None:
    for name in ("mix", "click", "ease"):
        p = 1 / (1 + np.exp(-rankers[name].raw(world.features, world.test, cache)[:, 0]))
        assert abs(p.mean() - world.test["label"].mean()) < 0.06, name


def test_new_items_have_a_score_by_their_text_alone(world: World, rankers: dict[str, Ranker], cache: Path) -> None:
    sea, city = [f"b{at:02}" for at in range(0, 12, 2)], [f"b{at:02}" for at in range(1, 12, 2)]
    for name in ("mix", "two_tower", "click"):
        whole = rankers[name].over(world.features, world.items, cache)
        assert whole.items[-2:] == ("b22", "b23") and (whole.counts[-2:] == 0).all()
        of_sea, of_city = whole.scores([sea, city])[:, -2:]
        assert of_sea[0] > of_city[0] and of_city[1] > of_sea[1], name  # b22 is of the sea, b23 of the city
    blind = rankers["blind"].over(world.features, world.items, cache).scores([sea, city])[:, -2:]
    np.testing.assert_allclose(blind[0], blind[1])


def test_users_are_not_kept_by_name_and_unknown_ones_are_asked_all_the_same(
    world: World, rankers: dict[str, Ranker], tmp_path: Path
) -> None:
    mix = rankers["mix"]
    mix.save(tmp_path)
    assert not any(b"u17" in file.read_bytes() for file in tmp_path.iterdir())
    assert mix.of_users(["nobody"]).nnz == 0 and mix.of_users(["u1", "nobody"]).shape == (2, 22)
    np.testing.assert_allclose(mix.scores([[]]), mix.logits(mix.of_users(["nobody"])))
    assert np.isfinite(mix.scores([["no such book"], ["b01"]])).all()


@pytest.mark.parametrize("name", ["popularity", "item_knn", "ease", "als", "two_tower", "click", "mix"])
def test_what_is_saved_and_shipped_answers_as_before(
    name: str, world: World, rankers: dict[str, Ranker], cache: Path, tmp_path: Path
) -> None:
    model = Model(name, world.features, rankers[name], (world.goal.head,))
    model.save(tmp_path / "model")
    rows = world.test.head(60)
    before = model.raw(rows, cache)
    np.testing.assert_array_equal(Model.load(tmp_path / "model").raw(rows, cache), before)
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", rows) <= 1e-6


def test_towers_leave_the_loss_of_each_pass_to_tensorboard(world: World, cache: Path, tmp_path: Path) -> None:
    train, test = (rows.assign(row_id=rows.index.astype(str)) for rows in (world.train, world.test))
    data = TrainingData(train, test, world.features, TASK)
    candidate = Candidate(architecture="two_tower", settings={"size": 8, "passes": 4})
    fitting.fit(Method(candidate, Recipe()), data, tmp_path / "fit", lambda _: None, cache)
    events = EventAccumulator(str(tmp_path / "fit" / "events"), size_guidance={"tensors": 0}).Reload()
    steps = [event.step for event in events.Tensors("loss/two_tower")]
    losses = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors("loss/two_tower")]
    assert steps == [1, 2, 3, 4] and losses[-1] < losses[0]


def test_a_field_of_the_user_is_no_content_of_items(world: World) -> None:
    log, *_ = ranker_fit.log_of(world.train, world.train["label"], world.train["weight"])
    mixed = world.train.assign(pages=np.random.default_rng(0).normal(size=len(world.train)))
    assert ranker_fit._of_items(world.features, world.train, log).tolist() == [True]
    assert ranker_fit._of_items(world.features, mixed, log).tolist() == [False]
    assert content_of(world.features, world.items, np.array([True])).shape == (24, 385)


def test_full_ranking_judges_all_items_and_no_user_gets_one_twice(
    world: World, rankers: dict[str, Ranker], cache: Path
) -> None:
    asked = {name: rankers[name].over(world.features, world.items, cache) for name in ("popularity", "ease", "mix")}
    found = evaluation.full(asked, world.train, world.test, world.items, examination=np.arange(1, 7) ** -0.5, at=5)
    table = found.table.set_index(["clicks", "ranker", "metric"])["value"]
    assert table[evaluation.RAW, "mix", "ndcg"] > table[evaluation.RAW, "popularity", "ndcg"] and {
        clicks for clicks, *_ in table.index
    } == {evaluation.RAW, evaluation.DEBIASED}
    gain = found.paired("mix").loc["popularity"]
    assert gain["low"] > 0
    assert gain["value"] == pytest.approx(
        table[evaluation.RAW, "mix", "ndcg"] - table[evaluation.RAW, "popularity", "ndcg"]
    )
    new = found.segments.query("segment == 'new items' and metric == 'recall'").set_index("ranker")["value"]
    assert new["mix"] > new["ease"]
    assert found.beyond.loc["mix", "coverage"] >= found.beyond.loc["popularity", "coverage"]
    took = world.train[world.train["label"] == 1].groupby("query")["item"].agg(set)
    for user, row in zip(found.users, found.lists["mix"], strict=True):
        assert not {found.items[at] for at in row if at >= 0} & took.get(user, set())


def test_a_ranker_that_does_not_know_an_item_is_told_how(world: World, rankers: dict[str, Ranker]) -> None:
    with pytest.raises(DataError, match=r"does not know 2 items, such as 'b22'.*over"):
        evaluation.full({"ease": rankers["ease"]}, world.train, world.test, world.items)
    with pytest.raises(DataError, match="Nobody took an item"):
        evaluation.full({"ease": rankers["ease"]}, world.train, world.test.assign(label=0), world.items)


def test_too_little_taken_and_nothing_passed_over_are_refused(world: World) -> None:
    with pytest.raises(DataError, match="20 at least"):
        ranker_fit.fit(world.features, few := world.train.head(60), few["label"], few["weight"], {"ease": {}})
    took = world.train[world.train["label"] == 1]
    with pytest.raises(DataError, match=r"set task\.negatives"):
        ranker_fit.fit(world.features, took, took["label"], took["weight"], {"ease": {}})


def test_a_mix_does_without_ease_where_there_are_too_many_items(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranker_fit, "EASE_LIMIT", 10)
    said: list[str] = []
    own = {"popularity": {}, "ease": {}, "item_knn": {}}
    found = ranker_fit.fit(
        world.features, world.train, world.train["label"], world.train["weight"], own, None, said.append
    )
    assert set(found.parts) == {"popularity", "item_knn"} and "EASE is left out, 22 items are more than 10" in said[0]


def test_without_lists_the_mix_learns_from_what_was_taken_among_all(world: World) -> None:
    drawn = world.train.assign(place=np.nan)
    own = {"popularity": {}, "item_knn": {}}
    found = ranker_fit.fit(world.features, drawn, drawn["label"], drawn["weight"], own)
    assert found.mix.weight[1] > found.mix.weight[0]
