"""Principal components: how far a row lies from the others' middle within their plane (T²) and off it (Q)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from loopbook.models.architecture import architecture
from loopbook.models.distance import Distance
from loopbook.models.unsupervised.anomaly import normal, standard

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

Share = Annotated[float, Field(gt=0, lt=1)]


@architecture(Distance, needs="table", types=("anomaly",), also=False)
def pca(features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, variance: Share = 0.9) -> Distance:
    """Fit principal components; the score joins Hotelling's T² and Q (SPE), each by its mean over train.

    Parameters
    ----------
    variance
        Share of the variance that the components kept hold at least.

    References
    ----------
    Jackson & Mudholkar (1979), Control procedures for residuals associated with principal component analysis. Yue &
    Qin (2001), Reconstruction-based fault identification using a combined index.
    """
    own = normal(features, train, goals[0])
    scale, shift = standard(own)
    table = own @ scale + shift
    _, sizes, turned = np.linalg.svd(table, full_matrices=False)
    power = sizes**2 / len(table)
    kept = int(np.searchsorted(np.cumsum(power) / power.sum(), variance)) + 1
    kept = min(kept, int((power > 1e-9 * power[0]).sum()))
    plane = turned[:kept].T
    within = plane / np.sqrt(power[:kept] * kept)  # the mean of T² over train is the number of components
    off = np.eye(len(shift)) - plane @ plane.T
    off = off / np.sqrt(max(float(power[kept:].sum()), 1e-9))
    weight = np.hstack([within, off])
    return Distance.linear(scale @ weight, shift @ weight)
