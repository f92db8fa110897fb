"""Plain values as words of HAProxy's configuration and runtime socket. Nothing a user writes can leave its word."""

from __future__ import annotations

import ipaddress
import re

from balancer.errors import BalancerError
from balancer.policy.config import Condition, Header, HealthCheck, Link, Server
from balancer.policy.snippets import is_directive

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")  # Source: HAProxy manual: what a proxy or server may be called
_PRINTABLE = re.compile(r"[\t -~]*")
_EXPRESSION = re.compile(r"[A-Za-z0-9_.,()-]{1,250}")
_CLI_SPECIAL = re.compile(r"([\\; ])")


def name(text: str) -> str:
    """A proxy's or server's name; BalancerError when HAProxy could not take it."""
    if not _NAME.fullmatch(text):
        raise BalancerError(f"{text!r}: a name of letters, digits and . _ : - is needed")
    return text


def address(text: str) -> str:
    """An IP address, in brackets where a port follows and it has colons itself."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise BalancerError(f"{text!r}: an IP address is needed") from None
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)


def port(number: int) -> str:
    """A TCP port."""
    if not 1 <= number <= 65535:
        raise BalancerError(f"{number}: a port from 1 to 65535 is needed")
    return str(number)


def milliseconds(seconds: float) -> str:
    """A duration; never 0, which HAProxy takes for none."""
    return f"{max(1, round(seconds * 1000))}ms"


def quoted(text: str) -> str:
    """Any printable text as one word of the configuration."""
    if not _PRINTABLE.fullmatch(text):
        raise BalancerError(f"{text!r}: printable ASCII is needed")
    return "'" + text.replace("'", r"'\''") + "'"


def literal_format(text: str) -> str:
    """Any printable text as a format that gives just that text."""
    return quoted(text.replace("%", "%%"))


def expression(text: str) -> str:
    """A sample expression, `req.hdr(host),lower`, as far as one word of it can do no harm."""
    if not _EXPRESSION.fullmatch(text):
        raise BalancerError(f"{text!r}: a sample expression of letters, digits and . _ - , ( ) is needed")
    return text


def header_format(header: Header) -> str:
    """A header's value as a format."""
    return quoted(f"%[{expression(header.value)}]") if header.evaluated else literal_format(header.value)


def matching(condition: Condition) -> str:
    """What follows the name of an acl; `--` keeps a value from posing as a flag."""
    words = [expression(condition.fetch), *map(expression, condition.flags)]
    return " ".join([*words, *(["--", *map(quoted, condition.values)] if condition.values else [])])


def snippet_line(text: str) -> str:
    """A line in HAProxy's own language; see `is_directive`."""
    if not is_directive(text):
        raise BalancerError(f"{text!r}: one directive of a backend is needed")
    return text


def map_word(text: str) -> str:
    """A key or value of a map file: one word."""
    if not text or text.startswith("#") or not _PRINTABLE.fullmatch(text) or re.search(r"\s", text):
        raise BalancerError(f"{text!r}: printable ASCII without spaces is needed")
    return text


def socket_word(text: str) -> str:
    """One word of a command on the runtime socket."""
    return _CLI_SPECIAL.sub(r"\\\1", map_word(text))


def server_options(server: Server, check: HealthCheck) -> str:
    """All that follows a server's address, the same in a configuration and in `add server`."""
    words = [f"id {server.id}", f"weight {server.weight}"]
    if server.maxconn:
        words.append(f"maxconn {server.maxconn}")
    if server.minconn:
        words.append(f"minconn {server.minconn}")
    if server.maxqueue:
        words.append(f"maxqueue {server.maxqueue}")
    if server.slowstart_s:
        words.append(f"slowstart {milliseconds(server.slowstart_s)}")
    words += _link(server.link)
    if check.enabled:
        words.append(f"check inter {milliseconds(check.interval_s)} fall {check.fall} rise {check.rise}")
    return " ".join(words)


def _link(link: Link) -> list[str]:
    words = []
    if link.tls:
        words.append("ssl verify none")
    if link.http2:
        words.append("alpn h2,http/1.1" if link.tls else "proto h2")
    if link.proxy_header:
        words.append("send-proxy" if link.proxy_header == "v1" else f"send-proxy-{link.proxy_header}")
    return words
