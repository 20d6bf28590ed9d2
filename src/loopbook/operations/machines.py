"""A run on one machine or several: who leads it, who trains with it, and by how many workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from loopbook.operations import session
from loopbook.scenario.errors import ScenarioError

if TYPE_CHECKING:
    from rich.console import Console


def run(
    scenario: str,
    profile: str,
    params: str,
    console: Console,
    jobs: int | None = None,
    time_limit: float | None = None,
    workers: int | None = None,
) -> str:
    """Run a scenario as `session.run` does and return its status.

    Where ``TF_CONFIG`` names several machines, which share the project's folder for data, the first one runs the
    notebooks, one after another, and each of the others takes part in its fits until the run has ended.

    Parameters
    ----------
    workers
        Processes that train each network together; None: as the scenario, or ``TF_CONFIG``, says.

    Raises
    ------
    ScenarioError
        If ``TF_CONFIG`` is no cluster, or has another number of workers.
    """
    cluster = None
    if os.environ.get("TF_CONFIG"):
        from loopbook.models.training import workers as processes

        cluster = processes.Cluster.given()
        assert cluster is not None
        many = len(cluster.addresses)
        if workers not in (None, many):
            raise ScenarioError(f"There are to be {workers} workers, but TF_CONFIG names {many}. Leave WORKERS out.")
        workers = many
    given = params if workers is None else f"{params} training.workers={workers}"
    request = session.read(scenario, profile, given)
    if request.resolved.training.workers > 1:
        console.print("While a network is trained, TensorFlow listens on all addresses of this machine, for anybody.")
    if cluster is None:
        return session.run(request, console, jobs, time_limit).status
    if cluster.number:
        processes.join(request.project.work, cluster, console.print)
        return "good"
    with processes.leading(request.project.work):
        return session.run(request, console, 1, time_limit).status
