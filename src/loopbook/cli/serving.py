"""The command that serves an agent by HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from loopbook.cli.program import DEFAULT, ProfileOption, ScenarioOption, terminal
from loopbook.store.project import Project


def serve(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: Annotated[str, typer.Option(help='Values to try: "service.batch_most=1"; others belong to a run.')] = "",
    workers: Annotated[
        str, typer.Option(help="Processes that answer; 1:4 lets the queue decide between them; empty: one a processor.")
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where it listens; 0: a free port.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's own need TLS.")
    ] = "127.0.0.1",
    certificate: Annotated[Path | None, typer.Option(help="PEM file: callers come by TLS.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option(help="A proxy that encrypts stands before it, and nobody else reaches the address.")
    ] = False,
) -> None:
    """Serve the newest good run's agent by HTTP, and follow what is approved and run; Ctrl-C ends it gracefully."""
    from loopbook.decisions.audit.database import connect
    from loopbook.operations import session
    from loopbook.service import keys, scaling
    from loopbook.service.worker import Order, settings
    from loopbook.service.workers import Workers
    from loopbook.store.origin import usable_processors

    console, project = terminal(), Project.find()
    request = session.read(scenario, profile, "")
    order = Order(
        scenario=request.resolved.name,
        profile=profile,
        file=request.scenario,
        params=params,
        host=host,
        port=port,
        certificate=certificate,
        private_key=private_key,
        behind_proxy=behind_proxy,
    )
    given = settings(project, order)
    least, most = scaling.limits(workers or str(usable_processors()))
    rule = scaling.Rule(least, most, given.service.scale_queue, calm=given.service.scale_calm_seconds)
    patience = given.service.hung_seconds
    service = Workers(project, order, rule, lambda text: console.print(text, markup=False, soft_wrap=True), patience)
    engine = connect(project)
    if all(key.revoked for key in keys.listed(engine, service.name)):
        console.print(
            "Nobody has an API key yet, so nobody is answered: python -m loopbook keys create NAME "
            f"--scenario {order.scenario} --profile {profile}",
            soft_wrap=True,
        )
    engine.dispose()
    console.print(f"{service.name}: loading and warming {least} worker{'s' * (least > 1)} …")
    service.run(lambda: console.print(f"Serving {service.name} on {service.address}", markup=False, soft_wrap=True))
    console.print("Ended: what was begun is finished, and the log's chains are closed.")


def watch(
    scenario: ScenarioOption = DEFAULT,
    profile: ProfileOption = "standard",
    params: Annotated[str, typer.Option(help='Values to try: "watch.folder=data/incoming".')] = "",
    webhook: Annotated[
        str | None, typer.Option(envvar="LOOPBOOK_WEBHOOK", help="Address to post messages to; by default a file.")
    ] = None,
    looks: Annotated[int | None, typer.Option(min=1, help="End after so many looks; by default never.")] = None,
) -> None:
    """Decide rows as they come in, in a folder, a database, a feed or a web site, each once; Ctrl-C ends it."""
    import signal
    import threading

    from loopbook.operations import session
    from loopbook.operations.webhook import sender
    from loopbook.service import watching

    console, project, ended = terminal(), Project.find(), threading.Event()
    request = session.read(scenario, profile, params)

    def tell(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    send = sender(webhook) if webhook else None
    watching.watch(lambda: watching.Watch(project, request.resolved, profile, send, tell), ended, tell, looks)
    console.print("Ended: what had come in by the last look is decided.")
