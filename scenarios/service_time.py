"""How long something takes, as a distribution: a pod's service, a user's thinking."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Tag

from scenarios.section import MEMBER, Section, by_key
from scenarios.units import Number, Positive


class LogNormal(Section):
    """A log-normal time."""

    mean: Positive
    """Its mean."""
    cv: Annotated[Number, Field(gt=0, le=10)]
    """Its coefficient of variation: standard deviation / mean."""


class Exponential(Section):
    """An exponential time."""

    mean: Positive
    """Its mean."""


class LogNormalTime(Section):
    """`{lognormal: {mean: 40ms, cv: 0.6}}`."""

    lognormal: LogNormal
    """A log-normal time."""


class ExponentialTime(Section):
    """`{exponential: {mean: 40ms}}`."""

    exponential: Exponential
    """An exponential time."""


class ConstantTime(Section):
    """`{constant: 40ms}`."""

    constant: Positive
    """Always this long."""


ServiceTime = Annotated[
    Annotated[LogNormalTime, Tag(f"{MEMBER}lognormal")]
    | Annotated[ExponentialTime, Tag(f"{MEMBER}exponential")]
    | Annotated[ConstantTime, Tag(f"{MEMBER}constant")],
    by_key("lognormal", "exponential", "constant"),
]


def mean_s(time: ServiceTime) -> float:
    """The mean of a distribution."""
    if isinstance(time, ConstantTime):
        return time.constant
    return time.exponential.mean if isinstance(time, ExponentialTime) else time.lognormal.mean
