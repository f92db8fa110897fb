"""Careful reading of YAML or JSON: any value may stand anywhere, and each mistake is noted with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

from balancer.policy.objects import Problem

_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(m|k|M|G|)")
_QUANTITY_FACTORS = {"m": 1, "": 1_000, "k": 1_000_000, "M": 1_000_000_000, "G": 1_000_000_000_000}
_MAX_INT = 2**31 - 1


def milli(value: object) -> int | None:
    """A Kubernetes quantity (`250m`, `0.5`, `2`) in thousandths, rounded up; None when it is none.

    Source: Kubernetes, apimachinery, resource.Quantity, whose MilliValue rounds up.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    try:
        exact = Decimal(match[1]) * _QUANTITY_FACTORS[match[2]]
    except InvalidOperation:
        return None
    return -int(-exact // 1)


class Field:
    """A value, the place where it stands, and the list that collects what is wrong.

    Reading never raises: what cannot be read is complained about and answered with the default. A value that
    is absent, or null, is complained about only when it is required.
    """

    def __init__(
        self,
        value: object,
        document: int,
        path: tuple[str | int, ...],
        problems: list[Problem],
        *,
        required: bool = False,
    ) -> None:
        self.value, self.document, self.path, self.problems = value, document, path, problems
        self.required = required

    def __getitem__(self, key: str) -> Field:
        """The field below, if this is a mapping; an absent one otherwise."""
        value = self.value.get(key) if isinstance(self.value, Mapping) else None
        return Field(value, self.document, (*self.path, key), self.problems)

    def below(self, *keys: str) -> Field:
        """The field further down; what stands between must be mappings."""
        here = self
        for key in keys:
            here.mapping()
            here = here[key]
        return here

    @property
    def needed(self) -> Field:
        """This field, complaining when it is absent."""
        return Field(self.value, self.document, self.path, self.problems, required=True)

    def complain(self, allowed: str) -> None:
        """Note that what stands here is not allowed."""
        problem = Problem(self.document, self.path, self.value, allowed)
        if problem not in self.problems:
            self.problems.append(problem)

    def mapping(self) -> Mapping[str, object]:
        """A mapping; empty when absent or wrong."""
        if isinstance(self.value, Mapping):
            return {key: value for key, value in self.value.items() if isinstance(key, str)}
        self._wrong("a mapping")
        return {}

    def items(self) -> Iterator[Field]:
        """The fields of a list; none when absent or wrong."""
        if isinstance(self.value, (list, tuple)):
            for index, value in enumerate(self.value):
                yield Field(value, self.document, (*self.path, index), self.problems, required=True)
            return
        self._wrong("a list")

    def text(self, pattern: re.Pattern[str] | None = None, allowed: str = "a non-empty string") -> str | None:
        """A non-empty string that fits the pattern; None when absent or wrong."""
        if isinstance(self.value, str) and self.value and (pattern is None or pattern.fullmatch(self.value)):
            return self.value
        self._wrong(allowed)
        return None

    def whole(self, default: int, low: int = 0, high: int = _MAX_INT) -> int:
        """A whole number between low and high; the default when absent or wrong."""
        if isinstance(self.value, int) and not isinstance(self.value, bool) and low <= self.value <= high:
            return self.value
        self._wrong(f"a whole number >= {low}" if high == _MAX_INT else f"a whole number from {low} to {high}")
        return default

    def cores_milli(self) -> int | None:
        """A CPU quantity in milli-cores; None when absent or wrong."""
        quantity = milli(self.value)
        if quantity is None:
            self._wrong("a CPU quantity such as 250m, 0.5 or 2")
        return quantity

    def strings(self, what: str) -> dict[str, str]:
        """A mapping of strings to strings; a wrong entry costs only itself."""
        read = {}
        for key, value in self.mapping().items():
            if isinstance(value, str):
                read[key] = value
            else:
                self[key].needed.complain(f"a string ({what} are strings: put it in quotes)")
        return read

    def _wrong(self, allowed: str) -> None:
        if self.value is not None:
            self.complain(allowed)
        elif self.required:
            self.complain(f"{allowed}; it is missing")
