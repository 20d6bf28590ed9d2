"""What TensorFlow prints of its start stays out of notebooks, unless it is needed."""

import os
import subprocess
import sys

import pytest

BROKEN = """
import builtins, os
true = builtins.__import__
def fails(name, *rest, **more):
    if name == "tensorflow":
        os.write(2, b"a note of its start\\n")
        raise ImportError("no tensorflow")
    return true(name, *rest, **more)
builtins.__import__ = fails
"""


@pytest.mark.parametrize(("before", "code", "said"), [("", 0, ""), (BROKEN, 1, "a note of its start")])
def test_notes_of_the_start_are_shown_only_if_it_fails(before: str, code: int, said: str) -> None:
    script = before + "from loopbook.models.training import runtime; runtime.prepare(1)"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert (done.stderr == "") == (code == 0)
    assert said in done.stderr
