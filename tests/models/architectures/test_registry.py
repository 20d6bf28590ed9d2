from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from loopbook.models.architectures import registry
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.task import Anomaly, Binary, Number, OneOfMany, Ordinal, Quantity, Ranking, Task, YesNo

LABEL = YesNo(column="y", positive=(1,))
TEXT, TABLE = Binary(fields={"text": "text"}, label=LABEL), Binary(fields={"size": "number"}, label=LABEL)


def check(architecture: str, task: Task = TEXT, **settings: object) -> None:
    registry.check(Candidate(architecture=architecture, settings=settings), task)


@pytest.mark.parametrize("name", sorted({*registry.names()} - {"ensemble"}))  # which has members
def test_every_architecture_suits_some_task_with_its_defaults(name: str) -> None:
    found = registry.find(name)
    task = TABLE if found.needs == "table" else TEXT
    own: dict[tuple[str, ...], Task] = {
        ("number",): Number(type="number", fields=task.fields, label=Quantity(column="y", limits=(1.0,))),
        ("anomaly",): Anomaly(type="anomaly", fields=task.fields),
        ("ranking",): Ranking(type="ranking", fields=task.fields, query="reader", item="book"),
    }
    check(name, own.get(tuple(found.types or ()), task))


@pytest.mark.parametrize("architecture", ["table_logistic", "boosted_trees", "mlp", "majority"])
def test_classes_in_an_order_are_learned_from_a_table_as_those_without(architecture: str) -> None:
    label = OneOfMany(column="y", values=["low", "middle", "high"])
    check(architecture, Ordinal(type="ordinal", fields=TABLE.fields, label=label))


@pytest.mark.parametrize(
    ("architecture", "task", "settings", "message"),
    [
        ("lsmt", TEXT, {}, "Did you mean 'lstm'"),
        ("perceiver", TEXT, {}, "Known: als, autoencoder, bag, bilstm, boosted_trees"),
        ("transformer", TEXT, {"positions": "rotary"}, "'rotary'.*'sinusoidal' or 'learned'"),
        ("lstm", TEXT, {"unit": 5}, "no setting 'unit'. Did you mean 'units'"),
        ("lstm", TEXT, {"units": 0}, "units = 0 of architecture 'lstm': input should be greater than or equal to 1"),
        ("lstm", TEXT, {"units": "many"}, "units = 'many'.*valid integer"),
        ("lstm", TEXT, {"units": 2.5}, "units = 2.5"),
        ("lstm", TEXT, {"dropout": 1.0}, "dropout = 1.0.*less than 1"),
        ("majority", TEXT, {"words": 5}, "'majority' has no settings; it was given 'words'"),
        ("mlp", TEXT, {}, "needs a table field.*would suit: bag, bilstm, cnn, encoder, ensemble, hashed, lstm"),
        (
            "lstm",
            TABLE,
            {},
            "needs a text field.*would suit: boosted_trees, decision_tree, ensemble, entity_embeddings",
        ),
        ("tfidf", TEXT, {"C": 0}, "C = 0.*greater than 0"),
        ("nowhere.at_all:build", TEXT, {}, "no module 'nowhere.at_all'"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_likely_intent(
    architecture: str, task: Binary, settings: dict, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        check(architecture, task, **settings)


def test_a_whole_number_is_good_for_a_setting_that_takes_any_number() -> None:
    check("tfidf", C=3)


class TestUsersFunction:
    SOURCE = """
        raise_if_imported = 1 / 0

        def build(inputs, *, units: int = 8, rate: float, **more):
            ...

        def strict(inputs, depth: int, units: int = 8):
            ...

        def nothing():
            ...
    """

    def test_is_read_without_running_it(self, users_module: Path) -> None:
        users_module.write_text(dedent(self.SOURCE))
        check(f"{users_module.stem}:build", rate=0.5, anything=1)

    @pytest.mark.parametrize(
        ("function", "settings", "message"),
        [
            ("biuld", {}, "no function 'biuld'. Did you mean 'build'"),
            ("build", {}, "needs the settings rate"),
            ("build", {"rate": 1, "units": 2.5}, "units = 2.5"),
            ("strict", {"depth": 1, "unit": 1}, "no setting 'unit'. Did you mean 'units'"),
            ("strict", {}, "needs the settings depth"),
            ("nothing", {}, "must take the inputs as its first argument"),
        ],
    )
    def test_is_checked_like_ours(self, users_module: Path, function: str, settings: dict, message: str) -> None:
        users_module.write_text(dedent(self.SOURCE))
        with pytest.raises(ScenarioError, match=message):
            check(f"{users_module.stem}:{function}", **settings)

    def test_that_is_no_python_is_refused(self, users_module: Path) -> None:
        users_module.write_text("def build(inputs:")
        with pytest.raises(ScenarioError, match="cannot be read as Python"):
            check(f"{users_module.stem}:build")

    def test_is_found_for_building(self, users_module: Path) -> None:
        users_module.write_text("def build(inputs, *, units: int = 8):\n    return units\n")
        found = registry.find(f"{users_module.stem}:build")
        assert found.make(None, units=3) == 3
        assert found.family == "network"


def test_checking_candidates_starts_neither_tensorflow_nor_scikit_learn() -> None:
    code = (
        "import sys; from loopbook.models.architectures import registry as a;"
        "from loopbook.scenario.task import Binary, YesNo;"
        "from loopbook.scenario.candidate import Candidate;"
        "t = Binary(fields={'x': 'text'}, label=YesNo(column='y', positive=(1,)));"
        "[a.check(Candidate(architecture=n), t) for n in ('lstm', 'minilm', 'tfidf', 'majority')];"
        "print([m for m in ('tensorflow', 'keras', 'sklearn', 'onnx', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
