"""Let a run end in good order when the system asks it to: as Ctrl-C does, so do termination and a closed terminal."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKED = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def in_good_order() -> Iterator[None]:
    """Turn signals that ask the process to end into SystemExit, with 128 and the signal's number as its code.

    Signals can be handled in the main thread only; elsewhere this does nothing. One that is ignored (nohup) stays so.
    """
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ASKED if main}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
