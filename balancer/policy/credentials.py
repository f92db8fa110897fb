"""A Secret's names and passwords, as haproxytech's controller keeps them: a user a key, and what crypt(3) made of the password."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import replace

from balancer.policy.config import ProxyConfig, User

_NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,100}")
# What glibc's crypt(3) knows everywhere; one more would be a configuration that HAProxy refuses. Source: crypt(5).
_HASH = re.compile(
    r"\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"
    r"|\$5\$(?:rounds=[1-9][0-9]{3,5}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"
    r"|\$6\$(?:rounds=[1-9][0-9]{3,5}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
)
_MOST_USERS = 1000


def users(data: Mapping[str, str]) -> tuple[tuple[User, ...], tuple[str, ...]]:
    """The users of a Secret's `data` (base64, as the API gives it), and the keys that are none."""
    good: list[User] = []
    bad: list[str] = []
    for name, encoded in sorted(data.items()):
        password = _decoded(encoded)
        if _NAME.fullmatch(name) and _HASH.fullmatch(password) and len(good) < _MOST_USERS:
            good.append(User(name, password))
        else:
            bad.append(name)
    return tuple(good), tuple(bad)


def _decoded(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        return ""


def with_users(
    config: ProxyConfig, secrets: Mapping[tuple[str, str], Mapping[str, str]]
) -> tuple[ProxyConfig, tuple[str, ...]]:
    """`config` with the users of every backend that asks for a password, and the backends that nobody can come into.

    `secrets` are by namespace and name, their `data` as the API gives it. A Secret named without a namespace is one of the
    backend's own.
    """
    backends, closed = [], []
    for backend in config.backends:
        auth = backend.settings.auth
        if auth.enabled:
            namespace, _, name = auth.secret.rpartition("/")
            known, _ = users(secrets.get((namespace or backend.name.partition("_")[0], name), {}))
            closed += [] if known else [backend.name]
            settings = replace(backend.settings, auth=replace(auth, users=known))
            backends.append(replace(backend, settings=settings))
        else:
            backends.append(backend)
    return replace(config, backends=tuple(backends)), tuple(closed)
