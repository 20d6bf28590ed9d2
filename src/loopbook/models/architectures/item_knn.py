"""Item-kNN: items that those users took who took what this one did."""

from typing import Annotated, Any

from pydantic import Field

from loopbook.models.architecture import Count, architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker

Shrinkage = Annotated[float, Field(ge=0, le=1e6)]


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def item_knn(
    *given: Any,
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
    return ranker_fit.made(*given, settings=settings)
