"""Search: successive halving over settings drawn in advance, kept in a study that goes on after a kill.

Every trial is a fit in a folder of its own. All are trained for a few epochs, the better half goes on to twice as many,
and so on; a trial that goes on continues its fit, so no epoch is done twice. A round ends before the next begins: which
trials go on does not hang on how many processes fit them.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from loopbook.models import heads, predictions
from loopbook.models.architectures import registry
from loopbook.models.choice import tuning
from loopbook.models.training import fitting, gradient_descent, workers
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.optimization import SearchRange
from loopbook.statistics import metrics
from loopbook.store import content

JOURNAL, TRIALS, BEST = "study.journal", "trials", "best"
_FOLDERS, _JOB, _ENTRY = "fits", "job", "loopbook.models.choice.trial"
_HALVED = 4  # trials from which halving is worth while

Progress = Callable[[str], object]


class Outcome(NamedTuple):
    """How far a trial is: the smallest validation loss so far, epochs done, and, once it is over, its score."""

    loss: float
    epochs: int
    score: float | None


@dataclass(frozen=True)
class Search:
    """What is searched around a method, and how.

    Attributes
    ----------
    ranges
        As `tuning.suited` returns them, at least one.
    seed
        Of the settings that are tried.
    """

    method: Method
    ranges: Mapping[str, SearchRange]
    trials: int
    seed: int

    @property
    def rounds(self) -> list[int]:
        """After how many epochs trials are compared; the last number is the end.

        Weights of classes and `refine` change the loss itself: where they vary, no trial ends before the others.
        """
        most = self.method.recipe.epochs
        plain = registry.described(self.method.candidate.architecture).family == "plain"
        halves = self.trials >= _HALVED and not plain and not {"class_weights", "refine"} & set(self.ranges)
        return sorted({max(1, most // part) for part in (4, 2, 1)}) if halves else [most]


def run(
    search: Search, data: TrainingData, folder: Path, progress: Progress, cache: Path | None, processes: int = 1
) -> None:
    """Search, and write what was found into a folder.

    Parameters
    ----------
    folder
        Receives ``trials.parquet``, a row a trial: ``trial``, ``state`` (complete or pruned), ``epochs``, ``loss``
        (smallest on validation), ``first`` (the same when all were compared first), ``score`` (smaller is better) and
        the settings tried; ``best/``, the fit of the smallest score; ``study.journal``, the study as optuna keeps it.
        What a search that was killed left there is continued.
    processes
        Trials fitted at once; 1: in this process. The outcome is the same.

    Raises
    ------
    LoopbookError
        If a process ends before its trial does.

    References
    ----------
    Jamieson & Talwalkar (2016), Non-stochastic best arm identification and hyperparameter optimization.
    """
    if (folder / f"{TRIALS}.parquet").is_file():
        return
    study, alive = _study(folder / JOURNAL, search), list(range(search.trials))
    with _fitters(search.method, data, folder, progress, cache, min(processes, search.trials)) as fit:
        for until in search.rounds:
            known = study.trials
            steps = [(at, known[at].params, until) for at in alive if until not in known[at].intermediate_values]
            for (number, *_), outcome in zip(steps, fit(steps), strict=True):
                _report(study, number, until, outcome)
            losses = [trial.intermediate_values.get(until) for trial in study.trials]
            if until != search.rounds[-1]:
                alive = sorted(sorted(alive, key=losses.__getitem__)[: (len(alive) + 1) // 2])
    _tell(study, alive)
    trials = study.trials
    best = min(alive, key=lambda number: trials[number].value)
    rows = [
        {
            "trial": trial.number + 1,
            "state": trial.state.name.lower(),
            "epochs": trial.user_attrs["epochs"],
            "loss": trial.user_attrs["loss"],
            "first": trial.intermediate_values[search.rounds[0]],
            "score": trial.value if trial.number in alive else None,
            **trial.params,
        }
        for trial in trials
    ]
    content.save(folder / _FOLDERS / str(best), folder / BEST)
    content.remove(folder / _FOLDERS)
    content.remove(folder / _JOB)
    content.save(pd.DataFrame(rows).astype({"score": float}), folder / TRIALS)


def fit_until(
    method: Method, data: TrainingData, work: Path, until: int, progress: Progress, cache: Path | None
) -> Outcome:
    """Fit one trial as far as an epoch, going on from where it is."""
    fitting.fit(method, data, work, progress, cache, until)
    over = (work / f"{fitting.SUMMARY}.json").is_file()
    rows = (
        pd.read_csv(work / fitting.HISTORY)
        if over
        else pd.DataFrame(
            gradient_descent.history(work / gradient_descent.STATE), columns=list(gradient_descent.COLUMNS)
        )
    )
    loss, epochs = float(rows["val_loss"].min()), int(rows["epoch"].iloc[-1])
    if not over:
        return Outcome(loss, epochs, None)
    said = content.load(work / f"{fitting.PREDICTIONS}.parquet")
    score = metrics.score(heads.KINDS[data.task.type].tuned_by, said["label"], predictions.array(said))
    return Outcome(loss, epochs, float(score))


def importance(trials: pd.DataFrame, names: Sequence[str]) -> pd.Series[float]:
    """Return the share of the first losses' variance that each setting explains, the largest first; empty if none can.

    References
    ----------
    Hutter, Hoos & Leyton-Brown (2014), An efficient approach for assessing hyperparameter importance (fANOVA).
    """
    import optuna

    varied = [name for name in names if trials[name].nunique() > 1]
    if not varied or trials["first"].nunique() < 2:
        return pd.Series(dtype=float)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for row in trials.to_dict("records"):
        chosen = {name: _distribution(trials[name]) for name in varied}
        study.add_trial(
            optuna.trial.create_trial(
                params={name: row[name] for name in varied}, distributions=chosen, value=row["first"]
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return pd.Series(optuna.importance.get_param_importances(study, evaluator=evaluator)).sort_values(ascending=False)


def _study(journal: Path, search: Search) -> Any:
    """Return the study in a journal; it has all trials from the beginning, and each goes on until it is told."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)  # of one that was killed: nobody else writes here
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(storage=storage, study_name="search", load_if_exists=True, direction="minimize")
    draws = tuning.drawn(search.method.candidate, search.ranges, search.trials, search.seed)
    chosen = {name: _distribution(pd.Series([tried[name] for tried in draws])) for name in draws[0]}
    for tried in draws[len(study.trials) :]:
        state = optuna.trial.TrialState.RUNNING
        study.add_trial(optuna.trial.create_trial(state=state, params=tried, distributions=chosen))
    return study


def _distribution(values: pd.Series[Any]) -> Any:
    """Return a distribution of optuna's that holds some values; what lies between them it need not know."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    plain = values.tolist()
    if any(isinstance(value, str | bool) for value in plain):
        return CategoricalDistribution(list(dict.fromkeys(plain)))
    if all(isinstance(value, int) for value in plain):
        return IntDistribution(min(plain), max(plain))
    return FloatDistribution(float(min(plain)), float(max(plain)))


def _report(study: Any, number: int, until: int, outcome: Outcome) -> None:
    """Write how far a trial is into the study; the value of a round, which says that it is done, comes last."""
    import optuna

    trial = optuna.trial.Trial(study, study.trials[number]._trial_id)
    for name, value in outcome._asdict().items():
        trial.set_user_attr(name, value)
    trial.report(outcome.loss, until)


def _tell(study: Any, alive: Sequence[int]) -> None:
    """Say of each trial how it ended, as far as that is not said."""
    import optuna

    for trial in study.trials:
        if trial.state.is_finished():
            continue
        if trial.number in alive:
            study.tell(trial.number, trial.user_attrs["score"])
        else:
            study.tell(trial.number, state=optuna.trial.TrialState.PRUNED)


Step = tuple[int, Mapping[str, Any], int]
"""A trial's number, its settings, and the epoch until which it is fitted."""


@contextmanager
def _fitters(
    method: Method, data: TrainingData, folder: Path, progress: Progress, cache: Path | None, processes: int
) -> Iterator[Callable[[Iterable[Step]], Iterable[Outcome]]]:
    """Give what fits trials: this process one after another, or several processes at once."""

    def here(step: Step) -> Outcome:
        number, tried, until = step
        named = f"trial {number + 1}, to epoch {until}"
        work = folder / _FOLDERS / str(number)
        own = tuning.applied(method, tried)
        return fit_until(own, data, work, until, lambda text: progress(f"{named} · {text}"), cache)

    if processes == 1:
        yield lambda steps: map(here, steps)
        return
    job, free = folder / _JOB, queue.SimpleQueue[Any]()
    workers.hand_over(method, data, job)

    def there(step: Step) -> Outcome:
        process, log = free.get()
        try:
            progress(f"trial {step[0] + 1}, to epoch {step[2]}, by one of {processes} processes")
            process.stdin.write(json.dumps(step) + "\n")
            process.stdin.flush()
            if answer := process.stdout.readline():
                return Outcome(*json.loads(answer))
        except BrokenPipeError:  # it has ended, as is said below
            pass
        finally:
            free.put((process, log))
        raise LoopbookError(
            f"A process of the search ended in trial {step[0] + 1} with code {process.wait()}: "
            f"{workers.last_line(log) or 'it said nothing'}\nRun again: the search goes on."
        )

    with ExitStack() as held:
        for at in range(processes):
            log = job / f"{at}.log"
            words = [sys.executable, "-m", _ENTRY, str(folder.resolve()), str(cache.resolve()) if cache else ""]
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=held.enter_context(log.open("wb")),
                text=True,
            )
            held.callback(process.wait)
            held.callback(process.kill)
            free.put((process, log))
        with ThreadPoolExecutor(processes) as threads:
            yield lambda steps: threads.map(there, steps)
