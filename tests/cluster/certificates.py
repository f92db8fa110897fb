"""Certificates for the tests, signed by themselves."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.objects import Json


def certificate(*hosts: str) -> tuple[str, str]:
    """A certificate for these names, and its key: PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return built.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def names(der: bytes) -> list[str]:
    """The host names of a certificate."""
    extension = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def serial(der: bytes) -> int:
    return x509.load_der_x509_certificate(der).serial_number


def pem_serial(pem: str) -> int:
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def secret(name: str, data: Mapping[str, str], kind: str = "kubernetes.io/tls") -> Json:
    """A Secret of these texts."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": encoded}


def tls_secret(name: str, *hosts: str) -> tuple[Json, int]:
    """A Secret with a new certificate, and the certificate's serial number."""
    cert, key = certificate(*hosts)
    return secret(name, {"tls.crt": cert, "tls.key": key}), pem_serial(cert)
