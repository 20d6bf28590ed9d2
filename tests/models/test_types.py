"""Several classes, further outputs and numbers: trained, answered, exported and compared like two classes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from tests import tasks
from tests.models.conftest import LOSSES, Problem, classes_task, number_task, settings, silent

from loopbook.data.features import Features
from loopbook.models import heads, linear, predictions, training_page
from loopbook.models.architectures import registry
from loopbook.models.choice import choice_page, model_selection
from loopbook.models.choice.leaderboard import leaderboard
from loopbook.models.heads import KINDS, Goal
from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export
from loopbook.models.shipping.bundle import OnnxModel
from loopbook.models.training import fit_store, fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.data import DataSettings
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary as BinaryTask
from loopbook.scenario.task import OneOfMany, Task, YesNo
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import metrics, targets
from loopbook.store import content

FIELDS = {"text": "text", "channel": "category", "amount": "number"}
TEXT_AND_TABLE = ("tfidf", "bag", "hashed", "cnn", "bilstm", "transformer")
TABLE = ("table_logistic", "boosted_trees", "decision_tree", "mlp", "entity_embeddings")
TONE = ("negative", "neutral", "positive")
HOSTILE = {"billing": "<script>alert(1)</script>", "delivery": "label", "returns": "$x_1$ | a,b", "praise": "ü\u202e"}


def problem(task: Task, train: pd.DataFrame, validation: pd.DataFrame) -> Problem:
    scenario = Scenario(
        name="test",
        title="Test",
        description="Test.",
        task=task,  # type: ignore[arg-type]
        source=CsvSource(kind="csv", path="none.csv"),
        data=DataSettings(sequence_length=16, vocabulary_size=400),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )
    return Problem(train, validation, Features.fit(train, scenario), task)


def problem_of(kind: str) -> Problem:
    """Return simulated tickets of text and table: several classes with a further output, or a number."""
    rows = tasks.tickets(300)
    rows = rows.assign(row_id=rows["id"], group=rows["id"], weight=np.float32(1))
    fields = {"text": "text", "amount": "number"}
    if kind == "number":
        task: Task = number_task("squared", fields)
        rows["label"] = rows["minutes"]
    else:
        task = classes_task(fields, tone=OneOfMany(column="mood", values=dict(zip(TONE, TONE, strict=True))))
        rows["label"] = pd.Categorical(rows["topic"])
        rows["label_tone"] = pd.Categorical(rows["mood"].where(rows["mood"] != ""), TONE)
    return problem(task, rows[:200], rows[200:].reset_index(drop=True))


@pytest.fixture(scope="module")
def tickets() -> pd.DataFrame:
    """Return tickets in canonical form, with hostile names of topics; `fraud` comes in the last rows only."""
    rows = tasks.tickets(700)
    topic = rows["topic"].replace(HOSTILE)
    return rows.assign(
        row_id=rows["id"],
        group=rows["id"],
        weight=np.float32(1),
        topic=pd.Categorical(topic, [*HOSTILE.values(), "fraud", "nobody"]),
        label_tone=pd.Categorical(rows["mood"].where(rows["mood"] != ""), TONE),
    )


@pytest.fixture(scope="module")
def topics(tickets: pd.DataFrame) -> Problem:
    task = classes_task(FIELDS, tone=OneOfMany(column="mood", values=dict(zip(TONE, TONE, strict=True))))
    rows = tickets.assign(label=tickets["topic"])
    return problem(task, rows[:450], rows[450:].reset_index(drop=True))


@pytest.fixture(scope="module")
def minutes(tickets: pd.DataFrame) -> Callable[[str], Problem]:
    rows = tickets.assign(label=tickets["minutes"])
    return lambda loss: problem(number_task(loss, FIELDS), rows[:450], rows[450:].reset_index(drop=True))


def fit(problem: Problem, work: Path, architecture: str, own: dict | None = None, **changed: object) -> Model:
    data = TrainingData(problem.train, problem.validation, problem.features, problem.task)
    recipe = settings(**{"epochs": 12, **changed})
    fitting.fit(Method(Candidate(architecture=architecture, settings=own or {}), recipe), data, work, silent)
    return Model.load(work / "model")


@pytest.mark.parametrize("architecture", [*TEXT_AND_TABLE, *TABLE])
def test_classes_and_further_outputs_are_learned_and_shipped_by_every_architecture(
    architecture: str, topics: Problem, tmp_path: Path
) -> None:
    model, held = fit(topics, tmp_path / "fit", architecture), topics.validation
    answer = model.answer(held)
    assert model.classes == (*HOSTILE.values(), "fraud", "nobody")
    assert answer.probability.shape == (250, 6)
    assert answer.probability.sum(axis=1) == pytest.approx(np.ones(250))
    assert (answer.probability[:, 4:] < 1 / 400).all(), "train knows neither"
    classes, tone = answer.also["tone"]
    assert classes == TONE and tone.sum(axis=1) == pytest.approx(np.ones(250))
    floor = metrics.score("macro_f1", held["label"], np.eye(6)[np.zeros(250, dtype=int)])
    assert metrics.score("macro_f1", held["label"], answer.judged) > floor
    if architecture in TEXT_AND_TABLE[:2]:
        known = held["label_tone"].notna()
        assert metrics.score("accuracy", held["label_tone"][known], tone[known]) > 0.6
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", held) <= 1e-5
    shipped = OnnxModel.load(tmp_path / "onnx")
    assert shipped.classes == model.classes
    assert shipped.answer(held).also["tone"][1] == pytest.approx(tone, abs=1e-5)


def test_a_further_output_counts_as_much_as_the_recipe_says(topics: Problem, tmp_path: Path) -> None:
    kernels = []
    for epochs in (1, 4):
        model = fit(topics, tmp_path / str(epochs), "bag", epochs=epochs, further=0.0)
        (kernel,) = (
            each
            for each in model.predictor.model.get_weights()
            if each.shape[-1:] == (heads.width(model.outputs),) and each.ndim == 2
        )
        kernels.append(kernel)
    own = model.outputs[0].width
    assert (kernels[0][:, own:] == kernels[1][:, own:]).all(), "what counts nothing is not learned"
    assert np.abs(kernels[0][:, :own] - kernels[1][:, :own]).max() > 1e-3
    task = topics.task
    goals = [Goal.on(head, topics.train, np.ones(450)) for head in heads.learn(topics.train, np.ones(450), task)]
    z = np.random.default_rng(0).normal(size=(450, heads.width([goal.head for goal in goals])))
    label, tone = (
        goal.risk(part) for goal, (_, part) in zip(goals, heads.parts([goal.head for goal in goals], z), strict=True)
    )
    assert heads.risk(goals, z) == pytest.approx(label + tone)
    assert heads.risk([goals[0], replace(goals[1], share=0.1)], z) == pytest.approx(label + 0.1 * tone)


@pytest.mark.parametrize(
    ("architecture", "loss"),
    [
        *(("majority", "absolute"), ("tfidf", "squared"), ("table_ridge", "huber"), ("bag", "squared")),
        *(("decision_tree", "absolute"), ("hashed", "squared"), ("entity_embeddings", "quantiles")),
        *((architecture, loss) for architecture in ("boosted_trees", "mlp") for loss in LOSSES),
    ],
)
def test_a_number_is_learned_with_its_distribution_by_every_loss(
    architecture: str, loss: str, minutes: Callable[[str], Problem], tmp_path: Path
) -> None:
    given = minutes(loss)
    model, held = fit(given, tmp_path / "fit", architecture, epochs=20), given.validation
    label, answer = held["label"].to_numpy(), model.answer(held)
    error = np.abs(answer.value - label).mean()
    trivial = np.abs(label - given.train["label"].median()).mean()
    assert error <= trivial * (1.15 if architecture in ("majority", "bag") else 0.95)
    quantiles = answer.distribution
    assert quantiles.shape == (250, 99) and (np.diff(quantiles, axis=1) >= 0).all()
    # The rows that it is calibrated on: their share is nearly that of the ranks; other folds told each its spread.
    inside = (quantiles[:, 4] <= label) & (label <= quantiles[:, 94])
    assert inside.mean() == pytest.approx(0.9, abs=0.025)
    assert answer.probability.sum(axis=1) == pytest.approx(np.ones(250)) and answer.probability.shape == (250, 3)
    onnx_export.export(model, tmp_path / "onnx")
    onnx_export.check(model, tmp_path / "onnx", held)
    assert OnnxModel.load(tmp_path / "onnx").answer(held).value == pytest.approx(answer.value, rel=1e-4)


def test_two_hundred_classes_break_nothing_and_classes_of_one_row_neither(tmp_path: Path) -> None:
    random, names = np.random.default_rng(0), [f"class {at}" for at in range(200)]
    codes = np.concatenate([np.arange(200), np.minimum(199, random.geometric(0.02, 1_000))])
    words = ["".join(pair) for pair in itertools.product("abcdefghijklmno", repeat=2)]
    text = [f"{words[at]} {words[at]} {words[random.integers(200)]}" for at in codes]
    rows = pd.DataFrame(
        {
            "row_id": [f"r{at}" for at in range(1_200)],
            "group": [f"r{at}" for at in range(1_200)],
            "weight": np.float32(1),
            "label": pd.Categorical.from_codes(codes, names),
            "text": text,
            "size": codes + random.normal(0, 0.3, 1_200),
        }
    ).sample(frac=1, random_state=1, ignore_index=True)
    task = classes_task({"text": "text", "size": "number"})
    given = problem(task, rows[:900], rows[900:].reset_index(drop=True))
    for name, least in (("majority", 0.0), ("tfidf", 0.8), ("boosted_trees", 0.3), ("bag", 0.2)):
        own = {"trees": 6, "depth": 2} if name == "boosted_trees" else {}
        model = fit(given, tmp_path / name, name, own, learning_rate=0.03, class_weights=name == "tfidf")
        said = model.probabilities(given.validation)
        assert said.shape == (300, 200) and said.sum(axis=1) == pytest.approx(np.ones(300))
        assert metrics.score("accuracy", given.validation["label"], said) > least, name
        onnx_export.export(model, tmp_path / f"{name}-onnx")
        onnx_export.check(model, tmp_path / f"{name}-onnx", given.validation.head(60))


def test_rows_without_a_further_label_do_not_move_the_network(topics: Problem, tmp_path: Path) -> None:
    """Whatever the texts of such rows say, what is learned of the tone is the same, in the first step at least."""
    bare = classes_task(FIELDS)
    alone = fit(replace(topics, task=bare), tmp_path / "alone", "tfidf")
    both = fit(topics, tmp_path / "both", "tfidf")
    width = alone.predictor.weights.shape[1]
    assert both.predictor.weights[:, :width].tolist() == alone.predictor.weights.tolist()
    known = topics.train[topics.train["label_tone"].notna()]
    assert len(known) < len(topics.train)
    hidden = topics.train.assign(label_tone=pd.Categorical([None] * len(topics.train), TONE))
    with pytest.raises(DataError, match=r"lack the tone.* Check task\.also\.tone"):
        fit(replace(topics, train=hidden), tmp_path / "none", "tfidf")


def test_a_user_gives_features_and_the_head_is_ours(topics: Problem, users_module: Path, tmp_path: Path) -> None:
    users_module.write_text(
        "import keras\nfrom keras import layers\n\n\n"
        "def build(inputs):\n    x = inputs.table()\n    return keras.Model(x, layers.Dense(8, 'relu')(x))\n\n\n"
        "def whole(inputs):\n    x = inputs.table()\n    return keras.Model(x, layers.Dense(1, 'sigmoid')(x))\n"
    )
    model = fit(topics, tmp_path / "fit", f"{users_module.stem}:build", epochs=2)
    assert model.parameters == (topics.features.width + 1) * 8 + 9 * (4 + 3)
    with pytest.raises(ScenarioError, match=r"ends in probabilities, but this task takes 7 scores\. Return what"):
        fit(topics, tmp_path / "two", f"{users_module.stem}:whole", epochs=2)


@pytest.mark.parametrize(
    ("architecture", "kind", "message"),
    [
        ("word_list", "classes", "cannot learn a task of type multiclass. These can: bag, bilstm, boosted_trees"),
        ("word_list", "number", "cannot learn a task of type number"),
        ("table_logistic", "number", "cannot learn a task of type number.*table_ridge"),
        ("table_ridge", "classes", "cannot learn a task of type multiclass"),
    ],
)
def test_what_cannot_serve_a_type_says_so_at_the_door(architecture: str, kind: str, message: str) -> None:
    task = number_task("squared", FIELDS) if kind == "number" else classes_task(FIELDS)
    with pytest.raises(ScenarioError, match=message):
        registry.check(Candidate(architecture=architecture), task)


def test_class_weights_of_a_number_are_refused(minutes: Callable[[str], Problem], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a number has none"):
        fit(minutes("squared"), tmp_path, "tfidf", class_weights=True)


def test_a_champion_of_record_with_other_classes_is_aligned_by_their_names(topics: Problem, tmp_path: Path) -> None:
    turned = [*reversed(list(HOSTILE.values())[:3])]
    old_rows = topics.train[topics.train["label"].isin(turned)]
    old_rows = old_rows.assign(label=old_rows["label"].cat.set_categories(turned)).reset_index(drop=True)
    held = topics.validation[topics.validation["label"].isin(turned)]
    held = held.assign(label=held["label"].cat.set_categories(turned)).reset_index(drop=True)
    old = fit(replace(topics, train=old_rows, validation=held), tmp_path / "old", "tfidf")
    rows = topics.validation
    judged = old.answer(rows).aligned(targets.classes(rows["label"], topics.task)).judged
    assert judged.shape == (len(rows), 6) and (judged[:, 3:] == 0).all()
    known = rows["label"].isin(turned).to_numpy()
    assert metrics.score("accuracy", rows["label"][known], judged[known]) > 0.8


@pytest.mark.parametrize("kind", ["topics", "minutes"])
def test_pages_answer_by_type(kind: str, topics: Problem, minutes: Callable[[str], Problem], tmp_path: Path) -> None:
    given = topics if kind == "topics" else minutes("squared")
    model = fit(given, tmp_path / "fit", "tfidf")
    held = training_page.Held("tfidf", fit_store.load(tmp_path / "fit"), given.task, 100)
    for show in ("learning_curve", "ranking", "finding", "confusion", "effect", "reliability"):
        assert getattr(training_page, show)(held) is not None
    effect = training_page.effect(held)
    flat = held.figures()
    primary = metrics.primary(given.task.type).name
    assert flat[f"validation_{primary}_low"] <= flat[f"validation_{primary}"] <= flat[f"validation_{primary}_high"]
    rows = given.validation
    tested = choice_page.Tested(rows, given.task, {"tfidf": model.answer(rows)})
    assert choice_page.curves(tested, "tfidf", "tfidf") is not None
    wrong = choice_page.mistakes(tested, "tfidf")
    if kind == "topics":
        assert effect.loc["log_loss", "after"] < effect.loc["log_loss", "before"]
        assert flat["validation_tone_macro_f1"] > 0.5 and list(held.table().columns[3:]) == [
            "tone",
            "tone_low",
            "tone_high",
        ]
        assert tested.further("tfidf", 100)["test_tone_accuracy"] > 0.5
        assert tested.gains("tfidf", "tfidf", 100) == {}
        learned = model.answer(rows)
        classes, p = learned.also["tone"]
        guess = replace(learned, also={"tone": (classes, np.roll(p, 7, axis=0))})
        both = replace(tested, answers={"tfidf": learned, "guess": guess})
        found = both.further("tfidf", 100, "guess")
        assert found["test_tone_macro_f1_gain_low"] > 0
        others = pd.DataFrame({"value": [0.1], "low": [0.0], "high": [0.2]}, index=["tfidf"])
        assert "tfidf: tone" in choice_page.beside(others, "guess", both, "tfidf", 100).svg
        codes = targets.codes(rows["label"], given.task)
        said = model.probabilities(rows)
        assert metrics.score("accuracy", codes, said) == pytest.approx((said.argmax(axis=1) == codes).mean())
        assert (wrong["label"] != wrong["answer"]).all() and len(choice_page.report(tested, "tfidf", [])) == 7
    else:
        assert effect.loc["coverage", "after"] == pytest.approx(0.9, abs=0.05)
        table = predictions.array(fit_store.load(tmp_path / "fit").predictions)
        assert table.shape == (250, 99)
        parts = choice_page.report(tested, "tfidf", ["channel"])
        assert parts["by"].value_counts().to_dict() == {"prediction": 10, "channel": 3}
        assert (wrong["probability"] < 0.05).all()


@pytest.mark.parametrize("architecture", ["table_logistic", "table_ridge", "tfidf", "boosted_trees", "decision_tree"])
@pytest.mark.parametrize("kind", ["yes", "minutes"])
def test_no_answer_moves_against_a_monotone_field(
    architecture: str, kind: str, tickets: pd.DataFrame, minutes: Callable[[str], Problem], tmp_path: Path
) -> None:
    if (architecture, kind) in (("table_logistic", "minutes"), ("table_ridge", "yes")):
        return
    ways = {"amount": "down" if architecture == "tfidf" else "up"}
    given = minutes("absolute")
    task: Task = given.task.model_copy(update={"monotone": ways})
    if kind == "yes":
        task = BinaryTask(fields=FIELDS, label=YesNo(column="y", positive=(1,)), monotone=ways)  # type: ignore[arg-type]
        rows = tickets.assign(label=(tickets["minutes"] > 30).astype(np.int8))
        given = problem(task, rows[:450], rows[450:].reset_index(drop=True))
    model = fit(replace(given, task=task), tmp_path / "fit", architecture)
    rows = given.validation.iloc[np.random.default_rng(0).integers(0, 250, 1_000)].reset_index(drop=True)
    more = rows.assign(amount=rows["amount"] * np.random.default_rng(1).uniform(1, 4, 1_000))
    sign = 1 if ways["amount"] == "up" else -1
    for said in (
        lambda rows: model.probabilities(rows)[:, -1],
        *([lambda rows: model.answer(rows).value] if kind == "minutes" else []),
    ):
        assert (sign * (said(more) - said(rows)) >= -1e-9).all()
    if architecture != "tfidf":
        assert np.ptp(model.probabilities(rows)[:, -1]) > 0.1, "it has learned from it all the same"
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", rows) <= 1e-5
    facts = content.load(tmp_path / "fit" / "fit.json")
    assert facts["monotone"] is True
    board = leaderboard(
        given.validation["label"],
        model_selection.enter({"one": model}, {"one": model.answer(given.validation).judged}, task),
        resamples=50,
        task=task.type,
    )
    assert board["monotone"].tolist() == [True]


def test_an_architecture_that_cannot_be_monotone_says_so(minutes: Callable[[str], Problem], tmp_path: Path) -> None:
    given = minutes("squared")
    task = given.task.model_copy(update={"monotone": {"amount": "up"}})
    model = fit(replace(given, task=task), tmp_path / "fit", "mlp", epochs=1)
    assert content.load(tmp_path / "fit" / "fit.json")["monotone"] is False
    entry = model_selection.enter({"mlp": model}, {"mlp": np.zeros(1)}, task)["mlp"]
    assert entry.monotone is False


def test_a_linear_model_with_signs_is_the_plain_one_where_none_is_wanted_and_zero_where_all_are_against() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2))
    label = pd.Series(x @ [1.0, -2.0] + random.normal(0, 0.3, 300))
    head = KINDS["number"].of(label, np.ones(300), number_task("squared"))
    goal = Goal(head, head.target(label), np.ones(300))
    plain, _ = linear.ridge(x, goal.target, goal.weight, 1.0)
    free, _ = linear.bounded(x, replace(goal, signs=np.zeros(2, dtype=np.int64)), 1.0)
    assert free[:, 0] == pytest.approx(plain[:, 0], abs=1e-6)
    kept, _ = linear.bounded(x, replace(goal, signs=np.array([1, -1])), 1.0)
    assert kept[:, 0] == pytest.approx(plain[:, 0], abs=1e-6) and (kept[:, 1] == 0).all()
    against, _ = linear.bounded(x, replace(goal, signs=np.array([-1, 1])), 1.0)
    assert (against == 0).all()


@pytest.mark.parametrize(
    ("task", "ways", "message"),
    [
        (number_task("squared", FIELDS), {"text": "up"}, "only number fields of the task can be monotone, not 'text'"),
        (number_task("squared", FIELDS), {"ammount": "up"}, "not 'ammount'"),
        (classes_task(FIELDS), {"amount": "down"}, "of several classes none moves alone"),
    ],
)
def test_what_cannot_be_monotone_is_refused(task: Task, ways: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        type(task).model_validate({**task.model_dump(), "monotone": ways})
