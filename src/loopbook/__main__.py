"""``python -m loopbook``: the command line."""

from loopbook.cli import app

app(prog_name="loopbook")
