"""What a kernel died of, as far as there is evidence."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

NEARLY_ALL = 0.8
"""Share of the memory available at its start that a killed kernel must have held for memory to be the likely reason."""


@dataclass(frozen=True)
class Cause:
    """Why a notebook's execution ended before its last cell."""

    kind: str
    message: str


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
    def now(cls) -> Memory:
        """Read the counters of this process's control group, and of the machine."""
        killed: dict[str, int] = {}
        limits: list[int] = []
        for folder in _groups():
            for file in ("memory.events", "memory.oom_control"):
                count = _number(folder / file, "oom_kill")
                if count is not None:
                    killed["this group of processes"] = max(count, killed.get("this group of processes", 0))
            for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
                most, now = _number(folder / limit), _number(folder / used)
                if most is not None and now is not None:
                    limits.append(most - now)
        machine = _number(Path("/proc/vmstat"), "oom_kill")
        if machine is not None:
            killed["the machine"] = machine
        free = _number(Path("/proc/meminfo"), "MemAvailable:")
        if free is not None:
            limits.append(free * 1024)
        return cls(killed, min(limits) if limits else None)


def cause(code: int, peak: int | None, before: Memory, after: Memory, log: str) -> Cause:
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
    if code >= 0:
        return Cause("KernelExited", f"The notebook's kernel ended itself with exit code {code}, as by os._exit.{held}")
    found, words = _signal(-code)
    if found == "SIGKILL":
        return _killed(peak, before, after, held)
    if "std::bad_alloc" in log or "annot allocate memory" in log:
        return Cause(
            "OutOfMemory", f"The notebook's kernel got no more memory, and a library ended it ({found}).{held}"
        )
    if found in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS"):
        where = "; the stack of Python calls stands below" if "most recent call first" in log else ""
        return Cause(found, f"The notebook's kernel crashed in a library: {found} ({words}){where}.{held}")
    return Cause(found, f"The notebook's kernel was ended from outside by {found} ({words}).{held}")


def _killed(peak: int | None, before: Memory, after: Memory, held: str) -> Cause:
    counters = [who for who, count in after.killed.items() if count > before.killed.get(who, count)]
    if counters:
        return Cause(
            "OutOfMemory",
            "The notebook's kernel was killed (SIGKILL), probably for memory: the system's count of processes killed "
            f"for memory, in {counters[0]}, rose while it ran.{held}",
        )
    if peak is not None and before.available is not None and peak > NEARLY_ALL * before.available:
        return Cause(
            "OutOfMemory",
            f"The notebook's kernel was killed (SIGKILL), probably for memory: it had grown to {_size(peak)}, of "
            f"{_size(before.available)} that were free when it started.",
        )
    return Cause(
        "SIGKILL",
        "The notebook's kernel was killed from outside by SIGKILL (Killed); nothing says that it was for memory."
        f"{held}",
    )


def _groups() -> list[Path]:
    """Return the folders of this process's control group, of version 2 or 1, and those above."""
    found = []
    root = Path("/sys/fs/cgroup")
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            top = root / controllers
            folder = top / path.lstrip("/")
            # within a container the path may be that of the host, and the group stands at the top
            found += [group for group in (folder, *folder.parents) if group.is_dir() and group.is_relative_to(top)]
    return found


def _number(file: Path, name: str | None = None) -> int | None:
    """Return the number in a file, or the one after a name in it; None if there is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if name is None and len(words) == 1 and words[0].isdigit():
            return int(words[0])
        if name is not None and len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None


def _signal(number: int) -> tuple[str, str]:
    """Return a signal's name, and what it means in words."""
    try:
        return signal.Signals(number).name, signal.strsignal(number) or str(number)
    except ValueError:
        return f"signal {number}", str(number)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
