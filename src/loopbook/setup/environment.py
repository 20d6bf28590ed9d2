"""What the doctor looks at in the environment: is it there, whole, as the lock says; do its parts start?"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loopbook.setup.finding import OK, PROBLEM, Finding, judged
from loopbook.setup.place import GPU_LOCK, LOCK, Place, SetupError, chosen_lock, python_version, read_stamp, wanted

MEND = "make setup"
_SHOWN = 6  # packages named in one line

_INSTALLED = """\
import json, sys
from importlib.metadata import distributions
try:
    from packaging.markers import Marker
except ImportError:
    from pip._vendor.packaging.markers import Marker
found = {}
for package in distributions():
    name = package.metadata["Name"] if package.metadata else None
    if name:
        found[name.lower().replace("_", "-").replace(".", "-")] = package.version
named = json.load(sys.stdin)
print(json.dumps([found, [not marker or Marker(marker).evaluate() for _, _, marker in named]]))
"""
_GPU = """\
import json, tensorflow
print(json.dumps([device.name for device in tensorflow.config.list_physical_devices("GPU")]))
"""


class NoAnswer(Exception):
    """A part of the environment that does not start, or not in time."""


def ask(place: Place, *words: str, given: str = "", limit: float = 60) -> Any:
    """Return what a command of the environment's Python prints as JSON on its last line.

    Raises
    ------
    NoAnswer
        If it fails, or does not end within `limit` seconds.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    variables = {**kept, "PYTHONPATH": str(place.root / "src"), "LOOPBOOK_PROJECT": str(place.root)}
    variables |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONNOUSERSITE": "1"}
    try:
        done = subprocess.run(
            [str(place.python), *words], cwd=place.root, env=variables, input=given, capture_output=True, text=True,
            timeout=limit, check=True,
        )  # fmt: skip
        return json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer within {limit:.0f} s") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or f"ended with {error.returncode}").strip().splitlines()
        raise NoAnswer(said[-1][:200] if said else f"ended with {error.returncode}") from None
    except (OSError, ValueError, IndexError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}"[:200]) from None


def presence(place: Place) -> Iterator[Finding]:
    """Look whether the environment is there, whole, and the one that the project asks for now."""
    name = place.environment.name
    version = python_version(place.python)
    if not place.python.exists():
        yield Finding("environment", PROBLEM, f"{name} is missing", MEND)
    elif version is None:
        yield Finding("environment", PROBLEM, f"the Python in {name} does not start", f"rm -r {name} && {MEND}")
    elif place.marker.exists():
        yield Finding("environment", PROBLEM, f"{name} was left unfinished by a set-up that was stopped", MEND)
    else:
        try:
            lock = chosen_lock(place)
            fits = read_stamp(place) == wanted(place, lock, version)
        except SetupError as error:
            yield Finding("environment", PROBLEM, str(error), f"git checkout -- {LOCK} {GPU_LOCK} pyproject.toml")
            return
        old = f"{name} is not what lock and settings ask for now; the next make brings it up to date"
        yield judged("environment", fits, f"{name} with Python {version}, as {lock} asks", old, MEND)


def pinned(lock: Path) -> list[tuple[str, str, str]]:
    """Return name, version and marker of every line of a lock."""
    found = re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)[ \t]*(?:;([^\\\n]*))?", lock.read_text(encoding="utf-8"), re.M)
    return [(name, version, marker.strip()) for name, version, marker in found]


def drift(place: Place) -> Iterator[Finding]:
    """Compare the installed versions with the lock."""
    lock = place.root / chosen_lock(place)
    if not lock.is_file():
        yield Finding("packages", PROBLEM, f"{lock.name} is missing", f"git checkout -- {lock.name}")
        return
    lines = pinned(lock)
    try:
        installed, holds = ask(place, "-I", "-c", _INSTALLED, given=json.dumps(lines))
    except NoAnswer as error:
        yield Finding("packages", PROBLEM, f"what is installed cannot be read: {error}", MEND)
        return
    named = {name: version for (name, version, _), here in zip(lines, holds) if here}  # noqa: B905
    missing = [name for name in (*named, "loopbook") if name not in installed]
    other = [
        f"{name} {installed[name] or 'broken'} instead of {version}"
        for name, version in named.items()
        if name in installed and installed[name] != version
    ]
    seen = [f"{word}: {_listed(names)}" for word, names in (("missing", missing), ("differ", other)) if names]
    yield judged("packages", not seen, f"all {len(named)} are as {lock.name} says", "; ".join(seen), MEND, PROBLEM)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def gpu(place: Place, asked: str) -> Iterator[Finding]:
    """Look whether TensorFlow sees the GPU that was asked for."""
    if chosen_lock(place, asked) != GPU_LOCK:
        yield Finding("GPU", OK, "not asked for (make setup GPU=1 installs TensorFlow with CUDA)")
        return
    try:
        seen = ask(place, "-c", _GPU, limit=90)
    except NoAnswer as error:
        yield Finding("GPU", PROBLEM, f"asked for, but TensorFlow does not start: {error}", f"{MEND} GPU=1")
        return
    none = "asked for, but TensorFlow sees none: everything runs on the processor"
    remedy = "nvidia-smi   # no driver? install it; make setup GPU=0 goes back to the processor"
    yield judged("GPU", bool(seen), ", ".join(seen), none, remedy, PROBLEM)


def parts(place: Place) -> Iterator[Finding]:
    """Let the environment look at what only it can: kernel, data, unfinished work."""
    for part, limit in (("kernel", 90), ("data", 120), ("work", 60), ("service", 60)):
        try:
            yield from (Finding(*line) for line in ask(place, "-m", "loopbook.operations.health", part, limit=limit))
        except NoAnswer as error:
            yield Finding(part, PROBLEM, f"could not be looked at: {error}", MEND)
