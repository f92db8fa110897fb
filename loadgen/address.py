"""HOST:PORT as people write it, and whether a host is this machine."""

from __future__ import annotations

import ipaddress
import socket

from loadgen.errors import LoadError


def host_and_port(option: str, text: str) -> tuple[str, int]:
    """The two parts, an IPv6 host without its brackets; LoadError that names the option when it is not that."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise LoadError(f"{option}: {text}: HOST:PORT")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether all addresses of a host are loopback; OSError when it is not found."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        return all(ipaddress.ip_address(address).is_loopback for address in found)
