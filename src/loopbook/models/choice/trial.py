"""A process that fits trials of a search: it reads steps, a line each, and answers with how far each trial is."""

import json
import os
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue

from loopbook.models.choice import search, tuning
from loopbook.models.training import workers


def main(folder: Path, cache: Path | None) -> None:
    """Fit what is asked for in a search's folder until nobody asks any more."""
    steps, answers = SimpleQueue[str](), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    threading.Thread(target=_read, args=(steps,), daemon=True).start()
    method, data = workers.handed_over(folder / search._JOB)
    while True:
        number, tried, until = json.loads(steps.get())
        work = folder / search._FOLDERS / str(number)
        outcome = search.fit_until(tuning.applied(method, tried), data, work, until, lambda text: None, cache)
        print(json.dumps(outcome), file=answers, flush=True)


def _read(steps: "SimpleQueue[str]") -> None:
    for line in sys.stdin:
        steps.put(line)
    os._exit(0)  # in the middle of a trial too: whoever asks again goes on from its last epoch


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None)
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # without waiting for the thread that reads
