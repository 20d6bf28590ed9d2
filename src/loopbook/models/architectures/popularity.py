"""Popularity: what most users took, of late or ever."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from loopbook.models.architecture import architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

Days = Annotated[float, Field(ge=0, le=10_000)]


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def popularity(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    cache: "Path | None" = None,
    progress: "Callable[[str], object] | None" = None,
    *,
    halflife: Days = 0.0,
) -> Ranker:
    """Rank items by how many users took them; the same list for everybody.

    Parameters
    ----------
    halflife
        Days after which an interaction counts half; 0: all count alike.
    """
    settings = {"recent": {"halflife": halflife}} if halflife else {"popularity": {}}
    return ranker_fit.fit(features, train, goals[0].target, goals[0].weight, settings, cache, progress)
