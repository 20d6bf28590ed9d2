"""How all tests are started: side by side, the longest first, and with a look at what takes long."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import LONGEST

ROOT = Path(__file__).resolve().parents[1]


def test_files_that_shall_come_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []


def test_a_files_tests_stay_together_and_files_in_their_order() -> None:
    (command,) = (line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if "-m pytest" in line)
    assert "-n auto --dist loadfile --no-loadscope-reorder" in command


def test_ci_prints_the_twenty_slowest_tests() -> None:
    assert "--durations=20" in (ROOT / ".ci" / "run").read_text("utf-8")
