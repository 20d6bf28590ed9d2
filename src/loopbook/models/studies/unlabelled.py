"""What rows say without their labels: topics or clusters, how their shares move, and which rows are unlike train."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import preview
from loopbook.data.features import Features
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models import arrays, seen_rows
from loopbook.models.encoders import sentence_encoder
from loopbook.models.model import Model
from loopbook.models.studies.slices import Slices, slices
from loopbook.models.unsupervised import anomaly, topics
from loopbook.scenario.task import Task
from loopbook.scenario.unlabelled import UnlabelledSettings
from loopbook.statistics import targets
from loopbook.statistics.bootstrap import percentile, units, weights
from loopbook.statistics.intervals import Interval, between, wilson
from loopbook.store.stage import Stage

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_PERIODS = 24
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Rows of several splits, and the numbers by which they are compared.

    Attributes
    ----------
    rows
        In canonical form, those of all splits, with the column `split`.
    vectors
        float32 [n, d]: the pretrained encoder's embedding of the text; without a text the table.
    """

    features: Features
    settings: UnlabelledSettings
    rows: pd.DataFrame
    vectors: NDArray[np.float32]

    def of(self, split: str) -> NDArray[np.bool_]:
        """Return which rows are of a split, bool [n]."""
        return np.asarray(self.rows["split"] == split)

    @property
    def later(self) -> str:
        """The last split."""
        return str(self.rows["split"].iloc[-1])

    @property
    def seen_by(self) -> str:
        """What rows are compared by, in words."""
        texts = self.features.texts
        return f"the meaning of {' and '.join(texts)}" if texts else "all input fields"

    def topics(self) -> topics.Topics:
        """Part the rows of all splits into topics; rows of a table into clusters, named by what stands out."""
        own, seed = self.settings, self.settings.draw_seed
        if not self.features.texts:
            return topics.of_table(self.vectors, own.topics, self.features.columns, seed=seed)
        vectors = self.vectors if own.by == "kmeans" else None
        return topics.find(arrays.texts(self.features, self.rows), own.topics, vectors, by=own.by, seed=seed)

    def unusual(self) -> pd.DataFrame:
        """Return each row's `score`, and how probable one at least as high is among rows like validation, `tail`."""
        learn = anomaly.autoencoder if self.settings.score == "autoencoder" else anomaly.nearest_centre
        said = learn(self.vectors[self.of(TRAIN)], seed=self.settings.draw_seed)(self.vectors)
        return pd.DataFrame({"score": said, "tail": anomaly.tail(said[self.of(VALIDATION)], said)})


def gather(stage: Stage, known: dict[str, Any], splits: Mapping[str, pd.DataFrame]) -> Unlabelled:
    """Return the rows of splits, at most so many of each as the study names; `known` as the artifact `features`."""
    features, settings = Features.model_validate(known), stage.settings
    drawn = [
        rows.sample(min(len(rows), settings.most), random_state=settings.draw_seed).sort_index().assign(split=name)
        for name, rows in splits.items()
    ]
    rows = pd.concat(drawn, ignore_index=True)
    if features.texts:
        cache = stage.project.work / "embeddings"
        vectors = sentence_encoder.embed(arrays.texts(features, rows), cache, stage.progress)
    else:
        vectors = features.table(rows)
    return Unlabelled(features, settings, rows, vectors)


def moves(given: Unlabelled, found: topics.Topics, resamples: int) -> pd.DataFrame:
    """Return a row for each topic: its share of train and of the last split, and by how much it grew.

    Returns
    -------
    DataFrame
        `topic`, `rows`, `train`, the last split's name, and the difference `grew`, the largest first; `grew_low` and
        `grew_high` hold for all topics together (Bonferroni), with groups drawn whole.
    """
    inside = found.of[:, None] == np.arange(len(found.words))
    shares, drawn, few = [], [], []
    for seed, split in enumerate((TRAIN, given.later)):
        own, groups = inside[given.of(split)], given.rows.loc[given.of(split), "group"]
        shares.append(own.mean(axis=0))
        parts = [of @ own / of.sum(axis=1, keepdims=True) for of in weights(len(own), groups, resamples, seed)]
        drawn.append(np.concatenate(parts))
        few.append(units(len(own), groups))
    grew, spread = shares[1] - shares[0], drawn[1] - drawn[0]
    apart = [percentile(grew[at], spread[:, at], min(few), 0.05 / len(grew)) for at in range(len(grew))]
    table = pd.DataFrame({"topic": found.names, "rows": inside.sum(axis=0), "train": shares[0], given.later: shares[1]})
    told = pd.DataFrame(apart, columns=["grew", "grew_low", "grew_high"])
    return pd.concat([table, told], axis=1).sort_values("grew", ascending=False, ignore_index=True)


def moved(table: pd.DataFrame, later: str) -> Figure:
    """Draw how the shares moved."""
    ends = pd.concat([table.head(_SHOWN // 2), table.tail(_SHOWN // 2)]).drop_duplicates("topic")
    first = table.iloc[0]
    told = f"{100 * first['grew']:+.1f} points ({between(100 * first['grew_low'], 100 * first['grew_high'], '.1f')})"
    shown = 100 * ends[["grew", "grew_low", "grew_high"]].set_axis(pd.Index(ends["topic"]))
    return plots.intervals(
        shown.set_axis(pd.Index(["value", "low", "high"]), axis=1),
        title=f"Grew most from train to {later}: {first['topic']}, {told}",
        x=f"change of its share from train to {later}, in points",
        alt=f"Changes of the topics' shares with intervals; the largest: {first['topic']}, {told}.",
        reference=0,
    )


def served(stage: Stage, given: Unlabelled, found: topics.Topics, champion: Path, least: int = 20) -> Slices:
    """Judge the champion on the rows of test of each topic, and on all slices that the scenario has."""
    inside = given.of(TEST)
    names = np.array(found.names, dtype=object)[found.of]
    test = given.rows.assign(topic=names)[inside].reset_index(drop=True)
    answer = seen_rows.answer(Model.load(champion), test, stage.project.work / "embeddings", stage.progress)
    judged = answer.aligned(targets.classes(test["label"], stage.scenario.task)).judged
    return slices(test, judged, stage.scenario, least, stage.scenario.training.bootstrap, ["topic"])


def strange(given: Unlabelled, unusual: pd.DataFrame) -> pd.DataFrame:
    """Return the share of unusual rows by split, with its interval; of rows like train it would be the level."""
    table = {}
    for split in given.rows["split"].unique():
        below = unusual["tail"][given.of(split)] < given.settings.level
        table[split] = (len(below), *wilson(float(below.mean()), len(below)))
    return pd.DataFrame.from_dict(table, orient="index", columns=["rows", "value", "low", "high"]).drop(TRAIN)


def over_time(given: Unlabelled, unusual: pd.DataFrame) -> Figure:
    """Draw the share of unusual rows over time, or by split where rows have no time."""
    rows, level = (
        given.rows.assign(below=unusual["tail"] < given.settings.level)[~given.of(TRAIN)],
        given.settings.level,
    )
    by = strange(given, unusual)
    last = Interval(*by.loc[given.later, ["value", "low", "high"]])
    told = (
        f"{last.value:.0%} ({between(last.low, last.high, '.0%')}) of {given.later} is unusual; {level:.0%} by chance"
    )
    if rows["time"].nunique() < 2:
        return plots.intervals(by, title=told, x="share of unusual rows", alt=f"By split: {told}.", reference=level)
    parts = np.arange(len(rows)) * min(_PERIODS, len(rows)) // len(rows)
    dated = rows.sort_values("time", kind="stable").groupby(parts)
    shares = dated["below"].mean().to_numpy()
    line = pd.DataFrame({"unusual": shares, "by chance": level}, index=pd.DatetimeIndex(dated["time"].first()))
    alt = f"Share of unusual rows over time after train, between {shares.min():.0%} and {shares.max():.0%}: {told}."
    return plots.timeline(line, title=told, y="share of unusual rows", x="time, equal numbers of rows", alt=alt)


def strangest(given: Unlabelled, unusual: pd.DataFrame, task: Task, count: int = 8) -> pd.DataFrame:
    """Return the most unusual rows that came after train, for readers."""
    after = given.rows.assign(**unusual)[~given.of(TRAIN)].nlargest(count, "score")
    return preview.rows(after, task, ["split", "tail"])
