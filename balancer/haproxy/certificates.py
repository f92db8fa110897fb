"""Certificates as files and words of HAProxy: a PEM file each, and the list that says for which hosts each stands."""

from __future__ import annotations

from collections.abc import Mapping

from balancer.haproxy.text import map_word, name
from balancer.policy.config import Certificate

CERTIFICATE_LIST = "certificates.list"
CERTIFICATES = "certs"


def certificate_files(certificates: tuple[Certificate, ...]) -> Mapping[str, str]:
    """File name → content: the list, and each certificate with its chain and key."""
    listed = "".join(list_entry(certificate) + "\n" for certificate in certificates)
    return {CERTIFICATE_LIST: listed} | {certificate_path(c): pem_lines(c) + "\n" for c in certificates}


def certificate_path(certificate: Certificate) -> str:
    """Where it lies, relative to where HAProxy runs, which is also its name at run time."""
    return f"{CERTIFICATES}/{name(certificate.name)}"


def list_entry(certificate: Certificate) -> str:
    """Its line in the list; without hosts it stands for those that nobody else has."""
    return " ".join([certificate_path(certificate), *map(map_word, certificate.hosts)])


def pem_lines(certificate: Certificate) -> str:
    """The PEM without blank lines, at which HAProxy's socket would end it."""
    return "\n".join(line.strip() for line in certificate.pem.splitlines() if line.strip())
