"""Running the tools that do the work (venv, pip, uv, git), and saying what to do when one fails."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from loopbook.setup.place import Place, SetupError

UNSET = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_TARGET", "PIP_USER", "VIRTUAL_ENV")
SILENT = re.compile(
    r"\s*([+~-] \S+==|Collecting |Using cached |Looking in |Processing |Attempting |Found existing |Uninstalling "
    r"|Successfully |.*Location '.*' is ignored|$)"
)
"""Lines of uv and pip that are no news."""
START = time.monotonic()

REMEDIES = {
    "disk": (
        r"No space left|os error 28|Errno 28",
        "The disk is full. Free some gigabytes, or make .venv a symbolic link to an empty folder on a larger disk.",
    ),
    "hash": (
        r"[Hh]ash mismatch|DO NOT MATCH THE HASHES",
        "A file from the registry is not the one that the lock names, and was not installed. If a mirror is in use, it "
        "is out of date or altered.",
    ),
    "network": (
        r"dns error|error sending request|client error|ConnectionError|[Cc]onnection (refused|reset|aborted|broken)"
        r"|[Tt]imed? ?out|name resolution|Failed to fetch",
        "The package registry cannot be reached. Connect to the network; behind a proxy set HTTPS_PROXY; with a mirror "
        "set UV_DEFAULT_INDEX and PIP_INDEX_URL to its address. What is downloaded already is kept.",
    ),
    "venv": (
        r"ensurepip|No module named '?venv",
        "This Python came without venv or pip. On Debian and Ubuntu: sudo apt install python3-venv",
    ),
    "platform": (
        r"[Nn]o matching distribution|no wheels? with a matching|doesn't have a (source distribution or )?wheel",
        "A package is not published for this system and processor. Linux (x86-64, arm64) and macOS 14 (arm64) "
        "are supported; on Windows, its Linux subsystem (WSL).",
    ),
}
"""For each known cause: the sign of it in a tool's output, and what to do."""


def step(text: str) -> None:
    """Say what comes next, with the seconds since the beginning."""
    print(f"{time.monotonic() - START:4.0f} s  {text}", flush=True)


def tool(place: Place, *command: str | Path) -> None:
    """Run a tool in the project's folder and pass on what it says while it says it.

    Raises
    ------
    SetupError
        If it fails; with the remedy, where the cause is a known one.
    """
    variables = {name: value for name, value in os.environ.items() if name not in UNSET}
    variables |= {"PYTHONNOUSERSITE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    variables |= {"UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_TIMEOUT": os.environ.get("UV_HTTP_TIMEOUT", "120")}
    process = subprocess.Popen(
        command, cwd=place.root, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if not SILENT.match(line):
            print(f"        {line.strip()[:110]}", flush=True)
    if process.wait():
        cause = next((name for name, (sign, _) in REMEDIES.items() if re.search(sign, said)), "")
        remedy = REMEDIES[cause][1] if cause else "What it said is above."
        shown = " ".join([Path(command[0]).name, *map(str, command[1:4])])
        raise SetupError(f"{shown} … failed. {remedy}", "killed" if process.returncode < 0 else cause)
