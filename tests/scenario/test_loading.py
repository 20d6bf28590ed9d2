"""Every mistake in a scenario is answered with file, line, value and the likely intent."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from loopbook.operations import scenario_schema
from loopbook.scenario import loading, reading
from loopbook.scenario.errors import ScenarioError

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "notebooks" / "scenarios"

TEXT = """\
name: tiny
title: Tiny
description: Adds.
stories:
  - id: adding
    as_a: tester
    i_want: sums
    so_that: they can be compared
    criteria:
      - {id: sum-large, text: Large, stage: 02_data, metric: total, threshold: 10}
task:
  fields:
    x: number
  label:
    column: y
    positive: [1]
source:
  kind: csv
  path: numbers.csv
data:
  sequence_length: 64
training:
  epochs: 3
  candidates:
    one: {architecture: lstm, settings: {units: 8}}
    two: {architecture: majority}
profiles:
  smoke:
    training:
      epochs: 1
      only: [two]
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "tiny.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(folder: Path, old: str, new: str, count: int = 1) -> str:
    assert old in TEXT
    write(folder, TEXT.replace(old, new, count))
    with pytest.raises(ScenarioError) as caught:
        loading.load("tiny", folder)
    return str(caught.value)


def test_precedence_is_default_scenario_profile_given(tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    assert loading.load("tiny", tmp_path).training.batch_size == 64
    assert loading.load("tiny", tmp_path).training.epochs == 3
    assert loading.load("tiny", tmp_path, "smoke").training.epochs == 1
    assert loading.load("tiny", tmp_path, "smoke", {"training.epochs": 7}).training.epochs == 7
    assert list(loading.load("tiny", tmp_path, "smoke", {"training.only": ["one"]}).training.chosen) == ["one"]


def test_a_profile_changes_only_what_it_names(tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    smoke = loading.load("tiny", tmp_path, "smoke")
    assert list(smoke.training.candidates) == ["one", "two"]
    assert list(smoke.training.chosen) == ["two"]
    assert loading.load("tiny", tmp_path, "full") == loading.load("tiny", tmp_path)


def test_a_scenario_can_be_named_by_its_path(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    assert loading.load(str(path), Path("elsewhere")) == loading.load("tiny", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # unknown names
        ("title:", "titel:", "tiny.yaml:2: titel is not known. Did you mean 'title'?"),
        (
            "sequence_length",
            "sequence_lenght",
            "tiny.yaml:21: data.sequence_lenght is not known. Did you mean 'sequence_l",
        ),
        ("  epochs: 3", "  vocabulary_size: 500", "tiny.yaml:23: training.vocabulary_size is not known. It belongs to"),
        ("  path:", "  pat: a\n  path:", "tiny.yaml:19: source.pat is not known. Did you mean 'path'?"),
        (
            "settings:",
            "setings:",
            "tiny.yaml:25: training.candidates.one.setings is not known. Did you mean 'settings'?",
        ),
        ("metric: total", "metrik: total", "stories.0.criteria.0.metrik is not known. Did you mean 'metric'?"),
        (
            "    column: y",
            "    column: y\n    nonsense_xyz: 1",
            "Known: below, column, descriptions, names, positive, uncertain.",
        ),
        # wrong types
        (
            "epochs: 3",
            'epochs: "3"',
            "tiny.yaml:23: training.epochs is '3', but should be a valid integer. Write 3 without",
        ),
        ("epochs: 3", "epochs: many", "tiny.yaml:23: training.epochs is 'many', but should be a valid integer."),
        ("epochs: 3", "epochs: 3.5", "training.epochs is 3.5, but should be a valid integer"),
        ("epochs: 3", "epochs:", "training.epochs is None, but should be a valid integer"),
        ("epochs: 3", "only: one", "tiny.yaml:23: training.only is 'one', but should be a list"),
        ("title: Tiny", "title: 2026", "tiny.yaml:2: title is 2026, but should be text. Put it in quotation marks."),
        (
            "positive: [1]",
            "names: [no, yes]\n    positive: [1]",
            "names.0 is False, but should be text. Put it in quot",
        ),
        (
            "positive: [1]",
            "positive: [[1]]",
            "tiny.yaml:16: task.label.positive.0 is [1], but should be text or a valid int",
        ),
        ("units: 8", "units: [8]", "settings.units is [8], but should be a valid boolean or a valid integer or"),
        ("epochs: 3", "epochs: {least: 1}", "training.epochs is {'least': 1}, but should be a valid integer"),
        (
            "x: number",
            "x: numbr",
            "tiny.yaml:13: task.fields.x is 'numbr', but should be 'text', 'number' or 'category'. Did",
        ),
        ("x: number", "csv: numbr", "tiny.yaml:13: task.fields.csv is 'numbr'"),
        (
            "    x: number",
            "    yes: number",
            "tiny.yaml:13: task.fields.yes: YAML reads the name 'yes' as bool; put it in",
        ),
        ("    x: number", "    2024: number", "tiny.yaml:13: task.fields.2024: YAML reads the name '2024' as int"),
        ("data:\n  sequence_length: 64", "data: 3", "tiny.yaml:20: data is 3, but should be a mapping"),
        # out of range
        ("epochs: 3", "epochs: -1", "tiny.yaml:23: training.epochs is -1, but should be greater than or equal to 0"),
        (
            "sequence_length: 64",
            "sequence_length: 513",
            "tiny.yaml:21: data.sequence_length is 513, but should be less",
        ),
        (
            "threshold: 10",
            "threshold: .inf",
            "tiny.yaml:10: stories.0.criteria.0.threshold is inf, but should be a finite",
        ),
        ("name: tiny", "name: Tiny One", "tiny.yaml:1: name is 'Tiny One', but should be of the form"),
        ("    two:", "    ../two:", "tiny.yaml:26: training.candidates.../two is '../two', but should be of the form"),
        # missing
        ("title: Tiny\n", "", "title is missing; add it."),
        ("  path: numbers.csv\n", "", "tiny.yaml:17: source.path is missing; add it."),
        ("two: {architecture: majority}", "two: {}", "tiny.yaml:26: training.candidates.two.architecture is missing"),
        # sources
        (
            "kind: csv",
            "kind: cvs",
            "tiny.yaml:18: source.kind is 'cvs', which is no kind of source. Did you mean 'csv'?",
        ),
        (
            "  kind: csv\n",
            "",
            "tiny.yaml:17: source.kind is missing; add it. Known: catalog, crawl, csv, feed, http, jsonl, parquet",
        ),
        (
            "source:\n  kind: csv\n  path: numbers.csv",
            "source: numbers.csv",
            "source is 'numbers.csv', but should be a map",
        ),
        # profiles
        (
            "  smoke:",
            "  smok:",
            "tiny.yaml:28: profiles.smok is 'smok', but should be 'smoke', 'standard' or 'full'. Did you",
        ),
        ("epochs: 1", "epoch: 1", "tiny.yaml:30: profiles.smoke.training.epoch is not known. Did you mean 'epochs'?"),
        ("epochs: 1", "epochs: -1", "tiny.yaml:30: profiles.smoke.training.epochs is -1, but should be greater"),
        (
            "only: [two]",
            "only: [tow]",
            "tiny.yaml:29: profiles.smoke.training: only names 'tow', which is no candidate. Did",
        ),
        (
            "only: [two]",
            "candidates: {new: {}}",
            "tiny.yaml:31: profiles.smoke.training.candidates.new.architecture is mis",
        ),
        ("    training:\n      epochs: 1\n      only: [two]\n", "", "profiles.smoke is None, but should be a mapping"),
        (
            "    training:\n      epochs: 1",
            "    trainig:\n      epochs: 1",
            "profiles.smoke.trainig is not known. Did you",
        ),
        # said twice, or broken
        ("title: Tiny", "title: Tiny\nname: tiny", "tiny.yaml:3: name stands twice (line 1); keep one."),
        ("  epochs: 3", "  epochs: 3\n  epochs: 4", "tiny.yaml:24: training.epochs stands twice (line 23)"),
        ("title: Tiny", 'title: "Tiny', "not YAML"),
        ("  epochs: 3", "\tepochs: 3", "tiny.yaml:23: not YAML"),
        ("    column: y", "   column: y", "not YAML"),
        ("title: Tiny", "title: &t Tiny\ncurrency: *t", "tiny.yaml:3: not YAML: aliases such as *t are not allowed"),
        ("title: Tiny", "title: Ti\x07ny", "tiny.yaml:2: not YAML: the control character 0x07"),
        ("sequence_length: 64", "start: 2026-02-30", "tiny.yaml:21: not YAML: 2026-02-30 is no date"),
        ("title: Tiny", "title: !!python/object/apply:os.system [x]", "tiny.yaml:2: not YAML"),
        # the name is the file's
        (
            "name: tiny",
            "name: other",
            "tiny.yaml:1: name is 'other', but the file is called tiny.yaml; write name: tiny",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_likely_intent(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in refused(tmp_path, old, new)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    lines = refused(tmp_path, "epochs: 3", "epochs: many\n  patience: 0\n  sede: 1").splitlines()
    assert [line.split(" ")[1] for line in lines] == ["training.epochs", "training.patience", "training.sede"]
    assert all(line.startswith("tiny.yaml:") for line in lines)


def test_a_mistake_in_another_profile_is_named_too(tmp_path: Path) -> None:
    write(tmp_path, TEXT.replace("epochs: 1", "epoch: 1"))
    with pytest.raises(ScenarioError, match=r"profiles\.smoke\.training\.epoch is not known"):
        loading.load("tiny", tmp_path, "full")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "tiny.yaml:1: a scenario is a mapping of sections"),
        (b"- a\n- b\n", "tiny.yaml:1: a scenario is a mapping of sections"),
        (b"just text", "tiny.yaml:1: a scenario is a mapping of sections"),
        (TEXT.encode() + "# Köln\n".encode("latin-1"), "tiny.yaml:32: not UTF-8 (byte 0xf6); save the file as UTF-8."),
        (b"a: 1\n---\nb: 2\n", "not YAML: but found another document"),
        (b"? [a, b]\n: c\n", "tiny.yaml:1: …: YAML reads the name '…' as seq"),
        (b"a: " + b"[" * 5000, "not readable"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    write(tmp_path, raw)
    with pytest.raises(ScenarioError) as caught:
        loading.load("tiny", tmp_path)
    assert message in str(caught.value)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    write(tmp_path, b"\xef\xbb\xbf" + TEXT.encode())
    assert loading.load("tiny", tmp_path).name == "tiny"


def test_scientific_notation_without_a_point_is_a_number(tmp_path: Path) -> None:
    write(tmp_path, TEXT.replace("epochs: 3", "learning_rate: 1e-3"))
    assert loading.load("tiny", tmp_path).training.learning_rate == 0.001


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"training.epoch": 3}, "PARAMS: training.epoch is not known. Did you mean 'epochs'?"),
        ({"trainig.epochs": 3}, "PARAMS: trainig is not known. Did you mean 'training'?"),
        ({"training.epochs": "x"}, "PARAMS: training.epochs is 'x', but should be a valid integer."),
        ({"training.epochs.more": 3}, "PARAMS: training.epochs is {'more': 3}, but should be a valid integer."),
        ({"training.only": ["on"]}, "PARAMS: training: only names 'on', which is no candidate. Did you mean 'one'?"),
        ({"data.splits.train": 0.9}, "PARAMS: data.splits: the five shares add up to 1.3, not 1."),
        ({"data.splits.by": "time"}, "PARAMS: data.splits.by: data.splits.by is 'time', so the source must name"),
        ({"source.kind": "sqlite"}, "PARAMS: source.kind is 'sqlite', which is no kind of source. Did you mean 'sql'?"),
    ],
)
def test_a_wrong_parameter_is_blamed_on_the_command_line(tmp_path: Path, given: dict, message: str) -> None:
    write(tmp_path, TEXT)
    with pytest.raises(ScenarioError) as caught:
        loading.load("tiny", tmp_path, "smoke", given)
    assert message in str(caught.value)


def test_parameters_are_read_as_yaml() -> None:
    assert loading.given_values("") == {}
    assert loading.given_values("training.epochs=3 training.learning_rate=1e-3 training.only='[a, b]' data.rows=") == {
        "training.epochs": 3,
        "training.learning_rate": 0.001,
        "training.only": ["a", "b"],
        "data.rows": None,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.epochs", "is not of the form section.name=value"),
        ("epochs=3", "is not of the form section.name=value"),
        (".epochs=3", "is not of the form section.name=value"),
        ("training.epochs='3", "a quotation mark is not closed"),
        ("training.epochs=3 training.epochs=4", "training.epochs stands twice"),
        ("training.only=[a", "the value of training.only is not YAML"),
        ("data.start=2026-02-30", "the value of data.start is not YAML"),
    ],
)
def test_parameters_that_cannot_be_read_are_refused(text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match="PARAMS") as caught:
        loading.given_values(text)
    assert message in str(caught.value)


def test_an_unknown_scenario_or_profile_is_answered_with_the_likely_one(tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    with pytest.raises(ScenarioError, match="Did you mean 'tiny'"):
        loading.load("tinny", tmp_path)
    with pytest.raises(ScenarioError, match="Did you mean 'smoke'"):
        loading.load("tiny", tmp_path, "smokes")
    with pytest.raises(ScenarioError, match="no scenario"):
        loading.load(str(tmp_path / "absent.yaml"), tmp_path)


def test_lines_are_those_of_the_keys(tmp_path: Path) -> None:
    file = reading.parse(write(tmp_path, TEXT))
    for place in (("title",), ("training", "epochs"), ("profiles", "smoke", "training", "epochs"), ("data",)):
        assert TEXT.splitlines()[file.line(place) - 1].strip().startswith(f"{place[-1]}:")
    assert file.line(("training", "nowhere")) == file.line(("training",))


def test_a_stage_belongs_to_its_section() -> None:
    assert loading.stage_section("03_training[lstm]") == "training"
    assert loading.stage_section("02_data") == "data"


@pytest.mark.parametrize("name", loading.names(SCENARIOS))
@pytest.mark.parametrize("profile", ["smoke", "standard", "full"])
def test_the_scenarios_that_come_with_it_are_right(name: str, profile: str) -> None:
    scenario = loading.load(name, SCENARIOS, profile)
    assert {criterion.stage for criterion in scenario.criteria} >= {"02_data", "04_optimization"}
    if scenario.requirements.survey:
        assert (ROOT / scenario.requirements.survey).is_file()


@pytest.mark.parametrize("name", loading.names(SCENARIOS))
def test_the_json_schema_accepts_the_scenarios_that_come_with_it(name: str) -> None:
    values = yaml.safe_load((SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(scenario_schema.schema())
    validator.check_schema(scenario_schema.schema())
    assert list(validator.iter_errors(json.loads(json.dumps(values, default=str)))) == []  # YAML reads dates
    assert list(validator.iter_errors(values | {"traning": {}}))


def test_smoke_trains_two_candidates_on_little_data() -> None:
    for name, rows in (("market-monitor", 2500), ("press-monitor", 1500)):
        smoke = loading.load(name, SCENARIOS, "smoke")
        assert list(smoke.training.chosen) == ["tfidf", "cnn"]
        assert rows in (smoke.source.rows, smoke.data.rows)


def test_the_stream_of_the_market_monitor_holds_the_days_after_the_world_has_changed() -> None:
    assert loading.load("market-monitor", SCENARIOS).data.splits.stream >= 0.2


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)


@given(st.dictionaries(st.sampled_from(["training.epochs", "training.only", "data.rows"]), PLAIN | st.lists(PLAIN)))
def test_values_written_for_a_command_line_are_read_as_what_they_were(values: dict[str, object]) -> None:
    assert repr(loading.given_values(loading.given_text(values))) == repr(values)


def test_values_are_written_without_quotation_marks_where_none_are_needed() -> None:
    values = {"training.only": ["cnn", "lstm"], "training.learning_rate": 0.002, "training.note": "two words"}
    text = loading.given_text(values)
    assert text == "training.only=[cnn,lstm] training.learning_rate=0.002 training.note='two words'"
