"""Runtime commands as HAProxy's words, and which answers mean that it obeyed."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.haproxy.config import EXACT_MAP, PREFIX_MAP
from balancer.haproxy.text import address, name, port, server_options, socket_word
from balancer.policy.plan import (
    AddMapEntry,
    AddServer,
    DeleteMapEntry,
    DeleteServer,
    DrainServer,
    EnableServer,
    ReadyServer,
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
    """One line for the socket; an answer that begins with one of `good` means success, `""` an empty answer."""

    text: str
    good: tuple[str, ...] = ("",)

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
