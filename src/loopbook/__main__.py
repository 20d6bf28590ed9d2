"""``python -m loopbook``: the command line."""

import gc
import os

# Of a command with nothing to do, a tenth of the time went into looking through what it has imported for garbage, and
# a twentieth into looking through all installed packages for plugins of pydantic.
gc.set_threshold(100_000)
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from loopbook.cli.commands import app  # noqa: E402

app(prog_name="loopbook")
