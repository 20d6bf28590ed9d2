"""TensorBoard's HParams: the points of a sweep with their values and metrics, written without TensorFlow.

A folder holds the experiment (which parameters, which metrics), and a folder in it for each point: its values, its
metrics as scalars, how it ended. The summaries are those of `tensorboard.plugins.hparams`, whose own writer needs
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
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2

    content.remove(folder)
    names = list(dict.fromkeys(name for session in sessions for name in session.values))
    metrics = list(dict.fromkeys(name for session in sessions for name in session.metrics))
    parameters = [
        summary_v2.HParam(name, _domain([session.values.get(name) for session in sessions])) for name in names
    ]
    with Events(folder) as events:
        events.add(summary_v2.hparams_config_pb(parameters, [summary_v2.Metric(name) for name in metrics]))
    for session in sessions:
        values = {name: _plain(value) for name, value in session.values.items()}
        status = api_pb2.STATUS_SUCCESS if session.good else api_pb2.STATUS_FAILURE
        ended = plugin_data_pb2.HParamsPluginData(session_end_info=plugin_data_pb2.SessionEndInfo(status=status))
        end = Summary.Value(tag=metadata.SESSION_END_INFO_TAG, metadata=metadata.create_summary_metadata(ended))
        with Events(folder / session.name) as events:
            events.add(summary_v2.hparams_pb(values, session.setting or session.name))
            events.scalars(0, session.metrics)
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
