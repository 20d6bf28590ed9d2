"""Rules over tables: a field compared with a value, read without ever executing it."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopbook.scenario.errors import ScenarioError

_COMPARE = {
    ">=": np.greater_equal,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
}
_RULE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(\S.*?)\s*")


@dataclass(frozen=True)
class Rule:
    """A comparison of a table field with a value, such as ``> 3.5``; missing values fulfil none."""

    field: str
    comparison: str
    value: float | str
    answer: str = ""

    @classmethod
    def parse(cls, field: str, text: str, kind: str, answer: str = "") -> "Rule":
        """Read a rule without ever executing it.

        Parameters
        ----------
        field
            The input field that it looks at.
        text
            A comparison and a value: ``> 3.5``, ``<= 1``, ``== red``, ``!= 'light blue'``.
        kind
            The field's type: number or category.
        answer
            The class that the rule speaks for; empty: the last one.

        Raises
        ------
        ScenarioError
            If it is no such comparison, or not one for this type.
        """
        place = f"requirements.rules.{field} is {text!r}"
        match = _RULE.fullmatch(text)
        if match is None:
            raise ScenarioError(f"{place}, but should be a comparison and a value, such as '> 3.5' or '== red'.")
        comparison, value = match.groups()
        if kind == "number":
            number = float(pd.to_numeric(value, errors="coerce"))
            if not np.isfinite(number):
                raise ScenarioError(f"{place}, but {field} is a number and {value!r} is not.")
            return cls(field, comparison, number, answer)
        if comparison not in ("==", "!="):
            raise ScenarioError(f"{place}, but {field} is a category: only == and != make sense.")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        return cls(field, comparison, value, answer)

    def holds(self, column: pd.Series) -> np.ndarray:
        """Return for each value whether the rule holds: bool [n]."""
        if isinstance(self.value, float):
            known = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
            return np.asarray(_COMPARE[self.comparison](known, self.value) & ~np.isnan(known), dtype=bool)
        words = column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)
        return np.asarray(_COMPARE[self.comparison](words, self.value) & (words != ""), dtype=bool)

    def __str__(self) -> str:
        shown = f"{self.value:g}" if isinstance(self.value, float) else repr(self.value)
        return f"{self.field} {self.comparison} {shown}"
