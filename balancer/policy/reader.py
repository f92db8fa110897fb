"""Reads fields out of untrusted JSON-like documents; a mistake becomes a Problem, never an exception."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from balancer.policy.objects import Problem

Path = tuple[str | int, ...]
_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti|[eE][+-]?\d\d?)?", re.ASCII)
# Source: Kubernetes API conventions, resource.Quantity.
_FACTORS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_FACTORS |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_MOST_PODS = 100_000
_LARGEST = 1e15  # far beyond any cluster, and still exact in a float


@dataclass(frozen=True)
class Form:
    """What a text must look like, and how to say so."""

    pattern: re.Pattern[str]
    allowed: str


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
# Source: RFC 1123, 2.1, as Kubernetes applies it to names; RFC 6335, 5.1, to ports.
NAME = Form(re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*"), "a name of lower-case letters, digits, `-` and `.`")
HOST = Form(re.compile(rf"(?=.{{1,253}}$)(\*\.)?{_LABEL}(\.{_LABEL})*"), "a DNS name in lower case, or `*.` before one")
PORT_NAME = Form(
    re.compile(r"(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*"),
    "the name of a port: at most 15 lower-case letters, digits and `-`",
)
# Source: RFC 3986, 3.3; empty and dotted elements as in Kubernetes' own validation of an Ingress.
URL_PATH = Form(
    re.compile(r"(?!.*//)(?!.*/\.{1,2}(/|$))/([A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*"),
    "a path of a URL: it begins with / and has no empty, `.` or `..` element",
)
PROBE_PATH = Form(re.compile(r"/[!-~]*"), "a path that begins with /")


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

    def text(
        self, parent: Mapping[str, object], path: Path, *, required: bool = False, form: Form | None = None
    ) -> str | None:
        """A string that is not empty and, when asked for, of one form."""
        value = parent.get(str(path[-1]))
        if isinstance(value, str) and value and (form is None or form.pattern.fullmatch(value)):
            return value
        if value is not None or required:
            self.refuse(path, value, "a text" if form is None else form.allowed)
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

    def pods_or_percent(self, parent: Mapping[str, object], path: Path, most_percent: int) -> int | str | None:
        """A number of pods, or "N%" with N up to `most_percent`."""
        value = parent.get(str(path[-1]))
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}%", value, re.ASCII) and int(value[:-1]) <= most_percent:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_PODS:
            return value
        if value is not None:
            self.refuse(path, value, f"a number of pods, or a percentage up to {most_percent}%, such as 25%")
        return None

    def port(self, parent: Mapping[str, object], path: Path) -> int | str | None:
        """A port number or the name of one."""
        if isinstance(parent.get(str(path[-1])), str):
            return self.text(parent, path, form=PORT_NAME)
        return self.whole(parent, path, 1, 65535)

    def milli(self, parent: Mapping[str, object], path: Path) -> int | None:
        """A Kubernetes quantity in thousandths, rounded up as Quantity.MilliValue does."""
        value = parent.get(str(path[-1]))
        amount = _amount(value)
        if not 0 <= amount <= _LARGEST:
            if value is not None:
                self.refuse(path, value, 'a quantity such as 250m or "1.5", not negative')
            return None
        return math.ceil(amount * 1000 - 1e-6)


def _amount(value: object) -> float:
    """A quantity as a number, not a number when it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) <= _LARGEST else math.nan
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return math.nan
    suffix = match.group(2) or ""
    factor = 10.0 ** int(suffix[1:]) if suffix[:1] in {"e", "E"} and suffix[1:] else _FACTORS.get(suffix, 1.0)
    return float(match.group(1)) * factor
