"""The `haproxy.org/*` vocabulary → `BackendSettings`. A wrong annotation costs only itself.

Words and meanings are those of haproxytech/kubernetes-ingress, so that its users' manifests work unchanged.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from balancer.policy.config import Algorithm, BackendSettings, Balance, Header, HealthCheck, RateLimit, Timeouts

PREFIXES = ("haproxy.org/", "haproxy.com/", "ingress.kubernetes.io/")
_DURATION = re.compile(r"(\d+)(us|ms|s|m|h|d)?")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZE = re.compile(r"(\d+)([kmKM])?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # Source: RFC 9110, 5.6.2, a field name
_CALL = re.compile(r"(hdr|url_param|random)\s*(?:\(\s*([^()\s]+)\s*\)|\s+(\S+))?")
_PLAIN: tuple[Algorithm, ...] = ("roundrobin", "static-rr", "leastconn", "first", "source", "uri")


@dataclass(frozen=True)
class Refused:
    """An annotation that was not applied: its name as written, its value, and what is allowed."""

    name: str
    value: str
    allowed: str


class _NotAllowedError(ValueError):
    """Carries what is allowed."""


def _duration_s(text: str) -> float:
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match.group(1)) == 0:
        raise _NotAllowedError("a duration such as 5s, 500ms or 1m, more than 0")
    # Source: HAProxy configuration manual, "Time format": a bare number is milliseconds.
    return int(match.group(1)) * _UNITS[match.group(2) or "ms"]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.strip().isdecimal() or not low <= int(text) <= high:
            raise _NotAllowedError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None or int(match.group(1)) == 0:
        raise _NotAllowedError("a number of entries such as 100k")
    return int(match.group(1)) * {"k": 1_000, "m": 1_000_000}.get((match.group(2) or "").lower(), 1)


def _switch(text: str) -> bool:
    if text.strip().lower() not in {"true", "false", "enabled", "disabled", "on", "off"}:
        raise _NotAllowedError("true or false")
    return text.strip().lower() in {"true", "enabled", "on"}


def _networks(text: str) -> tuple[str, ...]:
    networks = []
    for part in re.split(r"[,\s]+", text.strip()):
        try:
            networks.append(str(ipaddress.ip_network(part, strict=False)))
        except ValueError:
            raise _NotAllowedError("addresses or CIDR networks, separated by commas") from None
    return tuple(networks)


def _headers(text: str) -> tuple[Header, ...]:
    headers = []
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        name, _, value = line.partition(" ")
        value = value.strip().strip('"')
        if not _TOKEN.fullmatch(name) or not value or any(ord(c) < 32 or ord(c) == 127 for c in value):
            raise _NotAllowedError("lines of a header name, a space and its value, without control characters")
        headers.append(Header(name, value))
    if not headers:
        raise _NotAllowedError("at least one line of a header name, a space and its value")
    return tuple(headers)


def _balance(text: str) -> Balance:
    words = text.strip()
    consistent = "consistent" in words.split()
    words = " ".join(word for word in words.split() if word not in {"consistent", "hash-type"})
    if words in _PLAIN:
        return Balance(algorithm=words, consistent=consistent)
    match = _CALL.fullmatch(words)
    argument = (match.group(2) or match.group(3)) if match else None
    if match and match.group(1) == "random":
        return Balance(algorithm="random", draws=_whole(1, 256)(argument) if argument else 2)
    if match and argument and _TOKEN.fullmatch(argument):
        kind: Algorithm = "hdr" if match.group(1) == "hdr" else "url_param"
        return Balance(algorithm=kind, argument=argument, consistent=consistent)
    raise _NotAllowedError(f"{', '.join(_PLAIN)}, random(N), hdr(NAME) or url_param(NAME), `consistent` after a hash")


def _http_path(text: str) -> str:
    path = text.rsplit(maxsplit=1)[-1] if text.strip() else ""
    if not path.startswith("/") or any(ord(c) <= 32 for c in path):
        raise _NotAllowedError("a path that begins with /")
    return path


Apply = Callable[[BackendSettings, str], BackendSettings]


def _timeout(field: str) -> Apply:
    return lambda s, text: replace(s, timeouts=replace(s.timeouts, **{field: _duration_s(text)}))


def _limit(**read: Callable[[str], object]) -> Apply:
    ((field, reader),) = read.items()

    def apply(settings: BackendSettings, text: str) -> BackendSettings:
        limit = settings.rate_limit or RateLimit(requests=0)
        return replace(settings, rate_limit=replace(limit, **{field: reader(text)}))  # type: ignore[arg-type]  # each reader fits its field

    return apply


def _check(**read: Callable[[str], object]) -> Apply:
    ((field, reader),) = read.items()
    return lambda s, text: replace(s, check=replace(s.check, **{field: reader(text)}))  # type: ignore[arg-type]  # each reader fits its field


VOCABULARY: Mapping[str, Apply] = {
    "load-balance": lambda s, text: replace(s, balance=_balance(text)),
    "pod-maxconn": lambda s, text: replace(s, pod_maxconn=_whole(1, 1_000_000)(text)),
    **{
        f"timeout-{name}": _timeout(f"{name.replace('-', '_')}_s")
        for name in ("connect", "client", "server", "queue", "http-request", "http-keep-alive", "tunnel")
    },
    "rate-limit-requests": _limit(requests=_whole(1, 10_000_000)),
    "rate-limit-period": _limit(period_s=_duration_s),
    "rate-limit-size": _limit(table_size=_size),
    "rate-limit-status-code": _limit(status_code=_whole(400, 599)),
    "allow-list": lambda s, text: replace(s, allow=_networks(text)),
    "deny-list": lambda s, text: replace(s, deny=_networks(text)),
    "request-set-header": lambda s, text: replace(s, request_headers=_headers(text)),
    "response-set-header": lambda s, text: replace(s, response_headers=_headers(text)),
    "check": _check(enabled=_switch),
    "check-http": _check(http_path=_http_path),
    "check-interval": _check(interval_s=_duration_s),
}
OLD_NAMES = {"whitelist": "allow-list", "blacklist": "deny-list"}
FRONTEND_TIMEOUTS = frozenset({"timeout-client", "timeout-http-request", "timeout-http-keep-alive"})


def settings_from(layers: Iterable[Mapping[str, str]]) -> tuple[BackendSettings, tuple[Refused, ...]]:
    """Settings of one backend; `layers` from weakest to strongest (ConfigMap, Ingress, Service).

    Keys are the full annotation names, or the bare words of a ConfigMap. Foreign annotations are passed over.
    """
    settings = BackendSettings(timeouts=Timeouts(), check=HealthCheck())
    refused: list[Refused] = []
    for layer in layers:
        for name, value in sorted(layer.items()):
            word = _word(name)
            if word is None:
                continue
            apply = VOCABULARY.get(OLD_NAMES.get(word, word))
            if apply is None:
                refused.append(Refused(name, value, "an annotation matchday knows; see docs/annotations.md"))
                continue
            try:
                settings = apply(settings, value)
            except _NotAllowedError as error:
                refused.append(Refused(name, value, str(error)))
    if settings.rate_limit is not None and settings.rate_limit.requests == 0:
        settings = replace(settings, rate_limit=None)  # a period or a status alone limits nothing
    return settings, tuple(refused)


def _word(name: str) -> str | None:
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name if "/" not in name else None
