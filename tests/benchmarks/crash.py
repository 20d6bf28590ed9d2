"""Kill runs at any moment, and look whether the next one ends where an undisturbed one does.

    python -m tests.benchmarks.crash
    python -m tests.benchmarks.crash --only points disk

``points``: SIGKILL in the middle of a file operation (half a write, before and after a rename, a sync, a removal), of
the process that does it or of all processes of the run at once. ``moments``: SIGKILL at random moments. Both in a loop
of four small notebooks, one of which fits in epochs. ``smoke``: five kills in one smoke run of the default agent.
``disk``: a disk that is full, at different places. ``deaths``: a kernel killed for memory, a crash, a time limit.
``twice``: two runs at once. After each: the digests of all that is in the store are those of an undisturbed run, the
store verifies, no process is left, nothing unfinished is left. Ends with code 1 if anything is otherwise.

A power failure that loses what the system had not written to the disk yet is not among them: no program can play it.
The sources must not change meanwhile: they are in the keys.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT, SCENARIO, notebook

from loopbook.runner import verification
from loopbook.store import records, vault
from loopbook.store.project import Project

POINTS = Path(__file__).with_name("crashpoint")
WITHIN = 5.0
"""Seconds within which a death must be named, and every process gone."""
PATIENCE = 120.0

STORE = "from loopbook.store.stage import Stage"
FIT = """\
import numpy as np
from loopbook.store import content

def fit(work):
    state = {"weights": np.zeros(64), "epoch": np.array(0)}
    if (work / "state.npz").is_file():
        state = content.load(work / "state.npz")
    while state["epoch"] < 6:
        step = np.random.default_rng([7, int(state["epoch"])]).normal(size=64)
        state = {"weights": 0.9 * state["weights"] + step, "epoch": np.array(state["epoch"] + 1)}
        content.save(state, work / "state")
"""


def four_notebooks(folder: Path) -> Project:
    """Write a project of four notebooks that exchange tables, arrays, plain values and folders.

    Two of them start a process that goes on when they have ended.
    """
    notebooks = folder / "notebooks"
    (notebooks / "scenarios").mkdir(parents=True)
    (notebooks / "scenarios" / "tiny.yaml").write_text(SCENARIO)
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (folder / "numbers.csv").write_text(f"x,y\n{rows}\n")
    (folder / "requirements.lock").write_text("nothing==1\n")
    head = 'scenario = "tiny"\nprofile = "standard"'
    child = "import subprocess\nsubprocess.Popen(['sleep', '600'])"
    notebook(
        notebooks / "02_data.ipynb",
        {"reads": ["source"], "writes": ["train", "facts"], "sections": ["name", "source"]},
        head,
        f"import pandas as pd\n{STORE}\n{child}",
        'stage = Stage.open("02_data", globals())',
        'frame = pd.DataFrame({"x": range(20_000)}).astype(float)',
        'stage.write("train", frame)\nstage.write("facts", {"rows": len(frame)})\nstage.record(total=frame.x.sum())',
    )
    notebook(
        notebooks / "03_training.ipynb",
        {"reads": ["train"], "writes": ["model", "weights"], "each": "candidates"},
        f'{head}\ncandidate = "one"\nepochs = None',
        f"{STORE}\n{FIT}\n{child}",
        'stage = Stage.open("03_training", globals())\ntrain = stage.read("train")',
        'parts = {"candidate": candidate, "train": stage.digest("train")}\n'
        'fitted = stage.cached("fits", parts, ["loopbook.store.content"], fit)',
        'weights = content.load(fitted / "state.npz")["weights"]\nstage.write("model", fitted)',
        'stage.write("weights", {"weights": weights})\nstage.record(norm=float(abs(weights).sum()))',
    )
    notebook(
        notebooks / "04_optimization.ipynb",
        {"gathers": ["weights"], "writes": ["champion"], "sections": ["training"]},
        head,
        STORE,
        'stage = Stage.open("04_optimization", globals())',
        'models = stage.gather("weights")',
        'stage.write("champion", {"name": max(models)})\nstage.record(champion=max(models))',
    )
    notebook(
        notebooks / "05_decisions.ipynb",
        {"reads": ["champion", "train"], "writes": ["decisions"], "sections": ["decisions"]},
        head,
        STORE,
        'stage = Stage.open("05_decisions", globals())\ntrain = stage.read("train")',
        'train["acts"] = train.x > len(stage.read("champion")["name"])',
        'stage.write("decisions", train)\nstage.record(acts=int(train.acts.sum()))',
    )
    return Project(folder)


def environment(project: Project, **more: str) -> dict[str, str]:
    """Return the environment of a run of a project; its processes are known by its folder in there."""
    hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB", "LOOPBOOK_DATA", "LOOPBOOK_REPORTS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "LOOPBOOK_PROJECT": str(project.root), "CRASH_PROJECT": str(project.root), **more}


def start(project: Project, *words: str, scenario: str = "tiny", **more: str) -> subprocess.Popen[str]:
    """Start a run, whose output goes to a file."""
    command = [sys.executable, "-m", "loopbook", "run", "--scenario", scenario, *words]
    with (project.root / "said").open("w") as said:
        return subprocess.Popen(
            command, cwd=project.root, env=environment(project, **more), stdout=said, stderr=said, text=True
        )


def processes(project: Project) -> dict[int, str]:
    """Return the processes of a project's runs, those that have ended and wait to be buried apart."""
    mark, found = f"CRASH_PROJECT={project.root}\0".encode(), {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def kill_all(project: Project) -> None:
    """Kill all processes of a project's runs, as a machine that goes down does."""
    while found := processes(project):
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)


def until(what: Callable[[], object], seconds: float) -> bool:
    """Wait until something holds; say whether it does."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def digests(project: Project) -> dict[str, object]:
    """Return the content digests of all that is whole in the store, by folder."""
    folders = [path.parent for path in project.data.glob("store/*/*/stage.json")]
    return {each.relative_to(project.data).as_posix(): vault.manifest(each)["digests"] for each in folders}


def unlike(project: Project, wanted: dict[str, object], code: int, good: tuple[int, ...] = (0,)) -> list[str]:
    """Return what is not as after an undisturbed run."""
    wrong = [] if code in good else [f"exit code {code}: {(project.root / 'said').read_text()[-600:]}"]
    if digests(project) != wanted:
        now = digests(project)
        wrong.append(f"other content: {sorted(each for each in {*now, *wanted} if now.get(each) != wanted.get(each))}")
    wrong += [f"{each.place}: {what}" for each in verification.verify(project) for what in each.wrong]
    left = [
        path.relative_to(project.data).as_posix()
        for path in project.work.rglob("*")
        if path.is_file() and path.suffix != ".lock" and not path.is_relative_to(project.work / "code")
    ]
    left += [path.relative_to(project.data).as_posix() for path in project.store.glob("0*/**/.[0-9]*")]
    wrong += [f"left behind: {each}" for each in left]
    runs = records.runs(project)
    shown = project.reports / runs[-1].scenario / "latest" / "run.json" if runs else None
    if shown is None or not shown.is_file() or json.loads(shown.read_text())["run"] != runs[-1].run:
        wrong.append("the report does not show the newest run")
    elif any(run.run not in (project.reports / "index.html").read_text() for run in runs):
        wrong.append("the index of the reports does not name every run")
    if not until(lambda: not processes(project), WITHIN):
        wrong.append(f"processes left: {list(processes(project).values())}")
        kill_all(project)
    return wrong


@dataclass
class Table:
    """What was tried, how often, and what was not as promised."""

    tried: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)

    def add(self, what: str, wrong: list[str], seconds: float = 0.0) -> None:
        """Note a trial, and the seconds until a death was named or all processes were gone."""
        self.tried[what] += 1
        self.slowest[what] = max(seconds, self.slowest.get(what, 0.0))
        if seconds > WITHIN:
            wrong = [*wrong, f"took {seconds:.1f} s"]
        self.wrong += [f"{what}: {each}" for each in wrong]
        print(f"{'wrong' if wrong else 'right':<6} {what:<44} {seconds:5.1f} s  {'; '.join(wrong)}", flush=True)

    def print(self) -> None:
        """Print a line for each kind of trial."""
        print(f"\n{'trial':<46} {'tried':>5} {'wrong':>5}  slowest")
        for what, count in self.tried.items():
            wrong = sum(each.startswith(f"{what}: ") for each in self.wrong)
            print(f"{what:<46} {count:>5} {wrong:>5}  {self.slowest[what]:.1f} s")


@contextmanager
def fresh(original: Project) -> Iterator[Project]:
    """Give a copy of a project without data; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Project(Path(folder).resolve() / "project")
        shutil.copytree(original.root, copy.root, ignore=shutil.ignore_patterns("data", "reports", "said", "count*"))
        try:
            yield copy
        finally:
            kill_all(copy)


def undisturbed(original: Project) -> tuple[dict[str, object], list[str], float]:
    """Return the digests of an undisturbed run, its file operations in their order, and its seconds."""
    with fresh(original) as project:
        begun = time.monotonic()
        code = start(project, **hooked(project, 0)).wait(PATIENCE)
        seconds, wanted = time.monotonic() - begun, digests(project)
        wrong = unlike(project, wanted, code)
        if wrong or len(wanted) < len(list(project.notebooks.glob("0*.ipynb"))):
            raise SystemExit(f"The undisturbed run is not right: {wrong} {sorted(wanted)}")
        lines = (project.root / "count").read_text().splitlines()
        return wanted, [line.strip() for line in lines], seconds


def hooked(project: Project, at: int | str, how: str = "kill") -> dict[str, str]:
    """Return the environment that ends a process within a file operation; see crashpoint/sitecustomize.py."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(POINTS), os.environ.get("PYTHONPATH")])),
        "CRASH_FOLDER": str(project.root),
        "CRASH_COUNT": str(project.root / "count"),
        "CRASH_AT": str(at),
        "CRASH_HOW": how,
    }


def point(original: Project, at: int | str, how: str, wanted: dict[str, object]) -> tuple[str, list[str], float] | None:
    """Kill within a file operation and go on; return the operation, what was wrong, and the seconds to the end.

    None if this run had fewer operations than the one that was counted.
    """
    with fresh(original) as project:
        found = killed(project, at, how)
        if found is None:
            return None
        operation, wrong, seconds = found
        wrong += unlike(project, wanted, start(project).wait(PATIENCE))
        kind, _, place = operation.partition(" ")
        return f"{kind} ({'all' if how == 'stop' else 'one'})", [f"{place}: {each}" for each in wrong], seconds


def killed(project: Project, at: int | str, how: str) -> tuple[str, list[str], float] | None:
    """Start a run and kill it within a file operation; return what `point` does, save for what comes afterwards."""
    for path in project.root.glob("count*"):
        path.unlink()
    process, hit = start(project, **hooked(project, at, how)), project.root / "count.hit"
    until(lambda: hit.exists() or process.poll() is not None, PATIENCE)
    if not hit.exists():
        return None
    begun = time.monotonic()
    if how == "stop":
        until(lambda: hit.read_text().endswith("\n"), WITHIN)
        kill_all(project)
    code = process.wait(PATIENCE)
    said = (project.root / "said").read_text()
    # The run has told of a kernel's death, or was killed itself; then all that it started must go.
    wrong = [] if code == -9 or (code == 1 and "SIGKILL" in said) else [f"code {code} after the kill: {said[-400:]}"]
    if code == -9 and not until(lambda: not processes(project), WITHIN):
        wrong.append(f"processes left after the kill: {list(processes(project).values())}")
    seconds = time.monotonic() - begun if code == -9 else named(project, "SIGKILL", hit)
    kind, _, path = hit.read_text().strip().partition(" ")
    kill_all(project)
    return f"{kind} {Path(path).relative_to(project.root)}", wrong, seconds


def named(project: Project, kind: str, mark: Path) -> float:
    """Return the seconds from the writing of a mark to the record that names the death; infinite if none does."""
    found = [
        run
        for run in records.runs(project)
        if any(each.error and each.error.kind == kind for each in run.stages.values())
    ]
    if not found:
        return float("inf")
    path = project.runs / found[-1].scenario / f"{found[-1].run}.json"
    return max(0.0, path.stat().st_mtime - mark.stat().st_mtime)


def points(original: Project, table: Table, count: int, seed: int = 1) -> None:
    """Kill within as many file operations, spread over the run."""
    wanted, operations, _ = undisturbed(original)
    chosen, done = random.Random(seed), 0
    while done < count:
        step = len(operations) / count
        at = 1 + min(len(operations) - 1, int((done + chosen.random()) * step))
        found = point(original, at, ("kill", "stop")[done % 2], wanted)
        if found is not None:
            table.add(f"SIGKILL in {found[0]}", found[1], found[2])
            done += 1


def another(project: Project, process: subprocess.Popen[str], chosen: random.Random) -> tuple[int, str]:
    """Return a process of a run that Loopbook started, other than the run's own, and what it is.

    In its first second a run has none yet, and at its end none any more: 0 if it ends before there is one.
    """
    found: dict[int, str] = {}

    def there() -> bool:
        all_of_it = {pid: what for pid, what in processes(project).items() if not what.startswith("sleep")}
        found.clear()
        found.update({pid: what for pid, what in all_of_it.items() if pid != process.pid})
        return bool(found) or process.poll() is not None

    until(there, PATIENCE)
    victim = chosen.choice(sorted(found)) if found else 0
    return victim, found.get(victim, "")


def moments(original: Project, table: Table, count: int, seed: int = 2) -> None:
    """Kill as often at a random moment: the run, a kernel or fork server, or everything."""
    wanted, _, lasts = undisturbed(original)
    chosen = random.Random(seed)
    for number in range(count):
        whom = ("the run", "a process of it", "everything")[number % 3]
        with fresh(original) as project:
            process, what = start(project), ""
            time.sleep(chosen.uniform(0.2, max(0.3, lasts - 0.3)))
            begun = time.monotonic()
            if whom == "everything":
                kill_all(project)
            elif whom == "the run":
                process.kill()
            else:
                victim, what = another(project, process, chosen)
                with suppress(ProcessLookupError):
                    if victim:
                        os.kill(victim, signal.SIGKILL)
            code, wrong = process.wait(PATIENCE), []
            if whom == "a process of it":
                # The run goes on as long as it likes; what it leaves is looked at from its end.
                begun, said = time.monotonic(), (project.root / "said").read_text()
                if code not in (0, 1) or (code == 1 and "SIGKILL" not in said):
                    wrong = [f"code {code} after the kill of {what}: {said[-600:]}"]
            if not until(lambda project=project: not processes(project), WITHIN):
                wrong.append(f"left: {processes(project)}")
            seconds = time.monotonic() - begun
            kill_all(project)
            wrong += unlike(project, wanted, start(project).wait(PATIENCE))
            table.add(f"SIGKILL of {whom}, at a random moment", wrong, seconds)


def smoke(table: Table, count: int, seed: int = 3) -> None:
    """Kill the default agent's smoke run as often, each time further on, and let it end."""
    agent, words = "market-monitor", ("--profile", "smoke")
    chosen, good = random.Random(seed), (0, 3)
    with tempfile.TemporaryDirectory() as folder:
        original = Project(Path(folder).resolve() / "project")
        original.notebooks.parent.mkdir(parents=True)
        shutil.copytree(ROOT / "notebooks", original.notebooks)
        shutil.copy2(ROOT / "requirements.lock", original.root)
        with fresh(original) as project:
            code = start(project, *words, scenario=agent).wait(1200)
            wanted = digests(project)
            wrong = unlike(project, wanted, code, good)
            if wrong or len(wanted) < 8:
                raise SystemExit(f"The undisturbed smoke run is not right: {wrong}")
        with fresh(original) as project:
            for number in range(count):
                process, further = start(project, *words, scenario=agent), number * (len(wanted) - 1) // count
                while len(digests(project)) < further and process.poll() is None:
                    time.sleep(0.1)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(chosen.uniform(1, 5))
                ended, begun, whole = process.poll() is not None, time.monotonic(), len(digests(project))
                if number % 2:
                    kill_all(project)
                process.kill()
                process.wait(PATIENCE)
                gone = until(lambda: not processes(project), WITHIN)
                wrong = ["it ended before the kill"] if ended else [] if gone else [f"left: {processes(project)}"]
                table.add(f"SIGKILL in the smoke run, {whole} of {len(wanted)} whole", wrong, time.monotonic() - begun)
                kill_all(project)
            code = start(project, *words, scenario=agent).wait(1200)
            table.add("smoke run after its kills", unlike(project, wanted, code, good))


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small disk in memory; raises CalledProcessError where that is not allowed."""
    folder.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True, capture_output=True
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def why_no_disk() -> str | None:
    """Return why no small disk can be mounted here, or None if one can."""
    if not sys.platform.startswith("linux") or not shutil.which("mount"):
        return "a small disk is made with Linux' tmpfs"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk", "64k"):
                return None
        except subprocess.CalledProcessError as error:
            return f"no disk can be mounted here: {error.stderr.decode().strip()}"


def disk(original: Project, table: Table, rooms: tuple[int, ...], wanted: dict[str, object]) -> None:
    """Let a disk be full when so many kilobytes of a run are written, make room, and go on."""
    reason = why_no_disk()
    if reason is not None:
        print(f"skipped a full disk: {reason}")
        return
    for kilobytes in rooms:
        with fresh(original) as project, small_disk(project.root / "data", "16m") as data:
            filler = data / "filler"
            with filler.open("wb") as file:
                free = shutil.disk_usage(data).free
                file.write(b"\0" * max(0, free - kilobytes * 1024))
            code, said = start(project).wait(PATIENCE), (project.root / "said").read_text()
            told = all(words in said for words in (f"{data}", "is full", "make clean", "LOOPBOOK_DATA"))
            wrong = [] if code == 1 and told and "Traceback" not in said else [f"code {code}: {said[-1500:]}"]
            if not until(lambda project=project: not processes(project), WITHIN):
                wrong.append(f"processes left: {processes(project)}")
            filler.unlink()
            wrong += unlike(project, wanted, start(project).wait(PATIENCE))
            table.add("full disk", [f"{kilobytes} kB free: {each}" for each in wrong])


DEATHS = {
    "SIGSEGV": "import ctypes\nctypes.string_at(0)",
    "TimeLimit": "time.sleep(600)",
    "OutOfMemory": "held = [b'x' * 10_000_000 for _ in range(100)]",
}


@contextmanager
def memory_group() -> Iterator[Path | None]:
    """Give a control group of 400 MB, or None where none can be made."""
    from tests.runner.kernels.test_death import own_group

    own = own_group()
    if own is None or not os.access(own[0], os.W_OK):
        yield None
        return
    made = own[0] / f"loopbook-{os.getpid()}"
    made.mkdir()
    try:
        if (made / own[1]).is_file():
            (made / own[1]).write_text(str(400_000_000))
            yield made
        else:
            yield None
    finally:
        until(lambda: not (made / "cgroup.procs").read_text().strip(), WITHIN)
        made.rmdir()


def deaths(original: Project, table: Table) -> None:
    """Let a kernel die of each kind, in the notebook of candidate two, and take the reason away."""
    for kind, code in DEATHS.items():
        with memory_group() as group, fresh(original) as deadly:
            if kind == "OutOfMemory" and group is None:
                print("skipped an out-of-memory kill: no control group with a memory limit can be made here")
                continue
            enter = f"open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n" if group else ""
            child = "subprocess.Popen(['sleep', '600'])\n"
            dies = f"import os, subprocess, time\n{child}{enter}open('../mark', 'w').close()\n{code}\n"
            path, mended = deadly.notebooks / "03_training.ipynb", deadly.root / "mended"
            book = json.loads(path.read_text())
            indented = "".join(f"    {line}\n" for line in dies.splitlines())
            head = f"from pathlib import Path\nif candidate == 'two' and not Path('../mended').exists():\n{indented}"
            book["cells"][-1]["source"] = head + "".join(book["cells"][-1]["source"])
            path.write_text(json.dumps(book))
            mended.touch()
            wanted, _, _ = undisturbed(deadly)
            mended.unlink()
            table.add(f"a kernel's {kind}", *death(deadly, kind, wanted))


def death(project: Project, kind: str, wanted: dict[str, object]) -> tuple[list[str], float]:
    """Run with a kernel that dies, and again without; return what was wrong, and the seconds until it was named."""
    limit = ("--time-limit", "4") if kind == "TimeLimit" else ()
    ended, said = start(project, *limit).wait(PATIENCE), (project.root / "said").read_text()
    run = records.runs(project)[-1]
    states = {name: stage.state for name, stage in run.stages.items()}
    error = run.stages["03_training[two]"].error
    right = ended == 1 and error and (error.kind, error.cell) == (kind, "cell-4")
    wrong = [] if right else [f"{error}: {said}"]
    if states.get("03_training[one]") != "done" or states.get("05_decisions") != "skipped":
        wrong.append(f"independent work did not end, or what needs the dead was not skipped: {states}")
    if not until(lambda: not processes(project), WITHIN):
        wrong.append(f"processes left: {processes(project)}")
    # the limit counts from the kernel's start, which is before the mark
    since = named(project, kind, project.root / "mark") - (4 if kind == "TimeLimit" else 0)
    (project.root / "mended").touch()
    return [*wrong, *unlike(project, wanted, start(project).wait(PATIENCE))], max(0.0, since)


def twice(original: Project, table: Table, count: int) -> None:
    """Start two runs at once, as often: both end well, and each stage is executed by one of them."""
    wanted, _, _ = undisturbed(original)
    for _ in range(count):
        with fresh(original) as project:
            both = [start(project) for _ in range(2)]
            codes = [process.wait(PATIENCE) for process in both]
            wrong = unlike(project, wanted, max(codes))
            runs = records.runs(project)
            done = Counter(name for run in runs for name, stage in run.stages.items() if stage.state == "done")
            if min(codes) != 0 or set(done.values()) != {1} or len(done) != 5:
                wrong.append(f"codes {codes}, executed {dict(done)}")
            table.add("two runs at once", wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = ("points", "moments", "disk", "deaths", "twice", "smoke")
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--points", type=int, default=30, help="kills within file operations")
    parser.add_argument("--moments", type=int, default=20, help="kills at random moments")
    parser.add_argument("--smoke", type=int, default=5, help="kills in the smoke run")
    parser.add_argument("--twice", type=int, default=20, help="pairs of runs at once")
    given, table = parser.parse_args(), Table()
    with tempfile.TemporaryDirectory() as folder:
        original = four_notebooks(Path(folder).resolve() / "project")
        work: dict[str, Callable[[], None]] = {
            "points": lambda: points(original, table, given.points),
            "moments": lambda: moments(original, table, given.moments),
            "disk": lambda: disk(original, table, (8, 20, 60, 120, 180, 240, 300), undisturbed(original)[0]),
            "deaths": lambda: deaths(original, table),
            "twice": lambda: twice(original, table, given.twice),
            "smoke": lambda: smoke(table, given.smoke),
        }
        for kind in given.only:
            work[kind]()
    table.print()
    sys.exit(1 if table.wrong else 0)


if __name__ == "__main__":
    main()
