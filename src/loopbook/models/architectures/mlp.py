"""Multilayer perceptron on a table's scaled numbers and one-hot categories."""

from typing import Annotated, Any

from pydantic import Field

from loopbook.models import layers as shared
from loopbook.models.architecture import Dropout, Inputs, Size, architecture
from loopbook.models.network import Network

Depth = Annotated[int, Field(ge=0, le=16)]


@architecture(Network, needs="table")
def mlp(inputs: Inputs, *, units: Size = 64, layers: Depth = 2, dropout: Dropout = 0.2, normalise: bool = False) -> Any:
    """Return a multilayer perceptron: `layers` hidden layers of `units` each.

    Parameters
    ----------
    dropout
        Share of each hidden layer that is hidden from the next in each training step.
    normalise
        Whether each hidden layer is brought to mean 0 and variance 1 within a row before its activation, which makes
        the depth matter less to the step size. The inputs are scaled in any case.

    References
    ----------
    Ba, Kiros & Hinton (2016), Layer normalization; Srivastava et al. (2014), Dropout.
    """
    import keras

    table = inputs.table()
    return keras.Model(table, shared.hidden(table, units, layers, dropout, normalise), name="mlp")
