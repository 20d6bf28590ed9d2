"""Peak memory: the most that this process has held, since it began or since it was set back."""

import re
import resource
import sys
from pathlib import Path

_STATUS, _SET_BACK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak() -> int:
    """Return the most memory that this process has held, in bytes.

    On Linux `resource` tells of the process that started this one too, so the kernel's own figure is read.
    """
    if _STATUS.is_file() and (found := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text("utf-8"))):
        return int(found.group(1)) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def set_back() -> None:
    """Let `peak` count from now on; only Linux can, elsewhere it goes on counting from the beginning."""
    if _SET_BACK.is_file():
        _SET_BACK.write_text("5")
