"""What a manager reads first."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.conftest import Workshop

from loopbook.operations import night_summary
from loopbook.reports import dataset, loop, overview
from loopbook.store.records import Run


def said(run: Run) -> dict[str, str]:
    """Return the lines by their term."""
    return {line.term: " ".join(line.sentences) for line in overview.lines(run)}


def test_overview_answers_in_ten_lines_at_most(good_run: Run, failed_run: Run) -> None:
    for run in (good_run, failed_run):
        assert len(overview.lines(run)) <= 10


def test_overview_says_what_it_does_what_to_do_and_what_changed(good_run: Run) -> None:
    lines = said(good_run)
    assert lines["What it does"] == good_run.description
    assert lines["What to do next"].startswith("“95 of 100 are right.")
    assert "wanted ≥ 0.95, measured 0.912. In 04_optimization: add candidates" in lines["What to do next"]
    assert lines["What changed"] == "The champion is now lstm; it was tfidf."
    assert lines["Made"] == "24 November 2026, 03:12 UTC, in 4 min 5 s, profile standard, revision 69f829b1c2."


def test_simulated_data_is_called_simulated_and_real_data_is_not(good_run: Run) -> None:
    assert "simulated" in said(good_run)["Data"]
    assert "Data" not in said(good_run.model_copy(update={"simulated": False}))


def test_criteria_are_counted_by_verdict(good_run: Run) -> None:
    assert said(good_run)["Criteria"].startswith(
        "Of 3 acceptance criteria: 1 met, 1 missed, 1 not yet tested. Missed, wanted ≥ 0.95, measured 0.912: “95"
    )


def test_model_and_gain_carry_their_intervals(good_run: Run) -> None:
    lines = said(good_run)
    assert lines["Model"] == (
        "The champion is lstm, from 3 candidates. Accuracy on test 0.912 (95% interval 0.901 to 0.923); "
        "ROC AUC on test 0.931 (95% interval 0.920 to 0.940)."
    )
    assert lines["Gain"] == (
        "Better than the best plain baseline (tfidf), beyond chance: 0.030 in ROC AUC (95% interval 0.021 to 0.039)."
    )


@pytest.mark.parametrize(
    ("difference", "low", "high", "words", "mood"),
    [
        (0.004, -0.01, 0.018, "No difference beyond chance from the best plain baseline (tfidf): 0.004", "wait"),
        (-0.004, -0.018, 0.01, "No difference beyond chance from the best plain baseline (tfidf): -0.004", "wait"),
        (-0.02, -0.03, -0.01, "Worse than the best plain baseline (tfidf), beyond chance: -0.020", "bad"),
        (0.0, 0.0, 0.0, "No better than the best plain baseline (tfidf)", "wait"),
    ],
)
def test_gain_is_called_by_its_name(
    workshop: Workshop, difference: float, low: float, high: float, words: str, mood: str
) -> None:
    metrics = {"champion": "lstm", "baseline": "tfidf", "paired_difference": difference,
               "paired_difference_low": low, "paired_difference_high": high}  # fmt: skip
    run = workshop.run(workshop.stage("04_optimization", [], metrics=metrics), champion="lstm")
    line = next(line for line in overview.lines(run) if line.term == "Gain")
    assert words in line.sentences[0] and line.mood == mood


def test_plain_baseline_that_is_the_champion_is_called_so(workshop: Workshop) -> None:
    metrics = {"champion": "tfidf", "baseline": "tfidf", "paired_difference": 0.0}
    run = workshop.run(workshop.stage("04_optimization", [], metrics=metrics), champion="tfidf")
    assert "no network beat it" in said(run)["Gain"]


def test_failed_run_says_where_it_stopped_and_promises_no_model(failed_run: Run) -> None:
    lines = said(failed_run)
    assert "03_training[lstm]" in lines["Failed"]
    assert lines["Model"] == "No model has been chosen yet."


def test_open_alerts_are_counted_and_the_dearest_named(good_run: Run) -> None:
    made = good_run.model_copy(update={"resolved": {"currency": "CHF"}})
    alerts = [{"title": f"Odd {number}.", "cost": cost} for number, cost in enumerate((9.5, 3.0, -2.0, None))]
    line = next(line for line in overview.lines(made, alerts) if line.term == "Alerts")
    assert line.sentences == (
        "4 open when this run ended; the 3 dearest:", "Odd 0. 9.5 CHF so far.",
        "Odd 1. 3 CHF so far.", "Odd 2. 2 CHF gained so far.",
    )  # fmt: skip


def test_a_tuned_champion_is_explained_and_internals_are_left_out(workshop: Workshop) -> None:
    metrics = {"champion": "cnn, tuned", "export_difference": 4e-8, "ceiling_roc_auc": None, "test_roc_auc": 0.9}
    run = workshop.run(workshop.stage("04_optimization", [], metrics=metrics), champion="cnn, tuned")
    assert "cnn, tuned (cnn with the settings that the search found best)" in said(run)["Model"]
    assert [number.name for number in overview.numbers(metrics)] == ["Champion", "ROC AUC on test"]


@pytest.mark.parametrize(
    ("met", "mood", "word"),
    [
        ((True, True), "met", "2 met"),
        ((True, False), "missed", "1 of 2 missed"),
        ((None, None), "unjudged", "computed"),
    ],
)
def test_the_wheel_colours_a_phase_by_its_criteria(
    good_run: Run, met: tuple[bool | None], mood: str, word: str
) -> None:
    found = zip(good_run.criteria[:2], met, strict=True)
    run = good_run.model_copy(update={"criteria": tuple(one.model_copy(update={"met": own}) for one, own in found)})
    nodes = {node["name"]: node for node in loop.ring(run, [])["nodes"]}
    assert (nodes["Optimisation"]["mood"], nodes["Optimisation"]["word"]) == (mood, word)
    assert nodes["Monitoring"]["mood"] == "" and nodes["Requirements"]["mood"] == "unjudged"


def test_lows_and_highs_become_the_interval_of_their_metric() -> None:
    shown = overview.numbers({"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95, "gap_low": 0.1, "name": "x", "ok": True})
    assert [(item.value, item.interval) for item in shown] == [
        ("0.900", "0.800 to 0.950"), ("0.100", ""), ("x", ""), ("yes", "")
    ]  # fmt: skip
    assert [item.numeric for item in shown] == [True, True, False, True]


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (12345, "12,345"), (0.5, "0.500"), (31.2, "31.2"), (7.0, "7"), (12345.6, "12,346"),
     (float("inf"), "–"), (0.0, "0"), (True, "yes"), (-0.25, "-0.250"), (6.59e-05, "0.000066"), (0.0005, "0.0005"),
     (0.0009999, "0.001"), (2e-6, "0.000002"), (2.34e-7, "0.00000023"),
     (-1.234e-4, "-0.00012"), (3e-12, "< 0.000001"), (-3e-12, "> -0.000001"),
     (0.9999999, "1.000"), (1e15, "1,000,000,000,000,000")],
)  # fmt: skip
def test_numbers_are_told_in_few_figures(value: object, words: str) -> None:
    assert overview.number(value) == words


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9))
def test_no_number_is_told_in_powers_of_ten(value: float) -> None:
    told = overview.number(value)
    assert "e" not in told
    assert told.startswith(("<", ">")) or float(told.replace(",", "")) == pytest.approx(value, rel=0.06, abs=5e-4)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0015, "0.0015"), (0.0001, "0.0001"), (3e-5, "0.00003"), (1e-8, "1e-08"), (20000, "20,000"), (0.5, "0.5"),
     (1.0, "1"), (1234.5, "1,234.5"), (0.0, "0"), (float("nan"), "nan"), (None, "–"), (False, "no"), ("cnn", "cnn"),
     (["cnn", 0.0015], "cnn, 0.0015"), ([], "none")],
)  # fmt: skip
def test_what_somebody_has_chosen_is_told_exactly(value: object, words: str) -> None:
    assert overview.setting(value) == words


@pytest.mark.parametrize("over", ["always no", "by site alone", "ask, else always yes"])
def test_what_a_gain_is_over_stands_behind_its_name(over: str) -> None:
    gain = {"test_accuracy_gain": 0.17, "test_accuracy_gain_low": 0.1, "test_accuracy_gain_high": 0.2}
    [shown] = overview.numbers(gain | {"test_accuracy_gain_over": over})
    assert shown.name == f"Accuracy above the best trivial baseline on test: over “{over}”"
    assert (shown.value, shown.interval) == ("0.170", "0.100 to 0.200")


@given(st.floats())
def test_a_chosen_number_can_be_read_back(value: float) -> None:
    told = float(overview.setting(value).replace(",", ""))
    assert told == value or (math.isnan(told) and math.isnan(value))


@pytest.mark.parametrize(
    ("name", "words"),
    [("test_roc_auc", "ROC AUC on test"), ("baseline_test_accuracy", "Plain baseline: accuracy on test"),
     ("champion_latency_ms", "Champion: latency (ms)"), ("quarantine_share", "Quarantine share"),
     ("champion_size_bytes", "Champion: size (bytes)"),
     ("test_roc_auc_gain", "ROC AUC above the best trivial baseline on test")],
)  # fmt: skip
def test_metrics_are_named_in_words(name: str, words: str) -> None:
    assert overview.label(name) == overview.criterion_label(name) == words
    assert overview.criterion_label(f"{name}_low") == f"{words}, lower end"


def test_the_difference_over_folds_stands_for_the_one_on_a_small_test(workshop: Workshop) -> None:
    metrics = {"champion": "mlp", "baseline": "logistic", "test_roc_auc": 1.0, "paired_difference": 0.0,
               "paired_difference_low": 0.0, "cv_roc_auc": 0.995, "cv_roc_auc_low": 0.99, "cv_roc_auc_high": 1.0,
               "cv_difference": -0.004, "cv_difference_low": -0.006, "cv_difference_high": -0.002}  # fmt: skip
    told = said(workshop.run(workshop.stage("04_optimization", [], metrics=metrics), champion="mlp"))
    assert "ROC AUC over folds 0.995 (95% interval 0.990 to 1)" in told["Model"]
    assert "Worse than the best plain baseline (logistic), beyond chance: -0.004 in ROC AUC over folds" in told["Gain"]


@pytest.mark.parametrize(
    ("task", "figures", "words"),
    [
        ("multiclass", {"test_macro_f1": 0.69, "test_accuracy": 0.8}, "macro F1"),
        ("number", {"test_r2": 0.6, "test_mae": 4.2}, "R²"),
    ],
)
def test_model_and_gain_are_told_in_the_primary_metric_of_the_task(
    workshop: Workshop, task: str, figures: dict[str, float], words: str
) -> None:
    gain = {"paired_difference": 0.03, "paired_difference_low": 0.02, "paired_difference_high": 0.04}
    stage = workshop.stage("04_optimization", [], metrics={"champion": "mlp", "baseline": "tfidf", **figures, **gain})
    run = workshop.run(stage, champion="mlp", resolved={"task": {"type": task}})
    told = said(run)
    assert all(overview.label(name) in told["Model"] for name in figures)
    assert f"0.030 in {words}" in told["Gain"]
    numbers = night_summary.of_run(run, None, "", 1.0).numbers
    assert {number.metric for number in numbers} == set(figures)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.34, "0.3 s"), (42.4, "42 s"), (59.9, "60 s"), (245, "4 min 5 s"), (3725, "1 h 2 min")]
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert overview.duration(seconds) == words


def test_card_gives_rows_time_classes_splits_and_licence(workshop: Workshop, good_run: Run) -> None:
    shown = {item.name: item.value for item in dataset.facts(dataset.card(good_run, workshop.data))}
    assert shown["Rows used"] == "20,000"
    assert shown["From, to"] == "2026-01-01 to 2026-03-31"
    assert shown["Class “no”"] == "16,340 rows, 81.7%"
    assert shown["Split train"] == "12,000 rows, 18.0% of them “yes”, 2026-01-01 to 2026-03-31"


def test_serious_findings_come_first(workshop: Workshop, good_run: Run) -> None:
    found = dataset.findings(dataset.card(good_run, workshop.data))
    assert [item["severity"] for item in found] == ["serious", "note"]


def test_card_that_lacks_a_part_shows_the_rest() -> None:
    assert dataset.facts({}) == [] and dataset.findings({"findings": None}) == []
    assert [item.name for item in dataset.facts({"rows": {"used": 3}, "time": {"first": None}})] == ["Rows used"]


def test_ring_shows_the_worst_state_of_a_phase_and_links_pages_that_exist(good_run: Run, failed_run: Run) -> None:
    ring = loop.ring(good_run, frozenset({"01_requirements", "03_training-cnn", "03_training-lstm"}))
    assert [node["state"] for node in ring["nodes"]] == ["done", "fresh", "done", "done", "absent", "absent", "absent"]
    assert [node["link"] for node in ring["nodes"][:4]] == ["01_requirements.html", "", "#stages", ""]
    assert (ring["nodes"][2]["word"], ring["nodes"][2]["more"]) == ("3 candidates", "13 s")
    assert loop.ring(failed_run, frozenset())["nodes"][2]["state"] == "failed"
    assert all(0 <= node["x"] <= ring["width"] and 0 <= node["y"] <= ring["height"] for node in ring["nodes"])
