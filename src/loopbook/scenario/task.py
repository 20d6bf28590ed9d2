"""The task: what is decided from what, the label that is learned, and what the actions are called."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from loopbook.scenario.settings import Settings, refuse

LABEL, NORMAL, FAILURE = "known", "normal", "failure"
"""The column that says what is known of the windows of a series, and its values."""

TAKEN = "taken"
"""The column that says which items a user took, where the source holds only these and the others are drawn."""
RANKED = ("query", "item", "shown", "place", "propensity")
"""Columns that rows of a ranking have besides: whose list, what stood in it, which list, where, how probably."""
HISTORY = ("query_taken", "item_taken", "item_recent", "pair_taken", "days_since")
"""Columns that a ranking may name as number fields: what had been taken before the moment of the row."""
GROWING = ("query_taken", "item_taken", "pair_taken")
"""Those of them that count from the beginning, so that they grow from day to day."""

Value = str | int | bool
Loss = Literal["squared", "absolute", "huber", "quantiles"]
OWN = frozenset(
    (
        *("row_id", "time", "group", "label", "weight", "words", "probability", "answer", "value", "cost"),
        *("decision_id", "decision", "action", "verdict", "rule", "rule_hits", "reasons", "reviewed", "review_refused"),
        *("user", "comment", "rating", "seconds", *RANKED),
        *("expected_cost", "next_action", "next_cost", "model_version", "policy_version", "rules_version"),
    )
)
"""Columns of rows, of answers, of corrections and of the decision log, which no further output can be called."""

Strings = Annotated[tuple[str, ...], Field(strict=False)]


class Label(Settings):
    """What the model learns to predict: the source's column that holds it."""

    column: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes among which a decision chooses; empty where only the data knows them."""
        raise NotImplementedError


class Described(Label):
    """A label of classes that can be described in words."""

    descriptions: dict[str, str] = Field(
        default_factory=dict,
        description="what a class is, in words, by its name; zero_shot reads these; left out: the name says it",
    )


class YesNo(Described):
    """A yes-or-no label, and how the source's column says it."""

    positive: Annotated[tuple[Value, ...], Field(strict=False)] = Field(
        (), description="values that mean yes, all other values mean no"
    )
    below: float | None = Field(None, description="for a rating: a value below this means yes")
    uncertain: float = Field(
        0.0, ge=0, description="for a rating: a row nearer than this to `below` counts less in training, in proportion"
    )
    names: Annotated[tuple[str, str], Field(strict=False)] = Field(("no", "yes"), description="what no and yes mean")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.names

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        refuse(
            (
                (self.below is None) == (not self.positive),
                "say either which values are 'positive' or the rating 'below' which a row is, not both",
            ),
            (self.uncertain and self.below is None, "'uncertain' is for ratings: it needs 'below'"),
            (
                self.names[0] == self.names[1],
                f"no and yes need different names, not twice {self.names[0]!r}",
            ),
        )
        return self


class OneOfMany(Described):
    """A label of several classes, and how the source's column says them."""

    values: dict[Value, str] = Field(
        default_factory=dict,
        description="value in the column: name of its class, or a list of values; left out: as the data says",
    )
    other: str | None = Field(None, description="class of all values that are not named; left out: each is a class")

    @field_validator("values", mode="before", json_schema_input_type=dict[Value, str] | list[Value])
    @classmethod
    def _named_like_values(cls, values: Any) -> Any:
        return {value: str(value) for value in values} if isinstance(values, list | tuple) else values

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.values.values(), *([self.other] if self.other else []))))


class Quantity(Label):
    """A number, and the limits on which side of which it lies matters to what is done."""

    limits: Annotated[tuple[float, ...], Field(strict=False)] = Field(
        min_length=1, description="ascending; a value of exactly a limit lies below it"
    )
    unit: str = Field("", max_length=20, description="what the number is measured in")

    @field_validator("limits")
    @classmethod
    def _ascend(cls, limits: tuple[float, ...]) -> tuple[float, ...]:
        refuse((any(low >= high for low, high in pairwise(limits)), "limits must ascend"))
        return limits

    @property
    def classes(self) -> tuple[str, ...]:
        unit = f" {self.unit}" if self.unit else ""
        between = (f"{low:g} to {high:g}{unit}" for low, high in pairwise(self.limits))
        return (f"up to {self.limits[0]:g}{unit}", *between, f"above {self.limits[-1]:g}{unit}")


class Task(Settings):
    """What all tasks have: a unit, inputs, a label, further outputs, and actions."""

    type: str
    unit: str = Field("row", min_length=1, max_length=40, description="what a row is called: post, patient, machine")
    fields: dict[str, Literal["text", "number", "category"]] = Field(description="the model's inputs and their types")
    label: Label
    also: dict[str, OneOfMany] = Field(
        default_factory=dict, description="further outputs by name, learned by one encoder; known for some rows only"
    )
    monotone: dict[str, Literal["up", "down"]] = Field(
        default_factory=dict,
        description="number fields that may only raise (up) or lower (down) the number, or the probability of yes",
    )
    actions: Strings = ()

    def described(self, also: str = "") -> dict[str, str]:
        """Return what classes are in words, by name: of the label, or of a further output."""
        label = self.also[also] if also else self.label
        return label.descriptions if isinstance(label, Described) else {}

    @property
    def units(self) -> str:
        """What several rows are called."""
        if self.unit.endswith("y") and self.unit[-2:-1] not in "aeiou":
            return f"{self.unit[:-1]}ies"
        return f"{self.unit}es" if self.unit.endswith(("s", "x", "ch", "sh")) else f"{self.unit}s"

    @property
    def text_fields(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.fields.items() if kind == "text")

    @property
    def table_fields(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.fields.items() if kind != "text")

    @property
    def texts_differ(self) -> bool:
        """Whether a text is the row: the same one again is a repetition, and must not stand in two splits."""
        return bool(self.text_fields)

    @property
    def learned(self) -> tuple[str, ...]:
        """The source's columns that are learned, and so are no inputs: the label's first."""
        return (self.label.column, *(also.column for also in self.also.values()))

    @model_validator(mode="after")
    def _has_inputs(self) -> Self:
        twice = sorted({name for name in self.actions if self.actions.count(name) > 1})
        learned = [column for column in self.learned if column in self.fields]
        crooked = [name for name in self.monotone if self.fields.get(name) != "number"]
        told = {*self.fields, *OWN, *(f"{name}_probability" for name in self.also)}
        taken = [name for name in self.also if name in told or not name.isidentifier()]
        refuse(
            (not self.fields and self.type != "ranking", "a task needs at least one input field"),
            (learned, f"the label column {learned[0] if learned else ''!r} cannot be an input as well"),
            (taken, f"a further output needs a name of its own, a word as rules can use it, not {', '.join(taken)!r}"),
            (crooked, f"only number fields of the task can be monotone, not {', '.join(crooked)!r}"),
            (
                self.monotone and self.type == "multiclass",
                "a monotone field moves the probability of yes, or a number; of several classes none moves alone",
            ),
            (twice, f"actions need different names, not twice {', '.join(twice)!r}"),
            ("review" in self.actions, "no action can be called 'review': that is the name for asking a person"),
        )
        return self


class Binary(Task):
    """A yes-or-no decision."""

    type: Literal["binary"] = Field("binary", description="one yes-or-no label")
    label: YesNo
    actions: Annotated[tuple[str, str], Field(strict=False)] = Field(
        ("ignore", "alert"), description="what the agent does when the answer is no, and when it is yes"
    )


class Anomaly(Binary):
    """How unlike the normal a row is: learned from normal rows alone; what failed is known for judging only."""

    type: Literal["anomaly"] = Field(description="a score of how unlike the normal a row is, learned without labels")  # type: ignore[assignment]
    label: YesNo = YesNo(column=LABEL, positive=(FAILURE,), names=(NORMAL, FAILURE))
    actions: Annotated[tuple[str, str], Field(strict=False)] = Field(
        ("go on", "stop"), description="what the agent does when all is normal, and when not; review is to inspect"
    )
    false_alarms: float = Field(1.0, gt=0, description="the budget: false alarms a month, as many rows as `monthly`")
    monthly: float = Field(30.44 * 24, gt=0, description="rows a month: with a step of an hour 730")
    prior: float = Field(0.02, gt=0, lt=1, description="share of rows that belong to a failure; an ASSUMPTION")


class Ranking(Binary):
    """Which items a user takes: a row is one item put before one user, and the decision is an ordered list of items."""

    type: Literal["ranking"] = Field(description="for a user an ordered list of items, each with its probability")  # type: ignore[assignment]
    query: str = Field(description="column of the user, or of whatever else a list is made for")
    item: str = Field(description="column of the item")
    shown: str | None = Field(None, description="column of the list; None: rows of one user and moment are a list")
    place: str | None = Field(None, description="column of the place in that list, from 1; None: not known")
    propensity: str | None = Field(
        None, description="column with the probability that the item was put there; None: not known"
    )
    places: int = Field(10, ge=1, le=1_000, description="items in a list")
    negatives: int = Field(
        0,
        ge=0,
        le=100,
        description="where the source holds only what was taken: items drawn beside each, not taken until then",
    )
    label: YesNo = YesNo(column=TAKEN, positive=("yes",), names=("passed over", "taken"))
    actions: Annotated[tuple[str, str], Field(strict=False)] = Field(
        ("leave out", "show"), description="what the agent does with an item that is not taken, and that is"
    )

    @property
    def texts_differ(self) -> bool:
        return False

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        refuse(
            (self.query == self.item, f"'query' and 'item' are two columns, not both {self.query!r}"),
            (
                self.negatives and self.label.column != TAKEN,
                f"'negatives' are drawn where rows have no label; leave out 'label' ({self.label.column!r}), or set "
                "negatives: 0",
            ),
        )
        return self


class Multiclass(Task):
    """A decision by one of several classes."""

    type: Literal["multiclass"] = Field(description="one label of several classes")
    label: OneOfMany
    actions: Strings = Field(
        (), description="what the agent can do, first to do nothing; left out: one action a class, of its name"
    )


class Ordinal(Multiclass):
    """A decision by one of several classes in an order, such as grades, where a near miss is a small mistake."""

    type: Literal["ordinal"] = Field(description="one label of several classes in the order in which they are named")  # type: ignore[assignment]


class Number(Task):
    """A decision by a quantity: on which side of which limit it lies."""

    type: Literal["number"] = Field(description="a quantity")
    label: Quantity
    loss: Loss = Field("squared", description="what is minimised: its mean, its median, between the two, quantiles")
    actions: Strings = Field((), description="what the agent can do, first to do nothing; left out: one action a band")


def _type(values: Any) -> Any:
    """Return the type of a task as a scenario says it; one that says none is a yes-or-no decision."""
    return values.get("type", "binary") if isinstance(values, dict) else getattr(values, "type", None)


AnyTask = Annotated[
    Annotated[Binary, Tag("binary")]
    | Annotated[Anomaly, Tag("anomaly")]
    | Annotated[Ranking, Tag("ranking")]
    | Annotated[Multiclass, Tag("multiclass")]
    | Annotated[Ordinal, Tag("ordinal")]
    | Annotated[Number, Tag("number")],
    Discriminator(_type),
]
