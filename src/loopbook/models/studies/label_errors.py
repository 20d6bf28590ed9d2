"""Label errors by confident learning: which labels a model that has not seen them contradicts, and what they cost."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import preview
from loopbook.models.studies.refitting import Refitting
from loopbook.models.training.method import Method
from loopbook.scenario.task import Number, Task
from loopbook.statistics import evaluation, folds, metrics, targets
from loopbook.statistics.intervals import Interval, wilson


@dataclass(frozen=True, eq=False)
class Suspects:
    """Rows of train whose labels are suspected.

    Attributes
    ----------
    rows
        The suspected ones, the least credible first, with the `label`'s name, `suggested`, and `credible` in [0, 1].
    suspected
        bool [n], by row of train.
    """

    rows: pd.DataFrame
    suspected: NDArray[np.bool_]

    def table(self, task: Task, count: int = 10) -> pd.DataFrame:
        """Return the least credible for readers, with their input fields."""
        told = ["label", "suggested", "credible"]
        return preview.rows(self.rows.head(count), task, told) if len(self.rows) else self.rows[told]


def suspects(refitting: Refitting, method: Method, count: int, seed: int, share: float) -> Suspects:
    """Judge each label of train by a model that has not learned from its group.

    Parameters
    ----------
    count
        Folds, by groups.
    share
        Of a number so many labels are suspected, those that lie furthest out; of classes the method says how many.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), Confident learning: estimating uncertainty in dataset labels; Zhou et al. (2023),
    Detecting errors in a numerical response via any regression model.
    """
    train = refitting.train
    fold, said = folds.grouped(train["group"], count, seed), None
    for at in np.unique(fold):
        refitting.stage.progress(f"label errors: fold {at + 1} of {count}")
        held = train[fold == at].reset_index(drop=True)
        judged = refitting.judged(method, train[fold != at].reset_index(drop=True), held)
        said = np.zeros((len(train), *judged.shape[1:])) if said is None else said
        said[fold == at] = judged
    assert said is not None
    if isinstance(refitting.task, Number):
        from cleanlab.regression.rank import get_label_quality_scores as score

        suggested = np.median(said.reshape(len(train), -1), axis=1)
        label, credible = train["label"].to_numpy(), score(train["label"].to_numpy(), suggested)
        suspected = credible <= np.sort(credible)[max(0, round(share * len(train)) - 1)]
    else:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        names = np.array(targets.classes(train["label"], refitting.task), dtype=object)
        codes = targets.codes(train["label"], refitting.task)
        known = np.unique(codes)  # it knows no class without a label
        own, inside = np.searchsorted(known, codes), said[:, known] / said[:, known].sum(axis=1, keepdims=True)
        suspected = find_label_issues(own, inside, n_jobs=1)
        credible = get_label_quality_scores(own, inside)
        label, suggested = names[codes], names[said.argmax(axis=1)]
    order = np.argsort(credible, kind="stable")
    order = order[suspected[order]]
    told = {"label": label[order], "suggested": suggested[order], "credible": credible[order]}
    return Suspects(pd.DataFrame(train.iloc[order]).assign(**told), np.asarray(suspected))


def effect(refitting: Refitting, method: Method, suspected: NDArray[np.bool_]) -> Interval:
    """Return by how much the primary metric on test is better without the suspected rows; paired, 95% interval."""
    kept = refitting.train[~suspected].reset_index(drop=True)
    without, whole = (targets.narrow(refitting.judged(method, part)) for part in (kept, refitting.train))
    metric = metrics.primary(refitting.task.type).name
    return evaluation.paired(refitting.test["label"], without, whole, metric, **refitting.judging)


def planted(refitting: Refitting, share: float, seed: int) -> tuple[Refitting, NDArray[np.bool_]]:
    """Return the same with a share of wrong labels, each another one of those that occur, and where they are."""
    random, train = np.random.default_rng(seed), refitting.train
    wrong = np.zeros(len(train), bool)
    wrong[random.choice(len(train), max(1, round(share * len(train))), replace=False)] = True
    known, codes = np.unique(targets.numbers(train["label"]), return_inverse=True)
    moved = (codes + random.integers(1, len(known), len(train))) % len(known)
    values = known[np.where(wrong, moved, codes)]
    label = train["label"]
    if isinstance(label.dtype, pd.CategoricalDtype):
        changed = pd.Series(pd.Categorical.from_codes(values.astype(int), dtype=label.dtype), index=label.index)
    else:
        changed = pd.Series(values, index=label.index).astype(label.dtype)
    return refitting.taught(train.assign(label=changed)), wrong


def found(suspected: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> pd.DataFrame:
    """Return `precision` and `recall` of the suspicion for planted errors, with their intervals and counts.

    A suspected row that was not planted counts as a false one, though its own label may be wrong: precision is a lower
    bound.
    """
    hit = int((suspected & wrong).sum())
    counts = {"precision": int(suspected.sum()), "recall": int(wrong.sum())}
    rows = {name: (*wilson(hit / max(of, 1), of), hit, of) for name, of in counts.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high", "found", "of"])
