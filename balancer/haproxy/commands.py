"""Runtime commands as HAProxy's words, and which answers mean that it obeyed."""

from __future__ import annotations

from dataclasses import dataclass, field

from balancer.haproxy.certificates import CERTIFICATE_LIST, certificate_path, list_entry, pem_lines
from balancer.haproxy.config import EXACT_MAP, PREFIX_MAP
from balancer.haproxy.text import address, name, port, server_options, socket_word
from balancer.policy.plan import (
    AddCertificate,
    AddMapEntry,
    AddServer,
    CertificateCommand,
    DeleteCertificate,
    DeleteMapEntry,
    DeleteServer,
    DrainServer,
    EnableServer,
    ReadyServer,
    RenewCertificate,
    RuntimeCommand,
    ServerCommand,
    SetAddress,
    SetMapEntry,
    SetMaxconn,
    SetWeight,
)

_MAP_FILES = {"exact": EXACT_MAP, "prefix": PREFIX_MAP}


@dataclass(frozen=True)
class Line:
    """One command for the socket; an answer that begins with one of `good` means success, `""` an empty answer.

    `payload` are lines that follow it; they may be secret, and are never shown.
    """

    text: str
    good: tuple[str, ...] = ("",)
    payload: str = field(default="", repr=False)

    def accepts(self, answer: str) -> bool:
        """Whether HAProxy did it."""
        return any(answer.startswith(good) if good else not answer for good in self.good)


_MOVED = ("IP changed", "port changed", "no need to change")


def lines(command: RuntimeCommand) -> tuple[Line, ...]:
    """What to say for a command other than DeleteServer, which takes a look first (`balancer.haproxy.runtime`)."""
    if isinstance(command, AddServer):
        server, check = command.server, command.check
        where = f"{name(command.backend)}/{name(server.name)}"
        at = f"{address(server.address)}:{port(server.port)}"
        added = Line(f"add server {where} {at} {server_options(server, check)}", ("New server registered.",))
        return (added, Line(f"enable health {where}")) if check.enabled else (added,)
    if isinstance(command, AddMapEntry):
        backend = name(command.backend)
        return (Line(f"add map {_MAP_FILES[command.map]} {socket_word(command.key)} {backend}"),)
    if isinstance(command, SetMapEntry):
        backend = name(command.backend)
        return (Line(f"set map {_MAP_FILES[command.map]} {socket_word(command.key)} {backend}"),)
    if isinstance(command, DeleteMapEntry):
        return (Line(f"del map {_MAP_FILES[command.map]} {socket_word(command.key)}"),)
    if isinstance(command, CertificateCommand):
        return _certificate_lines(command)
    return (_server_line(command, f"{name(command.backend)}/{name(command.name)}"),)


def deletion(command: DeleteServer) -> tuple[Line, ...]:
    """Delete an idle server at once.

    `del server` refuses for some 15 s as long as HAProxy keeps idle connections there; a new address makes
    it drop them. Source: HAProxy 2.8, server.c, cli_parse_delete_server; measured, tests/integration.
    """
    where = f"{name(command.backend)}/{name(command.name)}"
    return (
        Line(f"set server {where} state maint"),
        Line(f"set server {where} addr 127.0.0.1 port 1", _MOVED),
        Line(f"del server {where}", ("Server deleted.",)),
    )


def _server_line(command: ServerCommand, where: str) -> Line:
    if isinstance(command, EnableServer):
        return Line(f"enable server {where}")
    if isinstance(command, ReadyServer):
        return Line(f"set server {where} state ready")
    if isinstance(command, DrainServer):
        return Line(f"set server {where} state drain")
    if isinstance(command, SetWeight):
        return Line(f"set server {where} weight {command.weight}")
    if isinstance(command, SetMaxconn):
        return Line(f"set maxconn server {where} {command.maxconn}")
    if isinstance(command, SetAddress):
        return Line(f"set server {where} addr {address(command.address).strip('[]')} port {port(command.port)}", _MOVED)
    raise AssertionError(command)


def _certificate_lines(command: CertificateCommand) -> tuple[Line, ...]:
    """A certificate is read into a name of its own first, then listed for its hosts.

    Source: HAProxy 2.8 management guide, `new ssl cert`, `set ssl cert`, `commit ssl cert`, `add ssl crt-list`.
    """
    path = certificate_path(command.certificate)
    listed = f"{CERTIFICATE_LIST} {path}"
    fill = (
        Line(f"set ssl cert {path} <<", ("Transaction created", "Transaction updated"), pem_lines(command.certificate)),
        Line(f"commit ssl cert {path}", ("Committing",)),
    )
    if isinstance(command, AddCertificate):
        entry = Line(f"add ssl crt-list {CERTIFICATE_LIST} <<", ("Inserting",), list_entry(command.certificate))
        return (Line(f"new ssl cert {path}", ("New empty certificate store",)), *fill, entry)
    if isinstance(command, RenewCertificate):
        return fill
    if isinstance(command, DeleteCertificate):
        return (
            Line(f"del ssl crt-list {listed}", ("Entry",)),
            Line(f"del ssl cert {path}", ("Certificate",)),
        )
    raise AssertionError(command)
