"""EASE: the linear item-item model in closed form."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from loopbook.models.architecture import Strength, architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def ease(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    cache: "Path | None" = None,
    progress: "Callable[[str], object] | None" = None,
    *,
    regularisation: Strength = 100.0,
) -> Ranker:
    """Rank items by a ridge regression of each on all others; `scorers.ease`, up to 25,000 items.

    Parameters
    ----------
    regularisation
        Weight of the squared coefficients.
    """
    settings = {"ease": {"regularisation": regularisation}}
    return ranker_fit.fit(features, train, goals[0].target, goals[0].weight, settings, cache, progress)
