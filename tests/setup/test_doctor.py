"""Things are broken for real, and the doctor names each with its remedy."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from filelock import FileLock
from tests.setup.test_steps import clone, make, surroundings

from loopbook.operations import health
from loopbook.setup import environment, machine
from loopbook.setup.finding import OK, PROBLEM, WARNING, Finding
from loopbook.setup.place import Place
from loopbook.store.project import Project

ROOT = Path(__file__).resolve().parents[2]
OWN = Place(ROOT, Path(sys.prefix))


def one(findings: Iterable[Finding], check: str) -> Finding:
    return next(each for each in findings if each.check == check)


def examined(folder: Path, **more: str) -> tuple[int, list[Finding]]:
    """Run the doctor of a project as make does, with a Python that has nothing but the standard library."""
    command = [sys._base_executable, "-S", "-m", "loopbook.setup.doctor", "--environment", ".venv", "--json"]  # type: ignore[attr-defined]
    variables = surroundings(more) | {"PYTHONPATH": "src"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [Finding(**each) for each in json.loads(done.stdout)["findings"]]


def test_a_clone_without_environment_is_told_to_set_up(tmp_path: Path) -> None:
    folder = clone(tmp_path / "a project")
    code, found = examined(folder)
    assert code == 1
    assert one(found, "environment") == Finding("environment", PROBLEM, ".venv is missing", "make setup")
    assert one(found, "kernel, data").state == WARNING
    assert one(found, "git filter").remedy == "make setup"
    done = make(folder, "doctor")
    assert done.returncode == 2
    assert "problem  environment          .venv is missing" in done.stdout
    assert "→ make setup" in done.stdout
    assert not (folder / ".venv").exists(), "it only looks"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a short lock, that make has set up."""
    folder = clone(tmp_path_factory.mktemp("doctor") / "a project")
    done = make(folder, "ready")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_an_environment_that_drifted_from_its_lock_is_named_package_by_package(small: Path) -> None:
    place = Place(small, small / ".venv")
    (before,) = environment.drift(place)
    assert before.state == OK, before
    uv = (place.environment / "bin" / "uv", "pip")
    subprocess.run([*uv, "install", "-q", "--python", place.python, "six==1.16.0"], check=True)
    subprocess.run([*uv, "uninstall", "-q", "--python", place.python, "attrs"], check=True)
    (drifted,) = environment.drift(place)
    assert drifted.state == PROBLEM
    assert "missing: attrs" in drifted.seen
    assert "differ: six 1.16.0 instead of 1." in drifted.seen
    assert drifted.remedy == "make setup"
    assert make(small, "setup").returncode == 0
    (mended,) = environment.drift(place)
    assert mended.state == OK, mended


def test_a_half_finished_set_up_and_a_stale_one_are_named(small: Path) -> None:
    place = Place(small, small / ".venv")
    assert [each.state for each in environment.presence(place)] == [OK]
    place.marker.touch()
    assert "unfinished" in one(environment.presence(place), "environment").seen
    place.marker.unlink()
    text = (small / "pyproject.toml").read_text()
    (small / "pyproject.toml").write_text(text + "\n# changed\n")
    assert one(environment.presence(place), "environment").state == WARNING
    (small / "pyproject.toml").write_text(text)
    lock = small / "requirements.lock"
    lock.rename(small / "kept")
    assert one(environment.presence(place), "environment").remedy.startswith("git checkout -- requirements.lock")
    (small / "kept").rename(lock)


def test_an_environment_whose_python_does_not_start_is_named(tmp_path: Path) -> None:
    folder = clone(tmp_path / "project")
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    found = one(environment.presence(Place(folder, folder / ".venv")), "environment")
    assert (found.state, found.remedy) == (PROBLEM, "rm -r .venv && make setup")


def test_a_taken_port_is_named_with_another(alone: Callable[[str], FileLock]) -> None:
    with alone("ports"), socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 6006))
            taken.listen()
        except OSError:
            pass  # somebody else has it already
        found = one(machine.sockets(OWN), "port 6006")
    assert found.state == WARNING
    assert found.remedy.endswith("loopbook tensorboard --port 6007")


def test_a_folder_that_cannot_be_written_to_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPBOOK_DATA", "/proc/loopbook")  # refuses administrators too
    found = one(machine.permission(OWN), "writing: data")
    assert (found.state, found.remedy) == (PROBLEM, "LOOPBOOK_DATA=/a/folder/of/yours make")
    assert one(machine.permission(OWN), "writing: project").state == OK


def test_too_little_room_or_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {each.state for each in machine.room(OWN)} <= {OK, WARNING, PROBLEM}
    monkeypatch.setattr(machine, "_GB", 1e18)  # as if the disk and the memory were a thousand million times smaller
    assert one(machine.room(OWN), "disk: data").state == PROBLEM
    assert "loopbook gc" in one(machine.room(OWN), "disk: data").remedy
    assert one(machine.memory(OWN), "memory").state == PROBLEM


def test_tools_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert {each.state for each in machine.tools(OWN)} == {OK}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert one(machine.tools(OWN), "git").remedy == "sudo apt install git"
    assert one(machine.browser(OWN), "browser").remedy == "sudo apt install chromium"


def test_what_does_not_answer_in_time_is_given_up() -> None:
    with pytest.raises(environment.NoAnswer, match="no answer within 1 s"):
        environment.ask(OWN, "-c", "import threading; threading.Event().wait()", limit=1)
    with pytest.raises(environment.NoAnswer, match="ImportError: nothing"):
        environment.ask(OWN, "-c", "raise ImportError('nothing')")


def test_a_gpu_that_was_asked_for_is_seen_or_named() -> None:
    (found,) = environment.gpu(OWN, "1")
    assert found.state == (OK if Path("/dev/nvidia0").exists() else PROBLEM)
    assert found.state == OK or "TensorFlow sees none" in found.seen
    assert one(environment.gpu(OWN, "0"), "GPU").state == OK


def test_the_kernel_starts_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (found,) = (Finding(*each) for each in environment.ask(OWN, "-m", "loopbook.operations.health", "kernel"))
    assert found.state == OK
    assert "started and answered" in found.seen
    specification = tmp_path / "kernels" / "python3" / "kernel.json"
    specification.parent.mkdir(parents=True)
    broken = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    specification.write_text(json.dumps(broken))
    command = [sys.executable, "-m", "loopbook.operations.health", "kernel"]
    variables = dict(os.environ) | {"JUPYTER_PATH": str(tmp_path), "JUPYTER_PREFER_ENV_PATH": "0"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    ((_, state, seen, remedy),) = json.loads(done.stdout)
    assert (state, remedy) == (PROBLEM, "make setup")
    assert "/nowhere/python" in seen


def test_missing_data_is_named_by_scenario(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    text = (project.scenarios / "tiny.yaml").read_text()

    def variant(name: str, source: str) -> None:
        changed = text.replace("name: tiny", f"name: {name}").replace("{kind: csv, path: numbers.csv}", source)
        (project.scenarios / f"{name}.yaml").write_text(changed)

    variant("moved", "{kind: csv, path: nombers.csv}")
    variant("secret", '{kind: sql, address: "postgresql://me:${NO_SUCH_VARIABLE}@host/db", table: t}')
    variant("misspelt", "{kind: cvs, path: numbers.csv}")
    found = list(health.data(project))
    assert one(found, "data: tiny").state == OK
    moved = one(found, "data: moved")
    assert moved.state == PROBLEM
    assert "nombers.csv" in moved.seen
    assert moved.remedy == "${EDITOR:-vi} notebooks/scenarios/moved.yaml"
    secret = one(found, "data: secret")
    assert secret.state == PROBLEM
    assert secret.remedy.startswith("export NO_SUCH_VARIABLE=")
    assert one(found, "data: misspelt").state == PROBLEM


def test_a_catalogs_data_set_is_there_promised_or_to_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOOPBOOK_DATA", str(tmp_path))
    monkeypatch.setenv("LOOPBOOK_DATA_MIRROR", str(tmp_path / "mirror"))
    packed = one(health.data(Project(ROOT)), "data: clinic-triage")
    assert (packed.state, packed.remedy) == (OK, "")
    assert "scikit-learn" in packed.seen
    promised = one(health.data(Project(ROOT)), "data: press-monitor")
    assert (promised.state, promised.remedy) == (PROBLEM, "unset LOOPBOOK_DATA_MIRROR")
    file = tmp_path / "mirror" / "vader" / "nytEditorialSnippets_GroundTruth.txt"
    file.parent.mkdir(parents=True)
    file.touch()
    assert one(health.data(Project(ROOT)), "data: press-monitor").state == OK
    monkeypatch.delenv("LOOPBOOK_DATA_MIRROR")
    missing = one(health.data(Project(ROOT)), "data: press-monitor")
    assert "is not fetched yet" in missing.seen
    assert missing.remedy.startswith(("make SCENARIO=press-monitor", "export LOOPBOOK_DATA_MIRROR="))


def test_unfinished_work_is_named_unless_somebody_works_there(project: Project) -> None:
    assert {each.state for each in health.work(project)} == {OK}
    half = project.work / "fits" / "half"
    half.mkdir(parents=True)
    (half / "epoch.txt").write_text("3")
    lock = half.with_name("half.lock")
    with FileLock(lock):
        assert one(health.work(project), "unfinished work").state == OK, "somebody works there"
    left = one(health.work(project), "unfinished work")
    assert left.state == WARNING
    assert "make clean" in left.remedy
