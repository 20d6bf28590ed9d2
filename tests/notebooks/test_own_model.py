"""The own model of docs/own-agent.md goes through all notebooks by its name alone; a change in it is seen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from tests.smoke import ROOT, Place, Ran

MODEL = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "own-agent.md").read_text(encoding="utf-8"), flags=re.S)[0]
PARAMS = (
    "training.candidates.mine.architecture=my_agent.models:build 'training.only=[tfidf,mine]' "
    "training.epochs=2 optimization.trials=0"
)


@dataclass(frozen=True)
class OwnSource(Place):
    """A place whose processes import from a copy of ``src``, as a clone with a package of its user's would."""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "PYTHONPATH": str(self.folder / "src")}


def test_the_readme_model_is_trained_compared_and_shipped(ran: Ran, place: Callable[[str], Place]) -> None:
    where = OwnSource(place("own-model").folder)
    shutil.copytree(ran[0].folder / "data", where.folder / "data")
    shutil.copytree(ROOT / "src", where.folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    module = where.folder / "src" / "my_agent" / "models.py"
    module.parent.mkdir()
    module.with_name("__init__.py").touch()
    module.write_text(MODEL, encoding="utf-8")
    first = where.run("market-monitor", "--params", PARAMS)
    assert first["stages"]["03_training[mine]"]["metrics"]["family"] == "network"
    states = {name: stage["state"] for name, stage in first["stages"].items()}
    fresh = {name for name, state in states.items() if state == "fresh"}
    # Deciding and watching begin anew only where the champion is another.
    same = {"05_decisions", "06_monitoring"} if first["champion"] == ran[1]["champion"] else set()
    assert fresh == {"01_requirements", "02_data"} | same

    module.write_text(MODEL.replace("units: int = 32", "units: int = 16"), encoding="utf-8")
    done = where.python(
        "-m", "loopbook", "why", "--scenario", "market-monitor", "--profile", "smoke", "--params", PARAMS
    )
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"^(\S+) +(\w+)$", done.stdout, flags=re.M))
    assert {name for name, state in said.items() if state == "fresh"} == {
        "01_requirements",
        "02_data",
        "03_training[tfidf]",
    }
    assert said["03_training[mine]"] == "stale"
    assert "src/my_agent/models.py:1 build changed" in done.stdout
