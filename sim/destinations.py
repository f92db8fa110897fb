"""Where a request goes, and what a hashed pick hashes: the part of routing that does not depend on load."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from balancer.policy.config import BackendSettings, ProxyConfig
from balancer.policy.routing import match
from sim.hashing import avalanche, sdbm
from sim.kinds import Kind


@dataclass(frozen=True)
class Destination:
    """A backend. `key` is the hash for a hashed pick, None when the request has no such key; `draws` the N of random(N)."""

    backend: str
    key: int | None = None
    draws: int = 0


def destination(config: ProxyConfig, kind: Kind, key: int, address: int) -> Destination | None:
    """Where a request from this address goes; `key` fills `{key}` of the path. None when no Ingress serves it."""
    path = kind.path.replace("{key}", str(key))
    route = match(config.routes, kind.host, path)
    name = route.backend if route else config.default_backend
    if name is None:
        return None
    balance = config.backend(name).settings.balance
    if balance.algorithm == "random":
        return Destination(name, draws=balance.draws)
    if balance.algorithm == "source":
        hashed: int | None = address
    else:
        text = hashed_text(balance.algorithm, balance.argument, kind.host, path)
        hashed = None if text is None else sdbm(text.encode())
    if hashed is not None and balance.consistent:
        hashed = avalanche(hashed)
    return Destination(name, hashed)


def hashed_text(algorithm: str, argument: str | None, host: str, path: str) -> str | None:
    """What uri, hdr and url_param hash; None where the request has no such thing."""
    if algorithm == "uri":
        return path.split("?", 1)[0]
    if algorithm == "hdr" and argument is not None and argument.lower() == "host":
        return host
    if algorithm == "url_param":
        for parameter in path.partition("?")[2].split("&"):
            name, equals, value = parameter.partition("=")
            if equals and name == argument:
                return value
    return None


def is_denied(settings: BackendSettings, address: str) -> bool:
    """Whether the allow and deny lists keep this address out."""
    client = ip_address(address)
    listed = [any(client in ip_network(n, strict=False) for n in names) for names in (settings.allow, settings.deny)]
    return listed[1] or (bool(settings.allow) and not listed[0])


def repeats(settings: BackendSettings | None, fate: str) -> bool:
    """Whether a client repeats it: what nothing answered, a status of 500 or more, and 429; not other refusals."""
    if settings is None or fate in {"ok", "denied"}:
        return False
    if fate == "rate_limited":
        limit = settings.rate_limit
        return limit is not None and (limit.status_code >= 500 or limit.status_code == 429)
    return True
