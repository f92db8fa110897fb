"""Whose section HAProxy complains of: so that one backend's snippet need not cost the others their configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from balancer.haproxy.config import CONFIG_FILE

# "[haproxy.cfg:123]" while it reads; "proxy 'name'", "backend 'name'" once it has read. Source: HAProxy 2.8, cfgparse.c.
_LINE = re.compile(rf"\[{re.escape(CONFIG_FILE)}:(\d+)\]")
_PROXY = re.compile(r"(?:[Pp]roxy|[Bb]ackend|userlist) '([^'\s]+)'")
_SECTION = re.compile(r"(backend|userlist) (\S+)")


def blamed(said: str, text: str) -> frozenset[str]:
    """The backends that `haproxy -c` complains of; `said` is its stderr, `text` the configuration that it read."""
    owners = list(_owners(text))
    return frozenset(filter(None, (_culprit(line, owners) for line in said.splitlines() if "[ALERT]" in line)))


def _owners(text: str) -> Iterator[str | None]:
    """Of each line the backend that it belongs to."""
    owner = None
    for line in text.splitlines():
        if line and not line.startswith(" "):
            found = _SECTION.fullmatch(line)
            owner = found[2] if found else None
        yield owner


def _culprit(complaint: str, owners: list[str | None]) -> str | None:
    found = _LINE.search(complaint)
    if found and 0 < int(found[1]) <= len(owners):
        return owners[int(found[1]) - 1]
    named = _PROXY.search(complaint)
    return named[1] if named and named[1] in owners else None
