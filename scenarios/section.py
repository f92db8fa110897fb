"""What every section of the scenario file is: a frozen pydantic model that names the keys it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator
from pydantic_core import PydanticCustomError

# Marks the names of union members, which stand in a pydantic error's path but in no file.
MEMBER = "member:"


def by_key(*keys: str) -> Discriminator:
    """Tells the members of a union apart by the one key that each of them has."""

    def which(value: Any) -> str | None:
        if isinstance(value, dict):
            return next((MEMBER + key for key in keys if key in value), None)
        return next((MEMBER + key for key in keys if hasattr(value, key)), None)

    return Discriminator(
        which,
        custom_error_type="which_key",
        custom_error_message="one of {allowed}",
        custom_error_context={"allowed": ", ".join(f"`{key}: ...`" for key in keys), "keys": " ".join(keys)},
    )


def by_type(kind: type[list[Any] | dict[str, Any]]) -> Discriminator:
    """Tells two members of a union apart by what stands in the YAML: a list or mapping, or a plain value."""
    which: Callable[[Any], str] = lambda value: (  # noqa: E731 - one expression
        f"{MEMBER}section" if isinstance(value, (kind, tuple, BaseModel)) else f"{MEMBER}plain"
    )
    return Discriminator(which)


PLAIN, SECTION = Tag(f"{MEMBER}plain"), Tag(f"{MEMBER}section")


class Section(BaseModel):
    """Base of all sections: unknown keys are mistakes, values are immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        """Name what is unknown first: a misspelt key would otherwise be a missing one as well."""
        known = list(cls.model_fields)
        unknown = [key for key in value if key not in known] if isinstance(value, dict) else []
        if unknown:
            context = {"unknown": unknown, "known": known}
            raise PydanticCustomError("unknown_key", "no such key: {unknown}; known here: {known}", context)
        return value
