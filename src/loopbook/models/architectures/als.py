"""ALS: factors of users and items by alternating least squares."""

from typing import Any

from loopbook.models.architecture import Count, Size, Strength, architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def als(
    *given: Any,
    factors: Size = 32,
    regularisation: Strength = 5.0,
    alpha: Strength = 2.0,
    passes: Count = 15,
) -> Ranker:
    """Rank items by implicit's ALS, users folded in by what they took; `scorers.als`.

    Parameters
    ----------
    factors
        Numbers a user and an item have.
    regularisation
        Weight of their squares.
    alpha
        Confidence in what was taken; in what was not it is 1.
    passes
        Over users and items.
    """
    own = {"factors": factors, "regularisation": regularisation, "alpha": alpha, "passes": passes}
    settings = {"als": own}
    return ranker_fit.made(*given, settings=settings)
