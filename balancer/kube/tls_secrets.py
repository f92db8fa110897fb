"""Secrets of type kubernetes.io/tls → a PEM that HAProxy will take, or why it would not. Contents are never shown."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from balancer.kube.api import Json

_MOST_BYTES = 60_000  # HAProxy's socket takes a payload of its buffer's size


@dataclass(frozen=True)
class TlsSecret:
    """A Secret's certificate; `pem` None when it cannot be used, and `allowed` then says what is needed."""

    pem: str | None = field(repr=False)
    allowed: str = ""


def read_tls_secret(found: Json) -> TlsSecret:
    """Chain and key that belong together."""
    data = found.get("data") or {}
    try:
        chain, key = (base64.b64decode(data[name], validate=True) for name in ("tls.crt", "tls.key"))
    except KeyError as missing:
        return TlsSecret(None, f"a Secret that has {missing.args[0]}")
    except (binascii.Error, TypeError):
        return TlsSecret(None, "a Secret whose tls.crt and tls.key are base64")
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return TlsSecret(None, "a Secret whose tls.crt is a PEM chain and tls.key its PEM key without a pass phrase")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificates[0].public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        return TlsSecret(None, "a Secret whose tls.key belongs to the first certificate of tls.crt")
    pem = chain.decode("ascii", errors="replace").strip() + "\n" + key.decode("ascii", errors="replace").strip() + "\n"
    if not pem.isascii() or len(pem) > _MOST_BYTES:
        return TlsSecret(None, f"a chain and key of at most {_MOST_BYTES} bytes of ASCII")
    return TlsSecret(pem)
