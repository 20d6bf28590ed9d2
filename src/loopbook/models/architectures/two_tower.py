"""Two towers: an item's text and table meet the sequence of what a user took, by a softmax over items."""

from typing import Any

from loopbook.models.architecture import Count, Dropout, Rate, Size, architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def two_tower(
    *given: Any,
    size: Size = 32,
    passes: Count = 8,
    rate: Rate = 0.003,
    hidden_ids: Dropout = 0.3,
) -> Ranker:
    """Train a two-tower model in Keras; `tower_training.fit` with the softmax.

    Parameters
    ----------
    size
        Numbers in a vector.
    passes
        Over train.
    rate
        Learning rate of Adam.
    hidden_ids
        Share of items of which a step sees the content alone, so that new ones have a score.
    """
    own = {"size": size, "passes": passes, "rate": rate, "hidden_ids": hidden_ids}
    return ranker_fit.made(*given, settings={"two_tower": own})
