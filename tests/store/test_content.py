"""Values come back as they were saved, and equal content has equal digests."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopbook.store import content

FRAME = pd.DataFrame(
    {
        "text": ["a", "ü <b>", None],
        "x": [1.0, np.nan, 3.0],
        "label": np.array([0, 1, 1], dtype="int8"),
        "time": pd.to_datetime(["2026-01-01", "2026-01-02", None], utc=True),
    }
)


@pytest.mark.parametrize(
    "value", [FRAME, {"a": 1, "b": [1, 2.5, None, "x"]}, [1, 2], {}], ids=["table", "dict", "list", "empty"]
)
def test_what_is_saved_comes_back(value: object, tmp_path: Path) -> None:
    loaded = content.load(content.save(value, tmp_path / "value"))
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(loaded, value)
    else:
        assert loaded == value


def test_arrays_come_back_with_type_and_shape(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype="int32").reshape(2, 3), "b": np.array(["x", "yy"])}
    loaded = content.load(content.save(arrays, tmp_path / "arrays"))
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8) | st.none(), max_size=5))
def test_the_order_of_keys_does_not_change_a_digest(value: dict) -> None:
    assert content.digest_json(value) == content.digest_json(dict(reversed(value.items())))


def test_a_table_saved_twice_has_one_digest_and_a_changed_cell_another(tmp_path: Path) -> None:
    first = content.save(FRAME, tmp_path / "first")
    second = content.save(FRAME.copy(), tmp_path / "second")
    changed = content.save(FRAME.assign(x=[1.0, np.nan, 3.0000001]), tmp_path / "changed")
    assert content.digest(first) == content.digest(second) == content.digest_value(FRAME)
    assert content.digest(changed) != content.digest(first)


def test_a_folder_has_the_digest_of_its_contents_but_not_of_event_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.json").write_text('{"a": 1, "b": 2}')
    before = content.digest(folder)
    (folder / "events.out.tfevents.1.x").write_text("clock")
    (folder / "inner" / "a.json").write_text(json.dumps({"b": 2, "a": 1}, indent=3))
    assert content.digest(folder) == before
    (folder / "inner" / "a.json").write_text('{"a": 1, "b": 3}')
    assert content.digest(folder) != before


def test_a_copied_folder_replaces_the_one_before(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "new.txt").write_text("new")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "old.txt").write_text("old")
    saved = content.save(source, tmp_path / "target")
    assert [file.name for file in saved.iterdir()] == ["new.txt"]


def test_a_value_without_a_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"no format for builtins\.set"):
        content.save({1, 2}, tmp_path / "value")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.json"
    target.write_text("old")

    def fail(file: Path) -> None:
        file.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        content.write_atomically(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_lone_surrogates_in_text_are_kept(tmp_path: Path) -> None:
    assert len(content.digest_text("broken \ud800")) == 64


def test_an_onnx_graph_has_the_digest_of_its_numbers_and_operations(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def write(name: str, weight: float, result: str, kind: str = "Mul") -> str:
        graph = helper.make_graph(
            [helper.make_node(kind, ["x", "w"], [result])],
            "graph",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, [1])],
            [numpy_helper.from_array(np.array([weight], dtype="float32"), "w")],
        )
        onnx.save(helper.make_model(graph), str(tmp_path / name))
        return content.digest(tmp_path / name)

    assert write("a.onnx", 1.0, "y") == write("b.onnx", 1.0, "other")
    assert write("a.onnx", 1.0, "y") != write("c.onnx", 2.0, "y")
    assert write("a.onnx", 1.0, "y") != write("d.onnx", 1.0, "y", "Add")
