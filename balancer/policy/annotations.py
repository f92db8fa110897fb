"""The `haproxy.org/*` vocabulary → `BackendSettings`. A wrong annotation costs only itself.

Words and meanings are those of haproxytech/kubernetes-ingress, so that its users' manifests work unchanged; where
matchday differs, docs/annotations.md says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

from balancer.policy import values
from balancer.policy.config import BackendSettings, Cors
from balancer.policy.objects import Problem
from balancer.policy.refused import NEEDLESS, REFUSED
from balancer.policy.request_words import REQUEST_WORDS, SNIPPETS
from balancer.policy.values import NotAllowedError
from balancer.policy.words import Word, limit, part, parts, setting, timeout

PREFIXES = ("haproxy.org/", "haproxy.com/", "ingress.kubernetes.io/")
# Source: HAProxy 2.8 configuration manual, "http-request deny": the codes deny_status takes.
_DENY_CODES = (400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504)


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


# In the order applied: hash-type amends what load-balance said.
VOCABULARY: Mapping[str, Word] = {
    "load-balance": setting("balance", values.balance, "how a server is picked"),
    "hash-type": part("balance", "consistent", values.consistent, "`consistent` (default) or `map-based`"),
    "hash-balance-factor": part(
        "balance", "hash_balance_factor", values.balance_factor, "cap on a hashed server's load, %"
    ),
    "pod-maxconn": setting("pod_maxconn", values.whole(1, 1_000_000), "requests a pod gets at once, from all proxies"),
    "pod-minconn": setting("pod_minconn", values.whole(1, 1_000_000), "requests a pod gets at once while all is calm"),
    "fullconn": setting("fullconn", values.whole(1, 10_000_000), "requests at which a pod gets its whole pod-maxconn"),
    "pod-maxqueue": setting(
        "pod_maxqueue", values.whole(1, 1_000_000), "requests that may wait for one pod, from all proxies"
    ),
    "slow-start": setting("slowstart_s", values.duration_s, "how long a new pod takes to get its whole share"),
    "timeout-queue": timeout("queue", values.duration_s, "how long a request waits for a free pod before a 503"),
    "timeout-connect": timeout("connect", values.duration_s, "how long a connection to a pod may take"),
    "timeout-server": timeout("server", values.duration_s, "how long a pod may be silent before a 504"),
    "timeout-tunnel": timeout("tunnel", values.duration_s, "silence allowed on a WebSocket"),
    "timeout-client": timeout("client", values.duration_s, "how long a client may be silent", whole_proxy=True),
    "timeout-http-request": timeout(
        "http_request", values.duration_s, "how long a request's head may take", whole_proxy=True
    ),
    "timeout-http-keep-alive": timeout(
        "http_keep_alive", values.duration_s, "how long an idle client stays", whole_proxy=True
    ),
    "rate-limit-requests": limit("requests", values.whole(1, 10_000_000), "requests a period and client address"),
    "rate-limit-period": limit("period_s", values.duration_s, "the period"),
    "rate-limit-size": limit("table_size", values.entries, "client addresses remembered"),
    "rate-limit-status-code": limit("status_code", values.one_of(*_DENY_CODES), "the answer beyond the limit"),
    "rate-limit-whitelist": limit("exempt", values.networks, "whom the limit does not hold for"),
    "allow-list": setting("allow", values.allowed_networks, "who may come; all others get a 403"),
    "deny-list": setting("deny", values.networks, "who may not come and gets a 403"),
    "check": part("check", "enabled", values.switch, "whether HAProxy checks the pods by itself"),
    "check-http": parts("check", values.http_check, "check by a request for this path rather than by connecting"),
    "check-interval": part("check", "interval_s", values.duration_s, "time between two checks"),
    "timeout-check": part("check", "timeout_s", values.duration_s, "how long a check may take once it is connected"),
    **REQUEST_WORDS,
}
OLD_NAMES = {"whitelist": "allow-list", "blacklist": "deny-list"}
_NOT_ALLOWED = "allowed by the administrator (--allow-snippets), which it is not"
_HASHED = {"source", "uri", "hdr", "url_param"}


def settings_from(
    layers: Sequence[Layer], *, allow_snippets: bool = False, tls: tuple[str, ...] = ()
) -> tuple[BackendSettings, tuple[Problem, ...]]:
    """Settings of one backend; `layers` from weakest to strongest (ConfigMap, Ingress, Service).

    A value that cannot be read leaves the place to the next weaker layer's. Foreign annotations are passed over.
    `allow_snippets` is the administrator's word; plain requests for the hosts of `tls` go to https unless an annotation
    says something else.
    """
    problems = [problem for layer in layers for problem in _unknown(layer)]
    settings = BackendSettings()
    for word in VOCABULARY:
        for layer in reversed(layers):
            if word not in layer.words:
                continue
            value, problem = _read(word, layer, allow_snippets)
            problems += [problem] if problem else []
            if value is not None:
                settings = VOCABULARY[word].apply(settings, value)
                break
    problems += _idle(settings, layers)
    return _settled(settings, tls), tuple(problems)


def _settled(settings: BackendSettings, tls: tuple[str, ...]) -> BackendSettings:
    """What has no effect without another word is taken back; what nobody said follows from `tls`."""
    if settings.pod_minconn and not (settings.fullconn and settings.pod_maxconn):
        settings = replace(settings, pod_minconn=0)  # HAProxy would make up a fullconn of its own
    if settings.rate_limit is not None and settings.rate_limit.requests == 0:
        settings = replace(settings, rate_limit=None)
    if not settings.cors.enabled:
        settings = replace(settings, cors=Cors())
    if tls and settings.https_redirect.enabled is None:
        settings = replace(settings, https_redirect=replace(settings.https_redirect, enabled=True, hosts=tls))
    return settings


def _read(word: str, layer: Layer, allow_snippets: bool) -> tuple[object, Problem | None]:
    name, text = layer.words[word]
    if VOCABULARY[word].whole_proxy and not layer.bare:
        return None, layer.problem(name, "in the ConfigMap only, since it holds for the whole proxy")
    if word in SNIPPETS and not allow_snippets:
        return None, layer.problem(name, _NOT_ALLOWED)
    try:
        return VOCABULARY[word].read(text), None
    except NotAllowedError as error:
        return error.instead or None, layer.problem(name, str(error))


def _unknown(layer: Layer) -> Iterator[Problem]:
    """Words under our prefixes, or in our ConfigMap, that mean nothing to us."""
    for word, (name, _) in layer.words.items():
        if word in REFUSED:
            yield layer.problem(name, REFUSED[word])
        elif word not in VOCABULARY and word not in NEEDLESS:
            close = difflib.get_close_matches(word, [*VOCABULARY, *OLD_NAMES], n=1)
            hint = f"; did you mean `{close[0]}`?" if close else ", see docs/annotations.md"
            yield layer.problem(name, f"an annotation matchday knows{hint}")


def _idle(settings: BackendSettings, layers: Sequence[Layer]) -> Iterator[Problem]:
    """Annotations that were read but have no effect, or one that will surprise."""
    said = {word for layer in layers for word in layer.words}
    for layer in layers:
        for word, (name, _) in layer.words.items():
            allowed = _without_effect(word, settings, said) or _surprise(word, settings)
            if allowed is not None:
                yield layer.problem(name, allowed)


def _without_effect(word: str, settings: BackendSettings, said: AbstractSet[str]) -> str | None:
    """What the word needs beside it and has not; None when it has."""
    limited, balance = settings.rate_limit, settings.balance
    hashed = balance.algorithm in _HASHED
    if word.startswith("rate-limit-") and word in VOCABULARY and limited is not None and not limited.requests:
        return "beside `rate-limit-requests`, without which nothing is limited"
    if word == "pod-minconn" and not (settings.fullconn and settings.pod_maxconn):
        return "beside `pod-maxconn` and `fullconn`, without which it says nothing"
    if word == "fullconn" and not settings.pod_minconn:
        return "beside `pod-minconn`, without which it says nothing"
    if word == "pod-maxqueue" and not (settings.pod_maxconn and (hashed or balance.algorithm == "leastconn")):
        return "beside `pod-maxconn` and a `load-balance` that lets requests wait at a pod: leastconn or a hash"
    if word in {"hash-type", "hash-balance-factor"} and not hashed:
        return "beside a `load-balance` that hashes: source, uri, hdr or url_param"
    if word == "hash-balance-factor" and not balance.consistent:
        return "beside `hash-type: consistent`"
    if word.startswith("cors-") and "cors-enable" not in said:
        return "beside `cors-enable: true`, without which it says nothing"
    if word in {"auth-secret", "auth-realm"} and not settings.auth.enabled:
        return "beside `auth-type: basic-auth`, without which everybody comes in"
    if word == "request-redirect-code" and not settings.redirect.host:
        return "beside `request-redirect`, without which it says nothing"
    return None


def _surprise(word: str, settings: BackendSettings) -> str | None:
    """What to say of a word that is obeyed and yet will not do what was hoped for."""
    balance = settings.balance
    if (
        word == ("hash-type" if balance.algorithm in _HASHED else "load-balance")
        and not balance.takes_servers_at_runtime
    ):
        return "one that takes pods at run time, or every pod that comes or goes is a reload"
    if word == "auth-type" and not settings.auth.secret:
        return "beside `auth-secret`, without which nobody comes in"
    if word == "cors-allow-credentials" and settings.cors.credentials and settings.cors.origins.anyone:
        return "beside a `cors-allow-origin` that names origins: browsers refuse credentials for *"
    return None
