"""Set up what a clone needs; say nothing if all is in place.

``make`` starts this before each command, so it is quick when there is nothing to do; and it runs before anything is
installed, so it uses the standard library only: ``PYTHONPATH=src python3 -S -m loopbook.setup``.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from pathlib import Path

from loopbook.setup.place import Place, SetupError, chosen_lock, python_version, read_stamp, wanted


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m loopbook.setup", description=__doc__)
    parser.add_argument("--environment", type=Path, default=Path(".venv"), help="its folder; default: .venv")
    parser.add_argument("--gpu", choices=("", "0", "1"), default="", help="with CUDA or without; default: as it was")
    parser.add_argument("--plain-pip", action="store_true", help="work with pip alone, without uv")
    parser.add_argument("--repair", action="store_true", help="do all steps, even if everything seems in place")
    return parser.parse_args()


def is_ready(place: Place, gpu: str) -> bool:
    """Tell whether the environment is what the project asks for now."""
    return read_stamp(place) == wanted(place, chosen_lock(place, gpu), python_version(place.python))


def main() -> int:
    """Check the environment, and set up what is missing; return the exit code."""
    given = arguments()
    root = Path(__file__).resolve().parents[3]
    place = Place(root, root / given.environment)
    holder = os.open(root, os.O_RDONLY)  # the folder itself is what two set-ups at once are kept apart by
    try:
        if not given.repair and is_ready(place, given.gpu):
            return 0
        from loopbook.setup.steps import set_up
        from loopbook.setup.tools import step

        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step("Another make is setting this clone up; waiting for it")
            fcntl.flock(holder, fcntl.LOCK_EX)
            if is_ready(place, given.gpu):
                return 0
        set_up(place, chosen_lock(place, given.gpu), given.plain_pip, given.repair)
    except SetupError as error:
        print(f"Set-up stopped. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up interrupted; the next make does it anew, from what is downloaded already.", file=sys.stderr)
        return 130
    finally:
        os.close(holder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
