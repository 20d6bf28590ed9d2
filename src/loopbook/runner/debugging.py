"""Open a notebook that failed again: with the parameters and inputs of its run, standing at the cell that failed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from loopbook.runner.kernels.pool import environment
from loopbook.scenario.errors import MissingInput
from loopbook.store import content, job, records
from loopbook.store.by_hand import draft
from loopbook.store.project import Project
from loopbook.store.records import ErrorRecord, StageRecord

TOP, ENTER, HERE = "debug-top", "debug-enter", "debug-here"
QUIET = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    f"--LabApp.app_settings_dir={Path(__file__).with_name('lab')}",
)
"""JupyterLab asks nobody for news or updates, nor its user whether it may: that is a setting, so in a file."""

_MARKED = "papermill-error-cell-tag"
"""The tag of cells that papermill adds to say that a notebook failed."""


@dataclass(frozen=True)
class Opened:
    """A failed notebook that is ready to be opened.

    Attributes
    ----------
    name
        The stage, with its candidate.
    path
        The notebook to open.
    cell
        Id of the cell to stand at; None if no cell is to blame.
    """

    name: str
    error: ErrorRecord
    path: Path
    cell: str | None

    def lab(self) -> subprocess.Popen[bytes]:
        """Start JupyterLab in the notebook's folder."""
        root = ["--ServerApp.allow_root=True"] if os.geteuid() == 0 else []
        folder = f"--ServerApp.root_dir={self.path.parent}"
        return subprocess.Popen([sys.executable, "-m", "jupyter", "lab", "--no-browser", *QUIET, *root, folder])

    def address(self, server: subprocess.Popen[bytes]) -> str | None:
        """Wait until JupyterLab serves; return the notebook's address at the cell, or None if JupyterLab ended.

        Jupyter itself would print the token behind the cell's name, where it means nothing.
        """
        from jupyter_server.serverapp import list_running_servers

        while server.poll() is None:
            for found in list_running_servers():
                if found["pid"] == server.pid and _listens(found["hostname"], found["port"]):
                    cell = f"#cell-id={quote(self.cell)}" if self.cell else ""
                    return f"{found['url']}lab/tree/{quote(self.path.name)}?token={found['token']}{cell}"
            time.sleep(0.2)
        return None


def _listens(host: str, port: int) -> bool:
    """Say whether somebody answers there: a server is listed a moment before it does."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def failed(project: Project, scenario: str, profile: str) -> list[Opened]:
    """Write a notebook for each stage that failed in the newest run of a scenario and profile.

    Returns
    -------
    list of Opened
        In the order of the run; empty if nothing failed, or there is no run.

    Raises
    ------
    MissingInput
        If something failed, but nothing of it is kept that could be opened.
    """
    run = records.latest(project, scenario, profile, good=False)
    broken = [stage for stage in run.stages.values() if stage.state == "failed"] if run else []
    opened = [made for stage in broken if run and (made := _opened(project, run, stage)) is not None]
    if broken and not opened:
        told = "; ".join(f"{each.name}: {each.error.kind}: {each.error.message}" for each in broken if each.error)
        raise MissingInput(f"Of what failed, no notebook is left to open ({told}). Run it again, and then debug.")
    return opened


def enter(task: str, places: Mapping[str, str]) -> None:
    """Give this kernel the surroundings of a run's: the job's inputs and carried values, threads, folder.

    Parameters
    ----------
    task
        Path of the job's file.
    places
        Variables that say where the project and its data are.

    Raises
    ------
    MissingInput
        If the run's inputs have left the store since.
    """
    made = job.read(Path(task))
    paths = [*made.inputs.values(), *(path for each in made.gathered.values() for path in each.values())]
    lost = [path for path in paths if not Path(path).exists()]
    if lost:
        raise MissingInput(f"The run's inputs are no longer in the store: {', '.join(lost)}. Run it again, then debug.")
    os.environ.update({name: value for name, value in environment().items() if name not in os.environ})
    os.environ.update({**places, job.VARIABLE: task})
    os.chdir(Path(places["LOOPBOOK_PROJECT"]) / "notebooks")


def _opened(project: Project, run: records.Run, stage: StageRecord) -> Opened | None:
    from nbformat.v4 import new_code_cell, new_markdown_cell

    kept = project.data / stage.notebook if stage.notebook else None
    if kept is None or not kept.is_file() or not kept.with_suffix(".json").is_file() or stage.error is None:
        return None
    path = draft(project, run.scenario, run.profile, f"debug/{stage.stage}", stage.candidate)
    path = path.with_name(f"{path.name}.ipynb")
    task = path.with_suffix(".job")
    content.remove(task)
    made = job.read(kept.with_suffix(".json"))
    made.model_copy(update={"work": str(path.with_suffix("")), "by_hand": True}).save(task)
    book = content.read_json(kept)
    cells = [cell for cell in book["cells"] if _MARKED not in cell.get("metadata", {}).get("tags", ())]
    blamed = [number for number, cell in enumerate(cells) if cell.get("id", "") == stage.error.cell]
    code = f"from loopbook.runner import debugging\n\ndebugging.enter({str(task)!r}, {_places(project)!r})"
    for number in blamed:
        cells.insert(number, new_markdown_cell(f"## \u25bc The cell below failed\n\n{_quoted(stage.error)}", id=HERE))
    top = new_markdown_cell(_top(run, stage, stage.error, bool(blamed)), id=TOP)
    book["cells"] = [top, new_code_cell(code, id=ENTER), *cells]
    content.write_json(path, book)
    return Opened(stage.name, stage.error, path, stage.error.cell if blamed else None)


def _places(project: Project) -> dict[str, str]:
    moved = {"LOOPBOOK_DATA": project.data, "LOOPBOOK_REPORTS": project.reports}
    places = {"LOOPBOOK_PROJECT": project.root, **{name: path for name, path in moved.items() if os.environ.get(name)}}
    return {name: str(path.absolute()) for name, path in places.items()}


def _top(run: records.Run, stage: StageRecord, error: ErrorRecord, known: bool) -> str:
    where = "at the cell that is marked below" if known else "outside its cells"
    return (
        f"# {stage.name} failed\n"
        f"Run {run.run} of {run.scenario} ({run.profile}) ended {where}:\n\n{_quoted(error)}\n\n"
        "The next cell gives this notebook what the run had: its parameters, its inputs, what the round carried. "
        "Select the cell that failed and choose *Run > Run All Above Selected Cell*; outputs down to there are the "
        "run's own. What is written goes to drafts; nothing enters the store.\n\n"
        f"Mend the defect where it is, in `src`, the scenario or `notebooks/{stage.stage}.ipynb` (this is a copy of "
        "it), restart the kernel, and then type `make`."
    )


def _quoted(error: ErrorRecord) -> str:
    """Return what an error says as a block of plain text, which no data in it can leave."""
    text = "\n".join(f"{error.kind}: {error.message}".splitlines()[:12])[:2_000]
    return "\n".join(f"    {line}" for line in text.splitlines())
