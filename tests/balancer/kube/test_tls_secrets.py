from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from balancer.kube.default_certificate import self_signed
from balancer.kube.tls_secrets import read_tls_secret

PEM = self_signed(Path("/nowhere")).pem
CHAIN, KEY = PEM[: PEM.index("-----BEGIN PRIVATE")], PEM[PEM.index("-----BEGIN PRIVATE") :]
OTHER = self_signed(Path("/nowhere")).pem


def secret(**data: str) -> Any:
    names = {"crt": "tls.crt", "key": "tls.key"}
    return {"data": {names[name]: base64.b64encode(text.encode()).decode() for name, text in data.items()}}


def test_chain_and_key_become_one_pem() -> None:
    read = read_tls_secret(secret(crt=CHAIN, key=KEY))
    assert read.pem == CHAIN.strip() + "\n" + KEY.strip() + "\n"
    assert "PRIVATE" not in repr(read)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"data": None}, "has tls.crt"),
        (secret(crt=CHAIN), "has tls.key"),
        (secret(crt="no chain", key=KEY), "is a PEM chain"),
        (secret(crt=CHAIN, key="no key"), "is a PEM chain"),
        (secret(crt=CHAIN, key=OTHER[OTHER.index("-----BEGIN PRIVATE") :]), "belongs to the first certificate"),
        ({"data": {"tls.crt": "%%%", "tls.key": "x"}}, "are base64"),
        ({"data": {"tls.crt": 7, "tls.key": []}}, "are base64"),
    ],
)
def test_what_haproxy_would_not_take_is_said_without_its_contents(found: Any, said: str) -> None:
    read = read_tls_secret(found)
    assert read.pem is None
    assert said in read.allowed
    assert "PRIVATE" not in read.allowed


def test_a_chain_longer_than_haproxys_socket_takes_is_refused() -> None:
    read = read_tls_secret(secret(crt=CHAIN * 200, key=KEY))
    assert (read.pem, "at most 60000 bytes" in read.allowed) == (None, True)
