"""Item-kNN: items that those users took who took what this one did."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from loopbook.models.architecture import Count, architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

Shrinkage = Annotated[float, Field(ge=0, le=1e6)]


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def item_knn(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    cache: "Path | None" = None,
    progress: "Callable[[str], object] | None" = None,
    *,
    neighbours: Count = 100,
    shrinkage: Shrinkage = 10.0,
) -> Ranker:
    """Rank items by the shrunk cosine to those of the history; `scorers.item_knn`.

    Parameters
    ----------
    neighbours
        Nearest items of each that count.
    shrinkage
        The larger, the less is believed of pairs that few users took.
    """
    settings = {"item_knn": {"neighbours": neighbours, "shrinkage": shrinkage}}
    return ranker_fit.fit(features, train, goals[0].target, goals[0].weight, settings, cache, progress)
