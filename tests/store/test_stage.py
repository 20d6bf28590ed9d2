"""A notebook opened by hand reads drafts first, then the latest run, and can do only what it declares."""

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import study

from loopbook.scenario.errors import LoopbookError, MissingInput, ScenarioError
from loopbook.store.project import Project
from loopbook.store.stage import Stage


def test_by_hand_a_stage_writes_drafts_that_others_read(project: Project) -> None:
    data = Stage.open("02_data", {"scenario": "tiny", "profile": "standard"})
    data.write("train", pd.DataFrame({"x": [1, 2]}))
    training = Stage.open("03_training", {"scenario": "tiny", "candidate": "one", "profile": "standard"})
    assert training.read("train").x.tolist() == [1, 2]
    assert training.digest("train")
    assert not project.store.exists()


def test_profiles_do_not_share_drafts(project: Project) -> None:
    Stage.open("02_data", {"scenario": "tiny", "profile": "smoke"}).write("train", pd.DataFrame({"x": [1]}))
    with pytest.raises(MissingInput, match=r"no 'train' for tiny in profile 'standard'.*make SCENARIO=tiny"):
        Stage.open("03_training", {"scenario": "tiny", "candidate": "one", "profile": "standard"}).read("train")


def test_values_in_force_say_where_they_come_from(project: Project) -> None:
    stage = Stage.open("03_training", {"scenario": "tiny", "candidate": "one", "profile": "standard"})
    assert stage.parameters.loc["epochs", ["value", "from"]].tolist() == ["3", "scenario"]
    stage = Stage.open("03_training", {"scenario": "tiny", "candidate": "one", "epochs": 7, "profile": "standard"})
    assert stage.settings.epochs == 7
    assert stage.parameters.loc["epochs", ["value", "from"]].tolist() == ["7", "given"]


def test_a_candidates_own_recipe_and_its_adaptations_are_in_force(project: Project) -> None:
    file = project.scenarios / "tiny.yaml"
    text = file.read_text()
    own = "    full: {architecture: encoder, settings: {adaptation: full}}\n"
    own += "    long: {architecture: encoder, recipe: {epochs: 9}}\n"
    file.write_text(text.replace("  candidates:\n", f"  candidates:\n{own}"))

    def shown(candidate: str) -> list[str]:
        stage = Stage.open("03_training", {"scenario": "tiny", "candidate": candidate, "profile": "standard"})
        return list(stage.parameters.loc["epochs", ["value", "from"]])

    assert shown("long") == ["9", "candidate"]
    assert shown("full") == ["3", "scenario"], "what the scenario says for all is no default"
    file.write_text(file.read_text().replace("  epochs: 3\n", ""))
    assert shown("full") == ["3", "default"] and shown("one") == ["60", "default"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": "tinny"}, "Did you mean 'tiny'"),
        ({"scenario": "tiny", "profile": "smok"}, "Did you mean 'smoke'"),
        ({"scenario": "tiny", "candidate": "oen"}, "Did you mean 'one'"),
        ({"scenario": "tiny", "candidate": "one", "epoch": 3}, "Did you mean 'epochs'"),
        ({"scenario": "tiny", "candidate": "one", "epochs": "3"}, "training.epochs"),
        ({"scenario": "tiny", "candidate": "one", "epochs": -1}, "training.epochs is -1"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_likely_one(project: Project, arguments: dict, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        Stage.open("03_training", {"profile": "standard", **arguments})


def test_a_stage_sees_only_the_sections_it_declares(project: Project) -> None:
    stage = Stage.open("02_data", {"scenario": "tiny", "profile": "standard"})
    assert stage.scenario.source.path == "numbers.csv"
    with pytest.raises(ScenarioError, match="section 'training' without declaring it"):
        _ = stage.scenario.training


def test_a_study_opened_by_hand_has_its_own_settings_whether_the_scenario_names_it_or_not(project: Project) -> None:
    study(project)
    opened = {"scenario": "tiny", "profile": "standard"}
    stage = Stage.open("08_honest_numbers", opened)
    assert (stage.settings.sizes, stage.parameters.loc["sizes", "from"]) == (6, "default")
    file = project.scenarios / "tiny.yaml"
    file.write_text(file.read_text() + "studies: {honest_numbers: {sizes: 4, draws: 2}}\n")
    stage = Stage.open("08_honest_numbers", {**opened, "sizes": None})
    assert (stage.settings.sizes, stage.settings.draws, stage.parameters.loc["sizes", "from"]) == (4, 2, "scenario")
    stage = Stage.open("08_honest_numbers", {**opened, "sizes": 3})
    assert (stage.settings.sizes, stage.parameters.loc["sizes", "from"]) == (3, "given")
    with pytest.raises(ScenarioError, match=r"no parameter 'size'\. Did you mean 'sizes'"):
        Stage.open("08_honest_numbers", {**opened, "size": 3})


def test_undeclared_reads_and_writes_are_refused(project: Project) -> None:
    stage = Stage.open("02_data", {"scenario": "tiny", "profile": "standard"})
    with pytest.raises(LoopbookError, match=r"does not declare that it writes 'trian'.*Did you mean 'train'"):
        stage.write("trian", {})
    with pytest.raises(LoopbookError, match="does not declare that it reads"):
        stage.read("model")


def test_only_flat_results_are_recorded(project: Project) -> None:
    stage = Stage.open("02_data", {"scenario": "tiny", "profile": "standard"})
    stage.record(a=1, b="x", c=True, d=float("nan"), e=pd.Series([1.5])[0])
    with pytest.raises(TypeError, match="record flat"):
        stage.record(f=[1])


def test_cached_work_is_done_once_and_again_when_a_part_changes(project: Project) -> None:
    made: list[int] = []

    def make(work: Path) -> None:
        made.append(1)
        (work / "value.txt").write_text("done")

    stage = Stage.open("03_training", {"scenario": "tiny", "candidate": "one", "profile": "standard"})
    first = stage.cached("fits", {"a": 1}, ["loopbook.store.content"], make)
    again = stage.cached("fits", {"a": 1}, ["loopbook.store.content"], make)
    other = stage.cached("fits", {"a": 2}, ["loopbook.store.content"], make)
    assert first == again != other
    assert len(made) == 2


def test_cached_work_that_was_interrupted_is_continued(project: Project) -> None:
    def fail(work: Path) -> None:
        (work / "half.txt").write_text("half")
        raise KeyboardInterrupt

    stage = Stage.open("03_training", {"scenario": "tiny", "candidate": "one", "profile": "standard"})
    with pytest.raises(KeyboardInterrupt):
        stage.cached("fits", {"a": 1}, ["loopbook.store.content"], fail)
    seen: list[str] = []
    stage.cached(
        "fits", {"a": 1}, ["loopbook.store.content"], lambda work: seen.append((work / "half.txt").read_text())
    )
    assert seen == ["half"]


def test_the_first_round_carries_the_empty_snapshot(project: Project) -> None:
    from loopbook.store import snapshots

    snapshot = snapshots.current(project, "tiny", "smoke")
    assert snapshot.round == 0
    assert snapshot.part("corrections") == []
    with pytest.raises(LoopbookError, match="carries no"):
        snapshot.part("nothing")
