"""One worker process of the service: it loads and warms the agent, listens, and ends when it is told or left alone."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.writer import Writer
from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError
from loopbook.service import listening
from loopbook.service.agent import Served
from loopbook.service.alerts import Watch
from loopbook.service.app import create_app
from loopbook.service.budget import Count
from loopbook.service.following import Following
from loopbook.service.metrics import Metrics
from loopbook.store.owner_only import owner_only
from loopbook.store.project import Project

READY, ALIVE, OUTDATED = "ready", "alive", "outdated"
"""What a worker says on its standard output: it listens; it still does; a newer run needs a new process."""


SHARE = signal.SIGUSR1
"""The signal at which a worker shares its callers with new ones."""


class Order(BaseModel):
    """What a worker is to do.

    Attributes
    ----------
    scenario, profile
        Whose newest good run is served.
    file
        What the scenario was called by, if that was the path of a file; empty: its name.
    params
        Values of the section `service` to try, as of ``make run PARAMS=…``.
    host, port
        Where to listen.
    listener
        File descriptor of the socket that is bound there, which the processes share.
    certificate, private_key, behind_proxy
        As of `listening.config`.
    decisions, reviews
        What its part of the log says: how often a person was asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    scenario: str
    profile: str
    file: str = ""
    params: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    listener: int = -1
    certificate: Path | None = None
    private_key: Path | None = None
    behind_proxy: bool = False
    decisions: int = 0
    reviews: int = 0

    @property
    def listening(self) -> dict[str, Any]:
        """What `listening.config` is given."""
        return self.model_dump(include={"host", "port", "certificate", "private_key", "behind_proxy"})


def main(order: Order) -> None:
    """Serve until SIGTERM, or until whoever started this process is gone: then finish, close the chain, and end."""
    _on_signals(lambda *_: sys.exit())
    project = Project.find()
    scenario = settings(project, order)
    served = Served.load(project, scenario.name, order.profile)
    database, metrics = connect(project), Metrics(scenario.service.alert_seconds)
    budget = Count(order.decisions, order.reviews).budget(served.agent.capacity)
    with ExitStack() as stack:
        writer = stack.enter_context(Writer(database, served.name))
        following = stack.enter_context(Following(served, scenario, database, writer, budget, metrics))
        watch = stack.enter_context(Watch(metrics, writer, scenario.service))
        encrypted = order.certificate is not None or order.behind_proxy
        app = create_app(following, database, writer, metrics, alerts=lambda: watch.alerts, encrypted=encrypted)
        config = listening.config(app, **order.listening, receive_seconds=scenario.service.receive_seconds)
        config.callback_notify, config.timeout_notify = _alive, 1
        _watch_parent()
        _once(following.outdated, lambda: _say(OUTDATED))
        signal.signal(SHARE, lambda *_: listening.share(config))
        _on_signals(lambda *_: None)  # uvicorn takes them over, and raises them again when it has ended
        listening.run(config, [socket.socket(fileno=order.listener)], lambda: _say(READY))


def settings(project: Project, order: Order) -> Scenario:
    """Return the scenario as its file says now, of which the section `service` counts.

    Raises
    ------
    ScenarioError
        If a value of another section is given: the run that is served had its own.
    """
    given = loading.given_values(order.params)
    for name in given:
        if not name.startswith("service."):
            raise ScenarioError(f"{name} is settled by the run that is served; give it to make, and serve that run.")
    return loading.load(order.file or order.scenario, project.scenarios, order.profile, given)


def _on_signals(handler: Callable[..., object]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def _watch_parent() -> None:
    """End this process gracefully when the one that started it is gone, and its end of our input with it."""

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)  # nothing ever comes but the end; a buffered read would hold its lock at exit
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _once(event: threading.Event, then: Callable[[], None]) -> None:
    def wait() -> None:
        event.wait()
        then()

    threading.Thread(target=wait, name="outdated", daemon=True).start()


async def _alive() -> None:
    """Say from within the loop that it turns."""
    _say(ALIVE)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with owner_only():
        main(Order.model_validate_json(sys.argv[1]))
