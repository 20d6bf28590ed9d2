"""TensorBoard's HParams: the points of a sweep with their values and metrics, written without TensorFlow.

A folder holds the experiment (which parameters, which metrics), and a folder in it for each point: its values, its
metrics as scalars, how it ended. The summaries are those of `tensorboard.plugins.hparams`, whose own writer needs
TensorFlow.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.models.training.tensorboard import Events
from loopbook.store import content
from loopbook.store.sweep_records import Point


def write(folder: Path, points: Sequence[Point], measured: Mapping[str, Mapping[str, float]]) -> Path:
    """Write the experiment anew.

    Parameters
    ----------
    folder
        Where; what is in it is taken away before.
    points
        Those that have ended. Points of equal setting are one group to TensorBoard, which shows its mean.
    measured
        By the point's name: its metrics by name; a point that failed may have none.

    Returns
    -------
    Path
        `folder`.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2

    content.remove(folder)
    names = list(dict.fromkeys(name for point in points for name in point.values))
    metrics = list(dict.fromkeys(name for point in points for name in measured.get(point.name, {})))
    parameters = [summary_v2.HParam(name, _domain([point.values.get(name) for point in points])) for name in names]
    with Events(folder) as events:
        events.add(summary_v2.hparams_config_pb(parameters, [summary_v2.Metric(name) for name in metrics]))
    for point in points:
        values = {name: _plain(value) for name, value in point.values.items()}
        setting = json.dumps(point.setting, ensure_ascii=False) if point.setting else "seeds"
        status = api_pb2.STATUS_FAILURE if point.status == "failed" else api_pb2.STATUS_SUCCESS
        ended = plugin_data_pb2.HParamsPluginData(session_end_info=plugin_data_pb2.SessionEndInfo(status=status))
        end = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=metadata.create_summary_metadata(ended))
        with Events(folder / point.name) as events:
            events.add(summary_v2.hparams_pb(values, setting))
            events.scalars(0, measured.get(point.name, {}))
            events.add(Summary(value=[end]))
    return folder


def _domain(values: Sequence[Any]) -> Any:
    """Return what a parameter takes: truth values, numbers, or texts, which a mixture becomes."""
    from tensorboard.plugins.hparams.summary_v2 import Discrete

    plain = list(dict.fromkeys(map(_plain, values)))
    kinds = {type(value) for value in plain}
    kind: Any = bool if kinds == {bool} else float if kinds <= {int, float} else str
    return Discrete(map(kind, plain), kind)


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, ensure_ascii=False)
