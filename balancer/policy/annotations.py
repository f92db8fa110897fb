"""The `haproxy.org/*` vocabulary → `BackendSettings`. A wrong annotation costs only itself.

Words and meanings are those of haproxytech/kubernetes-ingress, so that its users' manifests work unchanged; where
matchday differs, docs/annotations.md says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from balancer.policy import values
from balancer.policy.config import BackendSettings, RateLimit
from balancer.policy.objects import Problem
from balancer.policy.values import NotAllowedError

PREFIXES = ("haproxy.org/", "haproxy.com/", "ingress.kubernetes.io/")
# Source: HAProxy 2.8 configuration manual, "http-request deny": the codes deny_status takes.
_DENY_CODES = (400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504)

Apply = Callable[[BackendSettings, object], BackendSettings]


@dataclass(frozen=True)
class Word:
    """One annotation: how its value is read, and what it changes."""

    read: Callable[[str], object]
    apply: Apply
    meaning: str
    whole_proxy: bool = False


@dataclass(frozen=True)
class Layer:
    """Annotations of one object: where they stand. `bare` are a ConfigMap's words, which have no prefix."""

    document: int
    path: tuple[str, ...]
    entries: Mapping[str, str]
    bare: bool = False

    @cached_property
    def words(self) -> dict[str, tuple[str, str]]:
        """Our words in it: the name as written and the value; of two names for one word the newer counts."""
        found: dict[str, tuple[str, str]] = {}
        for prefix in ("",) if self.bare else PREFIXES:
            names = sorted(name for name in self.entries if name.startswith(prefix))
            for name in sorted(names, key=lambda name: name.removeprefix(prefix) in OLD_NAMES):
                word = name.removeprefix(prefix)
                found.setdefault(OLD_NAMES.get(word, word), (name, self.entries[name]))
        return found

    def problem(self, name: str, allowed: str) -> Problem:
        """What is wrong with one of them."""
        return Problem(self.document, (*self.path, name), self.entries[name], allowed)


def _timeout(name: str, meaning: str, *, whole_proxy: bool = False) -> Word:
    field = f"{name}_s"

    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        return replace(settings, timeouts=replace(settings.timeouts, **{field: value}))  # type: ignore[arg-type]  # read fits field

    return Word(values.duration_s, apply, meaning, whole_proxy)


def _setting(field: str, read: Callable[[str], object], meaning: str) -> Word:
    return Word(read, lambda s, value: replace(s, **{field: value}), meaning)  # type: ignore[arg-type]  # read fits field


def _limit(field: str, read: Callable[[str], object], meaning: str) -> Word:
    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        limit = settings.rate_limit or RateLimit(requests=0)
        return replace(settings, rate_limit=replace(limit, **{field: value}))  # type: ignore[arg-type]  # read fits field

    return Word(read, apply, meaning)


def _check(field: str, read: Callable[[str], object], meaning: str) -> Word:
    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        return replace(settings, check=replace(settings.check, **{field: value}))  # type: ignore[arg-type]  # read fits field

    return Word(read, apply, meaning)


def _balance(field: str, read: Callable[[str], object], meaning: str) -> Word:
    def apply(settings: BackendSettings, value: object) -> BackendSettings:
        return replace(settings, balance=replace(settings.balance, **{field: value}))  # type: ignore[arg-type]  # read fits field

    return Word(read, apply, meaning)


# In the order applied: hash-type amends what load-balance said.
VOCABULARY: Mapping[str, Word] = {
    "load-balance": _setting("balance", values.balance, "how a server is picked"),
    "hash-type": _balance("consistent", values.consistent, "`consistent` (default) or `map-based`"),
    "hash-balance-factor": _balance("hash_balance_factor", values.balance_factor, "cap on a hashed server's load, %"),
    "pod-maxconn": _setting("pod_maxconn", values.whole(1, 1_000_000), "requests a pod gets at once, from all proxies"),
    "pod-minconn": _setting("pod_minconn", values.whole(1, 1_000_000), "requests a pod gets at once while all is calm"),
    "fullconn": _setting("fullconn", values.whole(1, 10_000_000), "requests at which a pod gets its whole pod-maxconn"),
    "pod-maxqueue": _setting(
        "pod_maxqueue", values.whole(1, 1_000_000), "requests that may wait for one pod, from all proxies"
    ),
    "slow-start": _setting("slowstart_s", values.duration_s, "how long a new pod takes to get its whole share"),
    "timeout-queue": _timeout("queue", "how long a request waits for a free pod before a 503"),
    "timeout-connect": _timeout("connect", "how long a connection to a pod may take"),
    "timeout-server": _timeout("server", "how long a pod may be silent before a 504"),
    "timeout-tunnel": _timeout("tunnel", "silence allowed on a WebSocket"),
    "timeout-client": _timeout("client", "how long a client may be silent", whole_proxy=True),
    "timeout-http-request": _timeout("http_request", "how long a request's head may take", whole_proxy=True),
    "timeout-http-keep-alive": _timeout("http_keep_alive", "how long an idle client stays", whole_proxy=True),
    "rate-limit-requests": _limit("requests", values.whole(1, 10_000_000), "requests a period and client address"),
    "rate-limit-period": _limit("period_s", values.duration_s, "the period"),
    "rate-limit-size": _limit("table_size", values.entries, "client addresses remembered"),
    "rate-limit-status-code": _limit("status_code", values.one_of(*_DENY_CODES), "the answer beyond the limit"),
    "allow-list": _setting("allow", values.allowed_networks, "who may come; all others get a 403"),
    "deny-list": _setting("deny", values.networks, "who may not come and gets a 403"),
    "request-set-header": _setting("request_headers", values.headers, "headers set on the way to the pod"),
    "response-set-header": _setting("response_headers", values.headers, "headers set on the way to the client"),
    "check": _check("enabled", values.switch, "whether HAProxy checks the pods by itself"),
    "check-http": _check("http_path", values.http_path, "check by GET of this path rather than by connecting"),
    "check-interval": _check("interval_s", values.duration_s, "time between two checks"),
}
OLD_NAMES = {"whitelist": "allow-list", "blacklist": "deny-list"}


def settings_from(layers: Sequence[Layer]) -> tuple[BackendSettings, tuple[Problem, ...]]:
    """Settings of one backend; `layers` from weakest to strongest (ConfigMap, Ingress, Service).

    A value that cannot be read leaves the place to the next weaker layer's. Foreign annotations are passed over.
    """
    problems = [problem for layer in layers for problem in _unknown(layer)]
    settings = BackendSettings()
    for word in VOCABULARY:
        for layer in reversed(layers):
            if word not in layer.words:
                continue
            value, problem = _read(word, layer)
            problems += [problem] if problem else []
            if value is not None:
                settings = VOCABULARY[word].apply(settings, value)
                break
    problems += _idle(settings, layers)
    if settings.pod_minconn and not (settings.fullconn and settings.pod_maxconn):
        settings = replace(settings, pod_minconn=0)  # HAProxy would make up a fullconn of its own
    if settings.rate_limit is not None and settings.rate_limit.requests == 0:
        settings = replace(settings, rate_limit=None)
    return settings, tuple(problems)


def _read(word: str, layer: Layer) -> tuple[object, Problem | None]:
    name, text = layer.words[word]
    if VOCABULARY[word].whole_proxy and not layer.bare:
        return None, layer.problem(name, "in the ConfigMap only, since it holds for the whole proxy")
    try:
        return VOCABULARY[word].read(text), None
    except NotAllowedError as error:
        return error.instead or None, layer.problem(name, str(error))


def _unknown(layer: Layer) -> Iterator[Problem]:
    """Words under our prefixes, or in our ConfigMap, that mean nothing to us."""
    for word, (name, _) in layer.words.items():
        if word not in VOCABULARY:
            close = difflib.get_close_matches(word, [*VOCABULARY, *OLD_NAMES], n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ", see docs/annotations.md"
            yield layer.problem(name, f"an annotation matchday knows{hint}")


def _idle(settings: BackendSettings, layers: Sequence[Layer]) -> Iterator[Problem]:
    """Annotations that were read but have no effect, or one that will surprise."""
    limit, balance = settings.rate_limit, settings.balance
    hashed = balance.algorithm in {"source", "uri", "hdr", "url_param"}
    for layer in layers:
        for word, (name, _) in layer.words.items():
            if word.startswith("rate-limit-") and word in VOCABULARY and limit is not None and not limit.requests:
                yield layer.problem(name, "beside `rate-limit-requests`, without which nothing is limited")
            if word == "pod-minconn" and not (settings.fullconn and settings.pod_maxconn):
                yield layer.problem(name, "beside `pod-maxconn` and `fullconn`, without which it says nothing")
            if word == "fullconn" and not settings.pod_minconn:
                yield layer.problem(name, "beside `pod-minconn`, without which it says nothing")
            if word == "pod-maxqueue" and not (settings.pod_maxconn and (hashed or balance.algorithm == "leastconn")):
                yield layer.problem(
                    name,
                    "beside `pod-maxconn` and a `load-balance` that lets requests wait at a pod: leastconn or a hash",
                )
            if word in {"hash-type", "hash-balance-factor"} and not hashed:
                yield layer.problem(name, "beside a `load-balance` that hashes: source, uri, hdr or url_param")
            if word == "hash-balance-factor" and hashed and not balance.consistent:
                yield layer.problem(name, "beside `hash-type: consistent`")
            if word == ("hash-type" if hashed else "load-balance") and not balance.takes_servers_at_runtime:
                yield layer.problem(
                    name, "one that takes pods at run time, or every pod that comes or goes is a reload"
                )
