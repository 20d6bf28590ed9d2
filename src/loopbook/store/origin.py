"""Where results come from: the revision of the code with what is not committed, the machine, the seeds, the cells."""

import functools
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from loopbook.store.content import digest_file
from loopbook.store.records import Origin


@functools.lru_cache(maxsize=8)
def origin(root: Path, run: str) -> Origin:
    """Return the code and the machine that a run works with, looked up once a run."""
    revision, uncommitted = code(root)
    return Origin(revision=revision, uncommitted=uncommitted, python=platform.python_version(), hardware=hardware())


def code(root: Path) -> tuple[str | None, str | None]:
    """Return the git revision of `root`, and a hash of all that is not committed.

    The second is None if there is nothing; both are None without git.
    """
    try:
        head = _git(root, "rev-parse", "HEAD").decode().strip()
        touched = _names(_git(root, *_unfiltered(root), "diff", "HEAD", "--name-only", "--no-renames", "-z"))
        paths = [f":(top,literal){name}" for name in touched]
        changes = _git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--", *paths) if touched else b""
        new = sorted(_names(_git(root, "ls-files", "--others", "--exclude-standard", "-z")))
    except (OSError, subprocess.CalledProcessError):
        return None, None
    sha = hashlib.sha256(changes)
    for name in new:
        sha.update(os.fsencode(name) + b"\0")
        if (root / name).is_file():
            sha.update(bytes.fromhex(digest_file(root / name)))
    return head, sha.hexdigest() if changes or new else None


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware() -> dict[str, Any]:
    """Return what computes: `system`, `processor`, `cores` that this process may use, `memory` in bytes, `gpus`."""
    pages = [os.sysconf(name) if name in os.sysconf_names else 0 for name in ("SC_PAGE_SIZE", "SC_PHYS_PAGES")]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": next(_told([Path("/proc/cpuinfo")], "model name"), platform.processor() or platform.machine()),
        "cores": usable_processors(),
        "memory": pages[0] * pages[1],
        "gpus": sorted(_told(Path("/proc/driver/nvidia/gpus").glob("*/information"), "Model")),
    }


def timings(notebook: Mapping[str, Any]) -> dict[str, float]:
    """Return how long each code cell of an executed notebook took, in seconds, by the cell's id."""
    return {
        str(cell.get("id", number)): round(float(duration), 3)
        for number, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code"
        and (duration := cell.get("metadata", {}).get("papermill", {}).get("duration")) is not None
    }


def _told(files: Iterator[Path] | list[Path], name: str) -> Iterator[str]:
    """Yield what files of the form ``name : value`` say under a name; none where there are no such files."""
    for file in files:
        with suppress(OSError):
            rows = (line.partition(":") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
            yield from (value.strip() for title, _, value in rows if title.strip() == name)


def _unfiltered(root: Path) -> list[str]:
    """Return options of git that pass over its filters, which start a process for each file that they are asked about.

    What differs without them is looked at with them again: a notebook's outputs are no change.
    """
    found = subprocess.run(
        ["git", "config", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process|required)$"],
        cwd=root,
        check=False,  # 1 means that there is none
        capture_output=True,
    ).stdout.decode()
    return [word for name in found.split() for word in ("-c", f"{name}={'false' if name.endswith('required') else ''}")]


def _names(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True).stdout
