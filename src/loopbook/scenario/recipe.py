"""The recipe: how a network is trained. A fit depends on it, on its candidate and on the task, on no other settings."""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, create_model

from loopbook.scenario.settings import Scalar, Settings


def _technique(off: Scalar, family: str, tried: Scalar, gpu: bool = False, **more: Any) -> Any:
    """Return a field that is off unless a recipe names it; an ablation tries it with `tried`, if need be on a GPU."""
    return Field(off, json_schema_extra={"family": family, "tried": tried, **({"gpu": True} if gpu else {})}, **more)


class Recipe(Settings):
    """How a network is trained: order of rows, length, step size, losses, what keeps it from overfitting."""

    seed: int = Field(1, ge=0, description="seed of initial weights and of the order of rows")
    epochs: int = Field(
        60,
        ge=0,
        le=10_000,
        description="most passes over train; early stopping ends it before; 0: the probe stays the head",
    )
    patience: int = Field(4, ge=1, description="passes without a better validation loss before training stops")
    batch_size: int = Field(64, ge=1, description="rows a step")
    learning_rate: float = Field(0.001, gt=0, le=1, description="the optimiser's step size")
    workers: int = Field(1, ge=1, le=1024, description="processes among which each step's rows are shared")
    class_weights: bool = _technique(False, "loss", True, description="weigh rows so that all classes count alike")

    optimizer: Literal["adam", "adafactor", "sgd"] = _technique(
        "adam", "optimiser", "adafactor", description="adam with a weight_decay is AdamW"
    )
    weight_decay: float = _technique(
        0.0,
        "regularisation",
        0.01,
        ge=0,
        le=1,
        description="decay of weight matrices beside the gradient's step, as a share of the step size",
    )
    schedule: Literal["constant", "cosine"] = _technique(
        "constant", "schedule", "cosine", description="cosine: the step size falls to 0 over all epochs"
    )
    warmup: float = _technique(
        0.0, "schedule", 0.1, ge=0, lt=1, description="share of all steps over which the step size rises from 0"
    )
    range_test: int = _technique(
        0,
        "schedule",
        100,
        ge=0,
        le=10_000,
        description="steps that find the step size, which replaces learning_rate; 0: none",
    )
    layer_decay: float = _technique(
        1.0, "schedule", 0.8, gt=0, le=1, description="step size of an encoder's layer by that of the layer above"
    )
    clip_norm: float = _technique(
        0.0, "optimiser", 1.0, ge=0, description="longest gradient, all weights together; 0: any"
    )
    accumulate: int = _technique(1, "optimiser", 2, ge=1, le=1024, description="batches whose gradients make one step")
    mixed_precision: bool = _technique(
        False, "speed", True, gpu=True, description="compute in bfloat16, keep weights in float32"
    )
    recompute: bool = _technique(
        False, "memory", True, description="compute an encoder's layers again for the gradient instead of keeping all"
    )
    ema: float = _technique(
        0.0, "regularisation", 0.99, ge=0, lt=1, description="weights kept are a moving average with this momentum"
    )
    label_smoothing: float = _technique(
        0.0, "loss", 0.1, ge=0, lt=1, description="share of each label that is spread over all classes"
    )
    focal: float = _technique(
        0.0, "loss", 2.0, ge=0, le=10, description="exponent by which what is known already counts less"
    )
    further: float = Field(
        1.0, ge=0, le=100, description="weight of each further output in what is minimised; the label has 1"
    )
    refine: bool = _technique(
        False,
        "stopping",
        True,
        description="judge an epoch by its validation loss at the best temperature, since that is set afterwards",
    )
    probe: float = _technique(
        0.0,
        "initialisation",
        1.0,
        ge=0,
        le=1e6,
        description="the head begins as a logistic regression of this C on the features as they are (LP-FT); 0: random",
    )
    adversarial: float = _technique(
        0.0, "adversarial", 0.5, ge=0, le=100, description="length of the worst step away in the embeddings (FGM)"
    )
    fairness: float = _technique(
        0.0,
        "fairness",
        10.0,
        ge=0,
        le=10_000,
        description="weight of the variance between groups' mean probabilities within each class",
    )
    fairness_by: str = Field("", description="the protected attribute whose groups these are")
    anchor: float = _technique(
        0.0, "forgetting", 0.01, ge=0, le=1_000, description="weight of half the squared distance to the first weights"
    )
    replay: float = _technique(
        1.0,
        "forgetting",
        0.2,
        ge=0,
        le=1,
        description="share of the rows that a model knows which it learns again when it is trained further",
    )

    word_dropout: float = _technique(
        0.0, "augmentation", 0.1, ge=0, lt=1, description="share of the words that each epoch leaves out of train"
    )
    swaps: float = _technique(
        0.0, "augmentation", 0.1, ge=0, le=1, description="share of neighbouring words that each epoch exchanges"
    )
    synonyms: float = _technique(
        0.0, "augmentation", 0.1, ge=0, le=1, description="share of words that each epoch replaces by similar ones"
    )
    spelling: float = _technique(
        0.0, "augmentation", 0.1, ge=0, le=1, description="share of longer words that each epoch misspells"
    )
    back_translation: str = Field(
        "",
        pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$",
        description="your function texts -> texts as package.module:function; an epoch reads half of the rows so",
    )
    masked_lm: int = _technique(
        0, "pretraining", 1, ge=0, le=1_000, description="passes over all texts, guessing hidden word pieces (encoder)"
    )
    simcse: int = _technique(
        0, "pretraining", 1, ge=0, le=1_000, description="passes over all rows, telling them apart by dropout alone"
    )
    contrastive: int = _technique(
        0, "pretraining", 4, ge=0, le=1_000, description="passes over train that put rows of a class together (SupCon)"
    )
    temperature: float = Field(0.1, gt=0, le=10, description="of contrastive and simcse; low: near rows count most")
    pseudo_labels: float = Field(
        0.0, ge=0, lt=1, description="rows of weight 0 join with the class that the probe gives at least this; 0: none"
    )

    def changed(self, changes: Settings) -> Self:
        """Return the recipe with what is not None in `changes`."""
        return self.model_copy(update=changes.model_dump(exclude_none=True))


if TYPE_CHECKING:

    class RecipeChanges(Settings):
        """A recipe in which everything may be left out."""

else:
    RecipeChanges = create_model(
        "RecipeChanges",
        __base__=Settings,
        __doc__="In what the recipe of a candidate differs from that of the scenario.",
        **{
            name: (field.rebuild_annotation() | None, Field(None, description=field.description))
            for name, field in Recipe.model_fields.items()
        },
    )
