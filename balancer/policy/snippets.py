"""Lines in HAProxy's own language, from administrators who allow them: which may stand in a backend.

Only their first word is looked at here. What HAProxy itself refuses is found out by `balancer.haproxy.blame`.
"""

from __future__ import annotations

import re

# Those that are about one request or one backend. Left out: what begins a section, names servers (they come at run
# time), opens files or runs programs. Source: HAProxy 2.8 configuration manual, 4.1.
DIRECTIVES = frozenset(
    {
        "acl", "balance", "compression", "cookie", "email-alert", "errorloc", "errorloc302", "errorloc303", "filter",
        "force-persist", "hash-balance-factor", "hash-type", "http-after-response", "http-check", "http-request",
        "http-response", "http-reuse", "http-send-name-header", "ignore-persist", "log-tag", "max-keep-alive-queue",
        "option", "redirect", "retries", "retry-on", "stick", "stick-table", "tcp-check", "tcp-request",
        "tcp-response", "timeout", "use-server",
    }
)  # fmt: skip
_LINE = re.compile(r"([a-z0-9-]+)[ \t]+[\t -~]{0,1900}[!-\[\]-~]")


def is_directive(line: str) -> bool:
    """Whether it is one directive that a backend may have, and can neither begin a section nor swallow the next line."""
    found = _LINE.fullmatch(line)
    return found is not None and found[1] in DIRECTIVES
