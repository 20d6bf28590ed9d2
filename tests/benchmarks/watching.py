"""Posts an hour of `make watch`, and what is left of a stream in which it is killed again and again.

    python -m tests.benchmarks.watching --posts 20000 --kills 20

The default agent's smoke run decides on a folder into which files of a simulated world are laid while it works, in a
project of its own. Once it is left alone; once it is killed by SIGKILL at random moments and begun again. Afterwards it
is counted who was decided, how often, whether both came to the same decisions, and which messages were delivered twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import agent_name
from loopbook.reports import live_page
from loopbook.scenario.loading import load
from loopbook.service.budget import counted
from loopbook.simulation.world import simulate
from loopbook.store.lookup import newest
from loopbook.store.project import Project

SCENARIO, PROFILE = "market-monitor", "smoke"
SAME = ("action", "answer", "rule", "reasons", "model_version", "policy_version")
"""What is compared; the last digits of scores hang on who was decided together."""


def world(project: Project, posts: int) -> pd.DataFrame:
    """Return posts of another world than the agent has learned from, as their source would have them, unlabelled."""
    source = load(SCENARIO, project.scenarios, "standard").source
    made = simulate(source.model_copy(update={"rows": posts, "seed": 77})).posts
    return made[["post_id", "author", "time", "company", "text", "topics", "style"]]


def watch(own: Project, folder: Path, looks: int | None) -> subprocess.Popen[bytes]:
    """Begin a watch in a process of its own."""
    place = {"LOOPBOOK_PROJECT": str(own.root), "LOOPBOOK_DATA": str(own.data), "LOOPBOOK_REPORTS": str(own.reports)}
    params = f"watch.folder={folder} watch.every=0.2"
    words = ["watch", "--scenario", SCENARIO, "--profile", PROFILE, "--params", params]
    words += [] if looks is None else ["--looks", str(looks)]
    out = subprocess.DEVNULL if looks is None else None
    return subprocess.Popen([sys.executable, "-m", "loopbook", *words], env={**os.environ, **place}, stdout=out)


def lay(posts: pd.DataFrame, folder: Path, files: int, pause: float) -> None:
    """Lay the posts into a folder, file by file."""
    size = -(-len(posts) // files)
    for at in range(files):
        path = folder / f"{at:04d}.csv"
        posts[at * size : (at + 1) * size].to_csv(path.with_suffix(".part"), index=False)
        path.with_suffix(".part").rename(path)
        time.sleep(pause)


def stream(project: Project, posts: pd.DataFrame, kills: int, files: int, seed: int) -> tuple[Project, float]:
    """Watch over all posts, killed so many times; return where, and the seconds that it took."""
    home = Path(tempfile.mkdtemp(prefix="loopbook-watching-"))
    own = Project(project.root, home / "data", home / "reports")
    shutil.copytree(project.store, own.store, copy_function=os.link)
    folder, chance = home / "incoming", random.Random(seed)
    folder.mkdir()
    engine = connect(own)
    laying = threading.Thread(target=lay, args=(posts, folder, files, 0.3))
    began, process = time.monotonic(), watch(own, folder, None)
    laying.start()
    at = sorted(chance.sample(range(len(posts) // 20, len(posts) * 19 // 20), kills))
    done = 0
    while done < len(posts):
        time.sleep(0.05)
        done = counted(engine, agent_name(SCENARIO, PROFILE)).decisions
        if at and done >= at[0]:
            at.pop(0)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = watch(own, folder, None)
        elif process.poll() is not None:
            raise SystemExit("The watch ended by itself.")
    seconds = time.monotonic() - began
    laying.join()
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    watch(own, folder, 1).wait(120)  # what had been decided and not yet delivered when the last one was killed
    engine.dispose()
    return own, seconds


def decided(own: Project) -> Counter[str]:
    """Return how often each row was decided."""
    engine = connect(own)
    try:
        found = reader.latest(engine, agent_name(SCENARIO, PROFILE), "decision", None)
        return Counter(entry.payload["row_id"] for entry in found)
    finally:
        engine.dispose()


def said(own: Project) -> dict[str, str]:
    """Return what was decided on each row."""
    engine = connect(own)
    try:
        found = reader.latest(engine, agent_name(SCENARIO, PROFILE), "decision", None)
        return {entry.payload["row_id"]: json.dumps([entry.facts[name] for name in SAME]) for entry in found}
    finally:
        engine.dispose()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description="Posts an hour, and what is left of a stream with kills.")
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--files", type=int, default=80)
    given = parser.parse_args()
    project = Project.find()
    newest(project, SCENARIO, PROFILE)
    posts = world(project, given.posts)
    quiet, seconds = stream(project, posts, 0, given.files, 1)
    print(f"undisturbed: {len(posts):,} posts in {seconds:.0f} s, {len(posts) / seconds * 3600:,.0f} an hour")
    killed, seconds = stream(project, posts, given.kills, given.files, 1)
    print(f"killed {given.kills} times: {seconds:.0f} s")
    counts = decided(killed)
    expected = set(posts["post_id"])
    print(f"  decided once: {sum(count == 1 for count in counts.values()):,} of {len(expected):,}; ", end="")
    print(f"twice: {sum(count > 1 for count in counts.values())}; lost: {len(expected - set(counts))}")
    one, two = said(quiet), said(killed)
    print(f"  decided otherwise than undisturbed: {sum(one[row] != two[row] for row in one)}")
    pages = [own.reports / SCENARIO / live_page.FOLDER / "index.html" for own in (quiet, killed)]
    incidents = [re.findall(r'<th scope="row" class="free">(.*?)</th>', page.read_text("utf-8")) for page in pages]
    print(f"  incidents: {len(incidents[1])}, equal to the undisturbed ones: {incidents[0] == incidents[1]}")
    told = {}
    for name, own in (("undisturbed", quiet), ("killed", killed)):
        file = own.state / "sent" / f"{SCENARIO}.jsonl"
        told[name] = Counter(json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines())
    both = {name: set(found) for name, found in told.items()}
    print(
        f"  messages: {len(both['killed']):,} delivered, twice {sum(n > 1 for n in told['killed'].values())}, ", end=""
    )
    print(f"not as undisturbed {len(both['killed'] ^ both['undisturbed'])}")


if __name__ == "__main__":
    main()
