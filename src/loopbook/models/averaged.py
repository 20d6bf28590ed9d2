"""An ensemble's predictor: the mean of what several fitted models say, each as loud as its calibration lets it be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.answers import Answering
    from loopbook.models.architecture import Family
    from loopbook.models.model import Model

_COUNT = "members"


@dataclass(frozen=True)
class Averaged:
    """Several models of one task as one predictor.

    Attributes
    ----------
    members
        Fitted on the same rows; their heads have the same columns.
    """

    members: tuple[Model, ...]

    family: ClassVar[Family] = "ensemble"
    learnt: ClassVar[Mapping[str, NDArray[Any]]] = {}
    """Nothing of its own."""

    @property
    def parameters(self) -> int:
        """Numbers that were learnt, of all members together."""
        return sum(member.parameters for member in self.members)

    def raw(
        self,
        features: Features,
        frame: pd.DataFrame,
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> NDArray[np.float64]:
        """Return the raw scores of each row, float64 [n, W]; cache and progress are the sentence encoder's."""
        return mean(self.members, frame, cache, progress)

    def save(self, folder: Path) -> None:
        """Write a folder for each member, and how many they are."""
        for at, member in enumerate(self.members):
            replace(member, learned=member.learned[:0]).save(folder / member_name(at))
        content.save({_COUNT: len(self.members)}, folder / _COUNT)

    @classmethod
    def load(cls, folder: Path) -> Averaged:
        """Return what `save` wrote."""
        from loopbook.models.model import Model

        count = content.load(folder / f"{_COUNT}.json")[_COUNT]
        return cls(tuple(Model.load(folder / member_name(at)) for at in range(count)))


def member_name(at: int) -> str:
    """Return the name of a member's folder."""
    return f"member_{at}"


def mean(members: Sequence[Answering], frame: pd.DataFrame, *more: Any) -> NDArray[np.float64]:
    """Return the mean raw scores of some models, float64 [n, W]; `more` are cache and progress.

    Scores of classes are divided by the temperature of their member, so that none that is too sure outvotes the others.
    """
    from loopbook.models import heads  # brings pandas

    each = [
        np.column_stack([head.tempered(z) for head, z in heads.parts(member.outputs, member.raw(frame, *more))])
        for member in members
    ]
    return np.asarray(np.mean(each, axis=0))
