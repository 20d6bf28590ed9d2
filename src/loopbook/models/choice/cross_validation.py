"""Repeated cross-validation: where rows are few, one split says more about the split than about the model.

Every fold is fitted by the same fit as any other and kept by itself, so that what was interrupted goes on where it was.
"""

import math
from collections.abc import Mapping
from functools import partial

import pandas as pd

from loopbook.data.features import Features
from loopbook.models import predictions, seen_rows
from loopbook.models.model import Model
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.statistics import folds, metrics, targets
from loopbook.statistics.intervals import student
from loopbook.store.stage import Stage

COLUMNS = ["repeat", "fold", "row_id", "label", "probability", "baseline"]
"""What `run` returns for two classes: `probability` is the champion's, `baseline` that of the plain baseline.

For several classes these are columns as `predictions.columns` writes them. For a number so are the champion's
probabilities of its bands, its `quantiles`, and those of the `baseline`.
"""

_FLOORS = {"r2": -math.inf}


def run(stage: Stage, rows: pd.DataFrame, champion: Method, baseline: Method, share: float) -> pd.DataFrame:
    """Fit champion and baseline on every fold, and return what they say of the rows that they have not seen.

    Parameters
    ----------
    stage
        Stage 04: its settings say how many folds and repeats; its store keeps every fit.
    rows
        Rows to deal, in canonical form, neither of the gate nor of the stream. Features are fitted inside each fold.
    champion, baseline
        Chosen before; a champion that is the baseline is fitted once.
    share
        As in `folds.stratified`.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row for each row and repeat; empty if ``cv_repeats`` is 0.
    """
    settings, scenario = stage.settings, stage.scenario
    parts: list[pd.DataFrame] = []
    dealt = folds.stratified(
        rows["label"], rows["group"], settings.cv_folds, settings.cv_repeats, share, settings.search_seed
    )
    for each in dealt if settings.cv_repeats else ():
        stage.progress(f"repeat {each.repeat + 1} of {settings.cv_repeats}, fold {each.fold + 1}")
        train, validation, held = (
            rows.iloc[at].reset_index(drop=True) for at in (each.train, each.validation, each.held)
        )
        data = TrainingData(train, validation, Features.fit(train, scenario), scenario.task)
        found = [held[["row_id", "label"]].assign(repeat=each.repeat, fold=each.fold)[COLUMNS[:4]]]
        for name, method in (("probability", champion), ("baseline", baseline)):
            model = Model.load(fit_store.fit(stage, method, data).model)
            answer = seen_rows.answer(model, held, stage.project.work / "embeddings")
            judged = targets.narrow(answer.judged)
            if name == "probability" and answer.distribution is not None:
                found.append(predictions.columns("quantiles", judged))
                judged = answer.probability
            found.append(predictions.columns(name, judged))
        parts.append(pd.concat(found, axis=1))
    found_nothing = pd.DataFrame(columns=COLUMNS).astype({"repeat": "int64", "fold": "int64", "row_id": "str"})
    return pd.concat(parts, ignore_index=True) if parts else found_nothing


def areas(resampled: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return the primary metric of each fold: `repeat`, `fold`, `champion`, `baseline`, `difference`."""
    score = partial(metrics.score, metrics.primary(task).name)
    champion = "quantiles" if "quantiles.0" in resampled.columns else "probability"
    rows = [
        (repeat, fold, *(score(part["label"], predictions.array(part, name)) for name in (champion, "baseline")))
        for (repeat, fold), part in resampled.groupby(["repeat", "fold"])
    ]
    table = pd.DataFrame(rows, columns=["repeat", "fold", "champion", "baseline"])
    return table.assign(difference=table["champion"] - table["baseline"])


def summary(resampled: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return mean and interval over the folds, indexed `champion`, `baseline`, `difference`: value, low, high.

    A metric of classes cannot be outside [0, 1], so the ends of its interval are not; R² has no lower end. An empty
    table gives an empty one.
    """
    folds = areas(resampled, task)
    floor = _FLOORS.get(metrics.primary(task).name, 0.0)
    least = {"champion": floor, "baseline": floor, "difference": floor - 1.0} if len(folds) else {}
    most = {"champion": 1.0, "baseline": 1.0, "difference": 1.0 - floor}
    means = {name: student(folds[name].to_numpy(), int(folds["fold"].max()) + 1) for name in least}
    rows = {name: (mean.value, max(mean.low, least[name]), min(mean.high, most[name])) for name, mean in means.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])


def figures(summarised: pd.DataFrame, task: str) -> Mapping[str, float]:
    """Return what `summary` returned as flat numbers to record; none if nothing was resampled."""
    primary = metrics.primary(task).name
    names = {"champion": f"cv_{primary}", "baseline": f"cv_baseline_{primary}", "difference": "cv_difference"}
    return {
        f"{name}{end}": float(summarised[column][row])
        for row, name in names.items()
        if row in summarised.index
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
