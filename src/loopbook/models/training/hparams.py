"""TensorBoard's HParams: the points of a sweep with their values and metrics, written without TensorFlow.

A folder holds the experiment (which parameters, which metrics), and a folder in it for each point: its values, its
metrics as scalars, how it ended. The summaries are those of `tensorboard.plugins.hparams`, whose own writer imports
TensorFlow.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.models.training.tensorboard import Events
from loopbook.store import content


@dataclass(frozen=True)
class Session:
    """One point: its values by parameter, its metrics by name, and how it ended."""

    name: str
    values: Mapping[str, Any]
    metrics: Mapping[str, float]
    good: bool
    setting: str


def write(folder: Path, sessions: Sequence[Session]) -> Path:
    """Write the experiment anew.

    Parameters
    ----------
    folder
        Where; what is in it is taken away before.
    sessions
        The points that have ended. Points of equal `setting` are one group to TensorBoard, which shows its mean.

    Returns
    -------
    Path
        `folder`.
    """
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    content.remove(folder)
    names = list(dict.fromkeys(name for each in sessions for name in each.values))
    metrics = list(dict.fromkeys(name for each in sessions for name in each.metrics))
    experiment = api_pb2.Experiment(
        hparam_infos=[_parameter(name, [each.values.get(name) for each in sessions]) for name in names],
        metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=name)) for name in metrics],
    )
    with Events(folder) as events:
        _tell(events, metadata.EXPERIMENT_TAG, plugin_data_pb2.HParamsPluginData(experiment=experiment))
    for each in sessions:
        start = plugin_data_pb2.SessionStartInfo(group_name=each.setting or each.name)
        for name, value in each.values.items():
            plain = _plain(value)
            if isinstance(plain, bool):
                start.hparams[name].bool_value = plain
            elif isinstance(plain, int | float):
                start.hparams[name].number_value = plain
            else:
                start.hparams[name].string_value = plain
        status = api_pb2.STATUS_SUCCESS if each.good else api_pb2.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=status)
        with Events(folder / each.name) as events:
            _tell(events, metadata.SESSION_START_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_start_info=start))
            events.scalars(0, each.metrics)
            _tell(events, metadata.SESSION_END_INFO_TAG, plugin_data_pb2.HParamsPluginData(session_end_info=end))
    return folder


def _parameter(name: str, values: Sequence[Any]) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    plain = list(dict.fromkeys(_plain(value) for value in values))
    info = api_pb2.HParamInfo(name=name)
    if all(isinstance(value, bool) for value in plain):
        info.type = api_pb2.DATA_TYPE_BOOL
    elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in plain):
        info.type = api_pb2.DATA_TYPE_FLOAT64
    else:
        info.type = api_pb2.DATA_TYPE_STRING
        plain = [str(value) for value in plain]
    info.domain_discrete.extend(plain)
    return info


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, ensure_ascii=False)


def _tell(events: Events, tag: str, data: Any) -> None:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    summary = Summary()
    made = metadata.create_summary_metadata(data)
    summary.value.add(tag=tag, metadata=made, tensor=metadata.NULL_TENSOR)
    events.add(summary)
