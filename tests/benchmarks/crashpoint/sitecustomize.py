"""Kill a process in the middle of a file operation; Python imports this at its start where PYTHONPATH names its folder.

Nothing of it is in the program under test: it stands between that program and the operating system. Operations of all
processes that share the environment are counted, in a file, and the one whose turn it is does not come through:

* ``write``: half of what was to be written is in the file;
* ``fsync``, ``rename``, ``unlink``: just before it, or just after it.

``CRASH_FOLDER`` is where operations count, ``CRASH_COUNT`` the file that counts, ``CRASH_AT`` the operation: its
number (0: none, for counting only) or its kind and a part of the path, as in ``rename-before store/runs``.
``CRASH_HOW`` is either ``kill`` (this process gets SIGKILL) or ``stop`` (it stops in there, so that whoever watches can
kill all processes of the run at one moment, as a machine that goes down does).
"""

import builtins
import io
import os
import signal
from pathlib import Path

FOLDER, COUNT = os.environ.get("CRASH_FOLDER", ""), os.environ.get("CRASH_COUNT", "")
AT, HOW = os.environ.get("CRASH_AT", "0"), os.environ.get("CRASH_HOW", "kill")
_open, _fsync, _unlink = io.open, os.fsync, os.unlink
_renames = {"rename": os.rename, "replace": os.replace}


def _turn(kind, path):
    """Count an operation; say whether it is the one that must not come through."""
    try:
        name = os.fspath(path)
    except TypeError:
        return False
    if not isinstance(name, str) or not name.startswith(FOLDER) or name.endswith(".lock"):
        return False
    line = f"{kind} {name}".encode()[:399].ljust(399) + b"\n"
    descriptor = os.open(COUNT, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line)
        number = os.lseek(descriptor, 0, os.SEEK_CUR) // 400
    finally:
        os.close(descriptor)
    if AT.isdigit():
        return number == int(AT)
    wanted, _, part = AT.partition(" ")
    return kind == wanted and part in name


def _end(kind, path):
    with _open(COUNT + ".hit", "a") as file:
        file.write(f"{kind} {path}\n")
    while True:  # a stopped process goes on when its parent dies, if only for a moment
        os.kill(os.getpid(), signal.SIGKILL if HOW == "kill" else signal.SIGSTOP)


def _opened(file, mode="r", *others, **more):
    opened = _open(file, mode, *others, **more)
    if any(letter in mode for letter in "wax") and _turn("write", file):
        whole = opened.write

        def half(data):
            whole(data[: len(data) // 2])
            opened.flush()
            _end("write", file)

        opened.write = half
    return opened


def _around(kind, done):
    """Return the operation, with the end just before it or just after it."""

    def operation(path, *others, **more):
        if _turn(f"{kind}-before", path):
            _end(f"{kind}-before", path)
        result = done(path, *others, **more)
        if _turn(f"{kind}-after", path):
            _end(f"{kind}-after", path)
        return result

    return operation


def _synced(descriptor):
    number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    path = str(Path(f"/proc/self/fd/{number}").readlink())
    if _turn("fsync-before", path):
        _end("fsync-before", path)
    return _fsync(descriptor)


if FOLDER:
    builtins.open = io.open = _opened
    os.fsync = _synced
    for _name, _done in _renames.items():
        setattr(os, _name, _around("rename", _done))
    os.unlink = _around("unlink", _unlink)
    os.remove = os.unlink
