"""The steps of a set-up: environment, locked packages, loopbook itself, notebook kernel, git filter."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from loopbook.setup.place import (
    GPU_LOCK,
    LOCK,
    Place,
    SetupError,
    python_version,
    read_stamp,
    supported,
    wanted,
    write_stamp,
)
from loopbook.setup.tools import REMEDIES, step, tool

ROOM = {LOCK: 5.0, GPU_LOCK: 12.0}
"""Gigabytes that a new environment needs, downloads included."""

UNFILTERED = "loopbook: outputs stay in notebooks, the environment is gone; type: make setup"
FILTER = ("-I", "-m", "nbstripout", "--keep-id", "--extra-keys", "metadata.language_info")
"""What git runs: cell ids stay, because they tie the stored outputs of a run to the notebook's prose; the exact Python
that JupyterLab writes down on saving goes."""


def set_up(place: Place, lock: str, plain: bool, repair: bool) -> None:
    """Do the steps that are due; what an earlier set-up left unfinished is built anew.

    Parameters
    ----------
    place
        The project and its environment.
    lock
        Name of the lock to install.
    plain
        Work with pip alone.
    repair
        Install the packages even if the stamp says that they are there.

    Raises
    ------
    SetupError
        If a step fails, or an active conda environment has no suitable Python.
    """
    version = python_version(place.python)
    unfinished = place.marker.exists()
    moved = read_stamp(place).get("project", str(place.root)) != str(place.root)  # scripts name the old folder
    if place.conda and not supported(version):
        found = f"Python {version}" if version else "no Python"
        raise SetupError(
            f"The active conda environment {place.environment} has {found}; "
            "Loopbook needs 3.11, 3.12 or 3.13. Make one that suits: conda env create -f environment.yml && "
            "conda activate loopbook"
        )
    if not place.conda and (unfinished or moved or plain or not supported(version)):
        create(place, lock)
        version = python_version(place.python)
    now = wanted(place, lock, version)
    stamp = read_stamp(place)
    place.marker.touch()
    try:
        uv = None if plain else bootstrap(place, place.root / lock)
        if repair or any(stamp.get(key) != now[key] for key in ("python", "lock", "packages")):
            install_packages(place, place.root / lock, uv, unfinished)
        install_loopbook(place, uv)
        name_kernel(place)
        filter_outputs(place)
    except SetupError as error:
        if error.cause not in ("killed", "disk"):  # a tool that stopped by itself left the environment as it was
            place.marker.unlink()
        raise
    write_stamp(place, now)
    place.marker.unlink()
    step(f"Ready: {place.environment} with Python {version}")


def create(place: Place, lock: str) -> None:
    """Create the virtual environment anew, with the Python that runs this.

    Raises
    ------
    SetupError
        If that Python does not suit, the disk has too little room, or the folder holds something else.
    """
    python = Path(getattr(sys, "_base_executable", None) or sys.executable)  # never the one that is emptied below
    version = python_version(python)
    if not supported(version):
        raise SetupError(f"{python} is Python {version}; Loopbook needs Python 3.11, 3.12 or 3.13.")
    folder = place.environment  # may be a symbolic link: it is emptied, not removed
    folder.mkdir(parents=True, exist_ok=True)
    held = sorted(folder.iterdir(), key=lambda path: path == place.marker)  # the marker goes last
    if held and not place.marker.exists() and not (folder / "pyvenv.cfg").exists():
        raise SetupError(f"{folder} exists and is no virtual environment. Move it away, then type make again.")
    for path in held:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    free = shutil.disk_usage(folder).free / 1e9
    if free < ROOM[lock]:
        needs = f"{folder} needs about {ROOM[lock]:.0f} GB and has {free:.1f} GB."
        raise SetupError(f"{needs} {REMEDIES['disk'][1]}", "disk")
    place.marker.touch()
    step(f"Create {folder.name} with Python {version}")
    tool(place, python, "-m", "venv", folder)


def pip(place: Place) -> tuple[str | Path, ...]:
    """Return the command by which the environment's pip installs just what it is told."""
    return (place.python, "-m", "pip", "install", "--no-deps")


def bootstrap(place: Place, lock: Path) -> Path:
    """Install the locked uv by pip; it is published for every machine that TensorFlow is published for."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "uv.txt"
        listed.write_text(locked(lock, "uv"), encoding="utf-8")
        tool(place, *pip(place), "-q", "--require-hashes", "-r", listed)
    return place.environment / "bin" / "uv"


def install_packages(place: Place, lock: Path, uv: Path | None, anew: bool) -> None:
    """Bring the environment to what the lock says.

    In a conda environment, packages that the lock does not name stay, and `anew` replaces those that it names; in
    our own, uv removes them.
    """
    step(f"Install the packages of {lock.name}; the first time this can take some minutes")
    into = ("--python", place.python, "--require-hashes", "--compile-bytecode")
    if uv is None:
        tool(place, *pip(place), "--compile", "--progress-bar", "off", "--require-hashes", "-r", lock.name)
    elif place.conda:
        tool(place, uv, "pip", "install", *into, *(("--reinstall",) if anew else ()), "--no-deps", "-r", lock)
    else:
        tool(place, uv, "pip", "sync", *into, lock)


def install_loopbook(place: Place, uv: Path | None) -> None:
    """Add loopbook itself, so that an edit in src holds at once."""
    step("Add loopbook itself")
    installer = pip(place) if uv is None else (uv, "pip", "install", "--python", place.python, "--no-deps")
    tool(place, *installer, "-q", "--no-build-isolation", "-e", ".")
    for file in place.environment.glob("lib/python*/site-packages/_editable_impl_loopbook.pth"):
        # Python reads it in the locale's encoding: with LC_ALL=C it would not start in a folder named größe.
        relative = os.path.relpath(place.root / "src", file.parent)
        if relative.isascii():
            file.write_text(relative, encoding="ascii")


def locked(lock: Path, name: str) -> str:
    """Return one package's lines of a lock: its version and hashes.

    Raises
    ------
    SetupError
        If the lock does not name it.
    """
    found = re.search(rf"^{re.escape(name)}==.*\n(?:[ \t].*\n)*", lock.read_text(encoding="utf-8"), re.M)
    if found is None:
        raise SetupError(f"{lock.name} does not name {name}. Get it back: git checkout -- {lock.name}")
    return found[0]


def name_kernel(place: Place) -> None:
    """Make the environment's kernel "python3" start the environment's own Python, whoever asks for it.

    It gets the title that the notebooks name, so that saving one in JupyterLab does not change that.
    """
    path = place.environment / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    specification = json.loads(path.read_text(encoding="utf-8"))
    specification["argv"][0] = str(place.python)
    specification["display_name"] = "Python 3"
    new = path.with_suffix(".new")  # replaced, not rewritten: uv may have linked the file to the one in its cache
    new.write_text(json.dumps(specification, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def filter_outputs(place: Place) -> None:
    """Let git take the outputs out of notebooks on their way into a commit (see .gitattributes)."""
    git = ("git", "-C", str(place.root))
    there = shutil.which("git")
    top = subprocess.run([*git, "rev-parse", "--show-toplevel"], capture_output=True, text=True) if there else None
    if top is None or top.returncode:
        step(f"The filter for notebook outputs is not set: {top.stderr.strip() if top else 'there is no git here'}")
        return
    python = place.python  # git runs filters in the top folder: a relative path serves worktrees and moved clones too
    if Path(top.stdout.strip()).resolve() == place.root and place.root in python.parents:
        python = python.relative_to(place.root)
    clean = f"""if [ -x "{python}" ]; then "{python}" {" ".join(FILTER)}; else echo "{UNFILTERED}" >&2; cat; fi"""
    settings = {"clean": clean, "smudge": "cat", "required": "true"}
    for name, value in settings.items():
        tool(place, *git, "config", "--local", f"filter.nbstripout.{name}", value)
