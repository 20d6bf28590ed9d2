"""Time to rebuild a 20-page site with one page changed, beside building all of it again; imports are done before.

The pages are real ones: the executed notebooks of the newest good run of an agent, repeated under other names until
there are 20. Each pair changes another page and then builds the same site whole, in turn.

    .venv/bin/python -m tests.benchmarks.site [--scenario market-monitor] [--profile smoke] [--pages 20] [--pairs 10]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from loopbook.reports import site
from loopbook.store import records
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord


def copied(project: Project, run: Run, folder: Path, pages: int) -> Run:
    """Return a run of so many pages whose notebooks and artifacts lie in `folder`."""
    own = [record for record in run.stages.values() if record.notebook]
    stages: dict[str, StageRecord] = {}
    for at in range(pages):
        record = own[at % len(own)]
        source = (project.data / str(record.notebook)).parent
        place = folder / "data" / "store" / record.stage / f"{record.key}-{at}"
        shutil.copytree(source, place)
        moved = {name: _moved(path, source, place, project, folder) for name, path in record.artifacts.items()}
        notebook = (place / Path(str(record.notebook)).name).relative_to(folder / "data").as_posix()
        candidate = f"{record.candidate or 'part'}{at}"
        made = record.model_copy(update={"candidate": candidate, "notebook": notebook, "artifacts": moved})
        stages[made.name] = made
    return run.model_copy(update={"stages": stages})


def _moved(path: str, source: Path, place: Path, project: Project, folder: Path) -> str:
    inside = (project.data / path).relative_to(source)
    return (place / inside).relative_to(folder / "data").as_posix()


def change(run: Run, data: Path, at: int, word: str) -> None:
    """Change the text of one executed notebook."""
    record = list(run.stages.values())[at % len(run.stages)]
    path = data / str(record.notebook)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"].append({"cell_type": "markdown", "id": f"note{word}", "metadata": {}, "source": f"Note {word}."})
    path.write_text(json.dumps(notebook), encoding="utf-8")


def timed(run: Run, folder: Path) -> float:
    begun = time.perf_counter()
    site.build([run], folder / "data", folder / "reports")
    return time.perf_counter() - begun


def spread(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"median {statistics.median(values):.3f}, quartiles {low:.3f} to {high:.3f}, most {max(values):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="market-monitor")
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=10)
    asked = parser.parse_args()
    project = Project.find()
    newest = records.latest(project, asked.scenario, asked.profile)
    if newest is None:
        raise SystemExit(f"There is no run yet: make SCENARIO={asked.scenario} PROFILE={asked.profile}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = copied(project, newest, folder, asked.pages)
        timed(run, folder)  # imports, compiled templates
        one, whole = [], []
        for pair in range(asked.pairs):
            change(run, folder / "data", pair, str(pair))
            one.append(timed(run, folder))
            shutil.rmtree(folder / "reports")
            whole.append(timed(run, folder))
        size = sum(path.stat().st_size for path in (folder / "reports").rglob("*") if path.is_file())
    ratios = [whole_ / one_ for one_, whole_ in zip(one, whole, strict=True)]
    print(f"{asked.scenario} {asked.profile}, {len(run.stages)} pages, {size / 1e6:.1f} MB, {asked.pairs} pairs")
    print(f"one page changed, s: {spread(one)}")
    print(f"all built again, s:  {spread(whole)}")
    print(f"ratio:               {spread(ratios)}")


if __name__ == "__main__":
    main()
