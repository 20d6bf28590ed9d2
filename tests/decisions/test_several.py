"""Several classes and numbers: each policy, the log and its costs, with answers that are right by construction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import (
    cross_validated_costs,
    decisions_page,
    explanation,
    log,
    policies,
    policy_choice,
    policy_costs,
    rules,
    what_if,
)
from loopbook.decisions.agent import Agent, Episode
from loopbook.decisions.building import Plan, build
from loopbook.decisions.policies import Asking, Cheapest, Ruled
from loopbook.decisions.replay import simulated_verdicts
from loopbook.models import answers, predictions
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import Costs, DecisionsSettings, Rule
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.task import Multiclass, Number, OneOfMany, Quantity
from loopbook.statistics import calibration

FIELDS: dict[str, Any] = {"text": "text", "size": "number", "kind": "category"}
CLASSES = ("bad", "good", "so-so", "new")
KNOWN = CLASSES[:3]
TOPICS = ("delay", "price")
TONE = Multiclass(
    type="multiclass",
    fields=FIELDS,
    label=OneOfMany(column="y", values={name: name for name in KNOWN}),
    also={"topic": OneOfMany(column="t", values={name: name for name in TOPICS})},
    actions=("ignore", "answer", "escalate"),
)
ROUTE = Multiclass(type="multiclass", fields=FIELDS, label=OneOfMany(column="y"))
HOURS = Number(
    type="number",
    fields=FIELDS,
    label=Quantity(column="y", limits=(10, 30), unit="h"),
    actions=("wait", "ring", "drive"),
)
PRICED = {
    "ignore": {"bad": 9.0, "others": 0.0},
    "answer": {"bad": 3.0, "others": 1.0},
    "escalate": {"bad": 1.0, "good": 6.0, "others": 4.0},
}
LATE = {"wait": "(value > 10) * (value - 10)", "ring": "4 + (value > 30) * (value - 30)", "drive": "15"}
REVIEWED = {"review": 0.1, "review_error": 0.05}
SETTINGS = {
    "tone": (TONE, Costs(matrix=PRICED, **REVIEWED)),
    "route": (ROUTE, Costs(wrong=3.0, **REVIEWED)),
    "bands": (HOURS, Costs(right=-1.0, wrong=4.0, **REVIEWED)),
    "hours": (HOURS, Costs(function=LATE, **REVIEWED)),
}


@dataclass(frozen=True)
class World:
    """A plan, rows, and what a model says of them whose probabilities are right."""

    plan: Plan
    rows: pd.DataFrame
    said: Answers


def world(kind: str, count: int, seed: int = 0, rules: dict[str, Any] | None = None) -> World:
    random, (task, prices) = np.random.default_rng(seed), SETTINGS[kind]
    frame = pd.DataFrame(
        {
            "row_id": [f"r{number:05d}" for number in range(count)],
            "time": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(random.integers(0, 9 * 86_400, count), "s"),
            "group": [f"g{number}" for number in random.integers(0, max(2, count // 3), count)],
            "text": random.choice(["Late again!", "Lovely day."], count),
            "size": random.normal(0, 1, count),
            "kind": random.choice(["a", "b"], count),
        }
    )
    settings = DecisionsSettings(costs=prices, review_capacity=0.2)
    if isinstance(task, Number):
        value = random.gamma(2, 9, count)
        quantiles = np.quantile(random.normal(0, 6, 50_000), np.linspace(0.01, 0.99, 99))
        distribution = np.maximum(value[:, None] + quantiles, 0)
        label: Any = np.maximum(value + random.normal(0, 6, count), 0)
        bands = [(distribution <= 10).mean(axis=1), (distribution <= 30).mean(axis=1)]
        p = np.column_stack([bands[0], bands[1] - bands[0], 1 - bands[1]])
        said, classes = Answers(p, task.label.classes, {}, value, distribution), task.label.classes
    else:
        p = np.column_stack([random.dirichlet([0.5, 0.7, 0.4], count), np.zeros(count)])
        label = (random.random(count)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
        label[random.random(count) < 0.03] = 3  # a class that the model has never seen
        label = pd.Categorical.from_codes(label, list(CLASSES))
        topic = random.dirichlet([1, 1], count)
        also = {"topic": (TOPICS, topic)} if task.also else {}
        said, classes = Answers(p, CLASSES, also), CLASSES
    return World(Plan.of(task, settings, rules, classes=classes), frame.assign(label=label), said)


KINDS = pytest.mark.parametrize("kind", list(SETTINGS))


def lived(made: World, policy: policies.Policy) -> tuple[Episode, pd.DataFrame]:
    verdicts, order = (
        simulated_verdicts(made.rows, made.plan),
        dict(zip(made.rows["row_id"], range(999_999), strict=False)),
    )
    agent = Agent(
        "test",
        made.plan,
        lambda rows: made.said[rows["row_id"].map(order).to_numpy()],
        policy,
        "m1",
        made.plan.settings.review_capacity,
        lambda row_id: made.plan.actions[verdicts[row_id]],
        batch=77,
    )
    episode = agent.execute(made.rows)
    return episode, log.settle(episode.log, made.rows[["row_id", "label"]], made.plan)


@KINDS
def test_every_policy_comes_back_from_plain_values_and_decides_row_by_row(kind: str) -> None:
    made = world(kind, 400)
    built = build(made.plan, made.rows, made.said)
    assert list(built) == ["constant", "probable", "cheapest", "tree", "review"]
    for name, policy in built.items():
        back = policies.load(policy.model_dump(mode="json"))
        assert back.digest == policy.digest
        whole = policy.propose(made.rows, made.said)
        pd.testing.assert_frame_equal(back.propose(made.rows, made.said), whole)
        assert whole["action"].isin(range(len(made.plan.actions))).all()
        assert whole["reasons"].str.len().gt(0).all(), name
        for at in range(0, 400, 113):
            one = policy.propose(made.rows.iloc[[at]], made.said[[at]])
            pd.testing.assert_frame_equal(one, whole.iloc[[at]])


@pytest.mark.parametrize("kind", ["tone", "route", "bands"])
def test_costs_and_expected_costs_are_recomputed_from_log_scores_and_matrix_alone(kind: str) -> None:
    made = world(kind, 500)
    episode, settled = lived(made, build(made.plan, made.rows, made.said)["review"])
    actions, prices = (*made.plan.actions, "review"), made.plan.settings.costs
    matrix = {
        "tone": [[PRICED[action].get(name, PRICED[action]["others"]) for name in CLASSES] for action in PRICED],
        "route": [[0 if one == other else 3 for other in CLASSES] for one in CLASSES],
        "bands": [[-1, 4, 4], [4, -1, 4], [4, 4, -1]],
    }[kind]
    classes = list(made.plan.classes)
    scores = episode.scores.set_index("row_id")
    assert list(scores.columns) == classes and (scores.dtypes == "float64").all()
    reviews = 0
    for row in settled.to_dict("records"):
        label = row["label"] if kind != "bands" else classes[int(np.searchsorted([10, 30], row["label"]))]
        spent = matrix[actions.index(row["action"])][classes.index(label)] + row["reviewed"] * prices.review
        assert row["cost"] == pytest.approx(spent)
        p = [scores.loc[row["row_id"], name] for name in classes]
        expected = [sum(share * cost for share, cost in zip(p, costs, strict=True)) for costs in matrix]
        cheapest = [min(range(len(matrix)), key=lambda at, true=true: matrix[at][true]) for true in range(len(classes))]
        asked = prices.review
        for true, share in enumerate(p):
            others = [matrix[cheapest[other]][true] for other in range(len(classes)) if other != true]
            asked += share * (0.95 * matrix[cheapest[true]][true] + 0.05 * sum(others) / len(others))
        expected.append(asked)
        assert row["expected_cost"] == pytest.approx(expected[actions.index(row["decision"])])
        assert row["next_cost"] == pytest.approx(expected[actions.index(row["next_action"])])
        rest = [cost for name, cost in zip(actions, expected, strict=True) if name != row["decision"]]
        assert row["next_cost"] == pytest.approx(min(rest))
        assert row["answer"] == classes[int(np.argmax(p))] and row["probability"] == pytest.approx(max(p))
        reviews += row["reviewed"]
    assert 0 < reviews <= 0.2 * 500


def test_costs_of_a_number_are_recomputed_from_its_value() -> None:
    made = world("hours", 300)
    _, settled = lived(made, build(made.plan, made.rows, made.said)["review"])
    for row in settled.to_dict("records"):
        value = row["label"]
        spent = {"wait": max(0, value - 10), "ring": 4 + max(0, value - 30), "drive": 15}[row["action"]]
        assert row["cost"] == pytest.approx(spent + 0.1 * row["reviewed"])
    assert settled["value"].notna().all() and settled["label"].dtype == "float64"


@KINDS
def test_with_right_probabilities_the_cheapest_expected_is_cheapest_and_asking_pays_within_capacity(kind: str) -> None:
    learned, made = world(kind, 3_000, 1), world(kind, 6_000, 2)
    built = build(learned.plan, learned.rows, learned.said)
    judged = policy_costs.judge(built, made.rows, made.said, made.plan, resamples=200)
    table = judged.table("cheapest")
    assert table.loc["constant", "difference_low"] > 0
    assert table.loc["probable", "cost"] >= table.loc["cheapest", "cost"] - 1e-9
    assert table.loc["tree", "cost"] >= table.loc["cheapest", "cost"] - 0.02 * abs(table.loc["cheapest", "cost"])
    assert table.loc["review", "difference_high"] < 0
    assert 0.1 < table.loc["review", "review_share"] <= 0.2
    spent = made.plan.prices.expected(policies.believed(made.plan.prices, made.said))[:, :-1].min(axis=1)
    assert table.loc["cheapest", "cost"] == pytest.approx(spent.mean(), abs=0.35)
    assert {"accuracy", "macro_f1"} <= set(table.columns) and "precision" not in table.columns


def test_review_asks_where_it_saves_most_though_the_model_is_too_sure() -> None:
    learned = world("route", 4_000, 3)
    keep = learned.rows["label"] != "new"
    rows, right = learned.rows[keep].reset_index(drop=True), learned.said[keep.to_numpy()].probability[:, :3]
    sure = right**3 / (right**3).sum(axis=1, keepdims=True)
    plan = Plan.of(ROUTE, learned.plan.settings, classes=KNOWN)
    rows["label"] = rows["label"].cat.set_categories(list(KNOWN))
    honest, boasting = (build(plan, rows, p)["review"] for p in (right, sure))
    assert isinstance(honest, Asking) and isinstance(boasting, Asking)
    assert honest.temperature == pytest.approx(1, abs=0.1) and boasting.temperature == pytest.approx(3, rel=0.1)
    same = honest.propose(rows, right)["review"] == boasting.propose(rows, sure)["review"]
    assert same.mean() > 0.97
    assert calibration.temperature(plan.truth(rows["label"]), policies.logits(sure)) == boasting.temperature


@KINDS
def test_who_knows_nothing_gains_nothing_over_what_needs_no_model(kind: str) -> None:
    learned, made = world(kind, 1_500, 4), world(kind, 1_500, 5)
    idle = policy_costs.trivial(learned.rows, learned.rows, made.rows, made.plan, ("kind",))
    assert {f"always {action}" for action in made.plan.actions} <= set(idle)
    assert ("by kind alone" in idle) == (kind != "hours")
    shuffled, known = np.random.default_rng(0).permutation(1_500), np.nan
    for said, pays in ((made.said[shuffled], False), (made.said, True)):
        built = build(learned.plan, learned.rows, learned.said if pays else learned.said[shuffled])
        judged = policy_costs.judge(built, made.rows, said, made.plan, idle, resamples=200)
        (saved, low, _), over = judged.saving("review")
        assert (low > 0) == pays, (saved, over)
        found = judged.figures("review")
        assert found["informedness"] > known if pays else np.isfinite(found["informedness"])
        known = found["informedness"]
        assert "informedness_gain" not in found and found["saving_over"] == over
        assert np.isfinite(judged.asking("cheapest")[2])


@pytest.mark.parametrize("kind", ["tone", "hours"])
def test_validation_chooses_and_folds_judge_as_for_two_classes(kind: str) -> None:
    made = world(kind, 600, 6)
    judged = policy_choice.cross_validated(made.plan, made.rows, made.said, resamples=50)
    choice = policy_choice.choose(made.plan, judged)
    assert choice.policy == judged.table("cheapest")["cost"].idxmin() and choice.single in ("probable", "cheapest")
    dealt = made.rows[["row_id"]].assign(repeat=0, fold=np.arange(600) % 3)
    dealt = dealt.join(predictions.columns("probability", made.said.probability))
    if made.said.distribution is not None:
        dealt = dealt.join(predictions.columns("quantiles", made.said.distribution))
    often = cross_validated_costs.judge(made.plan, [made.rows], dealt, ("kind",))
    shown, flat = (
        cross_validated_costs.table(often, made.plan),
        cross_validated_costs.figures(often, made.plan, "review"),
    )
    assert flat["cv_cost"] == shown.loc["review", "cost"] and flat["cv_saving_low"] > 0
    assert "informedness" not in shown and shown["recall"].between(0, 1).all()
    assert "asking a person" in cross_validated_costs.finding(often, made.plan, "EUR")


def test_of_many_actions_only_those_that_were_cheapest_are_tried_always() -> None:
    many = [f"c{at}" for at in range(40)]
    plan = Plan.of(ROUTE, DecisionsSettings(), classes=many)
    codes = np.repeat(np.arange(40), np.arange(1, 41))
    train = pd.DataFrame({"label": pd.Categorical.from_codes(codes, many)})
    assert policy_costs.constants(plan, train) == {f"always c{at}": at for at in range(30, 40)}


def test_rules_speak_of_the_answer_of_further_outputs_and_of_the_value() -> None:
    given = {
        "late": Rule(when='topic == "delay" and topic_probability > 0.7', action="escalate", position="after"),
        "unsure": Rule(when='answer == "good" and probability < 0.5', action="review", position="after"),
    }
    made = world("tone", 300, rules={name: rule.model_dump() for name, rule in given.items()})
    policy = build(made.plan, made.rows, made.said)["rules"]
    assert isinstance(policy, Ruled) and isinstance(policy.base, Cheapest)
    proposed, told = policy.propose(made.rows, made.said), made.said.columns()
    late = (told["topic"] == "delay") & (told["topic_probability"] > 0.7)
    assert late.any() and (proposed["rule"].eq("late") == late.to_numpy()).all()
    assert (proposed.loc[late, "action"] == 2).all()
    unsure = (told["answer"] == "good") & (told["probability"] < 0.5) & ~late
    assert unsure.any() and (proposed["review"] == unsure).all()
    (compiled,) = rules.read({"x": Rule(when="value > 20", action="drive", position="after")}, HOURS)
    hours = world("hours", 50)
    assert compiled.holds(hours.rows, hours.said).tolist() == (hours.said.value > 20).tolist()  # type: ignore[operator]
    for wrong, message in (("topc == 'delay'", "topic"), ("topic > 1", "do not fit"), ("value > 1", "'value'")):
        with pytest.raises(ScenarioError, match=message):
            Plan.of(TONE, DecisionsSettings(), {"x": {"when": wrong, "action": "ignore", "position": "after"}})
    with pytest.raises(ScenarioError, match="before the model there is no topic"):
        rules.read({"x": Rule(when="topic == 'delay'", action="ignore")}, TONE)


def test_the_log_names_further_outputs_and_holds_no_label_of_theirs() -> None:
    made = world("tone", 80)
    rows = made.rows.assign(label_topic="price", topic="from the source", answer=7)
    episode, _ = lived(World(made.plan, rows, made.said), build(made.plan, made.rows, made.said)["cheapest"])
    told = made.said.columns().set_axis(made.rows["row_id"]).loc[episode.log["row_id"]]
    assert episode.log["topic"].tolist() == told["topic"].tolist()
    assert episode.log["topic_probability"].tolist() == told["topic_probability"].tolist()
    assert set(episode.log["topic_source"]) == {"from the source"} and set(episode.log["answer_source"]) == {7}
    assert "label_topic" not in episode.log
    assert episode.log["label"].isna().all() and list(episode.log["label"].cat.categories) == list(CLASSES)


def test_what_does_nothing_is_no_message_and_one_action_a_class_always_is_one() -> None:
    for kind, silent in (("tone", {"ignore"}), ("route", set())):
        made = world(kind, 120)
        episode, settled = lived(made, build(made.plan, made.rows, made.said)["cheapest"])
        acts = settled[~settled["action"].isin(silent)]
        assert episode.outbox["kind"].value_counts().to_dict() == acts["action"].value_counts().to_dict()
        assert log.summary(settled, made.plan)["acts"] == len(acts) == log.per_day(settled, made.plan)["acts"].sum()


def test_labels_of_no_known_class_are_refused() -> None:
    made = world("tone", 20)
    strange = pd.Series(pd.Categorical(["bad", "strange"]))
    with pytest.raises(DataError, match="1 rows have no label of a known class, such as 'strange'"):
        made.plan.truth(strange)
    wrong = made.rows.assign(label=made.rows["label"].cat.reorder_categories(list(CLASSES[::-1])))
    assert made.plan.truth(wrong["label"]).tolist() == made.plan.truth(made.rows["label"]).tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.5}, "threshold is for two classes"),
        ({"policy": "tuned"}, "'tuned', but must be one of constant, probable, cheapest, tree, review"),
        ({"costs": {"matrix": {"ignore": {"others": 1.0}}}}, "what the action 'answer' costs"),
        ({"costs": {"matrix": {**PRICED, "answer": dict.fromkeys(KNOWN, 1.0)}}}, "answer: .* for 'others'"),
    ],
)
def test_settings_for_another_kind_of_task_are_refused_before_anything_runs(
    settings: dict[str, Any], message: str
) -> None:
    priced = {"costs": {"matrix": PRICED}, **settings}
    with pytest.raises(ScenarioError, match=message):
        Plan.of(TONE, DecisionsSettings.model_validate(priced))


def test_what_explains_a_decision_is_the_lead_of_the_likeliest_class_over_the_next() -> None:
    frame = pd.DataFrame({"row_id": ["x"], "text": ["Late again"], "size": [1.0], "kind": ["a"]})

    def model(rows: pd.DataFrame) -> np.ndarray:
        late = rows["text"].str.contains("Late").to_numpy()
        return np.where(late[:, None], [0.6, 0.1, 0.3, 0.0], [0.3, 0.5, 0.2, 0.0])

    usual = {"size": 0.0, "kind": "a"}
    found = explanation.occlusion(frame, model, TONE, usual, CLASSES)
    assert found["part"].iloc[0] == "late" and found["effect"].iloc[0] == pytest.approx((0.6 - 0.3) - (0.3 - 0.2))
    assert explanation.sentences(found, TONE)["x"].endswith(
        "“late” (+0.20) raised the lead of “bad” over “so-so” most."
    )
    value = explanation.occlusion(frame, lambda rows: 5 + 2 * rows["size"].to_numpy(), HOURS, usual)
    assert value["effect"].iloc[0] == pytest.approx(2.0) and set(value["of"]) == {"the value"}


@KINDS
def test_more_reviews_never_cost_more_than_what_they_are_expected_to_save(kind: str) -> None:
    made = world(kind, 2_000, 8)
    said, truth = policies.believed(made.plan.prices, made.said), made.plan.truth(made.rows["label"])
    found = what_if.of_reviews(made.plan.prices, said, truth, 0.15, "EUR")["shares"]
    assert [row["capacity"] for row in found] == [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.5]
    alone = made.plan.prices.realised(made.plan.prices.cheapest(said), truth).mean()
    assert found[0]["cost"] == pytest.approx(alone) and found[0]["reviews"] == 0
    assert found[3]["cost"] < found[0]["cost"]
    assert all(row["reviews"] <= row["capacity"] for row in found)


@pytest.mark.parametrize("many", [3, 77])
def test_pages_show_a_few_classes_whole_and_of_many_what_matters(many: int) -> None:
    names = [f"<c{at}>" for at in range(many)]
    random = np.random.default_rng(0)
    plan = Plan.of(ROUTE, DecisionsSettings(), classes=names)
    shown = decisions_page.expected_costs(plan, "EUR")
    assert isinstance(shown, pd.DataFrame)
    told = {3: [*names, "ask a person"], 77: ["77 actions, as <c0>", "ask a person"]}[many]
    assert list(shown.index) == told and shown.shape[1] == (many if many == 3 else 2)
    assert many > 3 or list(shown) == [f"“{name}”" for name in names], "no class is taken for the end of an interval"
    label = pd.Categorical.from_codes(random.integers(0, many, 500), names)
    decided = pd.DataFrame(
        {
            "decision": random.choice([*names, "review"], 500),
            "label": label,
            "cost": 1.0,
            "time": pd.NaT,
            "reasons": "",
            "answer": "",
            "probability": 0.5,
        }
    )
    outcomes = decisions_page.outcomes(decided, plan)
    assert isinstance(outcomes, pd.DataFrame) == (many == 77)
    assert list(decisions_page.reasons(decided, plan).columns) == ["answer", "probability", "decision", "reasons"]
    assert answers.of(np.eye(many), names).columns()["answer"].tolist() == names
