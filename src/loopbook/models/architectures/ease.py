"""EASE: the linear item-item model in closed form."""

from typing import Any

from loopbook.models.architecture import Strength, architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def ease(
    *given: Any,
    regularisation: Strength = 100.0,
) -> Ranker:
    """Rank items by a ridge regression of each on all others; `scorers.ease`, up to 25,000 items.

    Parameters
    ----------
    regularisation
        Weight of the squared coefficients.
    """
    settings = {"ease": {"regularisation": regularisation}}
    return ranker_fit.made(*given, settings=settings)
