"""A Secret's names and passwords, as haproxytech's controller keeps them: a user a key, and what crypt(3) made of the password."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from balancer.policy.config import User

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
