"""Reads fields out of untrusted JSON-like documents; a mistake becomes a Problem, never an exception."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from balancer.policy.objects import Problem

Path = tuple[str | int, ...]
_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?")
# Source: Kubernetes API conventions, resource.Quantity.
_FACTORS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_FACTORS |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


@dataclass
class Reader:
    """Collects the problems of one document. Every getter gives None (or empty) for what is missing or wrong.

    A getter takes the enclosing mapping and the path of the field, whose last name it looks up.
    """

    document: int
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, path: Path, value: object, allowed: str) -> None:
        """Note a mistake at `path`."""
        self.problems.append(Problem(self.document, path, value, allowed))

    def mapping(self, parent: Mapping[str, object], path: Path, *, required: bool = False) -> Mapping[str, object]:
        """A mapping with string keys; empty when missing."""
        value = parent.get(str(path[-1]))
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return value
        if value is not None or required:
            self.refuse(path, value, "a mapping")
        return {}

    def items(
        self, parent: Mapping[str, object], path: Path, *, required: bool = False
    ) -> list[tuple[Path, Mapping[str, object]]]:
        """The mappings of a list, each with its own path; entries of another type are refused."""
        value = parent.get(str(path[-1]))
        if value is None and not required:
            return []
        if not isinstance(value, list | tuple):
            self.refuse(path, value, "a list")
            return []
        good = []
        for index, entry in enumerate(value):
            if isinstance(entry, Mapping):
                good.append(((*path, index), entry))
            else:
                self.refuse((*path, index), entry, "a mapping")
        return good

    def text(self, parent: Mapping[str, object], path: Path, *, required: bool = False) -> str | None:
        """A string that is not empty."""
        value = parent.get(str(path[-1]))
        if isinstance(value, str) and value:
            return value
        if value is not None or required:
            self.refuse(path, value, "a text")
        return None

    def strings(self, parent: Mapping[str, object], path: Path) -> dict[str, str]:
        """A mapping of strings, as labels and annotations are; other values are refused singly."""
        good: dict[str, str] = {}
        for name, value in self.mapping(parent, path).items():
            if isinstance(value, str):
                good[name] = value
            else:
                self.refuse((*path, name), value, "a text, in quotes if it looks like a number")
        return good

    def whole(self, parent: Mapping[str, object], path: Path, low: int, high: int) -> int | None:
        """A whole number within bounds."""
        value = parent.get(str(path[-1]))
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        if value is not None:
            self.refuse(path, value, f"a whole number from {low} to {high}")
        return None

    def port(self, parent: Mapping[str, object], path: Path) -> int | str | None:
        """A port number or the name of one."""
        value = parent.get(str(path[-1]))
        if isinstance(value, str) and value:
            return value
        return self.whole(parent, path, 1, 65535)

    def milli(self, parent: Mapping[str, object], path: Path) -> int | None:
        """A Kubernetes quantity in thousandths, rounded up as Quantity.MilliValue does."""
        value = parent.get(str(path[-1]))
        match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) else None
        if match is None or isinstance(value, bool) or float(match.group(1)) < 0:
            if value is not None:
                self.refuse(path, value, 'a quantity such as 250m or "1.5", not negative')
            return None
        return math.ceil(float(match.group(1)) * 1000 * _FACTORS.get(match.group(2) or "", 1.0) - 1e-6)
