"""The certificate of our metrics API: made by us, kept in a Secret, trusted by the API server through the APIService.

The key of the authority is thrown away as soon as it has signed, so nobody can sign with it what the API server
would believe. A renewal makes a new authority, and the bundle keeps the old one for those that still show the old
certificate.
"""

from __future__ import annotations

import base64
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from balancer.kube.api import MERGE_PATCH, ApiError, Json, ReadsAndWrites

_log = structlog.get_logger()
LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
# clocks of API server and ours may differ a little
_BACKDATE = timedelta(hours=1)
_ATTEMPTS = 5
_CONFLICT, _NOT_FOUND = 409, 404


@dataclass(frozen=True)
class ServingPair:
    """PEM: certificate, its private key, and the authorities a client is to trust. `repr` shows no key."""

    certificate: bytes
    key: bytes
    authorities: bytes

    def __repr__(self) -> str:
        return "ServingPair()"


def make_pair(hosts: tuple[str, ...], now: datetime, older: bytes = b"") -> ServingPair:
    """A new authority and a certificate of it for these DNS names; `older` PEM stays in the bundle."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "matchday metrics authority")])
    # a common name has 64 characters at most; who we are stands in the DNS names
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    authority = (
        _builder(ca_name, ca_name, ca_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(name, ca_name, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return ServingPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        authority.public_bytes(serialization.Encoding.PEM) + older,
    )


def good_until(pair: ServingPair, hosts: tuple[str, ...]) -> datetime | None:
    """When the certificate ends; None when it is not for these names, not with this key, or no certificate."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, password=None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        authorities = x509.load_pem_x509_certificates(pair.authorities)
        certificate.verify_directly_issued_by(authorities[0])
    except (ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm) as error:
        _log.warning("the kept certificate is of no use", error=type(error).__name__)
        return None
    if key.public_key() != certificate.public_key() or set(hosts) - set(names.get_values_for_type(x509.DNSName)):
        return None
    return certificate.not_valid_after_utc


class ServingCertificate:
    """The pair in Secret `secret`, for the Service `service` of the same namespace."""

    def __init__(self, api: ReadsAndWrites, namespace: str, service: str, secret: str) -> None:
        self._api, self._namespace, self._service, self._secret = api, namespace, service, secret
        self._collection = f"/api/v1/namespaces/{namespace}/secrets"
        self.hosts = (f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local", service)

    def ensure(self, now: datetime) -> ServingPair:
        """The pair as all replicas use it; made or renewed if needed. ApiError, ApiUnavailableError."""
        for _ in range(_ATTEMPTS):
            secret = self._read()
            pair = _pair(secret) if secret else None
            until = good_until(pair, self.hosts) if pair else None
            if pair and until and now < until - RENEW_BEFORE:
                return pair
            older = pair.authorities if pair and until and now < until else b""
            # only the newest of them: a bundle must not grow with every year
            new = make_pair(self.hosts, now, _first_certificate(older))
            try:
                self._write(secret, new)
            except ApiError as error:
                # another replica was faster: its pair is as good
                if error.status not in {_CONFLICT, _NOT_FOUND}:
                    raise
            else:
                _log.info("serving certificate made", secret=self._secret, renewed=secret is not None)
                return new
        raise ApiError(_CONFLICT, f"Secret {self._namespace}/{self._secret} changes all the time")

    def publish(self, pair: ServingPair, api_service: str) -> bool:
        """Have the API server trust the pair. Whether anything was written. ApiError, ApiUnavailableError.

        Nothing is written where there is no such APIService, or where it leads to somebody else's Service.
        """
        path = f"/apis/apiregistration.k8s.io/v1/apiservices/{api_service}"
        try:
            spec = self._api.get(path).get("spec", {})
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        leads_to = spec.get("service") or {}
        if (leads_to.get("namespace"), leads_to.get("name")) != (self._namespace, self._service):
            return False
        bundle = base64.b64encode(pair.authorities).decode()
        if spec.get("caBundle") == bundle:
            return False
        self._api.send("PATCH", path, {"spec": {"caBundle": bundle}}, content_type=MERGE_PATCH)
        return True

    def _read(self) -> Json | None:
        try:
            return self._api.get(f"{self._collection}/{self._secret}")
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _write(self, old: Json | None, pair: ServingPair) -> None:
        fields = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.authorities}
        data = {name: base64.b64encode(value).decode() for name, value in fields.items()}
        if old is not None:
            self._api.send("PUT", f"{self._collection}/{self._secret}", {**old, "data": data})
            return
        metadata = {"name": self._secret, "namespace": self._namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}
        self._api.send("POST", self._collection, secret)


def server_context(pair: ServingPair, client_authorities: str) -> ssl.SSLContext:
    """TLS that shows this pair and lets in only clients with a certificate of these authorities (PEM).

    ssl.SSLError, ValueError when one of them is no such thing.
    """
    if "BEGIN CERTIFICATE" not in client_authorities:
        # without any, OpenSSL would trust none, but say so only to the client
        raise ValueError("no authority for clients")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=client_authorities)
    # the module reads keys from files only; this one is in memory and has no name
    descriptor = os.memfd_create("serving")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pair.certificate + pair.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(secret: Json) -> ServingPair | None:
    data = secret.get("data") or {}
    try:
        return ServingPair(*(base64.b64decode(data[name]) for name in ("tls.crt", "tls.key", "ca.crt")))
    except (KeyError, TypeError, ValueError):
        return None


def _first_certificate(pem: bytes) -> bytes:
    end = b"-----END CERTIFICATE-----\n"
    first, found, _ = pem.partition(end)
    return first + found
