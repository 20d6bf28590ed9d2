"""What a kernel died of, as far as there is evidence."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loopbook.store.records import ErrorRecord

NEARLY_ALL = 0.8
"""Share of the memory available at its start that a killed kernel must have held for memory to be the likely reason."""


@dataclass(frozen=True)
class Memory:
    """What the system says of memory at one moment.

    Attributes
    ----------
    killed
        Processes killed for memory until now, by who counts them: this group of processes, the whole machine.
    available
        Bytes that a new process could use, under the group's limit too; None if the system does not say.
    """

    killed: dict[str, int]
    available: int | None

    @classmethod
    def now(cls) -> Self:
        """Read the counters of this process's control group, and of the machine."""
        files = [folder / file for folder in _groups() for file in ("memory.events", "memory.oom_control")]
        limits = [
            most - used
            for folder in _groups()
            for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
            if (most := _number(folder / limit)) is not None and (used := _number(folder / usage)) is not None
        ]
        counts = {
            "this group of processes": max((_number(file, "oom_kill") or 0 for file in files), default=0),
            "the machine": _number(Path("/proc/vmstat"), "oom_kill") or 0,
        }
        free = _number(Path("/proc/meminfo"), "MemAvailable:")
        return cls(counts, min([*limits, *([free * 1024] if free is not None else [])], default=None))


def cause(code: int, peak: int | None, before: Memory, after: Memory, log: str) -> ErrorRecord:
    """Name what a kernel died of.

    Parameters
    ----------
    code
        Exit code; minus the signal's number, if a signal ended it.
    peak
        Bytes that it held at most; None if unknown.
    before, after
        The system's memory when the kernel started, and after its end.
    log
        What the process printed past the notebook.
    """
    held = "" if peak is None else f" It held at most {_size(peak)}."
    found, words = _signal(-code)
    kind, message = found, f"was ended from outside by {found} ({words}).{held}"
    if code >= 0:
        kind, message = "KernelExited", f"ended itself with exit code {code}, as by os._exit.{held}"
    elif found == "SIGKILL":
        kind, message = _killed(peak, before, after, held)
    elif "std::bad_alloc" in log or "annot allocate memory" in log:
        kind, message = "OutOfMemory", f"got no more memory, and a library ended it ({found}).{held}"
    elif found in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS"):
        where = "; the stack of Python calls stands below" if "most recent call first" in log else ""
        message = f"crashed in a library: {found} ({words}){where}.{held}"
    return ErrorRecord(kind=kind, message=f"The notebook's kernel {message}")


def _killed(peak: int | None, before: Memory, after: Memory, held: str) -> tuple[str, str]:
    counters = [who for who, count in after.killed.items() if count > before.killed.get(who, count)]
    likely = "was killed (SIGKILL), probably for memory:"
    if counters:
        counted = f"the system's count of processes killed for memory, in {counters[0]}, rose while it ran."
        return "OutOfMemory", f"{likely} {counted}{held}"
    if peak is not None and before.available is not None and peak > NEARLY_ALL * before.available:
        free = f"of {_size(before.available)} that were free when it started."
        return "OutOfMemory", f"{likely} it had grown to {_size(peak)}, {free}"
    return "SIGKILL", f"was killed from outside by SIGKILL (Killed); nothing says that it was for memory.{held}"


def _groups() -> list[Path]:
    """Return the folders of this process's control group, of version 2 or 1, and those above."""
    found = []
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            top = Path("/sys/fs/cgroup") / controllers
            folder = top / path.lstrip("/")
            # within a container the path may be that of the host, and the group stands at the top
            found += [group for group in (folder, *folder.parents) if group.is_dir() and group.is_relative_to(top)]
    return found


def _number(file: Path, *name: str) -> int | None:
    """Return the number in a file, or the one after a name in it; None if there is none."""
    rows = [line.split() for line in _lines(file)]
    found = (row[len(name)] for row in rows if len(row) > len(name) and (*row[: len(name)],) == name)
    return next((int(word) for word in found if word.isdigit()), None)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _signal(number: int) -> tuple[str, str]:
    """Return a signal's name, and what it means in words."""
    try:
        return signal.Signals(number).name, signal.strsignal(number) or str(number)
    except ValueError:
        return f"signal {number}", str(number)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
