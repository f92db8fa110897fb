"""One annotation: how its value is read, and what it changes in the settings of a backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from balancer.policy.config import BackendSettings, RateLimit

Apply = Callable[[BackendSettings, object], BackendSettings]
Read = Callable[[str], object]


@dataclass(frozen=True)
class Word:
    """What an annotation says; `whole_proxy` words count in the ConfigMap only."""

    read: Read
    apply: Apply
    meaning: str
    whole_proxy: bool = False


def setting(field: str, read: Read, meaning: str) -> Word:
    """A word for one field."""
    return Word(read, lambda s, value: replace(s, **{field: value}), meaning)  # type: ignore[arg-type]  # read fits field


def parts(whole: str, read: Callable[[str], Mapping[str, object]], meaning: str, *, whole_proxy: bool = False) -> Word:
    """A word for some fields of a field, which must not be None; `read` gives them by name."""

    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        assert isinstance(value, Mapping), "as read"
        return replace(settings, **{whole: replace(getattr(settings, whole), **value)})

    return Word(read, apply, meaning, whole_proxy)


def part(whole: str, field: str, read: Read, meaning: str, *, whole_proxy: bool = False) -> Word:
    """A word for one field of a field, which must not be None."""

    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        return replace(settings, **{whole: replace(getattr(settings, whole), **{field: value})})

    return Word(read, apply, meaning, whole_proxy)


def timeout(name: str, read: Read, meaning: str, *, whole_proxy: bool = False) -> Word:
    """A word for one of the time-outs."""
    return part("timeouts", f"{name}_s", read, meaning, whole_proxy=whole_proxy)


def limit(field: str, read: Read, meaning: str) -> Word:
    """A word for one field of the rate limit, which is there once any of them is said."""

    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        whole = settings.rate_limit or RateLimit(requests=0)
        return replace(settings, rate_limit=replace(whole, **{field: value}))  # type: ignore[arg-type]  # read fits field

    return Word(read, apply, meaning)
