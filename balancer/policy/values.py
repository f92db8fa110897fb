"""What stands in an annotation, word by word: durations, lists of networks, balancing algorithms.

Every reader raises `NotAllowedError`, whose text says what is allowed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TypeVar

from balancer.policy.config import Algorithm, Balance

T = TypeVar("T")

_DURATION = re.compile(r"(\d{1,12})(us|ms|s|m|h|d)?", re.ASCII)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
# Source: HAProxy configuration manual, "Time format": 2^31 - 1 milliseconds.
_LONGEST_S = 24 * 86_400.0
_SIZE = re.compile(r"(\d{1,9})([kmKM])?", re.ASCII)
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")  # Source: RFC 9110, 5.6.2, a field name
_CALL = re.compile(r"(hdr|url_param|random)(?:\(([^()\s]+)\)| +([^()\s]+))?")
_PLAIN: tuple[Algorithm, ...] = ("roundrobin", "static-rr", "leastconn", "first", "source", "uri")
_HASHED = {"source", "uri", "hdr", "url_param"}
# No request comes from here: the allow-list of someone who allowed only what cannot be read.
NOBODY = "255.255.255.255/32"


class NotAllowedError(ValueError):
    """A value that cannot be used; the text says what is allowed.

    `instead` is what holds in its place when a part could be used, None when the value counts as absent.
    """

    def __init__(self, allowed: str, instead: object = None) -> None:
        super().__init__(allowed)
        self.instead = instead


def duration_s(text: str) -> float:
    """HAProxy's time format; a bare number is milliseconds."""
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * _UNITS[match[2] or "ms"] if match else 0.0
    if not 0.001 <= seconds <= _LONGEST_S:
        raise NotAllowedError("a duration from 1ms to 24d, such as 5s, 500ms or 1m")
    return seconds


def whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers within bounds."""

    def read(text: str) -> int:
        digits = text.strip()
        if not re.fullmatch(r"[0-9]{1,12}", digits) or not low <= int(digits) <= high:
            raise NotAllowedError(f"a whole number from {low} to {high}")
        return int(digits)

    return read


def one_of(*numbers: int) -> Callable[[str], int]:
    """A reader of some whole numbers."""

    def read(text: str) -> int:
        for number in numbers:
            if text.strip() == str(number):
                return number
        raise NotAllowedError(f"one of {', '.join(map(str, numbers))}")

    return read


def entries(text: str) -> int:
    """A number of table entries, `100k` or `1m`."""
    match = _SIZE.fullmatch(text.strip())
    size = int(match[1]) * {"k": 1_000, "m": 1_000_000}.get((match[2] or "").lower(), 1) if match else 0
    if not 1 <= size <= 10_000_000:
        raise NotAllowedError("a number of entries up to 10m, such as 100k")
    return size


def switch(text: str) -> bool:
    """On or off."""
    if text.strip().lower() not in {"true", "false", "enabled", "disabled", "on", "off"}:
        raise NotAllowedError("true or false")
    return text.strip().lower() in {"true", "enabled", "on"}


def networks(text: str) -> tuple[str, ...]:
    """Addresses and CIDR networks; what can be read of a list that is partly wrong holds all the same."""
    good, bad = [], []
    for part in filter(None, re.split(r"[,\s]+", text)):
        try:
            good.append(str(ipaddress.ip_network(part, strict=False)))
        except ValueError:
            bad.append(part)
    if bad or not good:
        wrong = f" ({', '.join(bad)} cannot be read)" if bad else ""
        raise NotAllowedError(f"addresses or CIDR networks, separated by commas{wrong}", tuple(good))
    return tuple(dict.fromkeys(good))


def allowed_networks(text: str) -> tuple[str, ...]:
    """`networks`, except that a list without anything readable lets nobody in rather than everybody."""
    try:
        return networks(text)
    except NotAllowedError as error:
        raise NotAllowedError(str(error), error.instead or (NOBODY,)) from None


def balance(text: str) -> Balance:
    """`leastconn`, `random(3)`, `hdr(X-User)`, `url_param id`; hashes are consistent unless `hash-type` says else."""
    words = " ".join(text.split())
    if words in _PLAIN:
        return Balance(words, consistent=words in _HASHED)
    call = _CALL.fullmatch(words)
    argument = (call[2] or call[3]) if call else None
    if call and call[1] == "random":
        return Balance("random", draws=whole(1, 32)(argument) if argument else 2)
    if call and argument and TOKEN.fullmatch(argument):
        return Balance("hdr" if call[1] == "hdr" else "url_param", argument, consistent=True)
    why = "; rdp-cookie is not, since RDP is no HTTP" if words.startswith("rdp-cookie") else ""
    raise NotAllowedError(f"{', '.join(_PLAIN)}, random, random(N), hdr(NAME) or url_param(NAME){why}")


def consistent(text: str) -> bool:
    """Whether `hash-type` asks for a consistent hash."""
    if text.strip() not in {"consistent", "map-based"}:
        raise NotAllowedError("consistent or map-based")
    return text.strip() == "consistent"


def balance_factor(text: str) -> int:
    """Percent of the average load a server may have under a consistent hash; 0 is no bound."""
    factor = whole(0, 10_000)(text)
    if 0 < factor <= 100:
        raise NotAllowedError("0, or a percentage above 100")
    return factor


def http_check(text: str) -> dict[str, str]:
    """The path of a health check; a method may stand before it, and a version of HTTP behind."""
    method, *rest = text.split() or [""]
    if method not in {"GET", "HEAD", "OPTIONS"}:
        method, rest = "GET", text.split()
    if len(rest) == 2 and re.fullmatch(r"HTTP/[0-9.]{1,3}", rest[1]):
        rest.pop()
    if len(rest) != 1 or not re.fullmatch(r"/[!-~]{0,500}", rest[0]):
        raise NotAllowedError("a path that begins with /, asked for with GET unless HEAD or OPTIONS stands before it")
    return {"http_path": rest[0], "http_method": method}
