"""Popularity: what most users took, of late or ever."""

from typing import Annotated, Any

from pydantic import Field

from loopbook.models.architecture import architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker

Days = Annotated[float, Field(ge=0, le=10_000)]


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def popularity(
    *given: Any,
    halflife: Days = 0.0,
) -> Ranker:
    """Rank items by how many users took them; the same list for everybody.

    Parameters
    ----------
    halflife
        Days after which an interaction counts half; 0: all count alike.
    """
    settings = {"recent": {"halflife": halflife}} if halflife else {"popularity": {}}
    return ranker_fit.made(*given, settings=settings)
