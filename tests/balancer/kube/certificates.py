"""A front proxy as the API server is one: an authority and a client certificate, and clients that use it."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Client:
    """PEM: the authority, and the client's certificate and key in one."""

    authority: str
    pair: bytes


def client(common_name: str = "front-proxy-client") -> Client:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _signed("front-proxy-ca", ca_key, "front-proxy-ca", ca_key, ca=True)
    certificate = _signed(common_name, key, "front-proxy-ca", ca_key, ca=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Client(authority.decode(), certificate + private)


def client_context(directory: Path, trusted: bytes, who: Client | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=trusted.decode())
    if who is not None:
        file = directory / "client.pem"
        file.write_bytes(who.pair)
        context.load_cert_chain(file)
    return context


def ask(port: int, path: str, context: ssl.SSLContext, host: str = "localhost") -> tuple[int, Any]:
    """Status and JSON of an answer; `host` is whom the certificate must name."""
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection = HTTPConnection(host)
    try:
        connection.sock = context.wrap_socket(raw, server_hostname=host)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
        raw.close()


def _signed(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
