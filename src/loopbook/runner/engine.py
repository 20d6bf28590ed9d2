"""Execute one notebook with papermill: an ordinary kernel, told by its environment which job it does."""

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loopbook.runner.kernels.pool import Interrupted, Kernels, Level
from loopbook.store.records import ErrorRecord

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    environment: Mapping[str, str],
    folder: Path,
    kernels: Kernels,
    level: Level,
) -> ErrorRecord | None:
    """Execute a notebook and write it with its outputs, whether it succeeds or not.

    Parameters
    ----------
    notebook, output
        What to execute, and where to write it.
    parameters
        Values for the parameters cell.
    environment
        The kernel's environment.
    folder
        The kernel's current folder.
    kernels, level
        Where the kernel comes from, and what it finds imported.

    Returns
    -------
    ErrorRecord or None
        None if every cell was executed.

    Raises
    ------
    Interrupted
        If the run ends meanwhile.
    """
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError

    class Engine(NBClientEngine):  # type: ignore[misc]
        """papermill's own engine, with a kernel in our environment and no saving at each cell."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **_: Any) -> Any:
            client = PapermillNotebookClient(
                nb_man, kernel_name=kernel_name, timeout=None, startup_timeout=120, log=logging.getLogger("papermill")
            )
            provided.append(kernels.provide(client.create_kernel_manager(), level))
            # What libraries print past the notebook (TensorFlow's start-up notes, a crash) goes to a file beside it.
            with log.open("wb") as said:
                try:
                    return client.execute(env=dict(environment), cwd=str(folder), stdout=said, stderr=said)
                finally:
                    nbformat.write(nb_man.nb, output)

    log = output.with_name("kernel.log")
    provided: list[Any] = []
    logging.getLogger("papermill").setLevel(logging.ERROR)
    name = f"loopbook-{id(output)}"
    papermill_engines.register(name, Engine)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                str(notebook),
                None,
                parameters=dict(parameters),
                engine_name=name,
                kernel_name="python3",  # the environment's own, whatever a notebook names, or if it names none
                language="python",
                progress_bar=False,
            )
    except Exception as error:
        if kernels.interrupted:  # what the end of the run did to a notebook is no failure of its own
            raise Interrupted from error
        if isinstance(error, PapermillExecutionError):
            text = "\n".join(error.traceback) if isinstance(error.traceback, list) else str(error.traceback)
            failure = ErrorRecord(kind=error.ename, message=_ANSI.sub("", error.evalue))
            if provided[0].overdue:
                failure = provided[0].cause()
        elif isinstance(error, DeadKernelError):
            said = log.read_text(encoding="utf-8", errors="replace")
            failure = provided[0].cause(said)
            # The end of what the kernel printed past its notebook, without the list of all libraries in it.
            text = "\n".join(line for line in said.splitlines() if not line.startswith("Extension modules:"))[-4_000:]
        else:
            raise
        return failure.model_copy(update={"cell": _failed_cell(output), "traceback": _ANSI.sub("", text)})
    finally:
        papermill_engines._engines.pop(name, None)
    log.unlink()
    return None


def _failed_cell(output: Path) -> str | None:
    """Return the id of the cell that was executed last."""
    import nbformat

    cells = nbformat.read(output, as_version=4).cells if output.is_file() else []
    started = [
        cell for cell in cells if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return str(started[-1].id) if started else None
