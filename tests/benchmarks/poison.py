"""What can users who mean harm gain? Labels turned and quality lost, attack by attack, and over rounds; simulated.

    OMP_NUM_THREADS=1 python tests/benchmarks/poison.py --seeds 5
    OMP_NUM_THREADS=1 python tests/benchmarks/poison.py --seeds 3 --answer-rate 0.8

Worlds of `market-monitor`, each with the word counts' model (`tfidf`) on fewer rows than the standard profile, in one
process: the functions are those of the notebooks. What is learned is what policy ``safe`` approves: labels and outcomes
unless the challenger is proven worse. Each world is lived through with and without outcomes: with them, what became of
a decision is known after five days; without, users are all there is, and nobody but they can tell who lies.

One round, for each attack: how many malicious users are found, honest ones called malicious, labels taken over, and
wrong ones among them, beside the same without what is done against those who adapt (Dawid-Skene alone), and the ROC AUC
that the challenger loses against one taught by the same users when none means harm, on the days after. Three rounds,
for nobody malicious and for adaptive ones: gain over the first champion on the days after the last round, what poison
costs, and what is forgotten: the loss on `test`, whose days end before the first round's world changes. Last, a
challenger that has learned from labels turned on purpose, unchecked: is it rejected? Intervals over worlds are
Student's t, those of shares Wilson's; models are judged by the state of the world, not by annotators.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from loopbook.data import cleaning, sources, splitting, validation
from loopbook.data.features import Features
from loopbook.decisions import paired_gains
from loopbook.feedback import dawid_skene, gate, gathering, learning_set, trust, users
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.statistics import intervals, metrics
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = ("none", "flip", "sleeper", "segment", "copier", "colluder", "flood", "adaptive")
ROUNDS = 3
BARE = trust.Defence(most_an_hour=10**9, alone=1e9)


class World(NamedTuple):
    """A world's splits by window, and a fit on rows of it."""

    scenario: Scenario
    splits: list[dict[str, pd.DataFrame]]
    features: Features

    def fit(self, train: pd.DataFrame) -> Model:
        """Return the word counts' model of some rows."""
        training = self.scenario.training
        data = TrainingData(train, self.splits[0]["validation"], self.features, self.scenario.task)
        with tempfile.TemporaryDirectory() as folder:
            fitting.fit(
                Method.to_try(training.candidates["tfidf"], training.recipe), data, Path(folder), lambda _: None
            )
            return Model.load(Path(folder) / fitting.MODEL)

    def quality(self, model: Model, rows: pd.DataFrame) -> float:
        """Return ROC AUC against the state of the world, before annotators' mistakes."""
        truth = gathering.truth(rows, self.scenario)
        label = rows["row_id"].astype(str).map(truth).astype("int8")
        return metrics.score("roc_auc", label, model.answer(rows).judged)


def world(seed: int, rows: int, answered: float) -> World:
    """Return a world of a seed, cleaned and split as notebook 02 does."""
    params = f"source.seed={seed} source.rows={rows} source.later_days={26 * ROUNDS} data.splits.windows={ROUNDS + 1}"
    params += f" feedback.answer_rate={answered}"
    scenario = loading.load("market-monitor", Project(ROOT).scenarios, "standard", loading.given_values(params))
    with tempfile.TemporaryDirectory() as folder:
        collected = sources.collect(scenario.source, ROOT, Path(folder), lambda _: None)
    valid, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    masked, _ = cleaning.mask(valid, scenario)
    kept, _ = cleaning.deduplicate(masked, scenario)
    splits = [splitting.split(kept, scenario, window) for window in range(1, ROUNDS + 2)]
    return World(scenario, splits, Features.fit(splits[0]["train"], scenario))


def said(of: World, stream: pd.DataFrame, attack: str, seed: int) -> tuple[pd.DataFrame, FeedbackSettings]:
    """Return what simulated users say, and their settings; one in ten means harm, unless nobody does."""
    means = {"malicious_rate": 0.0} if attack == "none" else {"attack": attack, "malicious_rate": 0.1}
    settings = of.scenario.feedback.model_copy(update={"feedback_seed": seed, **means})
    log = stream.assign(action="ignore", probability=0.5, label=stream["label"].astype("Int8"))
    return users.simulate(log, gathering.truth(stream, of.scenario), of.scenario, settings), settings


def known(of: World, stream: pd.DataFrame, outcomes: bool) -> dict[str, Any]:
    """Return the outcomes that have arrived at the end of the stream."""
    watched = of.scenario.monitoring
    log = stream.assign(label=stream["label"].astype("Int8"))
    return trust.outcomes_of(log, watched.label_delay_days, watched.replay_days) if outcomes else {}


def one_round(of: World, seed: int, outcomes: bool) -> list[dict[str, Any]]:
    """Return what each attack gains in the first round."""
    stream, after, train = of.splits[0]["stream"], of.splits[1]["stream"], of.splits[0]["train"]
    truth, arrived, rows = gathering.truth(stream, of.scenario), known(of, stream, outcomes), []
    for attack in ATTACKS:
        answers, settings = said(of, stream, attack, seed)
        bad = users.malicious(settings)
        judged = trust.judge(answers, arrived, stream, trust.Defence.of(of.scenario, settings))
        bare = trust.Trust(*dawid_skene.estimate(answers[answers["label"].notna()].reset_index(drop=True), arrived))
        learned = learning_set.build(train, stream, judged, arrived, of.scenario.task)
        row = {"seed": seed, "outcomes": outcomes, "attack": attack, "malicious": len(bad)}
        row |= {"found": len(bad & set(judged.malicious)), "wronged": len(set(judged.malicious) - bad)}
        row |= {f"bare_{name}": value for name, value in turned(bare, truth).items()}
        row |= turned(judged, truth) | {"most_alone": int(judged.users["alone"].max()), "waiting": judged.waiting}
        rows.append(row | {"quality": of.quality(of.fit(learned.train), after)})
        rows[-1]["lost"] = rows[0]["quality"] - rows[-1]["quality"]
        print(json.dumps({"one round": rows[-1]}), flush=True)
    return rows


def turned(judged: trust.Trust, truth: Mapping[str, Any]) -> dict[str, int]:
    """Return how many labels are taken over, and how many of them are wrong."""
    taken = judged.accepted
    return {"labels": len(taken), "wrong": sum(label != truth[row] for row, label in taken.items())}


def rounds(of: World, seed: int, attack: str, outcomes: bool) -> dict[str, Any]:
    """Return what three rounds bring."""
    task, splits = of.scenario.task, of.splits
    train, verdicts, wrong, labels = splits[0]["train"], [], 0, 0
    first = champion = of.fit(train)
    for number in range(ROUNDS):
        stream = splits[number]["stream"]
        answers, settings = said(of, stream, attack, seed + 100 * number)
        arrived = known(of, stream, outcomes)
        judged = trust.judge(answers, arrived, stream, trust.Defence.of(of.scenario, settings))
        learned = learning_set.build(train, stream, judged, arrived, task)
        challenger = of.fit(learned.train)
        verdict = judge(of, champion, challenger, learned)
        verdicts.append(verdict.decision)
        found = turned(judged, gathering.truth(stream, of.scenario))
        labels, wrong = labels + found["labels"], wrong + found["wrong"]
        if not verdict.worse:
            train, champion = learned.train, challenger
    after, test = splits[ROUNDS]["stream"], splits[0]["test"]
    row = {"seed": seed, "attack": attack, "outcomes": outcomes, "labels": labels, "wrong": wrong, "verdicts": verdicts}
    row |= {"first": of.quality(first, after), "last": of.quality(champion, after)}
    row |= {"test_first": of.quality(first, test), "test_last": of.quality(champion, test)}
    print(json.dumps({"rounds": row}), flush=True)
    return row


def judge(of: World, champion: Model, challenger: Model, learned: learning_set.LearningSet) -> gate.Verdict:
    """Return the gate's verdict on rows that neither knows."""
    task = of.scenario.task
    verdict, _ = gate.judge(
        {"gate": learned.untaught(of.splits[0]["gate"]), "recent": learned.recent},
        *(lambda rows, model=model: paired_gains.asked(model, rows, task) for model in (champion, challenger)),
        task,
        of.scenario.decisions.costs,
        learned={*learned.train["row_id"], *of.splits[0]["validation"]["row_id"]},
        resamples=300,
    )
    return verdict


def worse(of: World, seed: int) -> dict[str, Any]:
    """Return the verdict on a challenger that has learned from turned labels as if nobody had checked them."""
    stream, train = of.splits[0]["stream"], of.splits[0]["train"]
    truth = gathering.truth(stream, of.scenario)
    rows = pd.DataFrame({"row_id": list(truth), "label": [1 - label for label in truth.values()]})
    flipped = rows.assign(confidence=0.99, accepted=True)
    learned = learning_set.build(
        train, stream, trust.Trust(flipped, flipped), known(of, stream, True), of.scenario.task
    )
    verdict = judge(of, of.fit(train), of.fit(learned.train), learned)
    row = {"seed": seed, "gain": verdict.gain, "decision": verdict.decision, "worse": verdict.worse}
    print(json.dumps({"worse": row}), flush=True)
    return row


def shown(values: pd.Series[float]) -> str:
    """Return a mean over worlds with its 95% interval."""
    n = len(values)
    half = stats.t.ppf(0.975, n - 1) * values.std() / np.sqrt(n) if n > 1 else np.nan
    return f"{values.mean():+.4f} ({values.mean() - half:+.4f} to {values.mean() + half:+.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--answer-rate", type=float, default=0.2, help="share of the decisions that users answer")
    given = parser.parse_args()
    once, lived, rejected = [], [], []
    for seed in range(1, given.seeds + 1):
        of = world(seed, given.rows, given.answer_rate)
        for outcomes in (True, False):
            lived += [rounds(of, seed, attack, outcomes) for attack in ("none", "adaptive")]
        rejected.append(worse(of, seed))
        for outcomes in (True, False):
            once += one_round(of, seed, outcomes)
        report(pd.DataFrame(once), pd.DataFrame(lived), pd.DataFrame(rejected))


def report(once: pd.DataFrame, lived: pd.DataFrame, rejected: pd.DataFrame) -> None:
    """Print the tables over the worlds so far."""
    print(f"\n{once['seed'].nunique()} worlds. One round:")
    for (outcomes, attack), part in once.groupby(["outcomes", "attack"], sort=False):
        total = part[["malicious", "found", "wronged", "labels", "wrong", "bare_labels", "bare_wrong"]].sum()
        share, bare = (
            intervals.wilson(total[name] / total[of], total[of])
            for name, of in (("wrong", "labels"), ("bare_wrong", "bare_labels"))
        )
        print(
            f"  outcomes {outcomes}, {attack}: found {total['found']} of {total['malicious']}, honest called malicious "
            f"{total['wronged']}; wrong {share.value:.2%} ({share.low:.2%} to {share.high:.2%}) of {total['labels']} "
            f"labels, by Dawid-Skene alone {bare.value:.2%} of {total['bare_labels']}; alone at most "
            f"{part['most_alone'].max()}; ROC AUC lost {shown(part['lost'])}"
        )
    print("Three rounds:")
    for outcomes, part in lived.groupby("outcomes", sort=False):
        wide = {arm: rows.set_index("seed") for arm, rows in part.groupby("attack")}
        for arm, rows in wide.items():
            print(
                f"  outcomes {outcomes}, {arm}: gain {shown(rows['last'] - rows['first'])}, forgotten "
                f"{shown(rows['test_first'] - rows['test_last'])}, wrong {rows['wrong'].sum()} of "
                f"{rows['labels'].sum()} labels"
            )
        print(f"  outcomes {outcomes}: poison costs {shown(wide['none']['last'] - wide['adaptive']['last'])}")
    print(
        f"A challenger of turned labels is rejected in {rejected['worse'].sum()} of {len(rejected)} worlds.", flush=True
    )


if __name__ == "__main__":
    main()
