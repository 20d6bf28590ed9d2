"""``python -m loopbook``: the command line."""

from loopbook.cli.commands import app

app(prog_name="loopbook")
