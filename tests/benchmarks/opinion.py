"""What is found of waves of bad news: injected surges over worlds of the simulation, and alarms where nothing happened.

    python -m tests.benchmarks.opinion [--worlds 10] [--quiet 50] [--outputs 10 --candidate cnn]

A cheap stand-in plays the model (TF-IDF with logistic regression for the label and for the sentiment): what is measured
is the watch. It learns from the first 60% of a world's rows, the next 14% are the reference, the last 22% the stream,
as in the scenario market-monitor. Into the stream six surges are injected: two of bad news alone, two at once with
different companies and topics, two of good news; each of 30 to 60% of a day's rows, for 2 or 3 days. The delay of a
surge in posts is how many posts of its company and topic had come since its first day when the day of the alarm ended.
With `--outputs`, candidates of the scenario learn topic and sentiment with the label, and are judged on test and gate.
In quiet worlds (no effects, styles dealt at random) every alarm is false.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from random import Random

import numpy as np
import pandas as pd
from tests.benchmarks import joint_outputs
from tests.benchmarks.architectures import answers
from tests.benchmarks.monitoring import REFERENCE, SCENARIOS, STREAM, TRAIN, rate, shares, standin

from loopbook.data.features import tokenize
from loopbook.decisions.costs import of
from loopbook.monitoring import associations
from loopbook.monitoring.segment_values import named
from loopbook.monitoring.surges import GOOD_NEWS
from loopbook.monitoring.timeline import prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.scenario.source import SimulationSource
from loopbook.simulation.events import Effect
from loopbook.simulation.vocabulary import words
from loopbook.simulation.world import simulate
from loopbook.statistics import metrics, targets
from loopbook.statistics.intervals import student

DAYS = 120
STARTS = (
    (98, "negative"),
    (102, "positive"),
    (106, "negative"),
    (106, "negative"),
    (111, "positive"),
    (115, "negative"),
)
"""First days and kinds of the injected surges; two begin at once."""


def injected(seed: int, least: float = 0.3, most: float = 0.6) -> tuple[Effect, ...]:
    """Return the surges of a world, of different companies and topics where they begin at once."""
    rng = Random(f"opinion {seed}")
    companies = rng.sample([one.name for one in words().companies], len(STARTS))
    topics = rng.sample(sorted(words().topics), len(STARTS))
    return tuple(
        Effect(
            "surge",
            first,
            first + rng.randint(1, 2),
            company,
            topic,
            (("sentiment", tone), ("extra_share", round(rng.uniform(least, most), 2))),
        )
        for (first, tone), company, topic in zip(STARTS, companies, topics, strict=True)
    )


def sounding(posts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows after those to learn from with the stand-in's answers, the sentiment's too."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    _, rest = standin(posts)
    train = posts.iloc[: round(TRAIN * len(posts))]
    terms = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, tokenizer=tokenize, token_pattern=None, lowercase=False
    )
    model = LogisticRegression(max_iter=300, C=3.0).fit(terms.fit_transform(train["text"]), train["sentiment"])
    said = model.predict(terms.transform(rest["text"]))
    return rest.assign(label_sentiment=rest["sentiment"], sentiment=said)


def monitor(posts: pd.DataFrame, scenario: Scenario) -> Watch:
    """Decide by the cost threshold and watch the stream."""
    rest, rows = sounding(posts), len(posts)
    at = of(scenario.decisions.costs, scenario.task).threshold
    no, yes = scenario.task.actions
    rest = rest.assign(action=np.where(rest["probability"] >= at, yes, no))
    stream = rest.iloc[-round(STREAM * rows) :].drop(columns="label_sentiment")
    texts = posts["text"].iloc[: round(TRAIN * rows)]
    return watch(prepare(stream, rest.iloc[: round(REFERENCE * rows)], scenario), texts)


@dataclass
class Found:
    """What was found of one surge of bad news: posts and days until the alarm, and whether the ranking names it."""

    posts: float = float("nan")
    days: float = float("nan")
    company: bool = False
    topic: bool = False


def judge(seen: Watch, effect: Effect, offset: int) -> Found:
    """Return what was found of a surge: the first alarm on its days that the incident's ranking ties to it."""
    first, last = effect.first_day - offset, effect.last_day - offset
    frame, day = seen.log.stream.frame, seen.log.stream.day
    own = (frame["company"] == effect.company).to_numpy()
    own = own & frame["topics"].str.split("|").map(lambda tags: bool({*tags} & tags_of(effect.topic))).to_numpy()
    best = Found()
    for one in seen.incidents:
        if one.cause == GOOD_NEWS or one.first > last + 1 or one.last < first or one.day < first or one.day > last + 2:
            continue
        table = associations.contributions(seen.log, associations.scope(seen.log, one, seen.surge_rows))
        top = {column: set(rows["segment"].head(3)) for column, rows in table.groupby("column")}
        company = named("company", effect.company) in top.get("company", set())
        topic = bool({named("topics", tag) for tag in tags_of(effect.topic)} & top.get("topics", set()))
        if (company or topic) and not one.day - first > best.days:
            posts = int((own & (day >= first) & (day <= one.day)).sum())
            best = Found(posts, one.day - first, best.company or company, best.topic or topic)
    return best


def tags_of(topic: str) -> set[str]:
    """Return what a topic is tagged with."""
    return {topic, *words().topics[topic].tags}


def outputs(worlds: int, candidate: str, rows: int) -> None:
    """Print the macro F1 of the further outputs beside that of TF-IDF, with Student's interval over the worlds."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(1, worlds + 1):
        own = joint_outputs.world("standard", seed, rows)
        said = {}
        for name in ("tfidf", candidate):
            chosen = own.scenario.training.candidates[name]
            said[name] = answers(own, chosen.architecture, chosen.settings, seed)
        for output in own.scenario.task.also:
            known = own.test[f"label_{output}"].notna().to_numpy()
            label = own.test[f"label_{output}"][known]
            classes = targets.classes(label, own.scenario.task)
            pair = []
            for each in said.values():
                names, p = each.also[output]
                pair.append(metrics.score("macro_f1", label, targets.aligned(p, names, classes)[known]))
            found.setdefault(output, []).append((pair[0], pair[1]))
            print(f"  world {seed}, {output}: tfidf {pair[0]:.4f}, {candidate} {pair[1]:.4f}", flush=True)
    for output, pairs in found.items():
        plain, network = np.array(pairs).T
        gain = student(network - plain)
        print(
            f"{output}: macro F1 tfidf {plain.mean():.4f}, {candidate} {network.mean():.4f}; better by "
            f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) over {worlds} worlds of {rows:,} rows"
        )


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--quiet", type=int, default=50)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--least", type=float, default=0.3, help="smallest surge, as a share of a day's rows")
    parser.add_argument("--most", type=float, default=0.6)
    parser.add_argument("--outputs", type=int, default=0, help="worlds in which topic and sentiment are learned")
    parser.add_argument("--candidate", default="cnn")
    parser.add_argument("--outputs-rows", type=int, default=6_000)
    given = parser.parse_args()
    if given.outputs:
        outputs(given.outputs, given.candidate, given.outputs_rows)
    scenario = load("market-monitor", SCENARIOS)
    alone, together, good, good_told, false_beside = [], [], 0, 0, 0
    for seed in range(1, given.worlds + 1):
        settings = SimulationSource(kind="simulation", rows=given.rows, days=DAYS, seed=seed)
        effects = injected(seed, given.least, given.most)
        seen = monitor(simulate(settings, injected=effects).posts, scenario)
        assert seen.log.start is not None
        offset, told = (seen.log.start - settings.start).days, []
        for effect in effects:
            if effect["sentiment"] == "positive":
                places = {named("company", effect.company), *(named("topics", tag) for tag in tags_of(effect.topic))}
                first, last = effect.first_day - offset, effect.last_day - offset
                near = [
                    one for one in seen.incidents if places & {*one.places} and one.first <= last and one.last >= first
                ]
                good += 1
                good_told += any(one.cause == GOOD_NEWS for one in near)
                alarmed = [one.title for one in near if one.cause in ("surge", "segment", "base_rate")]
                false_beside += bool(alarmed)
                told.append(f"good {'alarmed: ' + '; '.join(alarmed) if alarmed else 'told' if near else 'unseen'}")
                continue
            found = judge(seen, effect, offset)
            (together if [each[0] for each in STARTS].count(effect.first_day) > 1 else alone).append(found)
            told.append(f"{found.posts:g} posts, day {found.days:g}, {found.company:d}{found.topic:d}")
        print(f"world {seed}: {' | '.join(told)}", flush=True)
        for row in seen.alerts.itertuples():
            print(f"    {row.since} {row.cause}: {row.title}", flush=True)
    for name, group in (
        () if not given.worlds else (("alone", alone), ("two at once", together), ("all", [*alone, *together]))
    ):
        posts = np.array([one.posts for one in group])
        seen_posts = np.where(np.isnan(posts), np.inf, posts)
        print(
            f"{name}: found {shares(int(np.isfinite(seen_posts).sum()), len(group))}, posts until the alarm: median "
            f"{np.median(seen_posts):g}, most {seen_posts.max():g}, within a day "
            f"{shares(sum(one.days <= 1 for one in group), len(group))}; company among the first three "
            f"{shares(sum(one.company for one in group), len(group))}, topic "
            f"{shares(sum(one.topic for one in group), len(group))}"
        )
    if given.worlds:
        print(f"good news: told {shares(good_told, good)}, alarmed {shares(false_beside, good)}")
    alarms, days = 0, 0
    for seed in range(1, given.quiet + 1):
        settings = SimulationSource(kind="simulation", rows=given.rows, days=DAYS, seed=500 + seed, effects=False)
        posts = simulate(settings).posts
        rng = np.random.default_rng(seed)
        calm = monitor(posts.assign(style=rng.permutation(posts["style"].to_numpy())), scenario)
        raised = calm.alerts[calm.alerts["cause"] != GOOD_NEWS]
        alarms, days = alarms + len(raised), days + calm.log.stream.days
        for row in raised.itertuples():
            print(f"    false alarm, quiet world {seed}: {row.title} {row.evidence}", flush=True)
    if given.quiet:
        value, low, high = rate(alarms, days)
        print(
            f"quiet: {alarms} alarms in {given.quiet} worlds of together {days} days: {value:.2f} a hundred days "
            f"[{low:.2f}, {high:.2f}], promised at most {scenario.monitoring.false_alarms:g}"
        )


if __name__ == "__main__":
    main()
