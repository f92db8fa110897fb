"""The certificate for hosts that nobody brought one for: signed by itself, kept beside HAProxy's configuration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from balancer.haproxy.certificates import CERTIFICATES
from balancer.policy.config import Certificate

NAME = "default.pem"
_VALID = timedelta(days=3650)


def self_signed(directory: Path) -> Certificate:
    """The one found in `directory`, so that a controller that comes back shows the same, or a new one."""
    path = directory / CERTIFICATES / NAME
    if path.is_file():
        return Certificate(NAME, (), path.read_text(encoding="ascii"))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "matchday: no certificate for this host")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(NAME, (), pem.decode("ascii"))
