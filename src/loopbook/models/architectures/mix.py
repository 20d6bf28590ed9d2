"""Mix: popularity, item-kNN, EASE, ALS, content, two towers and the click model, weighted by lists."""

from typing import Any

from loopbook.models.architecture import architecture
from loopbook.models.ranking import ranker_fit
from loopbook.models.ranking.ranker import Ranker


@architecture(Ranker, needs="nothing", types=("ranking",), also=False, encodes=True)
def mix(
    *given: Any,
    text: bool = True,
    networks: bool = True,
) -> Ranker:
    """Fit all rankers, and learn what each counts on the last part of train; `ranker_fit.fit`.

    Parameters
    ----------
    text
        Whether the content of items is read; without it neither towers nor new items have a score.
    networks
        Whether the two towers and the click model are among them.
    """
    names = ["popularity", "recent", "rate", "item_knn", "ease", "als"]
    names += [*(["content"] if text else []), *(["two_tower", "click"] if text and networks else [])]
    settings: dict[str, dict[str, float]] = {name: {} for name in names}
    return ranker_fit.made(*given, settings=settings)
