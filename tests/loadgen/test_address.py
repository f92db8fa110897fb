"""HOST:PORT as people write it."""

import socket

import pytest

from loadgen.address import host_and_port, is_loopback
from loadgen.errors import LoadError


@pytest.mark.parametrize(
    ("text", "parts"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8080", ("::1", 8080)), ("a.example:65535", ("a.example", 65535))],
)
def test_a_host_and_a_port_are_two_parts(text: str, parts: tuple[str, int]) -> None:
    assert host_and_port("--to", text) == parts


@pytest.mark.parametrize(
    "text", ["", "80", ":80", "a.example", "a.example:", "a.example:http", "a:0", "a:65536", "a:-1"]
)
def test_anything_else_is_one_line_that_names_the_option(text: str) -> None:
    with pytest.raises(LoadError) as raised:
        host_and_port("--to", text)
    assert str(raised.value) == f"--to: {text}: HOST:PORT"


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("0.0.0.0", False),
        ("2001:db8::1", False),
    ],
)
def test_only_this_machines_own_addresses_are_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_a_host_that_is_not_found_is_neither() -> None:
    with pytest.raises(socket.gaierror):
        is_loopback("no-such-host.invalid")
