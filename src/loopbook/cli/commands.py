"""The command line: parse, call, print.

Exit codes: 0 all good · 1 a notebook failed, a disk is full, a compared run is worse, or the log does not hold · 2 the
input is bad, nothing was started · 3 a criterion was missed · 4 another nightly run is going on · 5 a nightly summary
was not delivered · 130 interrupted (a signal that ends it: 128 and its number).
"""

import typer

from loopbook.cli import asking, auditing, deciding, keeping, keys, running, serving, showing, trying
from loopbook.cli.program import Plain

COMMANDS = {
    "Run": (running.run, running.loop, running.sweep, running.ablation, running.nightly),
    "Decide": (deciding.approve, deciding.deliver, deciding.incidents, trying.trial),
    "Ask": (asking.why, asking.verify, asking.reproduce, asking.compare, asking.parameters),
    "Show": (showing.report, showing.share, showing.lab, showing.debug, showing.tensorboard),
    "Serve": (serving.serve, serving.watch, keys.keys),
    "Keep": (keeping.new, keeping.fetch, keeping.doctor, keeping.schema, keeping.gc, keeping.clean),
}
"""All commands, in the order of the help."""

app = typer.Typer(cls=Plain, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
for panel, group in COMMANDS.items():
    for command in group:
        app.command(rich_help_panel=panel)(command)
app.add_typer(auditing.audit, name="audit", rich_help_panel="Ask")
