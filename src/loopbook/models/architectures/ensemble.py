"""Ensemble: several models, of other architectures or of other seeds, that answer together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from loopbook.models.architecture import architecture
from loopbook.models.averaged import Averaged

if TYPE_CHECKING:
    from loopbook.models.model import Model

Seeds = Annotated[int, Field(ge=1, le=32)]


@architecture(Averaged, needs="nothing", costly_export=True)
def ensemble(members: Sequence["Model"], *, seeds: Seeds = 1) -> Averaged:
    """Return the mean of the members' scores, calibrated as one model's.

    Parameters
    ----------
    members
        Fitted models, one for each seed of each of the candidate's ``members``.
    seeds
        How often each member is fitted, with seeds that count up from its own.

    References
    ----------
    Lakshminarayanan, Pritzel & Blundell (2017), Simple and scalable predictive uncertainty estimation using deep
    ensembles; of scores instead of probabilities it is the logarithmic opinion pool.
    """
    return Averaged(tuple(members))
