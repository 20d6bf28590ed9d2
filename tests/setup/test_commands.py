"""The Makefile lists its own commands and hands its variables on as they were typed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def make(*arguments: str) -> str:
    # Started by make itself, as in make test, it would say which folder it enters.
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=kept, capture_output=True, text=True, check=True)
    return done.stdout


def test_help_lists_every_command_and_every_variable() -> None:
    said = make("help")
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.M)) - {"ready"}
    variables = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.M))
    assert {"run", "test", "lab", "tensorboard", "lock", "clean", "setup", "help"} <= targets
    assert {"SCENARIO", "PROFILE", "PARAMS"} <= variables
    assert set(re.findall(r"^  ([a-zA-Z]+) ", said, re.M)) == targets | variables


def test_run_is_the_default() -> None:
    assert make("--dry-run") == make("--dry-run", "run")


def test_bytecode_is_written_by_what_make_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    probe = 'probe: ; @echo "[$$PYTHONDONTWRITEBYTECODE]"'
    assert make("--eval", probe, "probe").strip() == "[]"


TYPED = ["", 'training.epochs=3 task.label="it\'s"', "a; echo `id` \\ * | é # ü"]


@pytest.mark.parametrize("text", TYPED)
def test_values_reach_the_command_line_as_they_were_typed(text: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$3" = loopbook.setup ] || printf "<%s>" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    expected = ["-m", "loopbook", "run", "--scenario", "a b", "--profile", "smoke", "--params", text]
    said = make("--silent", f"PYTHON={python}", "SCENARIO=a b", "PROFILE=smoke", f"PARAMS={text}")
    assert said == "".join(f"<{each}>" for each in expected)


@pytest.mark.parametrize("text", TYPED[1:])
def test_values_of_a_night_reach_it_as_they_were_typed_and_others_are_not_named(text: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$3" = loopbook.setup ] || printf "<%s>" "$@" "$LOOPBOOK_WEBHOOK"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    expected = ["-m", "loopbook", "nightly", "--scenario", "a,b", "--profile", "smoke", "--summary", text, text]
    given = (f"PYTHON={python}", "SCENARIO=a,b", "PROFILE=smoke", f"SUMMARY={text}", f"WEBHOOK={text}")
    assert make("--silent", "nightly", *given) == "".join(f"<{each}>" for each in expected)


@pytest.mark.parametrize("text", [*TYPED, "-n x.csv", '- Preis "netto" #1'])
def test_what_a_new_agent_is_made_from_reaches_the_command_line_as_it_was_typed(text: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$3" = loopbook.setup ] || printf "<%s>" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    options = ("label", "task", "items", "users")
    given = [f"{name.upper()}={text}" for name in (*options, "name", "file")]
    said = make("--silent", f"PYTHON={python}", "new", *given)
    expected = ["-m", "loopbook", "new", *(f"--{name}={text}" for name in options), "--", text, text]
    assert said == "".join(f"<{each}>" for each in expected)


def test_the_ci_script_is_sound_and_names_no_place_of_one_machine() -> None:
    path = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", path], check=True)
    assert path.stat().st_mode & 0o111, "not executable"
    places = re.findall(r"(?<=[\s=\"'])/[\w/]+", path.read_text(encoding="utf-8"))
    assert set(places) <= {"/dev/null"}
