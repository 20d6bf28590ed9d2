"""Behaviour: how many of the tests that come with an agent its candidates fail, and how far small changes move answers.

    python -m tests.benchmarks.behaviour [--of press-monitor …] [--candidates tfidf minilm]

Candidates are fitted by the scenario's own recipe on its own train, and answer the authored tests of
notebooks/scenarios/behaviour; then at most 500 rows of test are perturbed. Rows are the whole ones of the standard
profile. Data is read from LOOPBOOK_DATA_MIRROR; sentence embeddings are kept in the folder that --cache names.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tests.benchmarks.architectures import shipped
from tests.starter.test_criteria import ROOT

from loopbook.data.features import Features
from loopbook.decisions import decisions_page, explanation, shapley
from loopbook.models.model import Model
from loopbook.models.studies import behaviour, perturbations
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.behaviour import BehaviourSettings
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import evaluation, metrics, targets

CANDIDATES = {
    "press-monitor": ("tfidf", "minilm"),
    "airline-monitor": ("tfidf", "minilm"),
    "banking-desk": ("tfidf", "minilm"),
    "market-monitor": ("tfidf", "cnn"),
    "clinic-triage": ("logistic", "mlp"),
    "credit-risk": ("logistic", "boosted"),
}


def show(name: str, candidate: str, cache: Path) -> None:
    """Print what a candidate of an agent fails."""
    rows = shipped(name, "test")
    scenario, task = rows.scenario, rows.scenario.task
    suite = behaviour.read(ROOT / "notebooks" / "scenarios" / "behaviour" / f"{name}.csv", task)
    settings, usual = BehaviourSettings(tests=""), explanation.typical(rows.train, task)
    data = TrainingData(rows.train, rows.validation, Features.fit(rows.train, scenario), task)
    recipe = Recipe.model_validate(scenario.training.model_dump(include=set(Recipe.model_fields)))
    with tempfile.TemporaryDirectory() as folder:
        fitting.fit(
            Method.to_try(scenario.training.candidates[candidate], recipe), data, Path(folder), lambda _: None, cache
        )
        model = Model.load(Path(folder) / fitting.MODEL)
        found = behaviour.run(suite, [model], usual, task)
        drawn = rows.test.sample(frac=1, random_state=1).head(settings.rows).reset_index(drop=True)
        changed = perturbations.perturbed(drawn, task, words=settings.words, jitter=settings.jitter, seed=1)
        robust = perturbations.robustness(model, drawn, changed, task, 1_000)
        few = drawn.head(30)

        def says(rows: pd.DataFrame) -> NDArray[np.float64]:
            return model.answer(rows).explained

        effects = explanation.occlusion(few, says, task, usual, model.classes)
        shares = [shapley.shapley(few, says, task, usual, model.classes, seed=seed) for seed in (0, 1)]
        adding = explanation.completeness(effects, few, says, task, usual)
        complete = explanation.completeness(shares[0], few, says, task, usual)
        primary = metrics.primary(task.type).name
        said = targets.narrow(model.answer(rows.test, cache).aligned(targets.classes(rows.test["label"], task)).judged)
    scored = evaluation.metrics(rows.test["label"], said, groups=rows.test["group"], only=[primary], task=task.type)
    print(f"\n{name}, {candidate}: {primary} on test {scored.loc[primary, 'value']:.3f}, {len(suite.tests)} tests")
    pd.options.display.width = 160
    print(found.table().round(3).to_string(index=False))
    print(robust.table.round(3).to_string())
    error, size = adding["error"].abs().mean(), adding["score"].abs().mean()
    print(f"occlusion misses what it should add up to by {error:.3f} of {size:.3f},", end=" ")
    print(f"Shapley values by {complete['error'].abs().mean():.6f}")
    again = shares[0].merge(shares[1], on=["row_id", "field", "part"])
    alike = decisions_page.attributions(effects, shares[0])["alike"].median()
    print(
        f"two draws of Shapley values: correlation {again['effect_x'].corr(again['effect_y']):.3f};",
        f"with occlusion, by rank within a row: {alike:.2f} (median)",
        flush=True,
    )


def main() -> None:
    """Print the tables of each agent and candidate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", nargs="+", default=list(CANDIDATES), choices=CANDIDATES)
    parser.add_argument("--candidates", nargs="+")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "loopbook-embeddings")
    given = parser.parse_args()
    for name in given.of:
        for candidate in given.candidates or CANDIDATES[name]:
            show(name, candidate, given.cache)


if __name__ == "__main__":
    main()
