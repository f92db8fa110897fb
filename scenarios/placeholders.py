"""Names in braces, which stand for a request's key or its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scenarios.schema import Request

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """With every name in braces replaced that has a value; a body of JSON has other braces."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def placeholders(request: Request) -> Mapping[str, set[str]]:
    """The names in braces in each field of a request that may hold some."""
    texts = {"path": [request.path], "body": [request.body or ""]}
    texts |= {"headers": list(request.headers.values()), "cookies": list(request.cookies.values())}
    return {field: {name for text in found for name in PLACEHOLDER.findall(text)} for field, found in texts.items()}
