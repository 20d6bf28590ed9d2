"""What TensorFlow prints of its start stays out of notebooks; how many processors there are changes no weight."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.conftest import Problem
from tests.models.training.test_fitting import fit

from loopbook.models.training import gradient_descent
from loopbook.store import content

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


ALONE = """
import sys
from pathlib import Path
from typing import Any
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
from tests.models.conftest import frame, problem
from tests.models.training.test_fitting import fit
text = problem({"text": "text"}, frame(400, 1), frame(150, 2))
fit(text, Path(sys.argv[1]), "encoder", own={"preset": sys.argv[2], "adaptation": "full"}, epochs=1, batch_size=2)
"""


def test_an_encoder_learns_the_same_bits_on_one_processor(text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    fit(text, tmp_path / "two", "encoder", own={"preset": tiny_bert, "adaptation": "full"}, epochs=1, batch_size=2)
    command = [sys.executable, "-c", ALONE, str(tmp_path / "one"), tiny_bert]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert content.digest(tmp_path / "two" / "model") == content.digest(tmp_path / "one" / "model")


def test_halves_that_are_read_at_once_give_what_the_whole_gives(text: Problem, tiny_bert: str, tmp_path: Path) -> None:
    import tensorflow as tf

    own = {"preset": tiny_bert, "adaptation": "full", "dropout": 0.0}
    network = fit(text, tmp_path / "fit", "encoder", own=own, epochs=1).predictor
    pieces = network.encode(text.features, text.validation)["pieces"]
    trained = network.model.trainable_variables

    def slopes(scores: object, rows: np.ndarray) -> list[np.ndarray]:
        with tf.GradientTape() as tape:
            risk = tf.reduce_sum(scores({"pieces": tf.constant(rows)}) ** 2)  # type: ignore[operator]
        return [tf.convert_to_tensor(slope).numpy() for slope in tape.gradient(risk, trained)]

    def in_halves(batch: dict[str, Any]) -> Any:
        return tf.concat([network.model(part) for part in gradient_descent._halves(batch)], axis=0)

    for rows in (pieces[:1], pieces[:7]):
        halves, whole = slopes(in_halves, rows), slopes(network.model, rows)
        for one, two in zip(halves, whole, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)
