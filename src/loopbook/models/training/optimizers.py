"""The optimiser of a recipe: step sizes by schedule and by layer, decay, clipping, accumulation, moving average."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from loopbook.scenario.recipe import Recipe

_LAYER = re.compile(r"layer_(\d+)/")
"""How keras-hub calls the layers of an encoder, from the input on; what lies before them is its embeddings."""


def rate(recipe: Recipe, steps: int) -> Any:
    """Return the step size: a number, or a Keras schedule over `steps` steps.

    References
    ----------
    Loshchilov & Hutter (2017), SGDR: cosine; Goyal et al. (2017), Accurate, large minibatch SGD: warm-up.
    """
    import keras

    warm, schedules = round(recipe.warmup * steps), keras.optimizers.schedules
    if recipe.schedule == "cosine":
        rising = {"warmup_target": recipe.learning_rate, "warmup_steps": warm} if warm else {}
        return schedules.CosineDecay(0.0 if warm else recipe.learning_rate, max(1, steps - warm), **rising)
    return schedules.PolynomialDecay(0.0, warm, recipe.learning_rate) if warm else recipe.learning_rate


def optimizer(recipe: Recipe, steps: int, variables: Sequence[Any]) -> Any:
    """Return the Keras optimiser of a recipe, built for the variables that are trained.

    Parameters
    ----------
    steps
        Batches in all epochs together.
    variables
        Those of layers called ``…layer_0``, ``…layer_1`` and of the embeddings before them step by
        ``recipe.layer_decay`` for each layer between them and the head (Howard & Ruder 2018, ULMFiT); with it, the
        gradient is clipped layer by layer.
    """
    import keras

    steps = max(1, steps // recipe.accumulate)
    depths = [int(found[1]) for variable in variables if (found := _LAYER.search(variable.path))]
    if recipe.layer_decay == 1 or not depths:
        made = _one(recipe, steps, 1.0, variables)
    else:
        of_depth: dict[int, Any] = {}

        def chosen(variable: Any) -> Any:
            found = _LAYER.search(variable.path)
            below = max(depths) - int(found[1]) + 1 if found else max(depths) + 2 if _embeds(variable) else 0
            if below not in of_depth:
                of_depth[below] = _one(recipe, steps, recipe.layer_decay**below, variables)
            return of_depth[below]

        made = keras.optimizers.MultiOptimizer(chosen)
    made.build(list(variables))
    return made


def words(variables: Sequence[Any]) -> Any:
    """Return the table of the words' embeddings among the variables that are trained; None if it is not."""
    tables = [variable for variable in variables if _embeds(variable) and len(variable.shape) == 2]
    return max(tables, key=lambda table: int(table.shape[0]), default=None)


def _embeds(variable: Any) -> bool:
    return "embedding" in variable.path


def _one(recipe: Recipe, steps: int, share: float, variables: Sequence[Any]) -> Any:
    import keras

    from loopbook.models.training.adam import Adam

    kinds = {"adam": Adam, "adafactor": keras.optimizers.Adafactor, "sgd": keras.optimizers.SGD}
    kind: Callable[..., Any] = kinds[recipe.optimizer]
    made = kind(
        learning_rate=rate(recipe.model_copy(update={"learning_rate": recipe.learning_rate * share}), steps),
        weight_decay=recipe.weight_decay or None,
        global_clipnorm=recipe.clip_norm or None,
        gradient_accumulation_steps=recipe.accumulate if recipe.accumulate > 1 else None,
        use_ema=recipe.ema > 0,
        ema_momentum=recipe.ema or 0.99,
    )
    if recipe.weight_decay:
        # Biases, and scales of a normalisation, do not overfit.
        made.exclude_from_weight_decay(var_list=[variable for variable in variables if len(variable.shape) < 2])
    return made
