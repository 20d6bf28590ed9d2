"""What a study of behaviour names is looked at before a kernel starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from loopbook.operations import preflight
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.loading import load
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]
TESTS = "notebooks/scenarios/behaviour"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tests": "none.csv"}, r"section studies\.behaviour names the file none\.csv, which is not there"),
        (
            {"tests": f"{TESTS}/banking-desk.csv"},
            r"banking-desk\.csv:5: 'lost_or_stolen_card' cannot be expected",
        ),
        ({"tests": f"{TESTS}/clinic-triage.csv"}, r"clinic-triage\.csv: the column 'radius_mean' is not known"),
        ({"tests": f"{TESTS}/press-monitor.csv", "elsewhere": "tweets"}, "'tweets' is not in the catalog"),
        ({"tests": f"{TESTS}/press-monitor.csv", "elsewhere": "banking77"}, "has no column 'id'"),
    ],
)
def test_a_study_of_behaviour_is_refused_with_its_place(given: dict[str, str], message: str) -> None:
    named = {f"studies.behaviour.{name}": value for name, value in given.items()}
    with pytest.raises(LoopbookError, match=message):
        preflight.check(Project(ROOT), load("press-monitor", ROOT / "notebooks" / "scenarios", given=named))


def test_what_comes_with_the_agents_passes() -> None:
    given = {"studies.behaviour.tests": f"{TESTS}/press-monitor.csv", "studies.behaviour.elsewhere": "amazon-reviews"}
    preflight.check(Project(ROOT), load("press-monitor", ROOT / "notebooks" / "scenarios", given=given))


def test_a_function_that_translates_is_looked_for_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users_texts.py").write_text("raise SystemExit\n\n\ndef back(texts):\n    return texts\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def check(name: str) -> None:
        given = {"training.back_translation": name}
        preflight.check(Project(ROOT), load("press-monitor", ROOT / "notebooks" / "scenarios", given=given))

    check("users_texts:back")
    with pytest.raises(LoopbookError, match=r"back_translation 'users_texts:bakc': .*no function 'bakc'.*'back'"):
        check("users_texts:bakc")
    with pytest.raises(LoopbookError, match="there is no module 'nowhere'"):
        check("nowhere:back")
