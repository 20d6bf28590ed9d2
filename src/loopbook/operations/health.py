"""Health check of ``make doctor``: kernel, data, what was left unfinished, what a service says of itself.

``python -m loopbook.operations.health kernel|data|work|service`` prints findings as JSON: check, state, seen, remedy.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from loopbook.scenario.errors import LoopbookError
from loopbook.setup.finding import OK, PROBLEM, WARNING, Finding, judged
from loopbook.store.project import Project


def kernel(_: Project) -> Iterator[Finding]:
    """Start the notebooks' kernel and let it compute something."""
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    begun, remedy = time.monotonic(), "make setup"
    book = new_notebook(cells=[new_code_cell("import sys, loopbook; print(6 * 7, sys.prefix)")])
    try:
        NotebookClient(book, kernel_name="python3", startup_timeout=60, timeout=30, allow_errors=True).execute()
    except Exception as error:  # whatever keeps it from starting or answering is what is asked for
        seen = f"does not start, or does not answer: {type(error).__name__}: {error}"[:300]
        yield Finding("kernel", PROBLEM, seen, remedy)
        return
    said = "".join(output.get("text") or output.get("evalue", "") for output in book.cells[0].outputs).strip()
    fine = f"started and answered in {time.monotonic() - begun:.1f} s"
    otherwise = f"answers, but not as this environment would: {said[:200]}"
    yield judged("kernel", said == f"42 {sys.prefix}", fine, otherwise, remedy, PROBLEM)


def data(project: Project) -> Iterator[Finding]:
    """Look whether each scenario can be read and its data can be had."""
    from loopbook.operations import preflight
    from loopbook.scenario import loading
    from loopbook.scenario.source import CatalogSource

    for path in sorted(project.scenarios.glob("*.yaml")):
        check, shown = f"data: {path.stem}", path.relative_to(project.root)
        try:
            scenario = loading.load(path.stem, project.scenarios)
            preflight.check(project, scenario)
        except LoopbookError as error:
            yield Finding(check, PROBLEM, " ".join(str(error).split()), _remedy(str(error), str(shown)))
            continue
        if isinstance(scenario.source, CatalogSource):
            yield _catalog(project, check, path.stem, scenario.source.dataset)
        else:
            yield Finding(check, OK, "simulated" if scenario.simulated else f"{scenario.source.kind} source is there")


def _remedy(error: str, scenario: str) -> str:
    name = error.partition("needs the environment variable ")[2].partition(",")[0]
    return f"export {name}=…   # and type make again" if name else f"${{EDITOR:-vi}} {scenario}"


def _catalog(project: Project, check: str, scenario: str, name: str) -> Finding:
    """Say whether a public data set is there, and if not, whether it can be had."""
    from loopbook.data import catalog

    dataset = catalog.find(name)
    if dataset.package:
        return Finding(check, OK, f"{dataset.name} comes with the package {dataset.package}")
    mirror = os.environ.get(catalog.MIRROR)
    kept = (project.raw / dataset.name / Path(file.member).name for file in dataset.files)
    if not mirror and all(file.is_file() for file in kept):
        return Finding(check, OK, f"{dataset.name} is fetched; its hash is checked at each run")
    if mirror:
        promised = (Path(mirror) / file.mirror for file in dataset.files)
        missing = next((file for file in promised if not file.is_file()), None)
        if missing is None:
            return Finding(check, OK, f"{dataset.name} comes from the mirror {mirror}")
        return Finding(
            check, PROBLEM, f"{missing} is not there, which {catalog.MIRROR} promises", f"unset {catalog.MIRROR}"
        )
    parts = urlsplit(dataset.address)
    host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        seen = f"{dataset.name} is not fetched yet, and {host} cannot be reached ({error}); no mirror is set"
        return Finding(check, WARNING, seen, f"export {catalog.MIRROR}=/a/folder   # that holds {dataset.mirror}")
    return Finding(
        check, OK, f"{dataset.name} is not fetched yet; {host} answers", f"make SCENARIO={scenario}   # fetches it"
    )


def work(project: Project) -> Iterator[Finding]:
    """Look at runs in progress, and at what runs that were stopped have left."""
    from loopbook.runner.ongoing import ongoing
    from loopbook.store import content

    running = ongoing(project)
    yield Finding("runs in progress", OK, ", ".join(f"{run.scenario} {run.run}" for run in running) or "none")
    left = [lock.with_suffix("") for lock in sorted(project.work.glob("*/*.lock")) if _left_over(lock)]
    if not left:
        yield Finding("unfinished work", OK, "none")
        return
    size = sum(content.size(folder) for folder in left) / 1e6
    seen = f"{len(left)} piece(s) of stopped runs, {size:,.1f} MB; the next run of the same continues them"
    yield Finding("unfinished work", WARNING, seen, "make   # continues; make clean removes it")


def service(project: Project) -> Iterator[Finding]:
    """Look at what served agents say of themselves: alerts of the last day that have not ended."""
    from loopbook.decisions.audit import database, entry
    from loopbook.service import alerts

    if not os.environ.get(entry.ADDRESS) and not (project.state / entry.FILE).is_file():
        yield Finding("service", OK, "no agent has been served here")
        return
    try:
        found = alerts.standing(database.connect(project), datetime.now(UTC) - timedelta(days=1))
    except LoopbookError as error:
        yield Finding("service", PROBLEM, " ".join(str(error).split()), "python -m loopbook audit verify")
        return
    if not found:
        yield Finding("service", OK, "no alert of the last day stands")
    for alert in found:
        seen = f"{alert.what}: {alert.text} (since {alert.since:%Y-%m-%d %H:%M} UTC)"
        yield Finding(
            f"service: {alert.agent}", WARNING, seen, "make serve WORKERS=4   # more of them, where there is room"
        )


def _left_over(lock: Path) -> bool:
    """Say whether beside a lock stands work in which nobody works."""
    from loopbook.store import locks

    seized = locks.seized(lock)
    if seized is None:
        return False
    left = lock.with_suffix("").is_dir()
    seized.release()
    return left


PARTS: dict[str, Callable[[Project], Iterator[Finding]]] = {
    "kernel": kernel,
    "data": data,
    "work": work,
    "service": service,
}

if __name__ == "__main__":
    print(json.dumps(list(PARTS[sys.argv[1]](Project.find()))))
